#include "operator/call.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/param.h"
#include "operator/instance.h"

struct operator_instance {
    struct brume_call call;
    void *state;
    bool opened;
};

static unsigned count_ports(const struct brume_port *ports)
{
    unsigned n = 0;

    while (ports != NULL && ports[n].name != NULL) {
        n++;
    }
    assert(n <= OPERATOR_PORTS_MAX);
    return n;
}

unsigned operator_n_inputs(const struct brume_operator *type)
{
    return count_ports(type->inputs);
}

unsigned operator_n_outputs(const struct brume_operator *type)
{
    return count_ports(type->outputs);
}

static int check_params(struct brume_call *call, struct error *err)
{
    for (const struct brume_param *row = call->type->params; row != NULL && row->name != NULL;
         row++) {
        const char *value = brume_param(call, row->name);

        if (value == NULL) {
            return error_set(err, -EINVAL, "'%s' is missing: %s", row->name, row->help);
        }
        int ret = param_check(row, value, err);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int instance_init(struct brume_call *call, const struct operator_setup *setup,
                  struct error *err)
{
    *call = (struct brume_call){
        .type = setup->type,
        .name = memory_text(setup->name),
        .folder = memory_text(setup->folder),
        .rehearsal = setup->rehearsal,
        .n_params = setup->n_params,
        .params = memory_new(setup->n_params + 1, sizeof(*call->params)),
        .n_inputs = operator_n_inputs(setup->type),
        .n_outputs = operator_n_outputs(setup->type),
    };
    for (size_t i = 0; i < setup->n_params; i++) {
        call->params[i].name = memory_text(setup->params[i].name);
        call->params[i].value = memory_text(setup->params[i].value);
    }
    call->inputs = memory_new(call->n_inputs + 1, sizeof(*call->inputs));
    call->outputs = memory_new(call->n_outputs + 1, sizeof(*call->outputs));
    int ret = check_params(call, err);
    return ret < 0 ? error_wrap(err, "%s", call->name) : 0;
}

static void clear_said(size_t n, char **said)
{
    for (size_t i = 0; i < n; i++) {
        free(said[i]);
    }
    free(said);
}

static void clear_ports(unsigned n, struct instance_port *ports)
{
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < ports[i].n; k++) {
            ports[i].tensors[k] = tensor_unref(ports[i].tensors[k]);
        }
        ports[i].n = 0;
    }
}

void instance_finish(struct brume_call *call)
{
    clear_ports(call->n_inputs, call->inputs);
    clear_ports(call->n_outputs, call->outputs);
    clear_said(call->n_said, call->said);
    for (size_t i = 0; i < call->n_params; i++) {
        free((char *)call->params[i].name);
        free((char *)call->params[i].value);
    }
    free(call->params);
    free(call->inputs);
    free(call->outputs);
    free(call->name);
    free(call->folder);
    free(call->origin);
    free(call->saved.data);
    *call = (struct brume_call){0};
}

static void instance_finishp(struct brume_call *call)
{
    instance_finish(call);
}

/* What the operator said was wrong, or the number it returned; and of what, if that is known.
 */
static int failed(const struct brume_call *call, int ret, const char *origin, struct error *err)
{
    if (call->failure.code < 0) {
        *err = call->failure;
    } else {
        error_set(err, ret, "%s",
                  strerrordesc_np(-ret) != NULL ? strerrordesc_np(-ret)
                                                : "failed without a word");
    }
    err->code = ret;
    return origin != NULL ? error_wrap(err, "%s: %s", call->name, origin)
                          : error_wrap(err, "%s", call->name);
}

int operator_open(const struct operator_setup *setup, struct operator_instance **ret_instance,
                  struct error *err)
{
    cleanup(operator_closep) struct operator_instance *instance =
        memory_new(1, sizeof(*instance));
    struct brume_call *call = &instance->call;
    int ret = instance_init(call, setup, err);

    if (ret == 0 && call->type->open != NULL) {
        ret = call->type->open(call, &instance->state);
        if (ret != 0) {
            return failed(call, ret < 0 ? ret : -EPROTO, NULL, err);
        }
    }
    if (ret < 0) {
        return ret;
    }
    instance->opened = true;
    *ret_instance = STEAL(instance);
    return 0;
}

