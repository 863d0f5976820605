/* Operations of the layers that weigh: multiply-adds, times two, from the shapes alone. Every
 * other layer counts what it makes. For convolutions see the ONNX operator reference: weights
 * are [out, in / group, kernel...], of ConvTranspose [in, out / group, kernel...].
 */
#include <string.h>

#include "model/cost.h"
#include "model/onnx.h"

static const struct tensor_shape *input_shape(const struct model *model,
                                              const struct model_layer *layer, unsigned i)
{
    static const struct tensor_shape unknown;

    return i < layer->n_inputs ? &model->tensors[layer->inputs[i]].shape : &unknown;
}

/* 0 for the light kinds, and where a shape is not known. */
static double heavy(const struct model *model, const struct model_layer *layer,
                    const struct tensor_shape *out)
{
    const struct tensor_shape *in = input_shape(model, layer, 0);
    const struct tensor_shape *weight = input_shape(model, layer, 1);
    const char *kind = layer->kind;

    if (strcmp(kind, "Conv") == 0 || strcmp(kind, "ConvInteger") == 0) {
        return cost_convolution(out, weight, 0);
    }
    if (strcmp(kind, "QLinearConv") == 0) {
        return cost_convolution(out, input_shape(model, layer, 3), 0);
    }
    if (strcmp(kind, "ConvTranspose") == 0) {
        return cost_convolution(in, weight, 0);
    }
    if (strcmp(kind, "Gemm") == 0 && out->rank == 2 && out->dims[0] > 0) {
        return 2 * cost_elements(out) * (cost_elements(in) / out->dims[0]);
    }
    if (strcmp(kind, "MatMul") == 0 || strcmp(kind, "MatMulInteger") == 0 ||
        strcmp(kind, "QLinearMatMul") == 0) {
        return in->rank > 0 ? 2 * cost_elements(out) * in->dims[in->rank - 1] : 0;
    }
    return 0;
}

void onnx_count_operations(struct model *model)
{
    for (size_t i = 0; i < model->n_layers; i++) {
        struct model_layer *layer = &model->layers[i];

        for (unsigned j = 0; j < layer->n_outputs; j++) {
            layer->operations += cost_elements(&model->tensors[layer->outputs[j]].shape);
        }
        double operations = layer->n_outputs == 0
                                ? 0
                                : heavy(model, layer, &model->tensors[layer->outputs[0]].shape);
        layer->operations = operations > 0 ? operations : layer->operations;
    }
}
