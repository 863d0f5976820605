#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/darknet_node.h"

static const struct darknet_activation activations[] = {
    {"linear", {NULL}, 0, false},    {"leaky", {"LeakyRelu"}, 0.1f, false},
    {"relu", {"Relu"}, 0, false},    {"logistic", {"Sigmoid"}, 0, false},
    {"tanh", {"Tanh"}, 0, false},    {"elu", {"Elu"}, 1, false},
    {"swish", {"Sigmoid"}, 0, true}, {"mish", {"Softplus", "Tanh"}, 0, true},
};
static const size_t n_activations = sizeof(activations) / sizeof(activations[0]);

int darknet_activation_find(const struct darknet_layer *layer,
                            const struct darknet_activation **ret_activation, struct error *err)
{
    for (size_t i = 0; i < n_activations; i++) {
        if (strcmp(activations[i].name, layer->activation) == 0) {
            *ret_activation = &activations[i];
            return 0;
        }
    }
    return darknet_fail(layer->section, "activation", err,
                        "activation=%.40s cannot be imported (only linear, leaky, relu, "
                        "logistic, tanh, elu, swish, mish)",
                        layer->activation);
}

void darknet_activation_add(const struct darknet_builder *builder,
                            const struct darknet_activation *activation, const char *input,
                            const char *output)
{
    const struct onnx_attribute alpha = {
        .name = "alpha", .type = ONNX_FLOAT, .number = activation->alpha};
    cleanup(memory_free) char *from = memory_text(input);

    for (size_t i = 0; activation->chain[i] != NULL; i++) {
        bool last = activation->chain[i + 1] == NULL && !activation->gate;
        cleanup(memory_free) char *to = NULL;

        to = last ? memory_text(output)
                  : memory_format("%s_%s", output, i == 0 ? "inner" : "gate");
        darknet_node_one(builder, activation->chain[i], from, to,
                         i == 0 && activation->alpha > 0 ? &alpha : NULL);
        free(from);
        from = STEAL(to);
    }
    if (activation->gate) {
        darknet_node_two(builder, "Mul", input, from, output);
    }
}
