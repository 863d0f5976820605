/* ONNX Runtime's C API in brume's words: errors as sentences, tensors as values. The one place
 * that includes its header. */
#ifndef ENGINE_ONNXRUNTIME_VALUE_H
#define ENGINE_ONNXRUNTIME_VALUE_H

#include <onnxruntime_c_api.h>

#include "tensor/tensor.h"

struct error;

/* Filled once by onnxruntime_start(), then read by all threads. */
struct onnxruntime {
    const OrtApi *api;
    OrtEnv *environment;
    OrtMemoryInfo *memory;
    OrtAllocator *allocator;
};
extern struct onnxruntime onnxruntime;

/* -ELIBBAD when the library is older than the header. */
int onnxruntime_start(struct error *err);

/* 0, or the library's sentence as an error. Takes the status. */
int onnxruntime_check(OrtStatus *status, struct error *err);

/* Memory that a tensor or the model holds, as a value of the library's. */
int onnxruntime_wrap(const struct tensor_shape *shape, const void *data, OrtValue **ret_value,
                     struct error *err);

/* -ENOTSUP for what brume's tensors cannot hold; a dimension that is open is 0. */
int onnxruntime_read_shape(const OrtTensorTypeAndShapeInfo *info,
                           struct tensor_shape *ret_shape, struct error *err);

/* The shape of a value and its memory, which stays the value's. */
int onnxruntime_read_value(OrtValue *value, struct tensor_shape *ret_shape, void **ret_data,
                           struct error *err);

#endif
