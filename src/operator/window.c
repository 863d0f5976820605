/* One number per window of time and key: the mean of each minute, the 95th percentile of each
 * hour, slid on by ten minutes.
 *
 * Time is that of the readings. Window k holds those in [k step, k step + size), so windows are
 * aligned to 1970, and with `step` below `size` a reading is in several. The watermark is the
 * greatest time seen less `late`; when it has reached the end of a window, the window is given
 * out: for each key in it, in the order in which keys first appeared, a reading at the window's
 * end. Windows go out in order of their ends; those that nothing fell into are not there. A
 * reading counts in those of its windows that were not given out yet; when all were, it is left
 * out and counted. Windows that are open when the stream ends do not come out.
 *
 * What is remembered is bounded: keys (KEYS_MAX), windows of readings (STEPS_MAX), and numbers
 * in all windows together (READINGS_REMEMBERED). What does not fit is left out and counted.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "operator/aggregate.h"
#include "operator/builtin.h"
#include "operator/keep.h"
#include "operator/keys.h"
#include "operator/readings.h"
#include "operator/readings_dropped.h"

enum { STEPS_MAX = 1000 };
#define INDEX_MAX 2e14 /* exact in a double: READINGS_TIME_MAX in the shortest steps */

static const struct brume_param params[] = {
    {"size", BRUME_DURATION, NULL, "how long a window is", NULL, 1e-3, 1e9},
    {"step", BRUME_DURATION, "", "from a window's start to the next one's; `size`", NULL, 1e-3,
     1e9},
    {"late", BRUME_DURATION, "0s", "wait this long for readings out of order", NULL, 0, 0},
    {"function", BRUME_CHOICE, "mean", "what is made of the readings in a window",
     "min|max|mean|count|sum|percentile", 0, 0},
    {"percentile", BRUME_NUMBER, "", "which one: 50 is the median", NULL, 0, 100},
    {"per", BRUME_CHOICE, "device", "a number per type and device, or per type", "device|type",
     0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_READINGS, "readings"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS, "a reading per window and key, at the window's end"},
    {0},
};

struct cell {
    uint32_t key;
    struct aggregate aggregate;
};

struct pane {
    double index;
    size_t n;
    struct cell **cells; /* by growing key */
};

struct window {
    double size, step, late, percentile;
    double steps; /* size in steps when that is a whole number, else 0 */
    enum aggregate_function function;
    bool per_type;
    double newest; /* greatest time seen */
    struct keys keys;
    size_t n;
    struct pane **panes; /* not given out yet, by growing index */
    size_t remembered;   /* numbers in all of them */
    struct readings_dropped dropped;
};

static int check(struct brume_call *call)
{
    bool percentile = strcmp(brume_param(call, "function"), "percentile") == 0;
    bool sliding = *brume_param(call, "step") != '\0';
    double size = brume_param_number(call, "size");
    double step = brume_param_number(call, "step");

    if (sliding && step > size) {
        return brume_fail(call, "'step' is longer than 'size': readings between two windows "
                                "would be in none");
    }
    if (sliding && size / step > STEPS_MAX) {
        return brume_fail(call,
                          "a reading would be in %.0f windows at once, over %d: make "
                          "'step' longer",
                          ceil(size / step), STEPS_MAX);
    }
    if (percentile != (*brume_param(call, "percentile") != '\0')) {
        return brume_fail(call, "%s",
                          percentile ? "say which 'percentile', from 0 to 100"
                                     : "'percentile' goes with 'function: percentile'");
    }
    return 0;
}

static int infer(struct brume_call *call)
{
    int ret = check(call);

    return ret < 0 ? ret : readings_infer(call, 1);
}

static enum aggregate_function function_of(struct brume_call *call)
{
    static const char *const names[] = {
        [AGGREGATE_MIN] = "min",     [AGGREGATE_MAX] = "max", [AGGREGATE_MEAN] = "mean",
        [AGGREGATE_COUNT] = "count", [AGGREGATE_SUM] = "sum", [AGGREGATE_PERCENTILE] = NULL,
    };
    const char *text = brume_param(call, "function");
    int i = 0;

