#include "model/darknet_node.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

enum { RANK = 4 };

const char *darknet_builder_name(const struct darknet_builder *builder, int layer)
{
    int target = layer == DARKNET_DATA ? DARKNET_DATA : builder->targets[layer];

    return target == DARKNET_DATA ? "data" : builder->names[target];
}

static const char *input_of(const struct darknet_builder *builder,
                            const struct darknet_layer *layer)
{
    return darknet_builder_name(builder, layer->sources[0]);
}

static struct onnx_attribute integers(const char *name, size_t n, const int64_t *values)
{
    return (struct onnx_attribute){
        .name = name, .type = ONNX_INTS, .n_integers = n, .integers = values};
}

static struct onnx_attribute integer(const char *name, const int64_t *value)
{
    return (struct onnx_attribute){
        .name = name, .type = ONNX_INT, .n_integers = 1, .integers = value};
}

static struct onnx_attribute text(const char *name, const char *value)
{
    return (struct onnx_attribute){.name = name, .type = ONNX_STRING, .text = value};
}

void darknet_node_one(const struct darknet_builder *builder, const char *kind,
                      const char *input, const char *output,
                      const struct onnx_attribute *attribute)
{
    onnx_writer_node(builder->writer, &(struct onnx_node){
                                          .kind = kind,
                                          .name = output,
                                          .n_inputs = 1,
                                          .inputs = &input,
                                          .output = output,
                                          .n_attributes = attribute != NULL,
                                          .attributes = attribute,
                                      });
}

void darknet_node_two(const struct darknet_builder *builder, const char *kind, const char *left,
                      const char *right, const char *output)
{
    onnx_writer_node(builder->writer, &(struct onnx_node){
                                          .kind = kind,
                                          .name = output,
                                          .n_inputs = 2,
                                          .inputs = (const char *[]){left, right},
                                          .output = output,
                                      });
}

/* Darknet pads a pool so that its last window fits, which needs less than its padding says. */
static int64_t pad_behind(const struct darknet_layer *layer, int in, int out)
{
    int64_t needed = (int64_t)(out - 1) * layer->stride + layer->kernel.height - layer->padding;

    return needed > in ? needed - in : 0;
}

static void add_kernel(const struct darknet_builder *builder, const struct darknet_layer *layer,
                       const struct onnx_node *node)
{
    const struct darknet_shape *kernel = &layer->kernel;
    int64_t padding = layer->padding, group = layer->groups;
    int64_t sides[] = {kernel->height, kernel->width},
            strides[] = {layer->stride, layer->stride};
    int64_t pads[] = {padding, padding, padding, padding};
    const struct onnx_attribute attributes[] = {
        integers("kernel_shape", 2, sides),
        integers("strides", 2, strides),
        integers("pads", 4, pads),
        integer("group", &group),
    };
    struct onnx_node full = *node;

    if (layer->kind == DARKNET_MAXPOOL) {
        pads[2] = pad_behind(layer, layer->in.height, layer->out.height);
        pads[3] = pad_behind(layer, layer->in.width, layer->out.width);
    }
    full.attributes = attributes;
    full.n_attributes = layer->kind == DARKNET_CONVOLUTION ? 4 : 3;
    onnx_writer_node(builder->writer, &full);
}

static int add_convolution(const struct darknet_builder *builder,
                           const struct darknet_layer *layer, const char *output,
                           struct error *err)
{
    const struct darknet_activation *activation = NULL;
    int r = darknet_activation_find(layer, &activation, err);

    if (r < 0) {
        return r;
    }
    bool linear = activation->chain[0] == NULL;
    cleanup(memory_free) char *plain =
        linear ? memory_text(output) : memory_format("%s_linear", output);
    cleanup(memory_free) char *weight = memory_format("%s_weight", output);
    cleanup(memory_free) char *bias = memory_format("%s_bias", output);
    int64_t dims[RANK] = {layer->out.channels, layer->kernel.channels, layer->kernel.height,
                          layer->kernel.width};
    onnx_writer_weight(builder->writer, bias, 1, dims);
    onnx_writer_weight(builder->writer, weight, RANK, dims);
    add_kernel(builder, layer,
               &(struct onnx_node){
                   .kind = "Conv",
                   .name = plain,
                   .n_inputs = 3,
                   .inputs = (const char *[]){input_of(builder, layer), weight, bias},
                   .output = plain,
               });
    darknet_activation_add(builder, activation, plain, output);
    return 0;
}

static int add_maxpool(const struct darknet_builder *builder, const struct darknet_layer *layer,
                       const char *output, struct error *err)
{
    const char *input = input_of(builder, layer);

    (void)err;
    add_kernel(builder, layer,
               &(struct onnx_node){.kind = "MaxPool",
                                   .name = output,
                                   .n_inputs = 1,
                                   .inputs = &input,
                                   .output = output});
    return 0;
}

