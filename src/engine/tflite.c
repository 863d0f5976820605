/* TensorFlow Lite through its C API, with XNNPACK for what XNNPACK can run.
 *
 * The interpreter owns its arena, so inputs are copied in and outputs are copied out; both are
 * small beside the layers between them. The bytes of the model are used in place: weights that
 * no operator reads are never paged in.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/lite/c/c_api.h>
#include <tensorflow/lite/c/common.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/ports.h"

/* The library is spread without the header of this delegate. Later versions of it know more
 * options, for which zero is the default too. */
struct xnnpack_options {
    int32_t n_threads;
    uint32_t flags;
    uint64_t later[14];
};
/* NOLINTBEGIN(readability-identifier-naming) */
TfLiteDelegate *TfLiteXNNPackDelegateCreate(const struct xnnpack_options *options);
void TfLiteXNNPackDelegateDelete(TfLiteDelegate *delegate);
/* NOLINTEND(readability-identifier-naming) */

struct engine_session {
    TfLiteModel *model;
    TfLiteDelegate *xnnpack;
    TfLiteInterpreter *interpreter;
    size_t n_inputs, n_outputs;
    struct engine_port *inputs, *outputs;
    bool allocated;   /* the arena fits the inputs' present shapes */
    char report[200]; /* what the library said since the call began */
};

static const enum tensor_type types[] = {
    [kTfLiteFloat32] = TENSOR_F32, [kTfLiteInt32] = TENSOR_I32,   [kTfLiteUInt8] = TENSOR_U8,
    [kTfLiteInt64] = TENSOR_I64,   [kTfLiteBool] = TENSOR_BOOL,   [kTfLiteInt8] = TENSOR_I8,
    [kTfLiteFloat16] = TENSOR_F16, [kTfLiteFloat64] = TENSOR_F64,
};

static void __attribute__((format(printf, 2, 0)))
take_report(void *user_data, const char *format, va_list args)
{
    struct engine_session *session = user_data;
    size_t used = strlen(session->report);

    if (used > 0 && used + 2 < sizeof(session->report)) {
        used += (size_t)sprintf(session->report + used, "; ");
    }
    vsnprintf(session->report + used, sizeof(session->report) - used, format, args);
    engine_one_line(session->report);
}

static int fail(struct engine_session *session, int code, const char *what, struct error *err)
{
    return error_set(err, code, "TensorFlow Lite %s%s%s", what, *session->report ? ": " : "",
                     session->report);
}

/* The first delegate of a process announces itself on stderr, which belongs to the program. */
static void hush_delegate(void)
{
    FILE *shown = stderr, *nowhere = fopen("/dev/null", "w");

    if (nowhere != NULL) {
        stderr = nowhere;
        TfLiteXNNPackDelegateDelete(TfLiteXNNPackDelegateCreate(NULL));
        stderr = shown;
        fclose(nowhere);
    }
}

static const char *tflite_version(void)
{
    return TfLiteVersion();
}

/* Type and dimensions as they are now. */
static int read_shape(const TfLiteTensor *tensor, struct tensor_shape *ret_shape,
                      struct error *err)
{
    struct tensor_shape shape = {0};
    TfLiteType type = TfLiteTensorType(tensor);
    int32_t rank = TfLiteTensorNumDims(tensor);

    if ((size_t)type < sizeof(types) / sizeof(*types)) {
        shape.type = types[type];
    }
    if (tensor_type_size(shape.type) == 0) {
        return error_set(err, -ENOTSUP,
                         "tensor '%.80s' is of type %s, which brume does not carry",
                         TfLiteTensorName(tensor), TfLiteTypeGetName(type));
    }
    if (rank < 0 || rank > TENSOR_RANK_MAX) {
        return error_set(err, -ENOTSUP, "tensor '%.80s' has %d dimensions, more than %d",
                         TfLiteTensorName(tensor), rank, TENSOR_RANK_MAX);
    }
    shape.rank = (uint32_t)rank;
    for (int32_t i = 0; i < rank; i++) {
        int32_t dimension = TfLiteTensorDim(tensor, i);

        shape.dims[i] = dimension > 0 ? (uint32_t)dimension : 0;
    }
    *ret_shape = shape;
    return 0;
}

