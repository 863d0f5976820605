#include "stage/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "stage/measure_state.h"

void made_finish(struct made *made)
{
    for (unsigned i = 0; i < MEASURE_FRAMES; i++) {
        for (unsigned j = 0; j < CORE_OUTPUTS_MAX; j++) {
            made->frames[i][j] = frame_unref(made->frames[i][j]);
        }
        made->refused[i] = false;
    }
}

static void measure_free(struct measure *measure)
{
    for (size_t i = 0; i < measure->deployment->n_operators; i++) {
        made_finish(&measure->made[i]);
        free(measure->made[i].cuts);
        free(measure->made[i].packed);
    }
    for (size_t i = 0; i < measure->n_tasks; i++) {
        free(measure->tasks[i].packings);
    }
    frame_unref(measure->cut);
    deployment_destroy(measure->deployment);
    free(measure->folder);
    free(measure->tasks);
    free(measure->made);
    free(measure);
}

void measure_stop(struct measure *measure)
{
    if (measure != NULL) {
        measure->shell = NULL;
    }
}

/* Telling, on the loop. */

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static json_t *packings_to_json(const struct task *task)
{
    json_t *packings = json_array();

    for (size_t i = 0; i < task->n_packings; i++) {
        const struct task_packing *packing = &task->packings[i];

        json_array_append_new(
            packings, json_pack("[isfff]", (int)packing->at, graph_codec_name(packing->codec),
                                packing->part, packing->pack, packing->unpack));
    }
    return packings;
}

static void tell(struct measure *measure, struct task *task)
{
    json_t *outputs = json_array();

    for (unsigned i = 0; i < task->n_outputs && i < CORE_OUTPUTS_MAX; i++) {
        uint64_t n = task->n_frames > 0 ? task->n_frames : 1;
        json_array_append_new(outputs, json_integer((json_int_t)(task->output_size[i] / n)));
    }
    /* The lower quartile: others on the machine can only make a run longer. */
    const uint64_t *typical = &task->times[task->runs / 4];

    qsort(task->times, task->runs, sizeof(*task->times), compare_times);
    shell_say(measure->shell,
              json_pack("{sssssisisfsIsisoso}", "type", "measured", "operator",
                        measure->deployment->operators[task->operator_id].name, "from",
                        (int)task->from, "to", (int)task->to, "cpu_seconds",
                        (double)*typical / 1e9, "memory", (json_int_t)task->memory, "runs",
                        (int)task->runs, "outputs", outputs, "packings",
                        packings_to_json(task)));
}

static void tell_given_up(struct measure *measure, const struct task *task)
{
    const struct deployment_operator *of = &measure->deployment->operators[task->operator_id];

    shell_say(measure->shell,
              json_pack("{ssssss?}", "type", "unmeasured", "operator", of->name, "why",
                        of->n_inputs == 0 ? "it has no frame yet, and says so again and again"
                                          : NULL));
}

static void task_ran(uv_work_t *work, int status);

static void run_next(struct measure *measure)
{
    const struct task *task = &measure->tasks[measure->next];

    if (task->timed) {
        shell_say(measure->shell,
                  json_pack("{sssssisi}", "type", "measure-begin", "operator",
                            measure->deployment->operators[task->operator_id].name, "from",
                            (int)task->from, "to", (int)task->to));
    }
    measure->work.data = measure;
    uv_queue_work(measure->shell->loop, &measure->work, measure_run_task, task_ran);
}

static void task_ran(uv_work_t *work, int status)
{
    struct measure *measure = work->data;
    struct shell *shell = measure->shell;

    (void)status;
    if (shell == NULL) {
        measure_free(measure);
        return;
    }
    struct task *task = &measure->tasks[measure->next++];
    if (measure->err.code == 0 && measure->made[task->operator_id].given_up) {
        tell_given_up(measure, task);
    } else if (measure->err.code == 0 && task->timed) {
        tell(measure, task);
    }
    if (measure->err.code == 0 && measure->next < measure->n_tasks) {
        run_next(measure);
        return;
    }
    shell->measure = NULL;
    struct error err = measure->err;
    json_t *unusable = measure->unusable == NULL
                           ? NULL
                           : json_pack("{ssssss}", "type", "unusable", "operator",
                                       measure->unusable, "why", err.text);
    measure_free(measure);
    if (unusable != NULL) {
        shell_say(shell, unusable);
    } else if (err.code < 0) {
        shell_fail(shell, &err);
    } else {
        shell_say(shell, json_pack("{ss}", "type", "measure-done"));
    }
}

/* Planning. */

