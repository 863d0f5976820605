/* How much arithmetic a layer is, told from shapes alone. The numbers seed the planner before a
 * device has been measured, and are what `brume model inspect` prints.
 */
#ifndef MODEL_COST_H
#define MODEL_COST_H

#include "tensor/tensor.h"

/* Elements of a tensor; 0 when a dimension is not known. */
double cost_elements(const struct tensor_shape *shape);

/* Multiply-adds x 2 of a layer that slides `weight` over its data. Each element of `steps` (the
 * result; for a transposed convolution the input) costs as many multiply-adds as the weight has
 * elements per channel, where dimension `channel` of the weight counts the channels of `steps`.
 * Right for convolutions, plain, grouped and depthwise, and for matrix products. */
double cost_convolution(const struct tensor_shape *steps, const struct tensor_shape *weight,
                        uint32_t channel);

#endif
