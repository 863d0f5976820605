#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/param.h"
#include "stage/measure_state.h"

static const struct brume_param *table_entry(const struct brume_operator *type,
                                             const char *name)
{
    const struct brume_param *param = type->params;

    while (param != NULL && param->name != NULL && strcmp(param->name, name) != 0) {
        param++;
    }
    return param != NULL && param->name != NULL ? param : NULL;
}

int measure_open_part(const struct measure *measure, unsigned operator_id, unsigned from,
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
        bool written = entry != NULL && param_is_written(entry);

        params[setup.n_params++] = (struct operator_param){
            wanted->params[i].name, written ? path : wanted->params[i].value};
    }
    if (to > 0) {
        params[setup.n_params++] = (struct operator_param){"segment", segment};
    }
    return r < 0 ? r : operator_open(&setup, ret_instance, err);
}

int measure_gather(const struct measure *measure, unsigned operator_id, unsigned i,
                   struct frame **inputs)
{
    const struct deployment *deployment = measure->deployment;
    const struct deployment_operator *reader = &deployment->operators[operator_id];
    int r = 0;

    for (size_t j = 0; j < reader->n_inputs && j < CORE_INPUTS_MAX; j++) {
        const struct deployment_operator *from =
            deployment_operator(deployment, reader->inputs[j].from);
        const struct made *made = &measure->made[from - deployment->operators];

        inputs[j] = made->frames[i][reader->inputs[j].port];
        if (made->refused[i]) {
            r = MEASURE_REFUSED;
        } else if (inputs[j] == NULL) {
            return -ENODATA;
        }
    }
    return r;
}

/* Waits as a source asked for; false: that would be too long in all. */
static bool wait_for_source(struct task *task, const struct operator_result *result)
{
    struct pollfd ready = {.fd = result->wait_for, .events = POLLIN};
    uint64_t ms = result->wait_ms > 0 ? result->wait_ms : 1;

    if (ms > MEASURE_PATIENCE_MS - task->waited_ms) {
        return false;
    }
    task->waited_ms += ms;
    poll(&ready, ready.fd >= 0 ? 1 : 0, (int)ms);
    return true;
}

int measure_run_once(struct task *task, struct operator_instance *instance, uint64_t sequence,
                     struct frame *const *inputs, struct operator_result *result,
                     struct error *err)
{
    for (;;) {
        uint64_t began = clock_process_ns();
        int r = operator_process(instance, sequence, inputs, result, err);

        task->cpu_ns = clock_process_ns() - began;
        if (r != OPERATOR_LATER || !wait_for_source(task, result)) {
            return r;
        }
        operator_result_finish(result);
    }
}

void measure_keep_outputs(struct task *task, struct operator_result *result,
                          struct frame **frames)
{
    task->n_outputs = result->n_outputs;
    task->n_frames++;
    for (unsigned i = 0; i < result->n_outputs && i < CORE_OUTPUTS_MAX; i++) {
        task->output_size[i] += frame_size(result->outputs[i]);
        frames[i] = STEAL(result->outputs[i]);
    }
}

bool measure_enough(const struct task *task, uint64_t spent_ns)
{
    return task->runs >= MEASURE_RUNS_MAX ||
           (task->runs >= MEASURE_RUNS_MIN && spent_ns >= MEASURE_ENOUGH_MS * 1000000ull);
}

int measure_fail_unusable(struct measure *measure, unsigned operator_id, unsigned n_frames,
                          const struct error *first, struct error *err)
{
    const struct deployment_operator *of = &measure->deployment->operators[operator_id];
    struct error inner = *first;
    size_t size = strlen(of->name);
    const char *why = inner.text;

    why +=
        strncmp(why, of->name, size) == 0 && strncmp(why + size, ": ", 2) == 0 ? size + 2 : 0;
    measure->unusable = of->origin;
    return n_frames == 1
               ? error_set(err, -EBADMSG, "the first frame cannot be used: %.200s", why)
               : error_set(err, -EBADMSG,
                           "none of the first %u frames can be used; one: %.180s", n_frames,
                           why);
}

/* The operator on each frame that can be used, up to `most`: what it makes is kept for those
 * that read it. `ret_usable` gets which ones. OPERATOR_LATER: the source has none yet. */
static int make_frames(struct measure *measure, struct task *task,
                       struct operator_instance *instance, unsigned most, unsigned *ret_usable,
                       struct error *err)
{
    struct made *made = &measure->made[task->operator_id];
    struct error first = {0}, refusal;
    unsigned n_seen = 0;
    int r = 0;

    for (unsigned i = 0; i < MEASURE_FRAMES && task->n_frames < most && r <= 0; i++) {
        struct frame *inputs[CORE_INPUTS_MAX] = {NULL};
        struct operator_result result = {0};

        r = measure_gather(measure, task->operator_id, i, inputs);
        if (r == -ENODATA) {
            break;
        }
        n_seen++;
        made->refused[i] = r == MEASURE_REFUSED;
        if (made->refused[i]) {
            r = 0;
            continue;
        }
        r = measure_run_once(task, instance, i, inputs, &result, &refusal);
        made->refused[i] = r < 0;
        if (r == 0) {
            ret_usable[task->n_frames] = i;
            measure_keep_outputs(task, &result, made->frames[i]);
        } else if (r < 0 && first.code == 0) {
            first = refusal;
        }
        operator_result_finish(&result);
    }
    if (task->n_frames > 0 || r == OPERATOR_LATER) {
        return task->n_frames > 0 ? 0 : r;
    }
    return first.code < 0
               ? measure_fail_unusable(measure, task->operator_id, n_seen, &first, err)
               : error_set(err, -ENODATA, "operator '%s' has no frame to be measured on",
                           measure->deployment->operators[task->operator_id].name);
}

