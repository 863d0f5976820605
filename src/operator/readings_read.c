#include "operator/readings_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Cuts the lines into types and devices: whether there are n of them and nothing more. */
static int cut(struct readings_input *input, size_t size)
{
    char *at = input->text;
    char *end = at + size;

    for (size_t i = 0; i < input->n; i++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        char *tab = stop != NULL ? memchr(at, '\t', (size_t)(stop - at)) : NULL;

        if (tab == NULL || memchr(at, '\0', (size_t)(stop - at)) != NULL) {
            return 0;
        }
        *tab = '\0';
        *stop = '\0';
        input->types[i] = at;
        input->devices[i] = tab + 1;
        at = stop + 1;
    }
    return at == end;
}

int readings_input(struct brume_call *call, unsigned port, struct readings_input *ret_input)
{
    const struct brume_tensor *rows = brume_input(call, port, 0);
    const struct brume_tensor *text = brume_input(call, port, 1);

    if (brume_input_count(call, port) != 2 || rows->type != BRUME_F64 || rows->rank != 2 ||
        rows->shape[1] != 2 || text->type != BRUME_U8 || text->rank != 1) {
        return brume_fail(call, "wants readings: f64[n, 2] and u8[m]");
    }
    struct readings_input input = {.n = rows->shape[0], .rows = rows->data};
    size_t size = text->shape[0];
    if (input.n > size / 2) { /* the shortest line has a tab and an end */
        return brume_fail(call, "%zu readings and %zu bytes of names", input.n, size);
    }
    input.text = memory_new(size + 1, 1);
    if (size > 0) {
        memcpy(input.text, text->data, size);
    }
    input.types = memory_new(input.n, sizeof(*input.types));
    input.devices = memory_new(input.n, sizeof(*input.devices));
    if (!cut(&input, size)) {
        readings_input_finishp(&input);
        return brume_fail(call, "a line of the readings' names is not \"type<tab>device\"");
    }
    *ret_input = input;
    return 0;
}

void readings_input_finishp(struct readings_input *input)
{
    free(input->text);
    free(input->types);
    free(input->devices);
    *input = (struct readings_input){0};
}
