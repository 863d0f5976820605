/* Runs the operators of a stage on libuv's worker threads: one call at a time per operator, as
 * many operators at once as the stage has workers. */
#ifndef STAGE_RUNNER_H
#define STAGE_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/histogram.h"
#include "base/json.h"
#include "graph/deployment.h"
#include "operator/call.h"
#include "stage/core.h"

struct error;
struct runner;

enum { RUNNER_WHY_MAX = 300 };

/* What an operator has done since it was opened. */
struct runner_counters {
    uint64_t frames, errors, left_out;
    uint64_t cpu_ns, busy_ns; /* on the worker threads; wall time of the same */
    uint64_t last_ns;         /* clock_ns() when the last frame was done */
    char first_refusal[RUNNER_WHY_MAX], last_refusal[RUNNER_WHY_MAX]; /* of which frame, why */
    struct histogram latency; /* of a sink: microseconds from capture until it was done */
};

/* All called on the loop thread. */
struct runner_events {
    void (*opened)(void *owner, const struct error *err); /* NULL: every operator is open */
    /* `result` is the runner's; what the callback takes out of it is its own. `r` is that of
     * operator_process(): an error was logged and counted, its outputs are empty frames. That a
     * source has nothing yet is OPERATOR_LATER. */
    void (*ran)(void *owner, unsigned operator_id, uint64_t sequence, int r,
                struct operator_result *result);
    /* An operator that has inputs could not take them yet, and gets them again by itself. */
    void (*waits)(void *owner, unsigned operator_id, uint64_t sequence,
                  const struct operator_result *result);
    /* What runner_save() and runner_keep() were asked for is done. */
    void (*saved)(void *owner, unsigned operator_id, const struct error *err);
    void (*kept)(void *owner, unsigned operator_id, const struct error *err);
};

/* What to run: borrowed, and alive as long as the runner. */
struct runner_part {
    size_t n_operators;
    const struct deployment_operator *const *operators;
    const char *run; /* names the run of the application; operators get it as a parameter */
    const char *state_folder; /* what operators remember; NULL: nothing outlives the process */
    /* What the controller keeps of them: {operator: {"mark", "data"}}; needed until they are
     * open. NULL: nothing. */
    const json_t *checkpoints;
};

/* Opens the operators, off the loop; stateful ones take up what they remember. */
struct runner *runner_create(uv_loop_t *loop, const struct runner_part *part,
                             const struct runner_events *events, void *owner);
/* Carries out a CORE_RUN and takes its frames; sources hear that all below `done` is done. */
void runner_run(struct runner *runner, const struct core_effect *effect, uint64_t done);
/* Takes a snapshot of a stateful operator, which does not run meanwhile; puts it on disk. */
void runner_save(struct runner *runner, unsigned operator_id, uint64_t sequence);
void runner_keep(struct runner *runner, unsigned operator_id, uint64_t sequence);
/* What a stateful operator remembers, once opened, is that after all frames below this. */
uint64_t runner_mark(const struct runner *runner, unsigned operator_id);
/* What runner_keep() has put on disk; until the next runner_save(). */
const struct operator_saved *runner_snapshot(const struct runner *runner, unsigned operator_id);
const struct runner_counters *runner_count(const struct runner *runner, unsigned operator_id);
/* Closes the operators once nothing runs any more; no callbacks come after this. */
void runner_destroy(struct runner *runner);

/* The operator type that a deployment names; an error names the operator. */
int runner_type(const struct deployment_operator *wanted,
                const struct brume_operator **ret_type, struct error *err);

#endif