    while (names[i] != NULL && strcmp(names[i], text) != 0) {
        i++;
    }
    return (enum aggregate_function)i;
}

static int open_window(struct brume_call *call, void **ret_state)
{
    int ret = check(call);

    if (ret < 0) {
        return ret;
    }
    struct window *window = memory_new(1, sizeof(*window));
    window->size = brume_param_number(call, "size");
    window->step =
        *brume_param(call, "step") == '\0' ? window->size : brume_param_number(call, "step");
    double steps = window->size / window->step;
    window->steps = fabs(steps - round(steps)) < 1e-9 ? round(steps) : 0;
    window->late = brume_param_number(call, "late");
    window->percentile = brume_param_number(call, "percentile");
    window->function = function_of(call);
    window->per_type = strcmp(brume_param(call, "per"), "type") == 0;
    window->newest = -INFINITY;
    *ret_state = window;
    return 0;
}

static void free_pane(struct pane *pane)
{
    for (size_t i = 0; i < pane->n; i++) {
        aggregate_finish(&pane->cells[i]->aggregate);
        free(pane->cells[i]);
    }
    free(pane->cells);
    free(pane);
}

static void close_window(void *state)
{
    struct window *window = state;

    for (size_t i = 0; i < window->n; i++) {
        free_pane(window->panes[i]);
    }
    free(window->panes);
    keys_finish(&window->keys);
    free(window);
}

/* Where windows follow one another, one ends on the bit where another starts. */
static double end_of(const struct window *window, double index)
{
    return window->steps > 0 ? (index + window->steps) * window->step
                             : index * window->step + window->size;
}

static bool is_given_out(const struct window *window, double index)
{
    return end_of(window, index) <= window->newest - window->late;
}

/* The last window that begins at `time` or before, whatever rounding does. */
static double last_index(const struct window *window, double time)
{
    double index = floor(time / window->step);

    while (index * window->step > time) {
        index--;
    }
    while ((index + 1) * window->step <= time) {
        index++;
    }
    return index;
}

/* Opens the window `index`, or finds it. */
static struct pane *find_pane(struct window *window, double index)
{
    size_t at = window->n;

    while (at > 0 && window->panes[at - 1]->index > index) {
        at--;
    }
    if (at > 0 && window->panes[at - 1]->index == index) {
        return window->panes[at - 1];
    }
    window->panes = memory_grow(window->panes, window->n, sizeof(struct pane *));
    memmove(window->panes + at + 1, window->panes + at,
            (window->n++ - at) * sizeof(struct pane *));
    window->panes[at] = memory_new(1, sizeof(struct pane));
    window->panes[at]->index = index;
    return window->panes[at];
}

static struct cell *find_cell(struct pane *pane, uint32_t key)
{
    size_t from = 0, to = pane->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (pane->cells[middle]->key == key) {
            return pane->cells[middle];
        }
        if (pane->cells[middle]->key < key) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    pane->cells = memory_grow(pane->cells, pane->n, sizeof(struct cell *));
    memmove(pane->cells + from + 1, pane->cells + from,
            (pane->n++ - from) * sizeof(struct cell *));
    pane->cells[from] = memory_new(1, sizeof(struct cell));
    pane->cells[from]->key = key;
    return pane->cells[from];
}

static void give_out(struct window *window, struct readings_out *out)
{
    size_t n = 0;

    while (n < window->n && is_given_out(window, window->panes[n]->index)) {
        struct pane *pane = window->panes[n++];

        for (size_t i = 0; i < pane->n; i++) {
            struct aggregate *aggregate = &pane->cells[i]->aggregate;
            const struct key *key = &window->keys.list[pane->cells[i]->key];
            double value = aggregate_result(aggregate, window->function, window->percentile);

            window->remembered -= aggregate_size(aggregate);
            readings_add(out, &(struct reading){end_of(window, pane->index), value, key->type,
                                                key->device});
        }
        free_pane(pane);
    }
    if (n > 0) {
        window->n -= n;
        memmove(window->panes, window->panes + n, window->n * sizeof(struct pane *));
    }
}

