#include "engine/ports.h"

#include <ctype.h>
#include <errno.h>

#include "base/error.h"

static bool fits(const struct tensor_shape *port, const struct tensor_shape *input)
{
    if (input->type != port->type || input->rank != port->rank) {
        return false;
    }
    for (uint32_t i = 0; i < port->rank; i++) {
        if (port->dims[i] == 0 ? input->dims[i] == 0 : input->dims[i] != port->dims[i]) {
            return false;
        }
    }
    return true;
}

int engine_check_inputs(const struct engine_port *ports, size_t n, struct tensor *const *inputs,
                        struct error *err)
{
    char wanted[96], given[96];

    for (size_t i = 0; i < n; i++) {
        if (!fits(&ports[i].shape, &inputs[i]->shape)) {
            tensor_shape_text(&ports[i].shape, sizeof(wanted), wanted);
            tensor_shape_text(&inputs[i]->shape, sizeof(given), given);
            return error_set(err, -EINVAL, "input '%.40s' is %s, not %s", ports[i].name, wanted,
                             given);
        }
    }
    return 0;
}

void engine_drop(struct tensor **tensors, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tensors[i] = tensor_unref(tensors[i]);
    }
}

void engine_one_line(char *text)
{
    char *end = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (!isspace((unsigned char)*from)) {
            *end++ = *from;
        } else if (end > text && end[-1] != ' ') {
            *end++ = ' ';
        }
    }
    while (end > text && (end[-1] == ' ' || end[-1] == '.')) {
        end--;
    }
    *end = '\0';
}
