/* What the operators of TensorFlow Lite mean for brume: whose shapes are known, what they cost,
 * which of them share a state. */
#include "base/memory.h"
#include "model/cost.h"
#include "model/reader.h"
#include "model/tflite.h"

static void open_dimensions(struct model *model, size_t id, uint8_t open)
{
    struct tensor_shape *shape = &model->tensors[id].shape;

    for (uint32_t i = 0; i < shape->rank; i++) {
        if ((open & TFLITE_OPEN_OTHER) != 0 || i == 0) {
            shape->dims[i] = 0;
        }
    }
    if ((open & TFLITE_OPEN_OTHER) != 0 && shape->rank == 0) {
        shape->type = (enum tensor_type)0;
    }
}

static bool any_input_unknown(const struct model_layer *layer, const bool *unknown)
{
    for (unsigned i = 0; i < layer->n_inputs; i++) {
        if (unknown[layer->inputs[i]]) {
            return true;
        }
    }
    return false;
}

/* An open batch size is one frame, which is what the file's `shape` says and the engine does
 * unless told otherwise. So an open first dimension is that 1 all the way from the input,
 * unless it was made by a layer whose result depends on the data. */
void tflite_settle_shapes(struct model *model)
{
    const struct tflite *tflite = model->detail;
    cleanup(memory_free) bool *unknown = memory_new(model->n_tensors, sizeof(*unknown));
    bool batch = false;

    for (size_t i = 0; i < model->n_inputs; i++) {
        int id = model->inputs[i];

        batch = batch || (tflite->open[id] & TFLITE_OPEN_BATCH) != 0;
        if ((tflite->open[id] & TFLITE_OPEN_OTHER) != 0) {
            unknown[id] = true;
            open_dimensions(model, (size_t)id, tflite->open[id]);
        }
    }
    for (size_t i = 0; i < model->n_layers; i++) {
        const struct model_layer *layer = &model->layers[i];
        bool depends = !batch || tflite->codes[i] == TFLITE_WHERE ||
                       tflite->codes[i] == TFLITE_UNIQUE || any_input_unknown(layer, unknown);

        for (unsigned j = 0; j < layer->n_outputs; j++) {
            int id = layer->outputs[j];
            uint8_t open = tflite->open[id];

            if ((open & TFLITE_OPEN_OTHER) != 0 || (open != 0 && depends)) {
                unknown[id] = true;
                open_dimensions(model, (size_t)id, open);
            }
        }
    }
}

/* Kernels: CONV_2D [out, h, w, in], DEPTHWISE_CONV_2D [1, h, w, out], CONV_3D [d, h, w, in,
 * out], FULLY_CONNECTED [out, in], TRANSPOSE_CONV [out, h, w, in] with its data in input 2. */
double tflite_operations(const struct model *model, size_t layer)
{
    const struct tflite *tflite = model->detail;
    const struct model_layer *this = &model->layers[layer];
    const struct model_tensor *tensors = model->tensors;

    if (this->n_outputs == 0) {
        return 0;
    }
    const struct tensor_shape *result = &tensors[this->outputs[0]].shape;
    if (this->n_inputs < 2) {
        return cost_elements(result);
    }
    const struct tensor_shape *weight = &tensors[this->inputs[1]].shape;
    switch (tflite->codes[layer]) {
    case TFLITE_CONV_2D:
    case TFLITE_FULLY_CONNECTED:
        return cost_convolution(result, weight, 0);
    case TFLITE_DEPTHWISE_CONV_2D:
        return cost_convolution(result, weight, 3);
    case TFLITE_CONV_3D:
        return cost_convolution(result, weight, 4);
    case TFLITE_TRANSPOSE_CONV:
        return this->n_inputs < 3
                   ? cost_elements(result)
                   : cost_convolution(&tensors[this->inputs[2]].shape, weight, 3);
    default:
        return cost_elements(result);
    }
}

/* Notes in `last` that the layer which used this state first must stay with this one. */
static void share(int *first, size_t *last, size_t layer)
{
    if (*first < 0) {
        *first = (int)layer;
    }
    last[*first] = layer;
}

/* Layers that share a variable, or the model's tables and resources, stay together. */
void tflite_restrict_cuts(struct model *model)
{
    const struct tflite *tflite = model->detail;
    cleanup(memory_free) int *first = memory_new(model->n_tensors, sizeof(*first));
    cleanup(memory_free) size_t *last = memory_new(model->n_layers, sizeof(*last));
    int first_resource = -1;
    size_t reach = 0;

    for (size_t id = 0; id < model->n_tensors; id++) {
        first[id] = -1;
    }
    for (size_t i = 0; i < model->n_layers; i++) {
        const struct model_layer *layer = &model->layers[i];

        if (tflite->resource[i]) {
            share(&first_resource, last, i);
        }
        for (unsigned j = 0; j < layer->n_inputs; j++) {
            if (tflite->variable[layer->inputs[j]]) {
                share(&first[layer->inputs[j]], last, i);
            }
        }
    }
    for (size_t k = 1; k < model->n_layers; k++) {
        reach = last[k - 1] > reach ? last[k - 1] : reach;
        model->legal[k] = model->legal[k] && reach < k;
    }
}
