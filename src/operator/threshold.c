/* Says when values leave their bounds and when they are back: a reading for each change only.
 *
 * Each (type, device) is normal, high or low, at first normal. A value over `above` makes it
 * high, one under `below` low, once it has been so for the time `for`: the reading that is at
 * least that much later than the first one out of bounds, with none within bounds between,
 * counts. It is back as soon as a value is within bounds by `hysteresis`: at most above -
 * hysteresis, or at least below + hysteresis. From high to low without `for` there is one
 * change; with it the first is back to normal.
 *
 * Time is that of the readings. A reading that is older than the last one of its type and
 * device is left out and counted.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/keep.h"
#include "operator/keys.h"
#include "operator/readings.h"
#include "operator/readings_dropped.h"

enum { TYPE_MAX = READINGS_NAME_MAX - 7 }; /* " normal" goes behind it */

static const struct brume_param params[] = {
    {"above", BRUME_NUMBER, "", "high is what is greater; this, `below` or both", NULL, 0, 0},
    {"below", BRUME_NUMBER, "", "low is what is less", NULL, 0, 0},
    {"hysteresis", BRUME_NUMBER, "0", "how far within bounds a value must be to be back", NULL,
     0, 1e290},
    {"for", BRUME_DURATION, "0s", "how long it must be out of bounds to count", NULL, 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_READINGS, "readings"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS,
     "the reading at each change; its type is `TYPE high`, `TYPE low` or `TYPE normal`"},
    {0},
};

enum side { NORMAL, HIGH, LOW, SIDES };

struct watch {
    enum side side;
    enum side next; /* where it has been going since `since`; NORMAL: nowhere */
    double since;
    double last; /* time of the last reading */
};

struct threshold {
    double above, below, hysteresis, time; /* without bound: an infinite one */
    struct keys keys;
    struct watch watches[KEYS_MAX]; /* by key */
    struct readings_dropped dropped;
};

static int check(struct brume_call *call)
{
    bool above = *brume_param(call, "above") != '\0';
    bool below = *brume_param(call, "below") != '\0';
    double gap = brume_param_number(call, "above") - brume_param_number(call, "below");
    double hysteresis = brume_param_number(call, "hysteresis");

    if (!above && !below) {
        return brume_fail(call, "say 'above', 'below' or both");
    }
    if (above && below && gap <= 0) {
        return brume_fail(call, "'below' must be less than 'above': between the two is normal");
    }
    if (above && below && hysteresis > gap) {
        return brume_fail(call,
                          "'hysteresis' is %g, but between 'below' and 'above' is only %g",
                          hysteresis, gap);
    }
    return 0;
}

static int infer(struct brume_call *call)
{
    int ret = check(call);

    return ret < 0 ? ret : readings_infer(call, 1);
}

static double bound(struct brume_call *call, const char *name, double none)
{
    return *brume_param(call, name) == '\0' ? none : brume_param_number(call, name);
}

static int open_threshold(struct brume_call *call, void **ret_state)
{
    int ret = check(call);

    if (ret < 0) {
        return ret;
    }
    struct threshold *threshold = memory_new(1, sizeof(*threshold));
    threshold->above = bound(call, "above", INFINITY);
    threshold->below = bound(call, "below", -INFINITY);
    threshold->hysteresis = brume_param_number(call, "hysteresis");
    threshold->time = brume_param_number(call, "for");
    *ret_state = threshold;
    return 0;
}

static void close_threshold(void *state)
{
    struct threshold *threshold = state;

    keys_finish(&threshold->keys);
    free(threshold);
}

/* Where a value lies, for one that was on `side`. */
static enum side place(const struct threshold *threshold, enum side side, double value)
{
    if (value > threshold->above) {
        return HIGH;
    }
    if (value < threshold->below) {
        return LOW;
    }
    if (side == HIGH && value > threshold->above - threshold->hysteresis) {
        return HIGH;
    }
    if (side == LOW && value < threshold->below + threshold->hysteresis) {
        return LOW;
    }
    return NORMAL;
}

