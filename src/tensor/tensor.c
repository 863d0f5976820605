#include "tensor/tensor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const struct {
    const char *name;
    size_t size;
} types[TENSOR_TYPE_END] = {
    [TENSOR_U8] = {"uint8", 1},    [TENSOR_I8] = {"int8", 1},     [TENSOR_I32] = {"int32", 4},
    [TENSOR_I64] = {"int64", 8},   [TENSOR_F16] = {"float16", 2}, [TENSOR_F32] = {"float32", 4},
    [TENSOR_F64] = {"float64", 8}, [TENSOR_BOOL] = {"bool", 1},
};

size_t tensor_type_size(enum tensor_type type)
{
    return (unsigned)type < TENSOR_TYPE_END ? types[type].size : 0;
}

const char *tensor_type_name(enum tensor_type type)
{
    return tensor_type_size(type) > 0 ? types[type].name : "unknown";
}

int tensor_shape_size(const struct tensor_shape *shape, size_t *ret_size, struct error *err)
{
    size_t size = tensor_type_size(shape->type);

    if (size == 0) {
        return error_set(err, -EINVAL, "unknown element type %d", (int)shape->type);
    }
    if (shape->rank > TENSOR_RANK_MAX) {
        return error_set(err, -EINVAL, "a tensor of rank %u is over the limit of %d",
                         shape->rank, TENSOR_RANK_MAX);
    }
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (__builtin_mul_overflow(size, shape->dims[i], &size) || size > TENSOR_SIZE_MAX) {
            return error_set(err, -E2BIG, "a tensor is over the limit of %zu bytes",
                             TENSOR_SIZE_MAX);
        }
    }
    *ret_size = size;
    return 0;
}

void tensor_shape_text(const struct tensor_shape *shape, size_t size, char *ret_text)
{
    size_t used = (size_t)snprintf(ret_text, size, "%s[", tensor_type_name(shape->type));

    for (uint32_t i = 0; i < shape->rank && used < size; i++) {
        const char *comma = i == 0 ? "" : ", ";

        if (shape->dims[i] == 0) {
            used += (size_t)snprintf(ret_text + used, size - used, "%s?", comma);
        } else {
            used +=
                (size_t)snprintf(ret_text + used, size - used, "%s%u", comma, shape->dims[i]);
        }
    }
    if (used < size) {
        snprintf(ret_text + used, size - used, "]");
    }
}

int tensor_shape_equal(const struct tensor_shape *a, const struct tensor_shape *b)
{
    return a->type == b->type && a->rank == b->rank &&
           memcmp(a->dims, b->dims, a->rank * sizeof(*a->dims)) == 0;
}

static struct tensor *tensor_new(const struct tensor_shape *shape, size_t size)
{
    struct tensor *tensor = memory_new(1, sizeof(*tensor));

    tensor->shape = *shape;
    tensor->size = size;
    tensor->refs = 1;
    return tensor;
}

int tensor_create(const struct tensor_shape *shape, struct tensor **ret_tensor,
                  struct error *err)
{
    size_t size = 0;
    int r = tensor_shape_size(shape, &size, err);

    if (r < 0) {
        return r;
    }
    size_t room = (size / TENSOR_ALIGNMENT + 1) * TENSOR_ALIGNMENT;
    void *data = aligned_alloc(TENSOR_ALIGNMENT, room);
    if (data == NULL) {
        return error_set(err, -ENOMEM, "no memory for a tensor of %zu bytes", size);
    }
    *ret_tensor = tensor_new(shape, size);
    (*ret_tensor)->data = data;
    (*ret_tensor)->release = free;
    (*ret_tensor)->owner = data;
    return 0;
}

int tensor_wrap(const struct tensor_shape *shape, void *data, void (*release)(void *owner),
                void *owner, struct tensor **ret_tensor, struct error *err)
{
    size_t size = 0;
    int r = tensor_shape_size(shape, &size, err);

    if (r < 0) {
        return r;
    }
    *ret_tensor = tensor_new(shape, size);
    (*ret_tensor)->data = data;
    (*ret_tensor)->release = release;
    (*ret_tensor)->owner = owner;
    return 0;
}

struct tensor *tensor_ref(struct tensor *tensor)
{
    if (tensor != NULL) {
        unsigned before = __atomic_fetch_add(&tensor->refs, 1, __ATOMIC_RELAXED);
        assert(before > 0);
    }
    return tensor;
}

struct tensor *tensor_unref(struct tensor *tensor)
{
    if (tensor != NULL && __atomic_sub_fetch(&tensor->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        if (tensor->release != NULL) {
            tensor->release(tensor->owner);
        }
        free(tensor);
    }
    return NULL;
}

void tensor_unrefp(struct tensor **tensor)
{
    *tensor = tensor_unref(*tensor);
}
