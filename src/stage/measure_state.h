/* What measure.c, which plans and tells, and measure_run.c, which runs, share. */
#ifndef STAGE_MEASURE_STATE_H
#define STAGE_MEASURE_STATE_H

#include "graph/codec.h"
#include "stage/measure.h"
#include "stage/shell_state.h"

/* As struct profile_packing of the planner. */
struct task_packing {
    unsigned at;
    enum graph_codec codec;
    double part, pack, unpack;
};

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
    uint64_t cpu_ns;    /* of the last run */
    uint64_t waited_ms; /* for a source */
    size_t n_packings;
    struct task_packing *packings;
};

/* What an operator made of each of the frames, NULL past the last; and where its model, if it
 * runs one, may be cut: the last is its end. */
struct made {
    size_t n_cuts;
    unsigned *cuts;
    unsigned n_outputs;
    bool given_up; /* there are none, and nobody knows when */
    size_t n_packed;
    unsigned *packed; /* cuts or ports whose tensors codecs were tried on */
    bool refused[MEASURE_FRAMES];
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
    bool thorough;     /* every operator makes all frames, whether it is timed or not */
    struct frame *cut; /* what is live at cut `cut_at` of operator `cut_of` */
    unsigned cut_of, cut_at;
    struct error err; /* code 0: none */
    const char
        *unusable; /* the operator that `err` is about, when frames are to blame; or NULL */
};

enum { MEASURE_REFUSED = 1 };

void made_finish(struct made *made);
/* Runs the task `next`, on a worker thread; what goes wrong is in `err`. */
void measure_run_task(uv_work_t *work);

/* What both measure_run.c and measure_model.c need. */

/* Opens an operator or one segment of it; what it would write goes into the folder. */
int measure_open_part(const struct measure *measure, unsigned operator_id, unsigned from,
                      unsigned to, struct operator_instance **ret_instance, struct error *err);
/* The inputs of an operator for frame `i`, borrowed. MEASURE_REFUSED: somebody upstream refused
 * it; -ENODATA: there is no such frame. */
int measure_gather(const struct measure *measure, unsigned operator_id, unsigned i,
                   struct frame **inputs);
/* Runs once; a source that says "later" is waited for. 0, an outcome of operator_process(), or
 * an error: the operator refused the frame. */
int measure_run_once(struct task *task, struct operator_instance *instance, uint64_t sequence,
                     struct frame *const *inputs, struct operator_result *result,
                     struct error *err);
/* Counts the outputs' sizes, and keeps them in `frames`. */
void measure_keep_outputs(struct task *task, struct operator_result *result,
                          struct frame **frames);
bool measure_enough(const struct task *task, uint64_t spent_ns);
/* There is nothing to measure an operator on, and that is the frames' fault. */
int measure_fail_unusable(struct measure *measure, unsigned operator_id, unsigned n_frames,
                          const struct error *first, struct error *err);

/* Tries codecs on what lies at a cut of the task's operator, or at one of its ports. */
void measure_pack(struct measure *measure, struct task *task, unsigned at, struct frame *frame);

/* What a model makes of the first frame that it can use, for those that read it. */
int measure_make_by_parts(struct measure *measure, struct task *task, struct error *err);
/* Makes the frame at the first cut of a segment, unless the segment before has left it. */
int measure_reach_cut(struct measure *measure, struct task *task, struct error *err);
int measure_run_segment(struct measure *measure, struct task *task,
                        struct operator_instance *instance, struct error *err);

#endif
