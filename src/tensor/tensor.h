/* A tensor is a block of memory with an element type and a shape, shared by reference count.
 *
 * Once it was sent it does not change any more. The count is atomic: worker threads give
 * tensors back. Data is dense, row-major and aligned to TENSOR_ALIGNMENT, so that engines read
 * it in place.
 */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct error;

enum {
    TENSOR_RANK_MAX = 8,
    TENSOR_ALIGNMENT = 64,
};
#define TENSOR_SIZE_MAX ((size_t)256 << 20) /* bytes of one tensor */

/* The numbers travel on the wire and equal those of enum brume_type in the SDK. */
enum tensor_type {
    TENSOR_U8 = 1,
    TENSOR_I8,
    TENSOR_I32,
    TENSOR_I64,
    TENSOR_F16,
    TENSOR_F32,
    TENSOR_F64,
    TENSOR_BOOL,
    TENSOR_TYPE_END,
};

struct tensor_shape {
    enum tensor_type type;
    uint32_t rank;
    uint32_t dims[TENSOR_RANK_MAX];
};

struct tensor {
    struct tensor_shape shape;
    size_t size; /* bytes */
    void *data;
    /* private */
    unsigned refs;
    void (*release)(void *owner);
    void *owner;
};

size_t tensor_type_size(enum tensor_type type); /* bytes of one element; 0: no such type */
const char *tensor_type_name(enum tensor_type type);

/* Checks type, rank and size; -EINVAL or -E2BIG (over TENSOR_SIZE_MAX). */
int tensor_shape_size(const struct tensor_shape *shape, size_t *ret_size, struct error *err);

/* "float32[1, 416, 416, 3]" */
void tensor_shape_text(const struct tensor_shape *shape, size_t size, char *ret_text);
int tensor_shape_equal(const struct tensor_shape *a, const struct tensor_shape *b);

/* Uninitialised memory of its own. */
int tensor_create(const struct tensor_shape *shape, struct tensor **ret_tensor,
                  struct error *err);

/* Memory of somebody else: release(owner) is called when the last reference goes. `data` holds
 * the bytes that `shape` asks for. */
int tensor_wrap(const struct tensor_shape *shape, void *data, void (*release)(void *owner),
                void *owner, struct tensor **ret_tensor, struct error *err);

struct tensor *tensor_ref(struct tensor *tensor);
struct tensor *tensor_unref(struct tensor *tensor); /* returns NULL; accepts NULL */
void tensor_unrefp(struct tensor **tensor);

#endif
