/* What runner.c, which runs operators, and runner_memory.c, which saves them, share. */
#ifndef STAGE_RUNNER_STATE_H
#define STAGE_RUNNER_STATE_H

#include "base/error.h"
#include "stage/checkpoint.h"
#include "stage/runner.h"

/* What a stateful operator remembers: the last snapshot, and what of it is on disk. */
struct runner_memory {
    struct checkpoint *checkpoint; /* NULL: it is not stateful */
    struct operator_saved snapshot;
};

struct runner {
    uv_loop_t *loop;
    const struct runner_events *events; /* NULL: being destroyed */
    void *owner;
    struct runner_part part;
    const struct brume_operator **types;
    struct operator_instance **instances;
    struct runner_counters *counters;
    struct runner_memory *memories;
    uv_work_t opening;
    struct error open_error; /* code 0: none */
    unsigned n_working;
    struct turn *waiting; /* those that are to be tried again */
};

/* Counts a piece of work off; the last one of a runner that is being destroyed frees it. True:
 * it is being destroyed, and nobody is to be told. */
bool runner_work_over(struct runner *runner);

/* Takes up what a stateful operator remembers; on a worker thread. */
int runner_memory_restore(struct runner *runner, size_t i, struct error *err);
void runner_memory_finish(struct runner_memory *memory);

#endif
