/* Sends each reading to the output of its type, so that each type can go its own way.
 *
 * The outputs are called as `types` says: with `types: "CO,NOx"` and an operator `route`,
 * others read `route.CO`, `route.NOx` and `route.other`.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/list.h"
#include "operator/readings.h"

enum { TYPES_MAX = 15, OTHER = TYPES_MAX, PORTS };

static const struct brume_param params[] = {
    {"types", BRUME_TEXT, NULL, "comma-separated, at most 15: an output is called after each",
     NULL, 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_READINGS, "readings of any types"},
    {0},
};

static const struct brume_port outputs[] = {
    {"1", BRUME_READINGS, "those of the first type in `types`, after which it is called"},
    {"2", BRUME_READINGS, "of the second"},
    {"3", BRUME_READINGS, "of the third"},
    {"4", BRUME_READINGS, "of the fourth"},
    {"5", BRUME_READINGS, "of the fifth"},
    {"6", BRUME_READINGS, "of the sixth"},
    {"7", BRUME_READINGS, "of the seventh"},
    {"8", BRUME_READINGS, "of the eighth"},
    {"9", BRUME_READINGS, "of the ninth"},
    {"10", BRUME_READINGS, "of the tenth"},
    {"11", BRUME_READINGS, "of the eleventh"},
    {"12", BRUME_READINGS, "of the twelfth"},
    {"13", BRUME_READINGS, "of the thirteenth"},
    {"14", BRUME_READINGS, "of the fourteenth"},
    {"15", BRUME_READINGS, "of the fifteenth"},
    {"other", BRUME_READINGS, "those of all other types"},
    {0},
};

/* A name must do as the name of an output in a manifest, too. */
static int read_types(struct brume_call *call, struct list *ret_types)
{
    cleanup(list_finishp) struct list types = {0};
    int ret = list_read(call, "types", TYPES_MAX, &types);

    if (ret < 0) {
        return ret;
    }
    if (types.n == 0) {
        return brume_fail(call, "'types' names no type");
    }
    for (size_t i = 0; i < types.n; i++) {
        if (strcmp(types.names[i], outputs[OTHER].name) == 0) {
            return brume_fail(call, "'types' has 'other', which is the output of all the rest");
        }
        if (strchr(types.names[i], ' ') != NULL) {
            return brume_fail(call, "'types' has '%.64s', but an output's name has no spaces",
                              types.names[i]);
        }
    }
    *ret_types = types;
    types = (struct list){0};
    return 0;
}

static int infer(struct brume_call *call)
{
    cleanup(list_finishp) struct list types = {0};
    int ret = read_types(call, &types);

    return ret < 0 ? ret : readings_infer(call, PORTS);
}

static void close_types(void *state)
{
    list_finish(state);
    free(state);
}

static int open_types(struct brume_call *call, void **ret_state)
{
    struct list types = {0};
    int ret = read_types(call, &types);

    if (ret < 0) {
        return ret;
    }
    struct list *kept = memory_new(1, sizeof(*kept));
    *kept = types;
    *ret_state = kept;
    return 0;
}

static size_t port_of(const struct list *types, const char *type)
{
    for (size_t i = 0; i < types->n; i++) {
        if (strcmp(types->names[i], type) == 0) {
            return i;
        }
    }
    return OTHER;
}

static int process(struct brume_call *call, void *state)
{
    cleanup(readings_finishp) struct readings readings = {0};
    struct readings_out out[PORTS];
    int ret = readings_input(call, 0, &readings);

    memset(out, 0, sizeof(out));
    for (size_t i = 0; i < readings.n; i++) {
        readings_add(&out[port_of(state, readings.list[i].type)], &readings.list[i]);
    }
    for (unsigned port = 0; port < PORTS; port++) {
        ret = ret < 0 ? ret : readings_output(call, port, &out[port]);
        readings_out_finish(&out[port]);
    }
    return ret;
}

const struct brume_operator builtin_classify = {
    .abi = BRUME_ABI,
    .name = "classify",
    .summary = "sends each reading to the output of its type",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .open = open_types,
    .process = process,
    .close = close_types,
    .port_names = "types",
};
