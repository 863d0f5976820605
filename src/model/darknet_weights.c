#include "model/darknet_weights.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

enum {
    BLOCK = 16384,   /* numbers */
    HEAD_SHORT = 16, /* bytes */
    HEAD_LONG = 20,
    VERSION_ODD = 1000, /* versions from here on meant transposed connected layers */
};

struct darknet_weights {
    const struct darknet_network *network;
    char *path; /* NULL: seeded */
    int fd;
    uint64_t offset;    /* in the file, of the next number */
    uint64_t generator; /* state */
    bool *branch;       /* of each layer: whether a shortcut adds its output */
};

/* What one convolution is multiplied by and gets added, channel by channel. */
struct folding {
    size_t n;
    float *factors, *biases;
};

static void folding_finish(struct folding *folding)
{
    free(folding->factors);
    free(folding->biases);
}

/* Marks the layers whose outputs go into a shortcut straight from the layer before it. */
static bool *find_branches(const struct darknet_network *network)
{
    bool *branch = memory_new(network->n_layers, sizeof(*branch));

    for (size_t i = 0; i < network->n_layers; i++) {
        int source = network->layers[i].sources[0];

        if (network->layers[i].kind != DARKNET_SHORTCUT) {
            continue;
        }
        while (source != DARKNET_DATA && network->layers[source].kind == DARKNET_NOTHING) {
            source = network->layers[source].sources[0];
        }
        if (source != DARKNET_DATA) {
            branch[source] = true;
        }
    }
    return branch;
}

static struct darknet_weights *create(const struct darknet_network *network)
{
    struct darknet_weights *weights = memory_new(1, sizeof(*weights));

    weights->network = network;
    weights->fd = -1;
    weights->branch = find_branches(network);
    return weights;
}

void darknet_weights_close(struct darknet_weights *weights)
{
    if (weights == NULL) {
        return;
    }
    if (weights->fd >= 0) {
        close(weights->fd);
    }
    free(weights->branch);
    free(weights->path);
    free(weights);
}

void darknet_weights_closep(struct darknet_weights **weights)
{
    darknet_weights_close(*weights);
    *weights = NULL;
}

struct darknet_weights *darknet_weights_seed(uint64_t seed,
                                             const struct darknet_network *network)
{
    struct darknet_weights *weights = create(network);

    weights->generator = seed;
    return weights;
}

static int read_bytes(const struct darknet_weights *weights, uint64_t offset, size_t size,
                      void *ret_bytes, struct error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t n =
            pread(weights->fd, (char *)ret_bytes + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            int code = n < 0 ? errno : EIO;
            return error_set(err, -code, "%s: cannot be read: %s", weights->path,
                             n < 0 ? strerrordesc_np(code) : "it ends too early");
        }
        done += (size_t)n;
    }
    return 0;
}

static int read_numbers(const struct darknet_weights *weights, uint64_t offset, size_t n,
                        float *ret_numbers, struct error *err)
{
    int r = read_bytes(weights, offset, n * sizeof(float), ret_numbers, err);

    for (size_t i = 0; i < n && r == 0; i++) {
        uint32_t bits = 0;

        memcpy(&bits, &ret_numbers[i], sizeof(bits));
        bits = le32toh(bits);
        memcpy(&ret_numbers[i], &bits, sizeof(bits));
    }
    return r;
}

static bool has_connected(const struct darknet_network *network)
{
    for (size_t i = 0; i < network->n_layers; i++) {
        if (network->layers[i].connected) {
            return true;
        }
    }
    return false;
}

static int read_head(struct darknet_weights *weights, uint64_t size, struct error *err)
{
    int32_t version[2];
    uint64_t needed = weights->network->n_weights * sizeof(float);

    if (size < HEAD_SHORT) {
        return error_set(err, -EINVAL, "%s: %" PRIu64 " bytes are no Darknet weights",
                         weights->path, size);
    }
    int r = read_bytes(weights, 0, sizeof(version), version, err);
    if (r < 0) {
        return r;
    }
    int64_t major = (int32_t)le32toh((uint32_t)version[0]);
    int64_t minor = (int32_t)le32toh((uint32_t)version[1]);
    bool is_long = major * 10 + minor >= 2 && major < VERSION_ODD && minor < VERSION_ODD;
    weights->offset = is_long ? HEAD_LONG : HEAD_SHORT;
    needed += weights->offset;
    if (size != needed) {
        return error_set(err, -EINVAL,
                         "%s: has %" PRIu64 " bytes, but %s needs %" PRIu64
                         ": not the weights of this network",
                         weights->path, size, weights->network->config->path, needed);
    }
    if ((major > VERSION_ODD || minor > VERSION_ODD) && has_connected(weights->network)) {
        return error_set(err, -EINVAL, "%s: transposed connected layers cannot be imported",
                         weights->path);
    }
    return 0;
}

int darknet_weights_open(const char *path, const struct darknet_network *network,
                         struct darknet_weights **ret_weights, struct error *err)
{
    cleanup(darknet_weights_closep) struct darknet_weights *weights = create(network);
    struct stat status;

    weights->path = memory_text(path);
    weights->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (weights->fd < 0 || fstat(weights->fd, &status) < 0) {
        int code = errno;
        return error_set(err, -code, "%s: cannot be opened: %s", path, strerrordesc_np(code));
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(err, -EINVAL, "%s: is no regular file", path);
    }
    int r = read_head(weights, (uint64_t)status.st_size, err);
    if (r < 0) {
        return r;
    }
    *ret_weights = STEAL(weights);
    return 0;
}

