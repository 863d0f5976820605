/* Prints a line per frame on the terminal of whoever runs the application. */
#include "operator/builtin.h"
#include "operator/describe.h"

static const struct brume_port inputs[] = {
    {"in", BRUME_ANY,
     "boxes, readings, values or text; of other tensors the shapes are printed"},
    {0},
};

static int process(struct brume_call *call, void *state)
{
    char text[DESCRIBE_TEXT_MAX];
    int ret = describe_text(call, sizeof(text), text);
    (void)state;

    if (ret == 0) {
        brume_say(call, "%s %llu: %s", brume_name(call),
                  (unsigned long long)brume_sequence(call), text);
    }
    return ret;
}

const struct brume_operator builtin_console = {
    .abi = BRUME_ABI,
    .name = "console",
    .summary = "prints a line per frame on the terminal",
    .inputs = inputs,
    .process = process,
};
