#include "model/darknet_graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/darknet_node.h"

enum { RANK = 4 };

static void finish(struct darknet_builder *builder)
{
    for (size_t i = 0; i < builder->network->n_layers; i++) {
        free(builder->names[i]);
    }
    free(builder->names);
    free(builder->targets);
}

static bool passes_on(const struct darknet_layer *layer)
{
    return layer->kind == DARKNET_NOTHING ||
           (layer->kind == DARKNET_ROUTE && layer->n_sources == 1 && layer->groups == 1);
}

static int target_of(const struct darknet_builder *builder, int layer)
{
    return layer == DARKNET_DATA ? DARKNET_DATA : builder->targets[layer];
}

/* Says whose output each layer's is, and gives the outputs their names: to the tensor that a
 * head reads the head's, if no head before it reads that too. */
static void name_outputs(struct darknet_builder *builder)
{
    const struct darknet_network *network = builder->network;
    cleanup(memory_free) bool *taken = memory_new(network->n_layers, sizeof(*taken));

    for (size_t i = 0; i < network->n_layers; i++) {
        const struct darknet_layer *layer = &network->layers[i];
        int target = target_of(builder, layer->sources[0]);
        char *name = memory_format("%s_%zu", layer->section->name, i);

        builder->targets[i] = passes_on(layer) ? target : (int)i;
        builder->names[i] = name;
        if (layer->kind == DARKNET_HEAD && target != DARKNET_DATA && !taken[target]) {
            free(builder->names[target]);
            builder->names[target] = memory_text(name);
            taken[target] = true;
        }
    }
}

static void tell_output(const struct darknet_builder *builder, const char *name,
                        const struct darknet_shape *shape)
{
    const int64_t dims[RANK] = {1, shape->channels, shape->height, shape->width};

    onnx_writer_output(builder->writer, name, RANK, dims);
}

/* Makes a layer's output an output of the graph: by its name, or by a copy that has it. */
static void tell_end(const struct darknet_builder *builder, int layer, int source)
{
    const char *name = builder->names[layer];
    const char *tensor = darknet_builder_name(builder, source);

    if (strcmp(name, tensor) != 0) {
        darknet_node_one(builder, "Identity", tensor, name, NULL);
    }
    tell_output(builder, name, darknet_network_shape(builder->network, source));
}

static void tell_head(const struct darknet_builder *builder, int layer)
{
    const struct darknet_layer *head = &builder->network->layers[layer];
    cleanup(memory_free) char *key = memory_format("darknet.%s", builder->names[layer]);

    tell_end(builder, layer, head->sources[0]);
    onnx_writer_property(builder->writer, key, head->head);
}

static int tell(const struct darknet_builder *builder, struct error *err)
{
    const struct darknet_network *network = builder->network;
    const int64_t dims[RANK] = {1, network->input.channels, network->input.height,
                                network->input.width};
    int r = 0;

    onnx_writer_input(builder->writer, "data", RANK, dims);
    for (int i = 0; i < (int)network->n_layers && r == 0; i++) {
        if (network->layers[i].kind == DARKNET_HEAD) {
            tell_head(builder, i);
        } else if (builder->targets[i] == i) {
            r = darknet_node_add(builder, i, err);
        }
    }
    if (r == 0 && network->n_heads == 0) {
        int last = (int)network->n_layers - 1;
        int target = builder->targets[last];

        tell_end(builder, target == DARKNET_DATA ? last : target, target);
    }
    return r;
}

int darknet_graph_tell(const struct darknet_network *network, struct onnx_writer *writer,
                       struct error *err)
{
    cleanup(finish) struct darknet_builder builder = {
        .network = network,
        .writer = writer,
        .targets = memory_new(network->n_layers, sizeof(*builder.targets)),
        .names = memory_new(network->n_layers, sizeof(*builder.names)),
    };

    name_outputs(&builder);
    return tell(&builder, err);
}
