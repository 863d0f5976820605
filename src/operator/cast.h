/* From a picture to what a network was trained on: another element type, order and range. */
#ifndef OPERATOR_CAST_H
#define OPERATOR_CAST_H

#include <stdbool.h>

#include "operator/picture.h"
#include "tensor/tensor.h"

struct error;

struct cast {
    struct tensor_shape shape; /* of the network's input; height and width may be 0 */
    bool planar;               /* [1, 3, height, width]; else [1, height, width, 3] */
    bool swap;                 /* blue first */
    float tables[3][256];      /* what a byte becomes, by channel of the network */
};

/* Tells the order from the shape: float32 or uint8 of rank 4 with three channels. */
int cast_init(const struct tensor_shape *shape, struct cast *ret_cast, struct error *err);

/* The network's height and width; 0: any. */
void cast_size(const struct cast *cast, uint32_t *ret_width, uint32_t *ret_height);

/* Fills `to`, of the cast's type, for the picture's own height and width. */
void cast_run(const struct cast *cast, const struct picture *picture, void *to);

#endif
