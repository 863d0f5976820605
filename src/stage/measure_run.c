#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "stage/measure_state.h"

enum { RUNS_WARM = 2 };

static const struct brume_param *table_entry(const struct brume_operator *type,
                                             const char *name)
{
    const struct brume_param *param = type->params;

    while (param != NULL && param->name != NULL && strcmp(param->name, name) != 0) {
        param++;
    }
    return param != NULL && param->name != NULL ? param : NULL;
}

/* Opens an operator or one segment of it; what it would write goes into the folder. */
static int open_part(const struct measure *measure, unsigned operator_id, unsigned from,
                     unsigned to, struct operator_instance **ret_instance, struct error *err)
{
    const struct deployment_operator *wanted = &measure->deployment->operators[operator_id];
    cleanup(memory_free) struct operator_param *params =
        memory_new(wanted->n_params + 1, sizeof(*params));
    cleanup(memory_free) char *segment = memory_format("%u:%u", from, to);
    cleanup(memory_free) char *path = memory_format("%s/%s", measure->folder, wanted->name);
    struct operator_setup setup = {.name = wanted->name, .params = params, .rehearsal = true};
    int r = runner_type(wanted, &setup.type, err);

    for (size_t i = 0; r == 0 && i < wanted->n_params; i++) {
        const struct brume_param *entry = table_entry(setup.type, wanted->params[i].name);
        bool written = entry != NULL && entry->kind == BRUME_PATH;

        params[setup.n_params++] = (struct operator_param){
            wanted->params[i].name, written ? path : wanted->params[i].value};
    }
    if (to > 0) {
        params[setup.n_params++] = (struct operator_param){"segment", segment};
    }
    return r < 0 ? r : operator_open(&setup, ret_instance, err);
}

/* The inputs of an operator for frame `i`, borrowed. -ENODATA: there is no such frame. */
static int gather(const struct measure *measure, unsigned operator_id, unsigned i,
                  struct frame **inputs)
{
    const struct deployment *deployment = measure->deployment;
    const struct deployment_operator *reader = &deployment->operators[operator_id];

    for (size_t j = 0; j < reader->n_inputs && j < CORE_INPUTS_MAX; j++) {
        const struct deployment_operator *from =
            deployment_operator(deployment, reader->inputs[j].from);

        inputs[j] =
            measure->made[from - deployment->operators].frames[i][reader->inputs[j].port];
        if (inputs[j] == NULL) {
            return -ENODATA;
        }
    }
    return 0;
}

/* Runs once; a source that says "later" is waited for. */
static int run_once(struct operator_instance *instance, uint64_t sequence,
                    struct frame *const *inputs, struct operator_result *result,
                    uint64_t *ret_cpu_ns, struct error *err)
{
    for (;;) {
        uint64_t began = clock_process_ns();
        int r = operator_process(instance, sequence, inputs, result, err);

        *ret_cpu_ns = clock_process_ns() - began;
        if (r != OPERATOR_LATER) {
            return r;
        }
        usleep((useconds_t)(result->wait_ms * 1000));
        operator_result_finish(result);
    }
}

/* Counts the outputs' sizes, and keeps them in `frames`. */
static void keep_outputs(struct task *task, struct operator_result *result,
                         struct frame **frames)
{
    task->n_outputs = result->n_outputs;
    task->n_frames++;
    for (unsigned i = 0; i < result->n_outputs && i < CORE_OUTPUTS_MAX; i++) {
        task->output_size[i] += frame_size(result->outputs[i]);
        frames[i] = STEAL(result->outputs[i]);
    }
}

static bool enough(const struct task *task, uint64_t spent_ns)
{
    return task->runs >= MEASURE_RUNS_MAX ||
           (task->runs >= MEASURE_RUNS_MIN && spent_ns >= MEASURE_ENOUGH_MS * 1000000ull);
}

/* The operator on each frame there is, up to `most`: what it makes is kept for those that read
 * it. Says how many there were. */
static int make_frames(struct measure *measure, struct task *task,
                       struct operator_instance *instance, unsigned most, struct error *err)
{
    struct made *made = &measure->made[task->operator_id];
    int r = 0;

    while (task->n_frames < most && r == 0) {
        struct frame *inputs[CORE_INPUTS_MAX] = {NULL};
        struct operator_result result = {0};
        uint64_t cpu_ns;

        if (gather(measure, task->operator_id, task->n_frames, inputs) < 0) {
            break;
        }
        r = run_once(instance, task->n_frames, inputs, &result, &cpu_ns, err);
        if (r == 0) {
            keep_outputs(task, &result, made->frames[task->n_frames]);
        }
        operator_result_finish(&result);
    }
    if (r >= 0 && task->n_frames == 0) {
        return error_set(err, -ENODATA, "operator '%s' has no frame to be measured on",
                         measure->deployment->operators[task->operator_id].name);
    }
    return r < 0 ? r : 0;
}

/* The whole operator, on one frame after another, until it is timed well enough. */
static int run_whole(struct measure *measure, struct task *task,
                     struct operator_instance *instance, struct error *err)
{
    uint64_t spent = 0, cpu_ns = 0;
    int r = make_frames(measure, task, instance, task->timed ? MEASURE_FRAMES : 1, err);