static int read_port(const TfLiteTensor *tensor, struct engine_port *ret_port,
                     struct error *err)
{
    ret_port->name = TfLiteTensorName(tensor);
    int r = read_shape(tensor, &ret_port->shape, err);
    if (r < 0) {
        return r;
    }
    const TfLiteIntArray *signature = tensor->dims_signature;
    for (uint32_t i = 0; signature != NULL && i < ret_port->shape.rank; i++) {
        if (signature->size == (int)ret_port->shape.rank && signature->data[i] < 0) {
            ret_port->shape.dims[i] = 0;
        }
    }
    return 0;
}

/* `lenient`: a port that brume's tensors cannot hold keeps a shape without type. */
static int read_ports(struct engine_session *session, bool lenient, struct error *err)
{
    const TfLiteInterpreter *interpreter = session->interpreter;
    int r = 0;

    session->n_inputs = (size_t)TfLiteInterpreterGetInputTensorCount(interpreter);
    session->n_outputs = (size_t)TfLiteInterpreterGetOutputTensorCount(interpreter);
    session->inputs = memory_new(session->n_inputs, sizeof(*session->inputs));
    session->outputs = memory_new(session->n_outputs, sizeof(*session->outputs));
    for (size_t i = 0; i < session->n_inputs && r == 0; i++) {
        r = read_port(TfLiteInterpreterGetInputTensor(interpreter, (int32_t)i),
                      &session->inputs[i], err);
        r = r == -ENOTSUP && lenient ? 0 : r;
    }
    for (size_t i = 0; i < session->n_outputs && r == 0; i++) {
        r = read_port(TfLiteInterpreterGetOutputTensor(interpreter, (int32_t)i),
                      &session->outputs[i], err);
        r = r == -ENOTSUP && lenient ? 0 : r;
    }
    return r;
}

static void tflite_close(struct engine_session *session)
{
    if (session != NULL) {
        TfLiteInterpreterDelete(session->interpreter);
        TfLiteXNNPackDelegateDelete(session->xnnpack);
        TfLiteModelDelete(session->model);
        free(session->inputs);
        free(session->outputs);
        free(session);
    }
}

static int prepare(struct engine_session *session, const struct engine_model *model,
                   const struct engine_options *options, struct error *err)
{
    session->model = TfLiteModelCreate(model->bytes, model->size);
    if (session->model == NULL) {
        return error_set(err, -EINVAL, "this is no TensorFlow Lite model, or it is damaged");
    }
    const int32_t threads = options->threads > 0 ? (int32_t)options->threads : 1;
    TfLiteInterpreterOptions *settings = TfLiteInterpreterOptionsCreate();
    TfLiteInterpreterOptionsSetNumThreads(settings, threads);
    if (!options->infer_only) {
        session->xnnpack =
            TfLiteXNNPackDelegateCreate(&(struct xnnpack_options){.n_threads = threads});
        TfLiteInterpreterOptionsAddDelegate(settings, session->xnnpack);
    }
    TfLiteInterpreterOptionsSetErrorReporter(settings, take_report, session);
    session->interpreter = TfLiteInterpreterCreate(session->model, settings);
    TfLiteInterpreterOptionsDelete(settings);
    if (session->interpreter == NULL) {
        return fail(session, -EINVAL, "refuses the model", err);
    }
    if (TfLiteInterpreterAllocateTensors(session->interpreter) != kTfLiteOk) {
        return fail(session, -EINVAL, "cannot prepare the model", err);
    }
    session->allocated = true;
    return read_ports(session, options->infer_only, err);
}

static int tflite_open(const struct engine_model *model, const struct engine_options *options,
                       struct engine_session **ret_session, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, hush_delegate);
    struct engine_session *session = memory_new(1, sizeof(*session));
    int r = prepare(session, model, options, err);
    if (r < 0) {
        tflite_close(session);
        return r;
    }
    *ret_session = session;
    return 0;
}

