/* Moving averages: of the last readings, or of those of the last hour.
 *
 * With `count` readings are taken as they come. With `over` time is that of the readings: the
 * watermark is the greatest time seen less `late`; a reading waits until the watermark has
 * reached it, so that those that overtook each other come in order of time (equals as they
 * came), and one that is older than the watermark when it comes is left out and counted. The
 * average at t is that of the readings in (t - over, t] that were processed by then. What still
 * waits when the stream ends does not come out.
 *
 * Averages do not drift: the sum of a window is exact (see exact.h) and rounded once, then
 * divided. So what is kept of a window is its readings, and a restored operator goes on with
 * the same bits.
 *
 * What is remembered is bounded: keys (KEYS_MAX) and readings (READINGS_REMEMBERED, those that
 * wait and those in windows together). What does not fit is left out and counted.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/exact.h"
#include "operator/held.h"
#include "operator/keep.h"
#include "operator/keys.h"
#include "operator/readings.h"
#include "operator/readings_dropped.h"

static const struct brume_param params[] = {
    {"count", BRUME_INTEGER, "", "average of this many readings, the last ones", NULL, 1,
     READINGS_REMEMBERED},
    {"over", BRUME_DURATION, "", "average of the readings of this last time; or `count`", NULL,
     1e-3, 1e9},
    {"late", BRUME_DURATION, "0s", "with `over`: wait this long for readings out of order",
     NULL, 0, 0},
    {"per", BRUME_CHOICE, "device", "an average per type and device, or per type",
     "device|type", 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_READINGS, "readings"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS, "for each reading the average up to it, at its time"},
    {0},
};

struct point {
    double time, value;
};

/* A ring: what the next average is of, with its sum. */
struct ring {
    size_t first, n, room; /* room: 0 or a power of two */
    struct point *points;
    struct exact sum;
};

struct average {
    size_t count; /* 0: over */
    double over, late;
    bool per_type;
    double newest; /* greatest time seen */
    uint64_t arrivals;
    struct keys keys, groups; /* of readings; of averages, with `per: type` */
    uint32_t group_of[KEYS_MAX];
    struct ring rings[KEYS_MAX]; /* by group */
    struct held held;
    size_t remembered; /* held, and in rings */
    bool swept;        /* in this frame */
    struct readings_dropped dropped;
};

static void ring_resize(struct ring *ring, size_t room)
{
    struct point *points = memory_new(room, sizeof(*points));

    for (size_t i = 0; i < ring->n; i++) {
        points[i] = ring->points[(ring->first + i) & (ring->room - 1)];
    }
    free(ring->points);
    ring->points = points;
    ring->first = 0;
    ring->room = room;
}

static void ring_push(struct ring *ring, double time, double value)
{
    if (ring->n == ring->room) {
        ring_resize(ring, ring->room == 0 ? 8 : 2 * ring->room);
    }
    ring->points[(ring->first + ring->n++) & (ring->room - 1)] = (struct point){time, value};
    exact_add(&ring->sum, value);
}

static void ring_shift(struct ring *ring)
{
    exact_add(&ring->sum, -ring->points[ring->first].value);
    ring->first = (ring->first + 1) & (ring->room - 1);
    ring->n--;
    if (ring->room > 32 && ring->n < ring->room / 4) {
        ring_resize(ring, ring->room / 2);
    }
}

/* Lets go of what is not after `start`. */
static void expire(struct average *average, struct ring *ring, double start)
{
    while (ring->n > 0 && ring->points[ring->first].time <= start) {
        ring_shift(ring);
        average->remembered--;
    }
}

static int check(struct brume_call *call)
{
    bool count = *brume_param(call, "count") != '\0';
    bool over = *brume_param(call, "over") != '\0';

    if (count == over) {
        return brume_fail(call,
                          "say either 'count', of how many readings, or 'over', of what "
                          "time%s",
                          count ? "; not both" : "");
    }
    if (count && brume_param_number(call, "late") > 0) {
        return brume_fail(call, "'late' goes with 'over': with 'count' readings are taken as "
                                "they come");
    }
    return 0;
}

static int infer(struct brume_call *call)
{
    int ret = check(call);

    return ret < 0 ? ret : readings_infer(call, 1);
}

static int open_average(struct brume_call *call, void **ret_state)
{
    int ret = check(call);

    if (ret < 0) {
        return ret;
    }
    struct average *average = memory_new(1, sizeof(*average));
    average->count = (size_t)brume_param_integer(call, "count");
    average->over = brume_param_number(call, "over");
    average->late = brume_param_number(call, "late");
    average->per_type = strcmp(brume_param(call, "per"), "type") == 0;
    average->newest = -INFINITY;
    *ret_state = average;
    return 0;
}

static void close_average(void *state)
{
    struct average *average = state;

    for (size_t i = 0; i < KEYS_MAX; i++) {
        free(average->rings[i].points);
        exact_finish(&average->rings[i].sum);
    }
    keys_finish(&average->keys);
    keys_finish(&average->groups);
    held_finish(&average->held);
    free(average);
}

/* Finds the group of a key that may be new. */
static void assign_group(struct average *average, uint32_t key)
{
    average->group_of[key] =
        average->per_type ? keys_number(&average->groups, average->keys.list[key].type, "")
                          : key;
}

/* Gives out the average at a reading; its place in what is remembered goes to the ring. */
static void take(struct average *average, const struct held_reading *reading,
                 struct readings_out *out)
{
    struct ring *ring = &average->rings[average->group_of[reading->key]];
    const struct key *key = &average->keys.list[reading->key];

