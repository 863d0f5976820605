#include "model/onnx.h"

#include <string.h>

#include "base/memory.h"

enum { ACTIVATIONS_MAX = 2 /* between a layer and its QuantizeLinear */ };

/* A file is ONNX when its first field is one of ModelProto's. */
static bool probe(const uint8_t *bytes, size_t size)
{
    static const uint8_t numbers[] = {ONNX_MODEL_IR_VERSION, 5};
    struct protobuf_reader reader = protobuf_read((struct protobuf_span){bytes, size});
    uint64_t tag;

    if (protobuf_next_number(&reader, &tag) != 0) {
        return false;
    }
    if ((tag & 7) == PROTOBUF_VARINT) {
        return memchr(numbers, (int)(tag >> 3), sizeof(numbers)) != NULL && tag >> 3 < 8;
    }
    return (tag & 7) == PROTOBUF_BYTES &&
           ((tag >> 3 >= 2 && tag >> 3 <= 8) || tag >> 3 == ONNX_MODEL_PROPERTY ||
            tag >> 3 == 20 || tag >> 3 == ONNX_MODEL_FUNCTION);
}

static bool is_one_of(const char *kind, const char *const *kinds)
{
    while (*kinds != NULL && strcmp(kind, *kinds) != 0) {
        kinds++;
    }
    return *kinds != NULL;
}

static bool is_activation(const char *kind)
{
    static const char *const kinds[] = {"Relu", "Clip", "LeakyRelu", "Sigmoid", NULL};

    return is_one_of(kind, kinds);
}

/* Layers after..before form one: no cut k with after < k <= before. Counted, as they overlap:
 * changes[k] says how many more ranges hold k than hold k - 1. */
static void join(int *changes, int after, int before)
{
    changes[after + 1]++;
    changes[before + 1]--;
}

static void join_dequantized(const struct model *model, int place, int *changes)
{
    const struct model_layer *layer = &model->layers[place];

    for (unsigned i = 0; i < layer->n_inputs; i++) {
        const struct model_tensor *input = &model->tensors[layer->inputs[i]];

        if (!input->constant && input->producer >= 0 &&
            strcmp(model->layers[input->producer].kind, "DequantizeLinear") == 0) {
            join(changes, input->producer, place);
        }
    }
}

static void join_quantized(const struct model *model, int place, int *changes)
{
    const struct model_layer *layer = &model->layers[place];

    for (unsigned depth = 0; depth < ACTIVATIONS_MAX + 1 && layer->n_inputs > 0; depth++) {
        const struct model_tensor *input = &model->tensors[layer->inputs[0]];

        if (input->constant || input->producer < 0) {
            return;
        }
        join(changes, input->producer, place);
        layer = &model->layers[input->producer];
        if (!is_activation(layer->kind)) {
            return;
        }
    }
}

/* `folds` says of each layer whether what scales or shifts its result would be folded into its
 * weights; a layer that was folded passes that on. */
static void join_folded(const struct model *model, int place, bool *folds, int *changes)
{
    static const char *const heavy[] = {"Conv", "ConvTranspose", "Gemm", "MatMul", NULL};
    static const char *const affine[] = {"BatchNormalization", "Mul", "Add", NULL};
    const struct model_layer *layer = &model->layers[place];
    int producer = -1;
    unsigned n_variable = 0;

    folds[place] = is_one_of(layer->kind, heavy);
    for (unsigned i = 0; i < layer->n_inputs; i++) {
        const struct model_tensor *input = &model->tensors[layer->inputs[i]];

        if (!input->constant) {
            producer = input->producer;
            n_variable++;
        }
    }
    if (n_variable == 1 && producer >= 0 && folds[producer] && is_one_of(layer->kind, affine)) {
        join(changes, producer, place);
        folds[place] = true;
    }
}

/* Where the engine makes one layer out of several, a cut between them makes it round
 * differently, and a cut network would not give the bits of the whole one. Two such cases are
 * certain enough to be forbidden: integers, where it joins DequantizeLinear, Conv (or what
 * else), an activation and QuantizeLinear; and what folds into the weights of a convolution or
 * a product. */
static void restrict_cuts(struct model *model)
{
    cleanup(memory_free) int *changes = memory_new(model->n_layers + 2, sizeof(*changes));
    cleanup(memory_free) bool *folds = memory_new(model->n_layers, sizeof(*folds));
    int n_ranges = 0;

    for (size_t i = 0; i < model->n_layers; i++) {
        if (model->layers[i].constant) {
            continue;
        }
        join_dequantized(model, (int)i, changes);
        join_folded(model, (int)i, folds, changes);
        if (strcmp(model->layers[i].kind, "QuantizeLinear") == 0) {
            join_quantized(model, (int)i, changes);
        }
    }
    for (size_t k = 1; k < model->n_layers; k++) {
        n_ranges += changes[k];
        model->legal[k] = model->legal[k] && n_ranges == 0;
    }
}

static char *property(const struct model *model, const char *key)
{
    struct protobuf_reader reader =
        protobuf_read((struct protobuf_span){model->bytes, model->size});
    struct protobuf_span name, value;
    struct protobuf_field field;

    while (protobuf_next(&reader, &field) == 0) {
        if (field.number == ONNX_MODEL_PROPERTY &&
            onnx_entry_read(field.body, &name, &value) == 0 && onnx_span_is(name, key) &&
            protobuf_is_text(value)) {
            return onnx_span_text(value);
        }
    }
    return NULL;
}

const struct model_format model_onnx = {
    .name = "onnx",
    .probe = probe,
    .read = onnx_read,
    .restrict_cuts = restrict_cuts,
    .segment = onnx_segment,
    .property = property,
    .close = onnx_close,
};