static size_t tflite_inputs(const struct engine_session *session,
                            const struct engine_port **ret_ports)
{
    *ret_ports = session->inputs;
    return session->n_inputs;
}

static size_t tflite_outputs(const struct engine_session *session,
                             const struct engine_port **ret_ports)
{
    *ret_ports = session->outputs;
    return session->n_outputs;
}

/* Fits the arena to the shapes of the inputs, if a dimension that the file leaves open changed.
 */
static int fit_arena(struct engine_session *session, struct tensor *const *inputs,
                     struct error *err)
{
    for (size_t i = 0; i < session->n_inputs; i++) {
        const TfLiteTensor *tensor =
            TfLiteInterpreterGetInputTensor(session->interpreter, (int32_t)i);
        int dims[TENSOR_RANK_MAX];
        bool same = true;

        for (uint32_t k = 0; k < inputs[i]->shape.rank; k++) {
            dims[k] = (int)inputs[i]->shape.dims[k];
            same = same && dims[k] == TfLiteTensorDim(tensor, (int32_t)k);
        }
        if (!same) {
            session->allocated = false;
            if (TfLiteInterpreterResizeInputTensor(session->interpreter, (int32_t)i, dims,
                                                   (int32_t)inputs[i]->shape.rank) !=
                kTfLiteOk) {
                return fail(session, -EINVAL, "cannot take this shape", err);
            }
        }
    }
    if (!session->allocated &&
        TfLiteInterpreterAllocateTensors(session->interpreter) != kTfLiteOk) {
        return fail(session, -EINVAL, "cannot take this shape", err);
    }
    session->allocated = true;
    return 0;
}

static int copy_output(struct engine_session *session, size_t index, struct tensor **ret_output,
                       struct error *err)
{
    const TfLiteTensor *from =
        TfLiteInterpreterGetOutputTensor(session->interpreter, (int32_t)index);
    cleanup(tensor_unrefp) struct tensor *output = NULL;
    struct tensor_shape shape;
    int r = read_shape(from, &shape, err);

    if (r < 0) {
        return r;
    }
    r = tensor_create(&shape, &output, err);
    if (r < 0) {
        return r;
    }
    if (TfLiteTensorCopyToBuffer(from, output->data, output->size) != kTfLiteOk) {
        return fail(session, -EIO, "gave an output of another size than it says", err);
    }
    *ret_output = STEAL(output);
    return 0;
}

static int tflite_run(struct engine_session *session, struct tensor *const *inputs,
                      struct tensor **ret_outputs, struct error *err)
{
    int r = engine_check_inputs(session->inputs, session->n_inputs, inputs, err);

    session->report[0] = '\0';
    if (r == 0) {
        r = fit_arena(session, inputs, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < session->n_inputs; i++) {
        TfLiteTensor *to = TfLiteInterpreterGetInputTensor(session->interpreter, (int32_t)i);

        if (TfLiteTensorCopyFromBuffer(to, inputs[i]->data, inputs[i]->size) != kTfLiteOk) {
            return fail(session, -EIO, "cannot take an input", err);
        }
    }
    if (TfLiteInterpreterInvoke(session->interpreter) != kTfLiteOk) {
        return fail(session, -EIO, "failed to run", err);
    }
    struct tensor **outputs = memory_new(session->n_outputs, sizeof(*outputs));
    for (size_t i = 0; i < session->n_outputs && r == 0; i++) {
        r = copy_output(session, i, &outputs[i], err);
    }
    if (r == 0) {
        memcpy(ret_outputs, outputs, session->n_outputs * sizeof(*outputs));
    } else {
        engine_drop(outputs, session->n_outputs);
    }
    free(outputs);
    return r;
}

__attribute__((visibility("default"))) const struct engine engine_exported = {
    .abi = ENGINE_ABI,
    .name = "tflite",
    .suffix = ".tflite",
    .version = tflite_version,
    .open = tflite_open,
    .inputs = tflite_inputs,
    .outputs = tflite_outputs,
    .run = tflite_run,
    .close = tflite_close,
};
