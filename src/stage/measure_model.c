/* Models are run part by part: the device may not hold one as a whole. */
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "stage/measure_state.h"

enum { RUNS_WARM = 2 };

/* Runs one frame through the parts of a model, one after the other, up to the cut `to`.
 * MEASURE_REFUSED: a part refused it. */
static int run_parts(struct measure *measure, struct task *task, unsigned to,
                     struct frame *input, struct frame **ret_frame, struct error *err)
{
    const struct made *made = &measure->made[task->operator_id];
    struct frame *frame = frame_ref(input);
    unsigned at = 0;
    int r = 0;

    for (size_t i = 0; at < to && r == 0; i++) {
        unsigned next = i < made->n_cuts && made->cuts[i] < to ? made->cuts[i] : to;
        struct operator_instance *part = NULL;
        struct operator_result result = {0};

        r = measure_open_part(measure, task->operator_id, at, next, &part, err);
        if (r == 0) {
            r = measure_run_once(task, part, 0, &frame, &result, err) != 0 ? MEASURE_REFUSED
                                                                           : 0;
        }
        if (r == 0) {
            frame_unref(frame);
            frame = STEAL(result.outputs[0]);
        }
        operator_result_finish(&result);
        operator_close(part);
        malloc_trim(0);
        at = next;
    }
    if (r != 0) {
        frame_unref(frame);
        return r;
    }
    *ret_frame = frame;
    return 0;
}

/* What a model has made of the first frame that it can use when it has come to cut `to`. */
static int reach(struct measure *measure, struct task *task, unsigned to, unsigned *ret_i,
                 struct frame **ret_frame, struct error *err)
{
    struct error first = {0}, refusal;
    bool *refused = measure->made[task->operator_id].refused;
    unsigned n_seen = 0;

    for (unsigned i = 0; i < MEASURE_FRAMES; i++) {
        struct frame *inputs[CORE_INPUTS_MAX] = {NULL};
        int r = measure_gather(measure, task->operator_id, i, inputs);

        if (r == -ENODATA) {
            break;
        }
        n_seen++;
        refused[i] = r == MEASURE_REFUSED;
        if (refused[i]) {
            continue;
        }
        r = run_parts(measure, task, to, inputs[0], ret_frame, &refusal);
        refused[i] = r == MEASURE_REFUSED;
        if (r < 0) {
            *err = refusal;
        }
        if (r <= 0) {
            *ret_i = i;
            return r;
        }
        first = first.code == 0 ? refusal : first;
    }
    return first.code < 0
               ? measure_fail_unusable(measure, task->operator_id, n_seen, &first, err)
               : error_set(err, -ENODATA, "operator '%s' gets no frame to be measured on",
                           measure->deployment->operators[task->operator_id].name);
}

int measure_make_by_parts(struct measure *measure, struct task *task, struct error *err)
{
    struct made *made = &measure->made[task->operator_id];
    struct frame *frame = NULL;
    unsigned i = 0;
    int r = reach(measure, task, made->cuts[made->n_cuts - 1], &i, &frame, err);

    if (r == 0) {
        made->frames[i][0] = frame;
    }
    return r;
}

int measure_reach_cut(struct measure *measure, struct task *task, struct error *err)
{
    unsigned i = 0;

    if (measure->cut != NULL && measure->cut_of == task->operator_id &&
        measure->cut_at == task->from) {
        return 0;
    }
    measure->cut = frame_unref(measure->cut);
    return reach(measure, task, task->from, &i, &measure->cut, err);
}

int measure_run_segment(struct measure *measure, struct task *task,
                        struct operator_instance *instance, struct error *err)
{
    struct frame *end = NULL;
    uint64_t spent = 0;
    int r = 0;

    for (unsigned i = 0; r == 0 && !measure_enough(task, spent); i++) {
        struct operator_result result = {0};

        r = measure_run_once(task, instance, 0, &measure->cut, &result, err);
        if (r == 0 && i == 0) {
            measure_keep_outputs(task, &result, &end);
        }
        operator_result_finish(&result);
        if (r == 0 && i >= RUNS_WARM) {
            task->times[task->runs++] = task->cpu_ns;
            spent += task->cpu_ns;
        }
    }
    if (r < 0) {
        const struct error first = *err;
        r = measure_fail_unusable(measure, task->operator_id, 1, &first, err);
    }
    frame_unref(measure->cut);
    measure->cut = end;
    measure->cut_of = task->operator_id;
    measure->cut_at = task->to;
    return r;
}
