/* What measure.c, which plans and tells, and measure_run.c, which runs, share. */
#ifndef STAGE_MEASURE_STATE_H
#define STAGE_MEASURE_STATE_H

#include "stage/measure.h"
#include "stage/shell_state.h"

/* One thing to run, and to time if it is wanted. */
struct task {
    unsigned operator_id;
    unsigned from, to; /* cuts; 0, 0: the whole operator */
    bool timed;
    /* the result */
    uint64_t times[MEASURE_RUNS_MAX];
    unsigned runs;
    uint64_t memory, output_size[CORE_OUTPUTS_MAX];
    unsigned n_outputs, n_frames;
};

/* What an operator made of each of the frames, NULL past the last; and where its model, if it
 * runs one, may be cut: the last is its end. */
struct made {
    size_t n_cuts;
    unsigned *cuts;
    unsigned n_outputs;
    struct frame *frames[MEASURE_FRAMES][CORE_OUTPUTS_MAX];
};

struct measure {
    struct shell *shell; /* NULL: stopped */
    uv_work_t work;
    struct deployment *deployment;
    char *folder;
    size_t n_tasks, next;
    struct task *tasks;
    struct made *made; /* by operator */
    struct frame *cut; /* what is live at cut `cut_at` of operator `cut_of` */
    unsigned cut_of, cut_at;
    struct error err; /* code 0: none */
};

void made_finish(struct made *made);
/* Runs the task `next`, on a worker thread; what goes wrong is in `err`. */
void measure_run_task(uv_work_t *work);

#endif
