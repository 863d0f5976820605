/* What tally.c, which takes reports in, and tally_final.c, which makes the last one, share. */
#ifndef CONTROLLER_TALLY_STATE_H
#define CONTROLLER_TALLY_STATE_H

#include <stdbool.h>

#include "base/histogram.h"
#include "controller/tally.h"

enum { WARM_UP_WINDOWS = 3 };

/* A count that begins anew when its stage is started again. */
struct count {
    uint64_t past, now;
};

struct sink {
    const char *name;
    uint64_t mark, delivered, repeated;
    uint64_t last_ns;                   /* monotonic: when it took its last frame */
    uint64_t first_delivered, first_ns; /* when frames were heard of for the first time */
    uint64_t warm_delivered, warm_ns;   /* at the end of the warm-up; 0: not yet */
    uint64_t drain_delivered, drain_ns; /* when the sources were told to stop */
    struct histogram past, now;         /* latency in microseconds */
};

/* What one operator of the manifest refused, wherever it ran. */
struct refusals {
    const char *origin;
    char *first, *last; /* the operator's own sentences; NULL: none */
    uint64_t told;      /* how many there were when the user was told last */
};

struct member {
    const struct deployment_stage *stage;
    struct count frames; /* of its busiest operator */
    struct count cpu_ns, busy_ns, errors, accepted, repeated, resent;
    struct count *refused, *left_out; /* by operator of the deployment */
    uint64_t memory, queue;
    uint64_t start_ms; /* from the ask to its first frame */
    uint64_t progress_frames, progress_busy;
    json_t *links, *past_links; /* {to: {"bytes", "frames"}} */
};

struct failure {
    double seconds, recovered; /* recovered < 0: not yet */
    const char *stage;
    char *what;
};

struct tally {
    const struct deployment *deployment;
    struct member *members; /* by stage of the deployment */
    size_t n_sinks, n_failures;
    struct sink *sinks;
    struct failure *failures;
    size_t n_refusals;
    struct refusals *refusals;
    bool draining;
    double progress_seconds;
    uint64_t progress_delivered;
};

static inline uint64_t count_total(const struct count *count)
{
    return count->past + count->now;
}

/* A count out of a report; what is missing or negative is 0. */
static inline uint64_t json_count(const json_t *json, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(json, key));

    return value > 0 ? (uint64_t)value : 0;
}

/* What a report says of the frames that one operator refused, and of what it left out. */
void tally_take_refused(struct tally *tally, struct member *member, const json_t *entry);
/* [{"operator", "count"}, …] */
json_t *tally_final_left_out(const struct tally *tally);
/* [{"operator", "frames", "first"}, …] */
json_t *tally_final_refused(const struct tally *tally);

/* The sink that delivered least: the application's pace. NULL: none has reported. */
const struct sink *tally_slowest(const struct tally *tally);
/* Adds `from` to `to`, link by link. */
void tally_add_links(json_t *to, json_t *from);

#endif