/* Adds to the window `last` and to those before it that hold the reading, too. */
static void add(struct window *window, double last, uint32_t key, const struct reading *reading)
{
    double index = last;

    while (end_of(window, index) > reading->time && !is_given_out(window, index)) {
        struct cell *cell = find_cell(find_pane(window, index), key);
        size_t before = cell->aggregate.n == 0 ? 0 : aggregate_size(&cell->aggregate);

        aggregate_add(&cell->aggregate, window->function, reading->value);
        window->remembered += aggregate_size(&cell->aggregate);
        window->remembered -= before;
        index--;
    }
}

static void accept(struct brume_call *call, struct window *window,
                   const struct reading *reading, struct readings_out *out)
{
    if (!reading_is_usable(reading)) {
        readings_drop(call, &window->dropped, READINGS_NUMBERS);
        return;
    }
    double last = last_index(window, reading->time);
    if (is_given_out(window, last)) {
        readings_drop(call, &window->dropped, READINGS_LATE);
        return;
    }
    window->newest = fmax(window->newest, reading->time);
    give_out(window, out);
    uint32_t key =
        keys_number(&window->keys, reading->type, window->per_type ? "" : reading->device);
    if (key == KEYS_FULL) {
        readings_drop(call, &window->dropped, READINGS_KEYS);
    } else if (window->remembered >= READINGS_REMEMBERED) {
        readings_drop(call, &window->dropped, READINGS_FULL);
    } else {
        add(window, last, key, reading);
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
        accept(call, state, &readings.list[i], &out);
    }
    return readings_output(call, 0, &out);
}

static int save(struct brume_call *call, void *state)
{
    const struct window *window = state;
    struct keep keep;

    keep_begin(call, &keep, params);
    keep_f64(&keep, window->newest);
    readings_dropped_save(&window->dropped, &keep);
    keys_save(&window->keys, &keep);
    keep_u64(&keep, window->n);
    for (size_t i = 0; i < window->n; i++) {
        const struct pane *pane = window->panes[i];

        keep_f64(&keep, pane->index);
        keep_u64(&keep, pane->n);
        for (size_t k = 0; k < pane->n; k++) {
            keep_u64(&keep, pane->cells[k]->key);
            aggregate_save(&pane->cells[k]->aggregate, &keep);
        }
    }
    keep_end(call, &keep);
    return 0;
}

static void restore_pane(struct window *window, struct kept *kept)
{
    double index = kept_f64(kept);
    size_t n = kept_count(kept, window->keys.n, 48);
    struct pane *pane = find_pane(window, fabs(index) <= INDEX_MAX ? index : 0);

    for (size_t i = 0; i < n && !kept->torn; i++) {
        uint32_t key = (uint32_t)kept_u64(kept, window->keys.n - 1U);
        struct cell *cell = find_cell(pane, key);

        kept->torn = kept->torn || cell->aggregate.n > 0;
        if (!kept->torn) {
            aggregate_restore(&cell->aggregate, window->function, kept);
            window->remembered += aggregate_size(&cell->aggregate);
        }
    }
}

static int restore(struct brume_call *call, void *state)
{
    struct window *window = state;
    struct kept kept;

    kept_begin(call, &kept, params);
    window->newest = kept_f64(&kept);
    readings_dropped_restore(&window->dropped, &kept);
    keys_restore(&window->keys, &kept);
    size_t n = kept_count(&kept, READINGS_REMEMBERED, 16);
    for (size_t i = 0; i < n && !kept.torn; i++) {
        restore_pane(window, &kept);
        kept.torn = kept.torn || window->n != i + 1;
    }
    return kept_end(call, &kept);
}

const struct brume_operator builtin_window = {
    .abi = BRUME_ABI,
    .name = "window",
    .summary = "a number for each window of time: mean, count, percentile, …",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .flags = BRUME_STATEFUL,
    .infer = infer,
    .open = open_window,
    .process = process,
    .close = close_window,
    .save = save,
    .restore = restore,
};
