#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/darknet.h"
#include "model/darknet_graph.h"
#include "model/darknet_weights.h"
#include "model/protobuf.h"

/* A property must be UTF-8; a path need not be. */
static void tell_path(struct onnx_writer *writer, const char *key, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    if (protobuf_is_text((struct protobuf_span){(const uint8_t *)name, strlen(name)})) {
        onnx_writer_property(writer, key, name);
    }
}

static void tell_source(struct onnx_writer *writer, const struct darknet_options *options)
{
    tell_path(writer, "darknet.config", options->config);
    if (options->weights != NULL) {
        tell_path(writer, "darknet.weights", options->weights);
        return;
    }
    cleanup(memory_free) char *seed =
        memory_format("%llu: random weights, for timing, never for detection",
                      (unsigned long long)options->seed);
    onnx_writer_property(writer, "darknet.seed", seed);
}

static void summarize(const struct darknet_network *network,
                      struct darknet_summary *ret_summary)
{
    uint64_t n_weights = 0;

    for (size_t i = 0; i < network->n_layers; i++) {
        const struct darknet_layer *layer = &network->layers[i];

        if (layer->kind == DARKNET_CONVOLUTION) {
            n_weights += (uint64_t)layer->out.channels * (darknet_filter_size(layer) + 1);
        }
    }
    *ret_summary = (struct darknet_summary){
        .n_layers = network->n_layers,
        .n_convolutions = network->n_convolutions,
        .n_outputs = network->n_heads > 0 ? network->n_heads : 1,
        .channels = network->input.channels,
        .height = network->input.height,
        .width = network->input.width,
        .weight_size = n_weights * sizeof(float),
        .operations = network->operations,
    };
}

static int read_network(const char *path, struct darknet_network **ret_network,
                        struct error *err)
{
    cleanup(memory_free) void *bytes = NULL;
    size_t size = 0;
    int r = file_read(path, DARKNET_CONFIG_SIZE_MAX, &bytes, &size, err);

    return r < 0 ? r : darknet_network_parse(path, bytes, size, ret_network, err);
}

int darknet_import(const struct darknet_options *options, struct darknet_summary *ret_summary,
                   struct error *err)
{
    cleanup(darknet_network_destroyp) struct darknet_network *network = NULL;
    cleanup(darknet_weights_closep) struct darknet_weights *weights = NULL;
    cleanup(onnx_writer_destroyp) struct onnx_writer *writer = onnx_writer_create("darknet");
    int r = read_network(options->config, &network, err);

    if (r < 0) {
        return r;
    }
    tell_source(writer, options);
    if ((r = darknet_graph_tell(network, writer, err)) < 0) {
        return r;
    }
    if (options->weights == NULL) {
        weights = darknet_weights_seed(options->seed, network);
    } else if ((r = darknet_weights_open(options->weights, network, &weights, err)) < 0) {
        return r;
    }
    if ((r = onnx_writer_start(writer, options->output, err)) < 0 ||
        (r = darknet_weights_write(weights, writer, err)) < 0 ||
        (r = onnx_writer_finish(writer, err)) < 0) {
        return r;
    }
    summarize(network, ret_summary);
    return 0;
}
