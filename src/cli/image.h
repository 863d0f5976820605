/* A picture file as the input of a network. */
#ifndef CLI_IMAGE_H
#define CLI_IMAGE_H

#include "tensor/tensor.h"

struct error;

struct image_range {
    double black, white; /* what they become */
};

/* Decodes (the operators `decode` and `resize` do it), stretches to the network's size, and
 * casts into the range, RGB. -ENOTSUP when `shape` is not that of pictures of a known size. */
int image_load(const char *path, const struct tensor_shape *shape, struct image_range range,
               struct tensor **ret_tensor, struct error *err);

#endif
