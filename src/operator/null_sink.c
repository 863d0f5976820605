/* Takes frames and forgets them: for measuring. */
#include "operator/builtin.h"

static const struct brume_port inputs[] = {
    {"in", BRUME_ANY, "whatever is to be forgotten"},
    {0},
};

static int process(struct brume_call *call, void *state)
{
    (void)call;
    (void)state;
    return 0;
}

const struct brume_operator builtin_null_sink = {
    .abi = BRUME_ABI,
    .name = "null-sink",
    .summary = "takes frames and forgets them",
    .inputs = inputs,
    .process = process,
};
