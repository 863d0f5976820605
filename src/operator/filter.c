/* Keeps the readings that all conditions hold for; with `invert` the others. A value that is
 * not a number is neither above nor below anything. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/list.h"
#include "operator/readings.h"

static const struct brume_param params[] = {
    {"types", BRUME_TEXT, "", "keep these, comma-separated; CO* is all that begins with CO",
     NULL, 0, 0},
    {"devices", BRUME_TEXT, "", "keep those of these, likewise", NULL, 0, 0},
    {"above", BRUME_NUMBER, "", "keep values greater than this", NULL, 0, 0},
    {"below", BRUME_NUMBER, "", "keep values less than this; with `above`: between the two",
     NULL, 0, 0},
    {"invert", BRUME_SWITCH, "false", "keep what would be left out, and only that", NULL, 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_READINGS, "readings"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS, "those kept, as they came"},
    {0},
};

struct filter {
    struct list types, devices;
    bool has_above, has_below, invert;
    double above, below;
};

static void close_filter(void *state)
{
    struct filter *filter = state;

    list_finish(&filter->types);
    list_finish(&filter->devices);
    free(filter);
}

static int open_filter(struct brume_call *call, void **ret_state)
{
    struct filter *filter = memory_new(1, sizeof(*filter));

    filter->has_above = *brume_param(call, "above") != '\0';
    filter->has_below = *brume_param(call, "below") != '\0';
    filter->above = brume_param_number(call, "above");
    filter->below = brume_param_number(call, "below");
    filter->invert = brume_param_switch(call, "invert") != 0;
    int ret = list_read(call, "types", LIST_MAX, &filter->types);
    ret = ret < 0 ? ret : list_read(call, "devices", LIST_MAX, &filter->devices);
    if (ret == 0 && filter->has_above && filter->has_below && filter->above >= filter->below) {
        ret = brume_fail(call,
                         "no value is above %g and below %g: 'above' must be less than "
                         "'below' ('invert' keeps what lies outside)",
                         filter->above, filter->below);
    }
    if (ret < 0) {
        close_filter(filter);
        return ret;
    }
    *ret_state = filter;
    return 0;
}

static int infer(struct brume_call *call)
{
    void *filter = NULL;
    int ret = open_filter(call, &filter);

    if (ret < 0) {
        return ret;
    }
    close_filter(filter);
    return readings_infer(call, 1);
}

static bool holds(const struct filter *filter, const struct reading *reading)
{
    return (filter->types.n == 0 || list_matches(&filter->types, reading->type)) &&
           (filter->devices.n == 0 || list_matches(&filter->devices, reading->device)) &&
           (!filter->has_above || reading->value > filter->above) &&
           (!filter->has_below || reading->value < filter->below);
}

static int process(struct brume_call *call, void *state)
{
    cleanup(readings_finishp) struct readings readings = {0};
    cleanup(readings_out_finishp) struct readings_out out = {0};
    const struct filter *filter = state;
    int ret = readings_input(call, 0, &readings);

    if (ret < 0) {
        return ret;
    }
    for (size_t i = 0; i < readings.n; i++) {
        if (holds(filter, &readings.list[i]) != filter->invert) {
            readings_add(&out, &readings.list[i]);
        }
    }
    return readings_output(call, 0, &out);
}

const struct brume_operator builtin_filter = {
    .abi = BRUME_ABI,
    .name = "filter",
    .summary = "keeps readings by type, device and value",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .open = open_filter,
    .process = process,
    .close = close_filter,
};
