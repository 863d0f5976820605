/* The SDK's functions. They live in the program; plug-ins find them there. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/param.h"
#include "base/quantity.h"
#include "base/text.h"
#include "operator/instance.h"

_Static_assert(sizeof(struct brume_view) == sizeof(struct frame_view), "one layout");
_Static_assert((int)BRUME_BOOL == (int)TENSOR_BOOL, "one numbering");
_Static_assert((int)BRUME_RANK_MAX == (int)TENSOR_RANK_MAX, "one limit");

const char *brume_param(struct brume_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_params; i++) {
        if (strcmp(call->params[i].name, name) == 0) {
            return call->params[i].value;
        }
    }
    const struct brume_param *row = param_find(call->type, name);
    return row != NULL ? row->fallback : NULL;
}

int64_t brume_param_integer(struct brume_call *call, const char *name)
{
    const char *text = brume_param(call, name);
    int64_t value = 0;

    return text != NULL && quantity_integer(text, &value) == 0 ? value : 0;
}

double brume_param_number(struct brume_call *call, const char *name)
{
    const struct brume_param *row = param_find(call->type, name);
    const char *text = brume_param(call, name);
    double value = 0;
    int ret = -EINVAL;

    if (text == NULL) {
        return 0;
    }
    switch (row != NULL ? row->kind : BRUME_NUMBER) {
    case BRUME_RATE:
        ret = quantity_rate(text, &value);
        break;
    case BRUME_DURATION:
        ret = quantity_duration(text, &value);
        break;
    default:
        ret = quantity_number(text, &value);
    }
    return ret == 0 ? value : 0;
}

int brume_param_switch(struct brume_call *call, const char *name)
{
    const char *text = brume_param(call, name);
    bool on = false;

    return text != NULL && quantity_switch(text, &on) == 0 && on;
}

void brume_param_size(struct brume_call *call, const char *name, uint32_t *ret_width,
                      uint32_t *ret_height)
{
    const char *text = brume_param(call, name);

    if (text == NULL || quantity_size(text, ret_width, ret_height) < 0) {
        *ret_width = 0;
        *ret_height = 0;
    }
}

unsigned brume_param_numbers(struct brume_call *call, const char *name, unsigned most,
                             double *ret_numbers)
{
    const char *text = brume_param(call, name);
    size_t n = 0;

    if (text == NULL || quantity_numbers(text, most, ret_numbers, &n) < 0) {
        return 0;
    }
    return (unsigned)n;
}

const char *brume_name(struct brume_call *call)
{
    return call->name;
}

uint64_t brume_sequence(struct brume_call *call)
{
    return call->sequence;
}

uint64_t brume_captured_ns(struct brume_call *call)
{
    return call->captured_ns;
}

void brume_set_captured_ns(struct brume_call *call, uint64_t captured_ns)
{
    call->captured_ns = captured_ns;
}

void brume_set_origin(struct brume_call *call, const char *origin)
{
    free(call->origin);
    call->origin = memory_text(origin);
}

unsigned brume_input_count(struct brume_call *call, unsigned port)
{
    return port < call->n_inputs ? call->inputs[port].n : 0;
}

const struct brume_tensor *brume_input(struct brume_call *call, unsigned port, unsigned index)
{
    return index < brume_input_count(call, port) ? &call->inputs[port].faces[index] : NULL;
}

struct brume_view brume_view(struct brume_call *call, unsigned port)
{
    struct brume_view none = {0};

    return port < call->n_inputs ? call->inputs[port].view : none;
}

/* Takes the reference to `tensor`. */
static struct brume_tensor *add(struct instance_port *port, struct tensor *tensor)
{
    struct brume_tensor *face = &port->faces[port->n];

    face->type = (enum brume_type)tensor->shape.type;
    face->rank = tensor->shape.rank;
    memcpy(face->shape, tensor->shape.dims, sizeof(face->shape));
    face->data = tensor->data;
    port->tensors[port->n++] = tensor;
    return face;
}

void instance_output(struct brume_call *call, unsigned port, struct tensor *tensor)
{
    assert(port < call->n_outputs && call->outputs[port].n < FRAME_TENSORS_MAX);
    add(&call->outputs[port], tensor);
}

static struct instance_port *room(struct brume_call *call, unsigned port)
{
    if (port >= call->n_outputs || call->outputs[port].n == FRAME_TENSORS_MAX) {
        return NULL;
    }
    return &call->outputs[port];
}