    ring_push(ring, reading->time, reading->value);
    if (average->count > 0 && ring->n > average->count) {
        ring_shift(ring);
        average->remembered--;
    } else if (average->count == 0) {
        expire(average, ring, reading->time - average->over);
    }
    double value = exact_total(&ring->sum) / (double)ring->n;
    readings_add(out, &(struct reading){reading->time, value, key->type, key->device});
}

static void release(struct average *average, struct readings_out *out)
{
    double watermark = average->newest - average->late;

    while (average->held.n > 0 && average->held.heap[0].time <= watermark) {
        struct held_reading reading = held_pop(&average->held);

        take(average, &reading, out);
    }
}

/* Is there room for one more? Windows of keys that fell silent are emptied at last. */
static bool has_room(struct average *average, uint32_t key)
{
    if (average->count > 0) {
        const struct ring *ring = &average->rings[average->group_of[key]];

        return ring->n == average->count || average->remembered < READINGS_REMEMBERED;
    }
    if (average->remembered >= READINGS_REMEMBERED && !average->swept) {
        for (size_t i = 0; i < KEYS_MAX; i++) {
            expire(average, &average->rings[i],
                   average->newest - average->late - average->over);
        }
        average->swept = true;
    }
    return average->remembered < READINGS_REMEMBERED;
}

static void accept(struct brume_call *call, struct average *average,
                   const struct reading *reading, struct readings_out *out)
{
    bool over = average->count == 0;

    if (!reading_is_usable(reading)) {
        readings_drop(call, &average->dropped, READINGS_NUMBERS);
        return;
    }
    if (over && reading->time < average->newest - average->late) {
        readings_drop(call, &average->dropped, READINGS_LATE);
        return;
    }
    average->newest = fmax(average->newest, reading->time);
    if (over) {
        /* Those that wait are older, but for equals, and those came before. */
        release(average, out);
    }
    uint32_t key = keys_number(&average->keys, reading->type, reading->device);
    if (key == KEYS_FULL) {
        readings_drop(call, &average->dropped, READINGS_KEYS);
        return;
    }
    assign_group(average, key);
    if (!has_room(average, key)) {
        readings_drop(call, &average->dropped, READINGS_FULL);
        return;
    }
    struct held_reading held = {reading->time, reading->value, average->arrivals++, key};
    average->remembered++;
    if (over) {
        held_push(&average->held, &held);
        release(average, out);
    } else {
        take(average, &held, out);
    }
}

static int process(struct brume_call *call, void *state)
{
    cleanup(readings_finishp) struct readings readings = {0};
    cleanup(readings_out_finishp) struct readings_out out = {0};
    struct average *average = state;
    int ret = readings_input(call, 0, &readings);

    if (ret < 0) {
        return ret;
    }
    average->swept = false;
    for (size_t i = 0; i < readings.n; i++) {
        accept(call, average, &readings.list[i], &out);
    }
    return readings_output(call, 0, &out);
}

static int save(struct brume_call *call, void *state)
{
    const struct average *average = state;
    struct keep keep;

    keep_begin(call, &keep, params);
    keep_f64(&keep, average->newest);
    keep_u64(&keep, average->arrivals);
    readings_dropped_save(&average->dropped, &keep);
    keys_save(&average->keys, &keep);
    held_save(&average->held, &keep);
    for (uint32_t i = 0; i < (average->per_type ? average->groups.n : average->keys.n); i++) {
        const struct ring *ring = &average->rings[i];

        keep_u64(&keep, ring->n);
        for (size_t k = 0; k < ring->n; k++) {
            const struct point *point = &ring->points[(ring->first + k) & (ring->room - 1)];

            keep_f64(&keep, point->time);
            keep_f64(&keep, point->value);
        }
    }
    keep_end(call, &keep);
    return 0;
}

static void restore_ring(struct average *average, struct ring *ring, struct kept *kept)
{
    size_t n = kept_count(kept, READINGS_REMEMBERED - average->remembered, 16);

    for (size_t i = 0; i < n; i++) {
        double time = kept_f64(kept);
        double value = kept_f64(kept);

        if (!reading_is_usable(&(struct reading){.time = time, .value = value})) {
            kept->torn = true;
            return;
        }
        ring_push(ring, time, value);
    }
    average->remembered += n;
}

static int restore(struct brume_call *call, void *state)
{
    struct average *average = state;
    struct kept kept;

    kept_begin(call, &kept, params);
    average->newest = kept_f64(&kept);
    average->arrivals = kept_u64(&kept, UINT64_MAX);
    readings_dropped_restore(&average->dropped, &kept);
    keys_restore(&average->keys, &kept);
    for (uint32_t i = 0; i < average->keys.n; i++) {
        assign_group(average, i);
    }
    held_restore(&average->held, &kept, READINGS_REMEMBERED, average->keys.n);
    average->remembered = average->held.n;
    uint32_t n = average->per_type ? average->groups.n : average->keys.n;
    for (uint32_t i = 0; i < n && !kept.torn; i++) {
        restore_ring(average, &average->rings[i], &kept);
    }
    return kept_end(call, &kept);
}

const struct brume_operator builtin_average = {
    .abi = BRUME_ABI,
    .name = "average",
    .summary = "moving averages of readings, by number or by time",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .flags = BRUME_STATEFUL,
    .infer = infer,
    .open = open_average,
    .process = process,
    .close = close_average,
    .save = save,
    .restore = restore,
};