static int add_average(const struct darknet_builder *builder, const struct darknet_layer *layer,
                       const char *output, struct error *err)
{
    (void)err;
    darknet_node_one(builder, "GlobalAveragePool", input_of(builder, layer), output, NULL);
    return 0;
}

static int add_softmax(const struct darknet_builder *builder, const struct darknet_layer *layer,
                       const char *output, struct error *err)
{
    const int64_t channels = 1;
    const struct onnx_attribute axis = integer("axis", &channels);

    (void)err;
    darknet_node_one(builder, "Softmax", input_of(builder, layer), output, &axis);
    return 0;
}

static int add_upsample(const struct darknet_builder *builder,
                        const struct darknet_layer *layer, const char *output,
                        struct error *err)
{
    const int64_t dims[RANK] = {1, layer->out.channels, layer->out.height, layer->out.width};
    const struct onnx_attribute attributes[] = {
        text("mode", "nearest"),
        text("coordinate_transformation_mode", "asymmetric"),
        text("nearest_mode", "floor"),
    };
    cleanup(memory_free) char *sizes = memory_format("%s_sizes", output);
    const char *inputs[] = {input_of(builder, layer), "", "", sizes};

    (void)err;
    onnx_writer_integers(builder->writer, sizes, RANK, dims);
    onnx_writer_node(builder->writer, &(struct onnx_node){.kind = "Resize",
                                                          .name = output,
                                                          .n_inputs = 4,
                                                          .inputs = inputs,
                                                          .output = output,
                                                          .n_attributes = 3,
                                                          .attributes = attributes});
    return 0;
}

static void add_reshape(const struct darknet_builder *builder, const char *input,
                        const char *output, size_t rank, const int64_t *dims)
{
    cleanup(memory_free) char *shape = memory_format("%s_shape", output);

    onnx_writer_integers(builder->writer, shape, rank, dims);
    darknet_node_two(builder, "Reshape", input, shape, output);
}

/* Darknet's reorg takes its input for one of s^2 fewer channels and s times larger sides,
 * however that scrambles it, and sorts the pixels of each s x s square into channels. */
static int add_reorg(const struct darknet_builder *builder, const struct darknet_layer *layer,
                     const char *output, struct error *err)
{
    static const int64_t to_channels[] = {2, 4, 0, 1, 3}, to_squares[] = {2, 3, 0, 4, 1};
    const struct darknet_shape *in = &layer->in, *out = &layer->out;
    const int64_t stride = layer->stride, fewer = in->channels / (stride * stride);
    const int64_t squares[] = {fewer, in->height, stride, in->width, stride};
    const int64_t channels[] = {stride, stride, fewer, in->height, in->width};
    const int64_t dims[] = {1, out->channels, out->height, out->width};
    const struct onnx_attribute order =
        integers("perm", 5, layer->reverse ? to_squares : to_channels);
    cleanup(memory_free) char *split = memory_format("%s_split", output);
    cleanup(memory_free) char *sorted = memory_format("%s_sorted", output);

    (void)err;
    add_reshape(builder, input_of(builder, layer), split, 5,
                layer->reverse ? channels : squares);
    darknet_node_one(builder, "Transpose", split, sorted, &order);
    add_reshape(builder, sorted, output, RANK, dims);
    return 0;
}

/* Channels first..first + shape.channels - 1, and shape.height x shape.width of every stride-th
 * row and column. */
struct slice {
    int first, stride;
    struct darknet_shape shape;
};

static void add_slice(const struct darknet_builder *builder, const char *input,
                      const char *output, const struct slice *slice)
{
    const int64_t stride = slice->stride, first = slice->first;
    const int64_t starts[] = {first, 0, 0};
    const int64_t ends[] = {first + slice->shape.channels,
                            (slice->shape.height - 1) * stride + 1,
                            (slice->shape.width - 1) * stride + 1};
    const int64_t axes[] = {1, 2, 3}, steps[] = {1, stride, stride};
    cleanup(memory_free) char *starts_name = memory_format("%s_starts", output);
    cleanup(memory_free) char *ends_name = memory_format("%s_ends", output);
    cleanup(memory_free) char *axes_name = memory_format("%s_axes", output);
    cleanup(memory_free) char *steps_name = memory_format("%s_steps", output);
    const char *inputs[] = {input, starts_name, ends_name, axes_name, steps_name};

    onnx_writer_integers(builder->writer, starts_name, 3, starts);
    onnx_writer_integers(builder->writer, ends_name, 3, ends);
    onnx_writer_integers(builder->writer, axes_name, 3, axes);
    onnx_writer_integers(builder->writer, steps_name, 3, steps);
    onnx_writer_node(builder->writer, &(struct onnx_node){.kind = "Slice",
                                                          .name = output,
                                                          .n_inputs = 5,
                                                          .inputs = inputs,
                                                          .output = output});
}