struct want {
    const char *name;
    int from, to;
};

static int read_want(const json_t *json, struct want *ret_want, struct error *err)
{
    if (json_unpack((json_t *)(uintptr_t)json, "{sssisi}", "operator", &ret_want->name, "from",
                    &ret_want->from, "to", &ret_want->to) < 0 ||
        ret_want->from < 0 || ret_want->to < 0) {
        return error_set(err, -EPROTO, "the controller wants something unreadable measured");
    }
    return 0;
}

/* Operators whose output somebody needs who is measured, himself included. */
static void mark_needed(const struct deployment *deployment, const json_t *wants, bool *needed)
{
    for (size_t i = deployment->n_operators; i-- > 0;) {
        const struct deployment_operator *at = &deployment->operators[i];
        size_t index;
        json_t *json;
        struct want want;
        struct error err;

        json_array_foreach(wants, index, json)
        {
            needed[i] = needed[i] ||
                        (read_want(json, &want, &err) == 0 && strcmp(want.name, at->name) == 0);
        }
        for (size_t j = 0; needed[i] && j < at->n_inputs; j++) {
            needed[deployment_operator(deployment, at->inputs[j].from) -
                   deployment->operators] = true;
        }
    }
}

static int plan_tasks(struct measure *measure, const json_t *wants, struct error *err)
{
    const struct deployment *deployment = measure->deployment;
    cleanup(memory_free) bool *needed = memory_new(deployment->n_operators, sizeof(*needed));

    measure->tasks =
        memory_new(deployment->n_operators + json_array_size(wants), sizeof(*measure->tasks));
    mark_needed(deployment, wants, needed);
    for (unsigned i = 0; i < deployment->n_operators; i++) {
        struct task *whole = &measure->tasks[measure->n_tasks];
        size_t index;
        json_t *json;
        struct want want;

        if (!needed[i]) {
            continue;
        }
        whole->operator_id = i;
        measure->n_tasks++;
        json_array_foreach(wants, index, json)
        {
            int r = read_want(json, &want, err);
            if (r < 0) {
                return r;
            }
            if (strcmp(want.name, deployment->operators[i].name) != 0) {
                continue;
            }
            if (want.to == 0) {
                whole->timed = true;
            } else {
                measure->tasks[measure->n_tasks++] = (struct task){.operator_id = i,
                                                                   .from = (unsigned)want.from,
                                                                   .to = (unsigned)want.to,
                                                                   .timed = true};
            }
        }
    }
    return 0;
}

static int read_cuts(struct measure *measure, const json_t *cuts, struct error *err)
{
    const char *name;
    json_t *list, *cut;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)cuts, name, list)
    {
        const struct deployment_operator *of = deployment_operator(measure->deployment, name);

        if (of == NULL || !json_is_array(list)) {
            return error_set(err, -EPROTO, "the controller wants something unreadable cut");
        }
        struct made *made = &measure->made[of - measure->deployment->operators];
        free(made->cuts);
        made->n_cuts = json_array_size(list);
        made->cuts = memory_new(made->n_cuts, sizeof(*made->cuts));
        json_array_foreach(list, i, cut)
        {
            made->cuts[i] = (unsigned)json_integer_value(cut);
        }
    }
    return 0;
}

int measure_start(struct shell *shell, const json_t *message, struct error *err)
{
    const char *folder = json_string_value(json_object_get(message, "folder"));
    const json_t *wants = json_object_get(message, "wants");

    if (shell->measure != NULL || shell->deployment != NULL) {
        return error_set(err, -EBUSY, "a measurement was asked of a stage that is at work");
    }
    if (folder == NULL || !json_is_array(wants)) {
        return error_set(err, -EPROTO, "the controller wants something unreadable measured");
    }
    struct measure *measure = memory_new(1, sizeof(*measure));
    measure->shell = shell;
    measure->folder = memory_text(folder);
    int r =
        deployment_from_json(json_object_get(message, "deployment"), &measure->deployment, err);
    if (r < 0) {
        free(measure->folder);
        free(measure);
        return r;
    }
    measure->made = memory_new(measure->deployment->n_operators, sizeof(*measure->made));
    r = read_cuts(measure, json_object_get(message, "cuts"), err);
    r = r < 0 ? r : plan_tasks(measure, wants, err);
    if (r < 0) {
        measure_free(measure);
        return r;
    }
    if (measure->n_tasks == 0) {
        measure_free(measure);
        shell_say(shell, json_pack("{ss}", "type", "measure-done"));
        return 0;
    }
    shell->measure = measure;
    run_next(measure);
    return 0;
}
