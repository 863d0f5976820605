#include "engine/onnxruntime_value.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "engine/ports.h"

static const enum tensor_type types[] = {
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT] = TENSOR_F32,
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8] = TENSOR_U8,
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8] = TENSOR_I8,
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32] = TENSOR_I32,
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64] = TENSOR_I64,
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL] = TENSOR_BOOL,
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16] = TENSOR_F16,
    [ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE] = TENSOR_F64,
};
enum { N_TYPES = sizeof(types) / sizeof(*types) };

struct onnxruntime onnxruntime;

int onnxruntime_check(OrtStatus *status, struct error *err)
{
    if (status == NULL) {
        return 0;
    }
    int code = -EINVAL;
    switch (onnxruntime.api->GetErrorCode(status)) {
    case ORT_FAIL:
    case ORT_RUNTIME_EXCEPTION:
    case ORT_EP_FAIL:
        code = -EIO;
        break;
    case ORT_NOT_IMPLEMENTED:
        code = -ENOTSUP;
        break;
    default:
        break;
    }
    error_set(err, code, "ONNX Runtime: %s", onnxruntime.api->GetErrorMessage(status));
    engine_one_line(err->text);
    onnxruntime.api->ReleaseStatus(status);
    return code;
}

static void start_library(void)
{
    const OrtApi *api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
    struct error err;

    /* From 1.30 on it tells its makers of each session, identifies the machine for that, and
     * leaves files in the user's home, unless this is set when it starts. Of a program's few
     * variables nobody else writes this one. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    setenv("ORT_DISABLE_TELEMETRY", "1", 1);
    onnxruntime.api = api;
    if (api == NULL ||
        onnxruntime_check(onnxruntime.api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "brume",
                                                     &onnxruntime.environment),
                          &err) ||
        onnxruntime_check(onnxruntime.api->CreateCpuMemoryInfo(
                              OrtDeviceAllocator, OrtMemTypeDefault, &onnxruntime.memory),
                          &err) ||
        onnxruntime_check(
            onnxruntime.api->GetAllocatorWithDefaultOptions(&onnxruntime.allocator), &err)) {
        onnxruntime.environment = NULL;
    }
}

int onnxruntime_start(struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, start_library);
    if (onnxruntime.environment == NULL) {
        return error_set(err, -ELIBBAD, "ONNX Runtime %s cannot be started (API %d is wanted)",
                         OrtGetApiBase()->GetVersionString(), ORT_API_VERSION);
    }
    return 0;
}

static ONNXTensorElementDataType onnx_type(enum tensor_type type)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        if (types[i] == type) {
            return (ONNXTensorElementDataType)i;
        }
    }
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

int onnxruntime_wrap(const struct tensor_shape *shape, const void *data, OrtValue **ret_value,
                     struct error *err)
{
    int64_t dims[TENSOR_RANK_MAX];
    size_t size;
    int r = tensor_shape_size(shape, &size, err);

    if (r < 0) {
        return r;
    }
    for (uint32_t i = 0; i < shape->rank; i++) {
        dims[i] = shape->dims[i];
    }
    return onnxruntime_check(onnxruntime.api->CreateTensorWithDataAsOrtValue(
                                 onnxruntime.memory, (void *)data, size, dims, shape->rank,
                                 onnx_type(shape->type), ret_value),
                             err);
}

int onnxruntime_read_shape(const OrtTensorTypeAndShapeInfo *info,
                           struct tensor_shape *ret_shape, struct error *err)
{
    struct tensor_shape shape = {0};
    int64_t dims[TENSOR_RANK_MAX];
    ONNXTensorElementDataType type;
    size_t rank;
    int r = onnxruntime_check(onnxruntime.api->GetTensorElementType(info, &type), err);

    if (r == 0) {
        r = onnxruntime_check(onnxruntime.api->GetDimensionsCount(info, &rank), err);
    }
    if (r < 0) {
        return r;
    }
    shape.type = (size_t)type < N_TYPES ? types[type] : 0;
    if (tensor_type_size(shape.type) == 0) {
        return error_set(err, -ENOTSUP, "element type %d of ONNX, which brume does not carry",
                         (int)type);
    }
    if (rank > TENSOR_RANK_MAX) {
        return error_set(err, -ENOTSUP, "%zu dimensions, more than %d", rank, TENSOR_RANK_MAX);
    }
    r = onnxruntime_check(onnxruntime.api->GetDimensions(info, dims, rank), err);
    shape.rank = (uint32_t)rank;
    for (size_t i = 0; i < rank && r == 0; i++) {
        if (dims[i] > UINT32_MAX) {
            return error_set(err, -E2BIG, "a dimension of %lld", (long long)dims[i]);
        }
        shape.dims[i] = dims[i] > 0 ? (uint32_t)dims[i] : 0;
    }
    *ret_shape = shape;
    return r;
}

int onnxruntime_read_value(OrtValue *value, struct tensor_shape *ret_shape, void **ret_data,
                           struct error *err)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    int r = onnxruntime_check(onnxruntime.api->GetTensorTypeAndShape(value, &info), err);

    if (r < 0) {
        return r;
    }
    r = onnxruntime_read_shape(info, ret_shape, err);
    onnxruntime.api->ReleaseTensorTypeAndShapeInfo(info);
    return r < 0
               ? r
               : onnxruntime_check(onnxruntime.api->GetTensorMutableData(value, ret_data), err);
}
