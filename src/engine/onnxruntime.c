/* ONNX Runtime through its C API, of which the oldest header that brume meets (1.21) is enough.
 *
 * Nothing is copied: inputs are read where they are, outputs are the engine's own memory, given
 * back with the tensor's last reference; weights outside the model's bytes are handed over by
 * reference. One environment serves the process and lives as long as it.
 *
 * exact   optimisation level 2: its rewrites do not depend on what lies around a cut
 * fast    all of them, with layouts of their own
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/onnxruntime_value.h"
#include "engine/ports.h"

struct engine_session {
    OrtSession *session;
    size_t n_inputs, n_outputs, n_weights;
    struct engine_port *inputs, *outputs; /* names are malloc'ed */
    const char **input_names, **output_names;
    OrtValue **weights;
};

/* Fills one port; its name is malloc'ed even when something else is wrong. */
static int read_port(const OrtSession *session, size_t index, bool input,
                     struct engine_port *ret_port, struct error *err)
{
    const OrtTensorTypeAndShapeInfo *shape = NULL;
    OrtTypeInfo *info = NULL;
    char *name = NULL;
    int r = onnxruntime_check(
        (input ? onnxruntime.api->SessionGetInputName : onnxruntime.api->SessionGetOutputName)(
            session, index, onnxruntime.allocator, &name),
        err);

    if (r < 0) {
        return r;
    }
    ret_port->name = memory_text(name);
    onnxruntime.allocator->Free(onnxruntime.allocator, name);
    r = onnxruntime_check(
        (input ? onnxruntime.api->SessionGetInputTypeInfo
               : onnxruntime.api->SessionGetOutputTypeInfo)(session, index, &info),
        err);
    if (r < 0) {
        return r;
    }
    r = onnxruntime_check(onnxruntime.api->CastTypeInfoToTensorInfo(info, &shape), err);
    if (r == 0 && shape == NULL) {
        r = error_set(err, -ENOTSUP, "this is no tensor");
    }
    if (r == 0) {
        r = onnxruntime_read_shape(shape, &ret_port->shape, err);
    }
    onnxruntime.api->ReleaseTypeInfo(info);
    return r < 0 ? error_wrap(err, "'%.80s'", ret_port->name) : 0;
}

/* `lenient`: a port that brume's tensors cannot hold keeps a shape without type. */
static int read_ports(struct engine_session *session, bool lenient, struct error *err)
{
    int r = onnxruntime_check(
        onnxruntime.api->SessionGetInputCount(session->session, &session->n_inputs), err);

    if (r == 0) {
        r = onnxruntime_check(
            onnxruntime.api->SessionGetOutputCount(session->session, &session->n_outputs), err);
    }
    if (r < 0) {
        return r;
    }
    session->inputs = memory_new(session->n_inputs, sizeof(*session->inputs));
    session->outputs = memory_new(session->n_outputs, sizeof(*session->outputs));
    session->input_names = memory_new(session->n_inputs, sizeof(*session->input_names));
    session->output_names = memory_new(session->n_outputs, sizeof(*session->output_names));
    for (size_t i = 0; i < session->n_inputs && r == 0; i++) {
        r = read_port(session->session, i, true, &session->inputs[i], err);
        r = r == -ENOTSUP && lenient ? 0 : r;
        session->input_names[i] = session->inputs[i].name;
    }
    for (size_t i = 0; i < session->n_outputs && r == 0; i++) {
        r = read_port(session->session, i, false, &session->outputs[i], err);
        r = r == -ENOTSUP && lenient ? 0 : r;
        session->output_names[i] = session->outputs[i].name;
    }
    return r;
}