struct brume_tensor *brume_output(struct brume_call *call, unsigned port, enum brume_type type,
                                  uint32_t rank, const uint32_t *shape)
{
    struct instance_port *output = room(call, port);
    struct tensor_shape wanted = {.type = (enum tensor_type)type, .rank = rank};
    struct tensor *tensor;

    if (output == NULL || rank > BRUME_RANK_MAX) {
        return NULL;
    }
    for (uint32_t i = 0; i < rank; i++) {
        wanted.dims[i] = shape[i];
    }
    struct error ignored;
    if (call->inferring) {
        struct brume_tensor *face = &output->faces[output->n];
        size_t size;

        if (tensor_shape_size(&wanted, &size, &ignored) < 0) {
            return NULL;
        }
        output->n++;
        *face = (struct brume_tensor){.type = type, .rank = rank};
        memcpy(face->shape, wanted.dims, sizeof(face->shape));
        return face;
    }
    return tensor_create(&wanted, &tensor, &ignored) == 0 ? add(output, tensor) : NULL;
}

int brume_output_adopt(struct brume_call *call, unsigned port,
                       const struct brume_tensor *tensor, void (*release)(void *owner),
                       void *owner)
{
    struct instance_port *output = room(call, port);
    struct tensor_shape shape = {.type = (enum tensor_type)tensor->type, .rank = tensor->rank};
    struct tensor *adopted;
    struct error err;

    if (output == NULL || tensor->rank > BRUME_RANK_MAX) {
        return brume_fail(call, "there is no output port %u, or it has its fill", port);
    }
    memcpy(shape.dims, tensor->shape, sizeof(shape.dims));
    if ((uintptr_t)tensor->data % TENSOR_ALIGNMENT != 0) {
        return brume_fail(call, "an adopted tensor must be aligned to %d bytes",
                          TENSOR_ALIGNMENT);
    }
    if (tensor_wrap(&shape, tensor->data, release, owner, &adopted, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    add(output, adopted);
    return 0;
}

int brume_forward(struct brume_call *call, unsigned port, unsigned input, unsigned index)
{
    const struct brume_tensor *tensor = brume_input(call, input, index);
    struct instance_port *output = room(call, port);

    if (tensor == NULL || output == NULL) {
        return brume_fail(call, "there is no tensor %u on input %u, or no room on output %u",
                          index, input, port);
    }
    if (call->inferring) {
        output->faces[output->n++] = *tensor;
    } else {
        add(output, tensor_ref(call->inputs[input].tensors[index]));
    }
    return 0;
}

void brume_set_view(struct brume_call *call, unsigned port, const struct brume_view *view)
{
    if (port < call->n_outputs) {
        call->outputs[port].view = *view;
    }
}

void brume_say(struct brume_call *call, const char *format, ...)
{
    char line[INSTANCE_LINE_MAX];
    va_list args;

    if (call->n_said == INSTANCE_LINES_MAX) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    text_make_printable(line);
    call->said = memory_grow(call->said, call->n_said, sizeof(*call->said));
    call->said[call->n_said++] = memory_text(line);
}

void brume_left_out(struct brume_call *call, uint64_t n)
{
    call->n_left_out += n;
}

int brume_fail(struct brume_call *call, const char *format, ...)
{
    char text[sizeof(call->failure.text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    text_make_printable(text);
    return error_set(&call->failure, -EIO, "%s", text);
}

void brume_wait(struct brume_call *call, uint64_t ms)
{
    call->wait_ms = ms;
}

void brume_wait_for(struct brume_call *call, int descriptor)
{
    call->wait_for = descriptor;
}

void brume_save(struct brume_call *call, const void *data, size_t size)
{
    struct operator_saved *saved = &call->saved;
    char *grown = size > 0 ? realloc(saved->data, saved->size + size) : saved->data;

    if (size == 0) {
        return;
    }
    if (grown == NULL) {
        abort();
    }
    memcpy(grown + saved->size, data, size);
    saved->data = grown;
    saved->size += size;
}

const void *brume_saved(struct brume_call *call, size_t *ret_size)
{
    *ret_size = call->saved.size;
    return call->saved.data;
}

uint64_t brume_done(struct brume_call *call)
{
    return call->done;
}

const char *brume_folder(struct brume_call *call)
{
    return call->folder;
}

int brume_rehearsal(struct brume_call *call)
{
    return call->rehearsal;
}
