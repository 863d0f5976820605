#include "model/cost.h"

double cost_elements(const struct tensor_shape *shape)
{
    double elements = 1;

    for (uint32_t i = 0; i < shape->rank; i++) {
        elements *= shape->dims[i];
    }
    return elements;
}

double cost_convolution(const struct tensor_shape *steps, const struct tensor_shape *weight,
                        uint32_t channel)
{
    if (channel >= weight->rank || weight->dims[channel] == 0) {
        return 0;
    }
    return 2 * cost_elements(steps) * cost_elements(weight) / weight->dims[channel];
}