    for (unsigned i = 0; r == 0 && task->timed && !enough(task, spent); i++) {
        struct frame *inputs[CORE_INPUTS_MAX] = {NULL};
        struct operator_result result = {0};

        r = gather(measure, task->operator_id, i % task->n_frames, inputs);
        r = r < 0 ? r : run_once(instance, i % task->n_frames, inputs, &result, &cpu_ns, err);
        operator_result_finish(&result);
        task->times[task->runs++] = cpu_ns;
        spent += cpu_ns;
    }
    return r;
}

/* Runs one frame through the parts of a model, one after the other, up to the cut `to`. */
static int run_parts(struct measure *measure, unsigned operator_id, unsigned to,
                     struct frame *input, struct frame **ret_frame, struct error *err)
{
    const struct made *made = &measure->made[operator_id];
    struct frame *frame = frame_ref(input);
    unsigned at = 0;
    int r = 0;

    for (size_t i = 0; at < to && r == 0; i++) {
        unsigned next = i < made->n_cuts && made->cuts[i] < to ? made->cuts[i] : to;
        struct operator_instance *part = NULL;
        struct operator_result result = {0};
        uint64_t cpu_ns;

        r = open_part(measure, operator_id, at, next, &part, err);
        r = r < 0 ? r : run_once(part, 0, &frame, &result, &cpu_ns, err);
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

/* The first of the inputs of an operator, for the first frame; borrowed. */
static int first_input(const struct measure *measure, unsigned operator_id,
                       struct frame **ret_frame, struct error *err)
{
    struct frame *inputs[CORE_INPUTS_MAX] = {NULL};

    if (gather(measure, operator_id, 0, inputs) < 0) {
        return error_set(err, -ENODATA, "operator '%s' gets no frame to be measured on",
                         measure->deployment->operators[operator_id].name);
    }
    *ret_frame = inputs[0];
    return 0;
}

/* What a model makes of the first frame, for those that read it. */
static int make_by_parts(struct measure *measure, unsigned operator_id, struct error *err)
{
    struct made *made = &measure->made[operator_id];
    struct frame *input = NULL;
    int r = first_input(measure, operator_id, &input, err);

    return r < 0 ? r
                 : run_parts(measure, operator_id, made->cuts[made->n_cuts - 1], input,
                             &made->frames[0][0], err);
}

/* Makes the frame at the first cut of a segment, unless the segment before has left it. */
static int reach_cut(struct measure *measure, const struct task *task, struct error *err)
{
    struct frame *input = NULL;

    if (measure->cut != NULL && measure->cut_of == task->operator_id &&
        measure->cut_at == task->from) {
        return 0;
    }
    measure->cut = frame_unref(measure->cut);
    int r = first_input(measure, task->operator_id, &input, err);
    return r < 0 ? r
                 : run_parts(measure, task->operator_id, task->from, input, &measure->cut, err);
}

static int run_segment(struct measure *measure, struct task *task,
                       struct operator_instance *instance, struct error *err)
{
    struct frame *end = NULL;
    uint64_t spent = 0, cpu_ns;
    int r = 0;

    for (unsigned i = 0; r == 0 && !enough(task, spent); i++) {
        struct operator_result result = {0};

        r = run_once(instance, 0, &measure->cut, &result, &cpu_ns, err);
        if (r == 0 && i == 0) {
            keep_outputs(task, &result, &end);
        }
        operator_result_finish(&result);
        if (r == 0 && i >= RUNS_WARM) {
            task->times[task->runs++] = cpu_ns;
            spent += cpu_ns;
        }
    }
    frame_unref(measure->cut);
    measure->cut = end;
    measure->cut_of = task->operator_id;
    measure->cut_at = task->to;
    return r;
}

/* Frees what no operator from `operator_id` on reads: a small device must have room for the one
 * that is measured, not for all. */
static void drop_unread(struct measure *measure, unsigned operator_id)
{
    const struct deployment *deployment = measure->deployment;

    for (unsigned i = 0; i < operator_id; i++) {
        bool read = false;

        for (size_t j = operator_id; j < deployment->n_operators; j++) {
            for (size_t k = 0; k < deployment->operators[j].n_inputs; k++) {
                read = read || strcmp(deployment->operators[j].inputs[k].from,
                                      deployment->operators[i].name) == 0;
            }
        }
        if (!read) {
            made_finish(&measure->made[i]);
        }
    }
    malloc_trim(0);
}

void measure_run_task(uv_work_t *work)
{
    struct measure *measure = work->data;
    struct task *task = &measure->tasks[measure->next];
    struct operator_instance *instance = NULL;
    struct error *err = &measure->err;
    drop_unread(measure, task->operator_id);
    if (task->to == 0 && measure->made[task->operator_id].n_cuts > 0) {
        make_by_parts(measure, task->operator_id, err);
        return;
    }
    int r = task->to > 0 ? reach_cut(measure, task, err) : 0;
    uint64_t before = memory_resident();

    if (r == 0) {
        r = open_part(measure, task->operator_id, task->from, task->to, &instance, err);
    }
    if (r == 0 && task->to > 0) {
        run_segment(measure, task, instance, err);
    } else if (r == 0) {
        run_whole(measure, task, instance, err);
    }
    uint64_t after = memory_resident();
    task->memory = after > before ? after - before : 0;
    operator_close(instance);
}
