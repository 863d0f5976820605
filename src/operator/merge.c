/* Makes one stream of several: the way back together after `classify`, or from many gateways.
 */
#include "base/base.h"
#include "operator/builtin.h"
#include "operator/readings.h"

enum { INPUTS = 8 };

static const struct brume_port inputs[] = {
    {"1", BRUME_READINGS, "readings, which go out first"},
    {"2", BRUME_READINGS, "readings, which go out next"},
    {"3", BRUME_READINGS, "and so on"},
    {"4", BRUME_READINGS, "and so on"},
    {"5", BRUME_READINGS, "and so on"},
    {"6", BRUME_READINGS, "and so on"},
    {"7", BRUME_READINGS, "and so on"},
    {"8", BRUME_READINGS, "and so on"},
    {0},
};
_Static_assert(sizeof(inputs) / sizeof(*inputs) == INPUTS + 1, "one row each");

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS, "all that came under one number: the first input's, the second's…"},
    {0},
};

static int infer(struct brume_call *call)
{
    return readings_infer(call, 1);
}

static int process(struct brume_call *call, void *state)
{
    cleanup(readings_out_finishp) struct readings_out out = {0};
    (void)state;

    for (unsigned port = 0; port < INPUTS; port++) {
        cleanup(readings_finishp) struct readings readings = {0};
        int ret = readings_input(call, port, &readings);

        if (ret < 0) {
            return ret;
        }
        for (size_t i = 0; i < readings.n; i++) {
            readings_add(&out, &readings.list[i]);
        }
    }
    return readings_output(call, 0, &out);
}

const struct brume_operator builtin_merge = {
    .abi = BRUME_ABI,
    .name = "merge",
    .summary = "makes one stream of readings of several",
    .inputs = inputs,
    .outputs = outputs,
    .flags = BRUME_MERGES,
    .infer = infer,
    .process = process,
};