static int add_route(const struct darknet_builder *builder, const struct darknet_layer *layer,
                     const char *output, struct error *err)
{
    const int64_t channels = 1;
    const struct onnx_attribute axis = integer("axis", &channels);
    const char *inputs[DARKNET_SOURCES_MAX];
    char *slices[DARKNET_SOURCES_MAX] = {NULL};

    (void)err;
    for (size_t i = 0; i < layer->n_sources; i++) {
        int source = layer->sources[i];

        inputs[i] = darknet_builder_name(builder, source);
        if (layer->groups > 1) {
            struct slice slice = {.stride = 1,
                                  .shape = *darknet_network_shape(builder->network, source)};

            slice.shape.channels /= layer->groups;
            slice.first = layer->group * slice.shape.channels;
            slices[i] = layer->n_sources == 1 ? memory_text(output)
                                              : memory_format("%s_slice%zu", output, i);
            add_slice(builder, inputs[i], slices[i], &slice);
            inputs[i] = slices[i];
        }
    }
    if (layer->n_sources > 1) {
        onnx_writer_node(builder->writer, &(struct onnx_node){.kind = "Concat",
                                                              .name = output,
                                                              .n_inputs = layer->n_sources,
                                                              .inputs = inputs,
                                                              .output = output,
                                                              .n_attributes = 1,
                                                              .attributes = &axis});
    }
    for (size_t i = 0; i < layer->n_sources; i++) {
        free(slices[i]);
    }
    return 0;
}

/* What a shortcut adds, made fit: as many channels as both have, the rest zero. */
static char *fit(const struct darknet_builder *builder, const struct darknet_layer *layer,
                 const char *output)
{
    const struct darknet_shape *added =
        darknet_network_shape(builder->network, layer->sources[1]);
    const int have = added->channels, want = layer->out.channels;
    char *fitted = memory_text(darknet_builder_name(builder, layer->sources[1]));

    if (have > want || added->height != layer->out.height || added->width != layer->out.width) {
        struct slice slice = {.stride = layer->stride, .shape = layer->out};
        char *sliced = memory_format("%s_slice", output);

        slice.shape.channels = have < want ? have : want;
        add_slice(builder, fitted, sliced, &slice);
        free(fitted);
        fitted = sliced;
    }
    if (have < want) {
        const int64_t pads[2 * RANK] = {0, 0, 0, 0, 0, want - have, 0, 0};
        char *padded = memory_format("%s_pad", output);
        cleanup(memory_free) char *pads_name = memory_format("%s_pads", output);

        onnx_writer_integers(builder->writer, pads_name, sizeof(pads) / sizeof(pads[0]), pads);
        darknet_node_two(builder, "Pad", fitted, pads_name, padded);
        free(fitted);
        fitted = padded;
    }
    return fitted;
}

static int add_shortcut(const struct darknet_builder *builder,
                        const struct darknet_layer *layer, const char *output,
                        struct error *err)
{
    const struct darknet_activation *activation = NULL;
    int r = darknet_activation_find(layer, &activation, err);

    if (r < 0) {
        return r;
    }
    bool linear = activation->chain[0] == NULL;
    cleanup(memory_free) char *added = fit(builder, layer, output);
    cleanup(memory_free) char *plain =
        linear ? memory_text(output) : memory_format("%s_linear", output);
    darknet_node_two(builder, "Add", input_of(builder, layer), added, plain);
    darknet_activation_add(builder, activation, plain, output);
    return 0;
}

int darknet_node_add(const struct darknet_builder *builder, int layer, struct error *err)
{
    static int (*const add[DARKNET_KINDS])(const struct darknet_builder *builder,
                                           const struct darknet_layer *layer,
                                           const char *output, struct error *err) = {
        [DARKNET_CONVOLUTION] = add_convolution,
        [DARKNET_MAXPOOL] = add_maxpool,
        [DARKNET_AVERAGE] = add_average,
        [DARKNET_ROUTE] = add_route,
        [DARKNET_SHORTCUT] = add_shortcut,
        [DARKNET_UPSAMPLE] = add_upsample,
        [DARKNET_REORG] = add_reorg,
        [DARKNET_SOFTMAX] = add_softmax,
    };
    const struct darknet_layer *from = &builder->network->layers[layer];

    assert(add[from->kind] != NULL && builder->targets[layer] == layer);
    return add[from->kind](builder, from, builder->names[layer], err);
}
