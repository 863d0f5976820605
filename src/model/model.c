#include "model/model.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/reader.h"

static const struct model_format *const formats[] = {
    &model_onnx,
    &model_tflite,
    NULL,
};

enum { HASH_STEP = 1 << 20 };

/* In steps, each given back when it was read, so that opening a big model on a small device
 * does not leave all of it resident. */
static uint64_t hash_bytes(const struct model *model)
{
    XXH3_state_t *state = XXH3_createState();

    if (state == NULL) {
        abort();
    }
    XXH3_64bits_reset(state);
    for (size_t at = 0; at < model->size; at += HASH_STEP) {
        size_t n = model->size - at < HASH_STEP ? model->size - at : HASH_STEP;

        XXH3_64bits_update(state, model->bytes + at, n);
        if (model->file >= 0) {
            madvise((void *)(model->bytes + at), n, MADV_DONTNEED);
        }
    }
    uint64_t hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

static int read_format(struct model *model, struct error *err)
{
    for (size_t i = 0; formats[i] != NULL; i++) {
        if (formats[i]->probe(model->bytes, model->size)) {
            model->reader = formats[i];
            model->format = formats[i]->name;
            break;
        }
    }
    if (model->reader == NULL) {
        return error_set(err, -EBADMSG, "not a model file that brume knows (.onnx, .tflite)");
    }
    model->hash = hash_bytes(model);
    int r = model->reader->read(model, err);
    return r < 0 ? r : model_finish(model, err);
}

static int read_or_wrap(struct model **model, struct model **ret_model, struct error *err)
{
    if (read_format(*model, err) < 0) {
        return error_wrap(err, "%s", (*model)->path);
    }
    *ret_model = STEAL(*model);
    return 0;
}

static int map_file(struct model *model, struct error *err)
{
    struct stat status;

    model->file = open(model->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (model->file < 0 || fstat(model->file, &status) < 0) {
        return error_set(err, -errno, "%s: %s", model->path, strerrordesc_np(errno));
    }
    if (!S_ISREG(status.st_mode) || status.st_size <= 0) {
        return error_set(err, -EINVAL, "%s: %s", model->path,
                         S_ISREG(status.st_mode) ? "the file is empty" : "not a file");
    }
    size_t size = (size_t)status.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, model->file, 0);
    if (bytes == MAP_FAILED) {
        return error_set(err, -errno, "%s: %s", model->path, strerrordesc_np(errno));
    }
    model->bytes = bytes;
    model->size = size;
    return 0;
}

int model_open(const char *path, struct model **ret_model, struct error *err)
{
    cleanup(model_closep) struct model *model = memory_new(1, sizeof(*model));

    model->path = memory_text(path);
    int r = map_file(model, err);
    return r < 0 ? r : read_or_wrap(&model, ret_model, err);
}

int model_read(const char *name, const void *bytes, size_t size, struct model **ret_model,
               struct error *err)
{
    cleanup(model_closep) struct model *model = memory_new(1, sizeof(*model));

    model->path = memory_text(name);
    model->file = -1;
    model->bytes = bytes;
    model->size = size;
    return read_or_wrap(&model, ret_model, err);
}

static void free_layer(struct model_layer *layer)
{
    free(layer->name);
    free(layer->kind);
    free(layer->inputs);
    free(layer->outputs);
}

void model_close(struct model *model)
{
    if (model == NULL) {
        return;
    }
    if (model->reader != NULL && model->reader->close != NULL) {
        model->reader->close(model);
    }
    for (size_t i = 0; i < model->n_layers; i++) {
        free_layer(&model->layers[i]);
    }
    for (size_t i = 0; i < model->n_tensors; i++) {
        free(model->tensors[i].name);
    }
    if (model->file >= 0) {
        if (model->bytes != NULL) {
            munmap((void *)model->bytes, model->size);
        }
        close(model->file);
    }
    free(model->layers);
    free(model->tensors);
    free(model->inputs);
    free(model->outputs);
    free(model->legal);
    free(model->path);
    free(model->note);
    free(model);
}

void model_closep(struct model **model)
{
    model_close(*model);
    *model = NULL;
}

char *model_property(const struct model *model, const char *key)
{
    return model->reader->property == NULL ? NULL : model->reader->property(model, key);
}

int model_allocate_tensors(struct model *model, size_t n, struct error *err)
{
    if (n > MODEL_TENSORS_MAX) {
        return error_set(err, -E2BIG, "%zu tensors are over the limit of %d", n,
                         MODEL_TENSORS_MAX);
    }
    model->tensors = memory_new(n, sizeof(*model->tensors));
    model->n_tensors = n;
    return 0;
}

int model_allocate_layers(struct model *model, size_t n, struct error *err)
{
    if (n > MODEL_LAYERS_MAX) {
        return error_set(err, -E2BIG, "%zu layers are over the limit of %d", n,
                         MODEL_LAYERS_MAX);
    }
    model->layers = memory_new(n, sizeof(*model->layers));
    model->n_layers = n;
    return 0;
}

int model_copy(const struct model *model, size_t extra, struct model_segment *segment,
               struct error *err)
{
    size_t size = model->size + extra;
    int mode = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, mode, -1, 0);

    if (memory == MAP_FAILED) {
        return error_set(err, -ENOMEM, "no memory for a copy of %s", model->path);
    }
    segment->memory = memory;
    segment->memory_size = size;
    segment->mapped = true;
    if (model->file < 0) {
        memcpy(memory, model->bytes, model->size);
        return 0;
    }
    mode = MAP_PRIVATE | MAP_FIXED;
    if (mmap(memory, model->size, PROT_READ | PROT_WRITE, mode, model->file, 0) == MAP_FAILED) {
        return error_set(err, -errno, "%s: %s", model->path, strerrordesc_np(errno));
    }
    return 0;
}