/* Moves on by one reading; returns whether the side changed. */
static bool step(const struct threshold *threshold, struct watch *watch,
                 const struct reading *reading)
{
    enum side before = watch->side;
    enum side now = place(threshold, before, reading->value);

    if (now == before || now == NORMAL) {
        watch->next = NORMAL;
        watch->side = now;
        return now != before;
    }
    if (now != watch->next) {
        watch->next = now;
        watch->since = reading->time;
    }
    watch->side = NORMAL;
    if (reading->time - watch->since >= threshold->time) {
        watch->next = NORMAL;
        watch->side = now;
    }
    return watch->side != before;
}

static void say(const struct reading *reading, enum side side, struct readings_out *out)
{
    static const char *const names[SIDES] = {"normal", "high", "low"};
    cleanup(memory_free) char *type = memory_format("%s %s", reading->type, names[side]);

    readings_add(out, &(struct reading){reading->time, reading->value, type, reading->device});
}

static void take(struct brume_call *call, struct threshold *threshold,
                 const struct reading *reading, struct readings_out *out)
{
    if (!reading_is_usable(reading)) {
        readings_drop(call, &threshold->dropped, READINGS_NUMBERS);
        return;
    }
    uint32_t n_keys = threshold->keys.n;
    uint32_t key = keys_number(&threshold->keys, reading->type, reading->device);
    if (key == KEYS_FULL) {
        readings_drop(call, &threshold->dropped, READINGS_KEYS);
        return;
    }
    struct watch *watch = &threshold->watches[key];
    if (key < n_keys && reading->time < watch->last) {
        readings_drop(call, &threshold->dropped, READINGS_LATE);
        return;
    }
    watch->last = reading->time;
    if (step(threshold, watch, reading)) {
        say(reading, watch->side, out);
    }
}

static int process(struct brume_call *call, void *state)
{
    cleanup(readings_finishp) struct readings readings = {0};
    cleanup(readings_out_finishp) struct readings_out out = {0};
    int ret = readings_input(call, 0, &readings);

    if (ret < 0) {
        return ret;
    }
    for (size_t i = 0; i < readings.n; i++) {
        if (strlen(readings.list[i].type) > TYPE_MAX) {
            return brume_fail(call, "the type of a reading is longer than %d bytes", TYPE_MAX);
        }
    }
    for (size_t i = 0; i < readings.n; i++) {
        take(call, state, &readings.list[i], &out);
    }
    return readings_output(call, 0, &out);
}

static int save(struct brume_call *call, void *state)
{
    const struct threshold *threshold = state;
    struct keep keep;

    keep_begin(call, &keep, params);
    readings_dropped_save(&threshold->dropped, &keep);
    keys_save(&threshold->keys, &keep);
    for (uint32_t i = 0; i < threshold->keys.n; i++) {
        const struct watch *watch = &threshold->watches[i];

        keep_u64(&keep, watch->side);
        keep_u64(&keep, watch->next);
        keep_f64(&keep, watch->since);
        keep_f64(&keep, watch->last);
    }
    keep_end(call, &keep);
    return 0;
}

static int restore(struct brume_call *call, void *state)
{
    struct threshold *threshold = state;
    struct kept kept;

    kept_begin(call, &kept, params);
    readings_dropped_restore(&threshold->dropped, &kept);
    keys_restore(&threshold->keys, &kept);
    for (uint32_t i = 0; i < threshold->keys.n; i++) {
        struct watch *watch = &threshold->watches[i];

        watch->side = (enum side)kept_u64(&kept, SIDES - 1);
        watch->next = (enum side)kept_u64(&kept, SIDES - 1);
        watch->since = kept_f64(&kept);
        watch->last = kept_f64(&kept);
    }
    return kept_end(call, &kept);
}

const struct brume_operator builtin_threshold = {
    .abi = BRUME_ABI,
    .name = "threshold",
    .summary = "says when readings leave their bounds and when they are back",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .flags = BRUME_STATEFUL,
    .infer = infer,
    .open = open_threshold,
    .process = process,
    .close = close_threshold,
    .save = save,
    .restore = restore,
};