/* The whole operator, on one frame after another, until it is timed well enough. */
static int run_whole(struct measure *measure, struct task *task,
                     struct operator_instance *instance, struct error *err)
{
    unsigned usable[MEASURE_FRAMES] = {0};
    uint64_t spent = 0;
    unsigned most = task->timed || measure->thorough ? MEASURE_FRAMES : 1;
    int r = make_frames(measure, task, instance, most, usable, err);

    if (r == OPERATOR_LATER) {
        measure->made[task->operator_id].given_up = true;
    }
    for (unsigned i = 0;
         r == 0 && task->n_frames > 0 && task->timed && !measure_enough(task, spent); i++) {
        struct frame *inputs[CORE_INPUTS_MAX] = {NULL};
        struct operator_result result = {0};
        unsigned frame = usable[i % task->n_frames];
        uint64_t before = task->cpu_ns;

        measure_gather(measure, task->operator_id, frame, inputs);
        r = measure_run_once(task, instance, frame, inputs, &result, err);
        operator_result_finish(&result);
        if (r == 0 || task->runs == 0) {
            task->times[task->runs++] = r == 0 ? task->cpu_ns : before;
            spent += task->cpu_ns;
        }
    }
    return r < 0 ? r : 0;
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

/* An operator that reads one that was given up has nothing to be measured on, either. */
static bool is_given_up(const struct measure *measure, unsigned operator_id)
{
    const struct deployment *deployment = measure->deployment;
    const struct deployment_operator *reader = &deployment->operators[operator_id];
    bool given_up = measure->made[operator_id].given_up;

    for (size_t i = 0; i < reader->n_inputs; i++) {
        const struct deployment_operator *from =
            deployment_operator(deployment, reader->inputs[i].from);

        given_up = given_up || measure->made[from - deployment->operators].given_up;
    }
    return given_up;
}

/* Codecs are tried when the memory of the operator itself was looked at. */
static void pack_outputs(struct measure *measure, struct task *task)
{
    struct made *made = &measure->made[task->operator_id];

    if (task->to > 0) {
        measure_pack(measure, task, task->to, measure->cut);
        return;
    }
    for (unsigned i = 0; i < MEASURE_FRAMES && !made->given_up; i++) {
        for (unsigned port = 0; port < task->n_outputs && port < CORE_OUTPUTS_MAX; port++) {
            measure_pack(measure, task, port, made->frames[i][port]);
        }
    }
}

static int run_task(struct measure *measure, struct task *task, struct error *err)
{
    struct operator_instance *instance = NULL;

    drop_unread(measure, task->operator_id);
    measure->made[task->operator_id].given_up = is_given_up(measure, task->operator_id);
    if (measure->made[task->operator_id].given_up) {
        return 0;
    }
    if (task->to == 0 && measure->made[task->operator_id].n_cuts > 0) {
        return measure_make_by_parts(measure, task, err);
    }
    int r = task->to > 0 ? measure_reach_cut(measure, task, err) : 0;
    uint64_t before = memory_resident();
    memory_peak_reset();

    if (r == 0) {
        r = measure_open_part(measure, task->operator_id, task->from, task->to, &instance, err);
    }
    if (r == 0) {
        r = task->to > 0 ? measure_run_segment(measure, task, instance, err)
                         : run_whole(measure, task, instance, err);
    }
    /* What an engine takes for a moment, when it packs weights, can kill a stage as well. */
    uint64_t most = memory_peak();
    task->memory = most > before ? most - before : 0;
    operator_close(instance);
    if (r == 0 && task->timed) {
        pack_outputs(measure, task);
    }
    return r;
}

/* The one frame that was made by those who are not timed was of no use: makes all of them, from
 * the source on, and tries again. */
static int run_thoroughly(struct measure *measure, struct task *task, struct error *err)
{
    int r = 0;

    measure->thorough = true;
    measure->unusable = NULL;
    measure->cut = frame_unref(measure->cut);
    for (size_t i = 0; i < measure->next && r == 0; i++) {
        struct task before = {.operator_id = measure->tasks[i].operator_id};

        made_finish(&measure->made[before.operator_id]);
        if (measure->tasks[i].to == 0) {
            r = run_task(measure, &before, err);
        }
    }
    *task = (struct task){.operator_id = task->operator_id,
                          .from = task->from,
                          .to = task->to,
                          .timed = task->timed};
    return r < 0 ? r : run_task(measure, task, err);
}

void measure_run_task(uv_work_t *work)
{
    struct measure *measure = work->data;
    struct task *task = &measure->tasks[measure->next];
    struct error err = {0};
    int r = run_task(measure, task, &err);

    if (r < 0 && measure->unusable != NULL && !measure->thorough) {
        r = run_thoroughly(measure, task, &err);
    }
    if (r < 0) {
        measure->err = err;
    }
}
