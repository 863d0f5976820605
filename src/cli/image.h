/* A picture file as the input of a network. */
#ifndef CLI_IMAGE_H
#define CLI_IMAGE_H

#include "tensor/tensor.h"

struct error;

/* Decodes (the operators `decode` and `resize` do it), stretches to the network's size, and
 * casts as the operator `model` does by default: 0..255, RGB. -ENOTSUP when `shape` is not that
 * of pictures of a known size. */
int image_load(const char *path, const struct tensor_shape *shape, struct tensor **ret_tensor,
               struct error *err);

#endif