void operator_close(struct operator_instance *instance)
{
    if (instance != NULL) {
        if (instance->opened && instance->call.type->close != NULL) {
            instance->call.type->close(instance->state);
        }
        instance_finish(&instance->call);
        free(instance);
    }
}

void operator_closep(struct operator_instance **instance)
{
    operator_close(*instance);
}

static void show_input(struct instance_port *port, const struct frame *frame)
{
    memcpy(&port->view, &frame->view, sizeof(port->view));
    port->n = frame->n_tensors;
    for (unsigned i = 0; i < frame->n_tensors; i++) {
        struct tensor *tensor = frame->tensors[i];
        struct brume_tensor *face = &port->faces[i];

        face->type = (enum brume_type)tensor->shape.type;
        face->rank = tensor->shape.rank;
        memcpy(face->shape, tensor->shape.dims, sizeof(face->shape));
        face->data = tensor->data;
        port->tensors[i] = tensor_ref(tensor);
    }
}

/* What the frame is made of, says the first input that knows; NULL: none does. */
static const char *inputs_origin(const struct brume_call *call, struct frame *const *inputs)
{
    const char *origin = NULL;

    for (unsigned i = 0; i < call->n_inputs && origin == NULL; i++) {
        origin = inputs[i] != NULL ? inputs[i]->origin : NULL;
    }
    return origin;
}

/* Returns whether there is work: no input is empty. */
static bool begin(struct brume_call *call, uint64_t sequence, struct frame *const *inputs)
{
    struct brume_view view = {0};
    bool merges = (call->type->flags & BRUME_MERGES) != 0;
    bool work = !merges;

    call->sequence = sequence;
    call->captured_ns = call->n_inputs == 0 ? clock_wall_ns() : UINT64_MAX;
    call->wait_ms = 0;
    call->wait_for = -1;
    call->failure.code = 0;
    free(call->origin);
    call->origin = memory_text(inputs_origin(call, inputs));
    for (unsigned i = 0; i < call->n_inputs; i++) {
        if (inputs[i] == NULL) { /* one that the manifest left out */
            continue;
        }
        show_input(&call->inputs[i], inputs[i]);
        if (inputs[i]->captured_ns < call->captured_ns) {
            call->captured_ns = inputs[i]->captured_ns;
        }
        work = merges ? work || inputs[i]->n_tensors > 0 : work && inputs[i]->n_tensors > 0;
    }
    if (call->n_inputs > 0) {
        view = call->inputs[0].view;
    }
    for (unsigned i = 0; i < call->n_outputs; i++) {
        call->outputs[i].view = view;
    }
    return work;
}

/* Refused here, where it costs the frame with a sentence, for it could not be sent. */
static int check_sizes(struct brume_call *call)
{
    for (unsigned i = 0; i < call->n_outputs; i++) {
        const struct instance_port *port = &call->outputs[i];
        size_t size = 0;

        for (unsigned k = 0; k < port->n; k++) {
            size += port->tensors[k]->size;
        }
        if (size > FRAME_SIZE_MAX) {
            return brume_fail(call,
                              "%zu bytes on output '%s', over the %d that a frame may have",
                              size, call->type->outputs[i].name, FRAME_SIZE_MAX);
        }
    }
    return 0;
}

static void hand_over(struct brume_call *call, struct operator_result *result)
{
    result->n_outputs = call->n_outputs;
    for (unsigned i = 0; i < call->n_outputs; i++) {
        struct instance_port *port = &call->outputs[i];
        struct frame_view view;

        memcpy(&view, &port->view, sizeof(view));
        result->outputs[i] =
            frame_create(call->sequence, call->captured_ns, &view, port->n, port->tensors);
        frame_set_origin(result->outputs[i], call->origin);
        port->n = 0;
    }
}

int operator_process(struct operator_instance *instance, uint64_t sequence,
                     struct frame *const *inputs, struct operator_result *ret_result,
                     struct error *err)
{
    struct brume_call *call = &instance->call;
    uint64_t begun_ns = clock_thread_ns();
    int ret = 0;