static int check_cuts(const struct model *model, size_t from, size_t to, struct error *err)
{
    if (from >= to || to > model->n_layers) {
        return error_set(err, -EINVAL, "%s: there are no layers from cut %zu to cut %zu",
                         model->path, from, to);
    }
    if (!model->legal[from] || !model->legal[to]) {
        return error_set(err, -EINVAL, "%s: cut %zu is not legal", model->path,
                         model->legal[from] ? to : from);
    }
    return 0;
}

static int make_segment(const struct model *model, size_t from, size_t to, bool complete,
                        struct model_segment **ret_segment, struct error *err)
{
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    cleanup(model_part_finish) struct model_part part = {0};
    int r = check_cuts(model, from, to, err);

    if (r < 0) {
        return r;
    }
    model_part_init(&part, model, from, to);
    if (part.n_outputs == 0) {
        return error_set(err, -EINVAL, "%s: the layers %zu to %zu make nothing that is needed",
                         model->path, from, to);
    }
    segment = memory_new(1, sizeof(*segment));
    segment->complete = complete;
    r = model->reader->segment(model, &part, segment, err);
    if (r < 0) {
        return r;
    }
    segment->n_inputs = part.n_inputs;
    segment->n_outputs = part.n_outputs;
    segment->inputs = STEAL(part.inputs);
    segment->outputs = STEAL(part.outputs);
    *ret_segment = STEAL(segment);
    return 0;
}

int model_segment(const struct model *model, size_t from, size_t to,
                  struct model_segment **ret_segment, struct error *err)
{
    return make_segment(model, from, to, false, ret_segment, err);
}

int model_segment_complete(const struct model *model, size_t from, size_t to,
                           struct model_segment **ret_segment, struct error *err)
{
    return make_segment(model, from, to, true, ret_segment, err);
}

void model_segment_destroy(struct model_segment *segment)
{
    if (segment == NULL) {
        return;
    }
    if (segment->mapped) {
        munmap(segment->memory, segment->memory_size);
    } else {
        free(segment->memory);
    }
    free(segment->weights);
    free(segment->inputs);
    free(segment->outputs);
    free(segment);
}

void model_segment_destroyp(struct model_segment **segment)
{
    model_segment_destroy(*segment);
    *segment = NULL;
}