static uint64_t next_random(struct darknet_weights *weights)
{
    uint64_t z = weights->generator += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int not_finite(const struct darknet_weights *weights, const struct darknet_layer *layer,
                      struct error *err)
{
    return error_set(
        err, -EINVAL,
        "%s: the numbers for [%s] at %s:%u are not finite, or a variance is negative",
        weights->path, layer->section->name, layer->section->path, layer->section->line);
}

/* Where a layer's scales and filters stand, counted in numbers from its first. */
static void locate(const struct darknet_layer *layer, uint64_t *ret_scales,
                   uint64_t *ret_filters)
{
    uint64_t n = (uint64_t)layer->out.channels;
    uint64_t filters = n * darknet_filter_size(layer);

    *ret_scales = layer->connected ? n + filters : n;
    *ret_filters = layer->connected || !layer->batch_normalize ? n : 4 * n;
}

static int fold(const struct darknet_weights *weights, const struct darknet_layer *layer,
                struct folding *folding, struct error *err)
{
    size_t n = folding->n;
    uint64_t scales = 0, filters = 0;
    int r = read_numbers(weights, weights->offset, n, folding->biases, err);

    if (r < 0 || !layer->batch_normalize) {
        return r;
    }
    locate(layer, &scales, &filters);
    cleanup(memory_free) float *normal = memory_new(3 * n, sizeof(*normal));
    r = read_numbers(weights, weights->offset + scales * sizeof(float), 3 * n, normal, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < n; i++) {
        double scale = normal[i], mean = normal[n + i], variance = normal[2 * n + i];
        double factor = scale / (sqrt(variance) + 0.000001);

        folding->factors[i] = (float)factor;
        folding->biases[i] = (float)(folding->biases[i] - mean * factor);
    }
    return 0;
}

/* How far seeded weights reach to either side of zero. */
static float reach(const struct darknet_weights *weights, const struct darknet_layer *layer)
{
    bool linear = strcmp(layer->activation, "linear") == 0;
    double square = (linear ? 3.0 : 6.0 / 1.01) / (double)darknet_filter_size(layer);

    if (weights->branch[layer - weights->network->layers]) {
        square /= (double)weights->network->n_shortcuts;
    }
    return (float)sqrt(square);
}

static void generate(struct darknet_weights *weights, float reach, size_t n, float *ret_numbers)
{
    for (size_t i = 0; i < n; i++) {
        int64_t whole = (int64_t)(next_random(weights) >> 40) - (1 << 23);

        ret_numbers[i] = (float)whole / (1 << 23) * reach;
    }
}

static int write_filters(struct darknet_weights *weights, const struct darknet_layer *layer,
                         const struct folding *folding, struct onnx_writer *writer,
                         struct error *err)
{
    const uint64_t size = darknet_filter_size(layer), total = size * folding->n;
    const float seeded = reach(weights, layer);
    float block[BLOCK];
    uint64_t scales = 0, filters = 0;

    locate(layer, &scales, &filters);
    for (uint64_t at = 0; at < total; at += BLOCK) {
        size_t n = total - at < BLOCK ? (size_t)(total - at) : BLOCK;
        int r = 0;

        if (weights->path == NULL) {
            generate(weights, seeded, n, block);
        } else {
            r = read_numbers(weights, weights->offset + (filters + at) * sizeof(float), n,
                             block, err);
        }
        for (size_t i = 0; i < n && r == 0; i++) {
            block[i] *= folding->factors[(at + i) / size];
            r = isfinite(block[i]) ? 0 : not_finite(weights, layer, err);
        }
        if (r < 0 || (r = onnx_writer_numbers(writer, n, block, err)) < 0) {
            return r;
        }
    }
    return 0;
}

static int write_convolution(struct darknet_weights *weights, const struct darknet_layer *layer,
                             struct onnx_writer *writer, struct error *err)
{
    size_t n = (size_t)layer->out.channels;
    cleanup(folding_finish) struct folding folding = {
        .n = n,
        .factors = memory_new(n, sizeof(float)),
        .biases = memory_new(n, sizeof(float)),
    };
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        folding.factors[i] = 1;
    }
    if (weights->path != NULL) {
        r = fold(weights, layer, &folding, err);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        bool finite = isfinite(folding.factors[i]) && isfinite(folding.biases[i]);
        r = finite ? 0 : not_finite(weights, layer, err);
    }
    if (r < 0 || (r = onnx_writer_numbers(writer, n, folding.biases, err)) < 0 ||
        (r = write_filters(weights, layer, &folding, writer, err)) < 0) {
        return r;
    }
    uint64_t per_channel = darknet_filter_size(layer) + (layer->batch_normalize ? 4 : 1);
    weights->offset += n * per_channel * sizeof(float);
    return 0;
}

int darknet_weights_write(struct darknet_weights *weights, struct onnx_writer *writer,
                          struct error *err)
{
    const struct darknet_network *network = weights->network;
    int r = 0;

    for (size_t i = 0; i < network->n_layers && r == 0; i++) {
        if (network->layers[i].kind == DARKNET_CONVOLUTION) {
            r = write_convolution(weights, &network->layers[i], writer, err);
        }
    }
    return r;
}