    *ret_result = (struct operator_result){0};
    if (begin(call, sequence, inputs)) {
        ret = call->type->process(call, instance->state);
    }
    if (ret > BRUME_LATER || (ret == BRUME_END && call->n_inputs > 0)) {
        ret = -EPROTO;
    }
    ret = ret == 0 ? check_sizes(call) : ret;
    if (ret < 0) {
        ret = failed(call, ret, inputs_origin(call, inputs), err);
    }
    if (ret != 0) {
        clear_ports(call->n_outputs, call->outputs);
    }
    if (ret <= 0) {
        hand_over(call, ret_result);
    }
    clear_ports(call->n_inputs, call->inputs);
    ret_result->wait_ms = call->wait_ms;
    ret_result->wait_for = call->wait_for;
    ret_result->n_left_out = call->n_left_out;
    call->n_left_out = 0;
    ret_result->n_said = call->n_said;
    ret_result->said = STEAL(call->said);
    call->n_said = 0;
    ret_result->cpu_ns = clock_thread_ns() - begun_ns;
    return ret;
}

void operator_set_done(struct operator_instance *instance, uint64_t done)
{
    instance->call.done = done;
}

int operator_save(struct operator_instance *instance, struct operator_saved *ret_saved,
                  struct error *err)
{
    struct brume_call *call = &instance->call;
    int ret = 0;

    call->failure.code = 0;
    if (call->type->save != NULL) {
        ret = call->type->save(call, instance->state);
    }
    if (ret == 0) {
        *ret_saved = call->saved;
    } else {
        free(call->saved.data);
    }
    call->saved = (struct operator_saved){0};
    return ret == 0 ? 0 : failed(call, ret < 0 ? ret : -EPROTO, NULL, err);
}

int operator_restore(struct operator_instance *instance, const void *data, size_t size,
                     struct error *err)
{
    struct brume_call *call = &instance->call;
    int ret = 0;

    call->failure.code = 0;
    call->saved = (struct operator_saved){.size = size, .data = (char *)(uintptr_t)data};
    if (call->type->restore != NULL) {
        ret = call->type->restore(call, instance->state);
    }
    call->saved = (struct operator_saved){0};
    return ret == 0 ? 0 : failed(call, ret < 0 ? ret : -EPROTO, NULL, err);
}

void operator_result_finish(struct operator_result *result)
{
    for (unsigned i = 0; i < result->n_outputs; i++) {
        frame_unref(result->outputs[i]);
    }
    clear_said(result->n_said, result->said);
    *result = (struct operator_result){0};
}

static void show_shapes(struct instance_port *port, const struct operator_shapes *shapes)
{
    port->n = shapes->n;
    for (unsigned i = 0; i < shapes->n; i++) {
        port->faces[i].type = (enum brume_type)shapes->shapes[i].type;
        port->faces[i].rank = shapes->shapes[i].rank;
        memcpy(port->faces[i].shape, shapes->shapes[i].dims, sizeof(port->faces[i].shape));
    }
}

static void read_shapes(const struct instance_port *port, struct operator_shapes *ret_shapes)
{
    ret_shapes->n = port->n;
    for (unsigned i = 0; i < port->n; i++) {
        struct tensor_shape *shape = &ret_shapes->shapes[i];

        shape->type = (enum tensor_type)port->faces[i].type;
        shape->rank = port->faces[i].rank;
        memcpy(shape->dims, port->faces[i].shape, sizeof(shape->dims));
    }
}

int operator_infer(const struct operator_setup *setup, const struct operator_shapes *inputs,
                   struct operator_shapes *ret_outputs, struct error *err)
{
    cleanup(instance_finishp) struct brume_call call = {0};
    int ret = instance_init(&call, setup, err);

    if (ret < 0) {
        return ret;
    }
    call.inferring = true;
    for (unsigned i = 0; i < call.n_inputs; i++) {
        show_shapes(&call.inputs[i], &inputs[i]);
    }
    if (call.type->infer != NULL) {
        ret = call.type->infer(&call);
        if (ret != 0) {
            return failed(&call, ret < 0 ? ret : -EPROTO, NULL, err);
        }
    }
    for (unsigned i = 0; i < call.n_outputs; i++) {
        read_shapes(&call.outputs[i], &ret_outputs[i]);
    }
    return 0;
}