static int set_options(OrtSessionOptions *settings, const struct engine_options *options,
                       struct error *err)
{
    GraphOptimizationLevel level = options->infer_only ? ORT_DISABLE_ALL
                                   : options->exact    ? ORT_ENABLE_EXTENDED
                                                       : ORT_ENABLE_ALL;
    int threads = options->threads > 0 ? (int)options->threads : 1;
    int r = onnxruntime_check(
        onnxruntime.api->SetSessionGraphOptimizationLevel(settings, level), err);

    if (r == 0) {
        r = onnxruntime_check(onnxruntime.api->SetIntraOpNumThreads(settings, threads), err);
    }
    if (r == 0) {
        r = onnxruntime_check(onnxruntime.api->SetInterOpNumThreads(settings, 1), err);
    }
    if (r == 0) {
        r = onnxruntime_check(
            onnxruntime.api->SetSessionExecutionMode(settings, ORT_SEQUENTIAL), err);
    }
    if (r == 0) {
        r = onnxruntime_check(onnxruntime.api->AddSessionConfigEntry(
                                  settings, "session.intra_op.allow_spinning", "0"),
                              err);
    }
    return r;
}

static int hand_weights(struct engine_session *session, const struct engine_model *model,
                        OrtSessionOptions *settings, struct error *err)
{
    const char **names = memory_new(model->n_weights, sizeof(*names));
    int r = 0;

    session->weights = memory_new(model->n_weights, sizeof(*session->weights));
    session->n_weights = model->n_weights;
    for (size_t i = 0; i < model->n_weights && r == 0; i++) {
        names[i] = model->weights[i].name;
        r = onnxruntime_wrap(&model->weights[i].shape, model->weights[i].data,
                             &session->weights[i], err);
    }
    if (r == 0 && model->n_weights > 0) {
        r = onnxruntime_check(
            onnxruntime.api->AddExternalInitializers(
                settings, names, (const OrtValue *const *)session->weights, model->n_weights),
            err);
    }
    free(names);
    return r;
}

static int prepare(struct engine_session *session, const struct engine_model *model,
                   const struct engine_options *options, struct error *err)
{
    OrtSessionOptions *settings = NULL;
    int r = onnxruntime_check(onnxruntime.api->CreateSessionOptions(&settings), err);

    if (r == 0) {
        r = set_options(settings, options, err);
    }
    if (r == 0) {
        r = hand_weights(session, model, settings, err);
    }
    if (r == 0) {
        r = onnxruntime_check(
            onnxruntime.api->CreateSessionFromArray(onnxruntime.environment, model->bytes,
                                                    model->size, settings, &session->session),
            err);
    }
    onnxruntime.api->ReleaseSessionOptions(settings);
    return r < 0 ? r : read_ports(session, options->infer_only, err);
}

static void free_ports(struct engine_port *ports, size_t n)
{
    for (size_t i = 0; ports != NULL && i < n; i++) {
        free((char *)ports[i].name);
    }
    free(ports);
}

static void onnxruntime_close(struct engine_session *session)
{
    if (session == NULL) {
        return;
    }
    onnxruntime.api->ReleaseSession(session->session);
    for (size_t i = 0; i < session->n_weights; i++) {
        onnxruntime.api->ReleaseValue(session->weights[i]);
    }
    free(session->weights);
    free_ports(session->inputs, session->n_inputs);
    free_ports(session->outputs, session->n_outputs);
    free(session->input_names);
    free(session->output_names);
    free(session);
}

static const char *onnxruntime_version(void)
{
    return OrtGetApiBase()->GetVersionString();
}

static int onnxruntime_open(const struct engine_model *model,
                            const struct engine_options *options,
                            struct engine_session **ret_session, struct error *err)
{
    int r = onnxruntime_start(err);

    if (r < 0) {
        return r;
    }
    struct engine_session *session = memory_new(1, sizeof(*session));
    r = prepare(session, model, options, err);
    if (r < 0) {
        onnxruntime_close(session);
        return r;
    }
    *ret_session = session;
    return 0;
}

static size_t onnxruntime_inputs(const struct engine_session *session,
                                 const struct engine_port **ret_ports)
{
    *ret_ports = session->inputs;
    return session->n_inputs;
}

static size_t onnxruntime_outputs(const struct engine_session *session,
                                  const struct engine_port **ret_ports)
{
    *ret_ports = session->outputs;
    return session->n_outputs;
}

static void release_value(void *owner)
{
    onnxruntime.api->ReleaseValue(owner);
}

/* May a tensor keep this memory? Not if it is an input's: an output that is an input is passed
 * on as it is. */
static bool may_keep(const struct engine_session *session, struct tensor *const *inputs,
                     const void *data)
{
    for (size_t i = 0; i < session->n_inputs; i++) {
        if (data == inputs[i]->data) {
            return false;
        }
    }
    return (uintptr_t)data % TENSOR_ALIGNMENT == 0;
}

/* Takes the value: it becomes the tensor's memory, or is copied and released. */
static int take_output(const struct engine_session *session, struct tensor *const *inputs,
                       OrtValue *value, struct tensor **ret_output, struct error *err)
{
    struct tensor_shape shape;
    void *data = NULL;
    int r = onnxruntime_read_value(value, &shape, &data, err);

    if (r == 0 && may_keep(session, inputs, data)) {
        r = tensor_wrap(&shape, data, release_value, value, ret_output, err);
        if (r == 0) {
            return 0;
        }
    } else if (r == 0) {
        r = tensor_create(&shape, ret_output, err);
        if (r == 0 && data != NULL) {
            memcpy((*ret_output)->data, data, (*ret_output)->size);
        }
    }
    onnxruntime.api->ReleaseValue(value);
    return r;
}

static int run_session(struct engine_session *session, struct tensor *const *inputs,
                       OrtValue **ret_values, struct error *err)
{
    OrtValue **values = memory_new(session->n_inputs, sizeof(*values));
    int r = 0;

    for (size_t i = 0; i < session->n_inputs && r == 0; i++) {
        r = onnxruntime_wrap(&inputs[i]->shape, inputs[i]->data, &values[i], err);
    }
    if (r == 0) {
        r = onnxruntime_check(onnxruntime.api->Run(session->session, NULL, session->input_names,
                                                   (const OrtValue *const *)values,
                                                   session->n_inputs, session->output_names,
                                                   session->n_outputs, ret_values),
                              err);
    }
    for (size_t i = 0; i < session->n_inputs; i++) {
        onnxruntime.api->ReleaseValue(values[i]);
    }
    free(values);
    return r;
}

static int onnxruntime_run(struct engine_session *session, struct tensor *const *inputs,
                           struct tensor **ret_outputs, struct error *err)
{
    int r = engine_check_inputs(session->inputs, session->n_inputs, inputs, err);

    if (r < 0) {
        return r;
    }
    OrtValue **values = memory_new(session->n_outputs, sizeof(*values));
    struct tensor **outputs = memory_new(session->n_outputs, sizeof(*outputs));
    r = run_session(session, inputs, values, err);
    for (size_t i = 0; i < session->n_outputs; i++) {
        if (r == 0) {
            r = take_output(session, inputs, values[i], &outputs[i], err);
        } else {
            onnxruntime.api->ReleaseValue(values[i]);
        }
    }
    if (r == 0) {
        memcpy(ret_outputs, outputs, session->n_outputs * sizeof(*outputs));
    } else {
        engine_drop(outputs, session->n_outputs);
    }
    free(values);
    free(outputs);
    return r;
}

__attribute__((visibility("default"))) const struct engine engine_exported = {
    .abi = ENGINE_ABI,
    .name = "onnxruntime",
    .suffix = ".onnx",
    .version = onnxruntime_version,
    .open = onnxruntime_open,
    .inputs = onnxruntime_inputs,
    .outputs = onnxruntime_outputs,
    .run = onnxruntime_run,
    .close = onnxruntime_close,
};
