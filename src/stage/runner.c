#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "operator/registry.h"
#include "stage/runner_state.h"

/* One turn of an operator, from the loop to a worker and back; again and again as long as the
 * operator cannot take its inputs yet. For the core it runs all the while. */
struct turn {
    uv_work_t work;
    uv_timer_t again;
    bool waited;                  /* the timer is there */
    struct turn *previous, *next; /* of those that wait */
    struct runner *runner;
    unsigned operator_id, n_frames;
    uint64_t sequence, done, began_ns, ended_ns;
    struct frame *frames[CORE_INPUTS_MAX];
    struct operator_result result;
    struct error err;
    int r;
};

int runner_type(const struct deployment_operator *wanted,
                const struct brume_operator **ret_type, struct error *err)
{
    int r = registry_find(wanted->use, ret_type, err);

    return r < 0 ? error_wrap(err, "operator '%s'", wanted->origin) : 0;
}

static int open_one(struct runner *runner, size_t i, struct error *err)
{
    const struct deployment_operator *wanted = runner->part.operators[i];
    cleanup(memory_free) char *folder = NULL;
    struct operator_setup setup = {
        .type = runner->types[i], .name = wanted->name, .n_params = wanted->n_params};
    struct operator_param *params = memory_new(wanted->n_params + 1, sizeof(*params));

    for (size_t j = 0; j < wanted->n_params; j++) {
        params[j] = (struct operator_param){wanted->params[j].name, wanted->params[j].value};
    }
    if (runner->part.run != NULL) {
        params[setup.n_params++] = (struct operator_param){"run", runner->part.run};
    }
    setup.params = params;
    int r = 0;
    if (runner->part.state_folder != NULL && operator_n_inputs(setup.type) == 0) {
        setup.folder = folder = memory_format("%s/%s", runner->part.state_folder, wanted->name);
        r = file_make_folder(folder, err);
    }
    r = r < 0 ? r : operator_open(&setup, &runner->instances[i], err);
    free(params);
    return r;
}

/* brume_fail() knows no errno: a sink that does not open has no place to write to. */
static void open_all(uv_work_t *work)
{
    struct runner *runner = work->data;

    for (size_t i = 0; i < runner->part.n_operators && runner->open_error.code == 0; i++) {
        if (open_one(runner, i, &runner->open_error) == 0) {
            runner_memory_restore(runner, i, &runner->open_error);
        } else if (runner->open_error.code == -EIO && runner->types[i]->outputs == NULL) {
            runner->open_error.code = -EROFS;
        }
    }
}

static void runner_free(struct runner *runner)
{
    for (size_t i = 0; i < runner->part.n_operators; i++) {
        operator_close(runner->instances[i]);
        runner_memory_finish(&runner->memories[i]);
    }
    free(runner->memories);
    free(runner->types);
    free(runner->instances);
    free(runner->counters);
    free(runner);
}

bool runner_work_over(struct runner *runner)
{
    runner->n_working--;
    if (runner->events == NULL && runner->n_working == 0) {
        runner_free(runner);
        return true;
    }
    return runner->events == NULL;
}

static void all_opened(uv_work_t *work, int status)
{
    struct runner *runner = work->data;

    (void)status;
    if (!runner_work_over(runner)) {
        runner->events->opened(runner->owner,
                               runner->open_error.code < 0 ? &runner->open_error : NULL);
    }
}

struct runner *runner_create(uv_loop_t *loop, const struct runner_part *part,
                             const struct runner_events *events, void *owner)
{
    struct runner *runner = memory_new(1, sizeof(*runner));
    size_t n_operators = part->n_operators;

    runner->loop = loop;
    runner->events = events;
    runner->owner = owner;
    runner->part = *part;
    runner->types = memory_new(n_operators, sizeof(*runner->types));
    runner->instances = memory_new(n_operators, sizeof(struct operator_instance *));
    runner->counters = memory_new(n_operators, sizeof(*runner->counters));
    runner->memories = memory_new(n_operators, sizeof(*runner->memories));
    for (size_t i = 0; i < n_operators && runner->open_error.code == 0; i++) {
        runner_type(part->operators[i], &runner->types[i], &runner->open_error);
    }
    runner->opening.data = runner;
    runner->n_working = 1;
    uv_queue_work(loop, &runner->opening, open_all, all_opened);
    return runner;
}

static void turn_run(uv_work_t *work)
{
    struct turn *turn = work->data;

    turn->began_ns = clock_ns();
    operator_set_done(turn->runner->instances[turn->operator_id], turn->done);
    turn->r = operator_process(turn->runner->instances[turn->operator_id], turn->sequence,
                               turn->frames, &turn->result, &turn->err);
    turn->ended_ns = clock_ns();
}

static void note_latency(struct runner_counters *counters, const struct turn *turn)
{
    uint64_t now = clock_wall_ns(), captured = turn->frames[0]->captured_ns;

    if (captured > 0 && now > captured) {
        histogram_add(&counters->latency, (now - captured) / 1000);
    }
}

/* The operator's sentence without its name; which frame it is of, if the sentence does not say.
 */
static void note_refusal(struct runner *runner, const struct turn *turn)
{
    struct runner_counters *counters = &runner->counters[turn->operator_id];
    const char *name = runner->part.operators[turn->operator_id]->name, *why = turn->err.text;
    size_t size = strlen(name);
    bool named = turn->n_frames == 0;
    char frame[40] = "";

    for (unsigned i = 0; i < turn->n_frames; i++) {
        named = named || (turn->frames[i] != NULL && turn->frames[i]->origin != NULL);
    }
    if (!named) {
        snprintf(frame, sizeof(frame), "frame %llu: ", (unsigned long long)turn->sequence);
    }
    why += strncmp(why, name, size) == 0 && strncmp(why + size, ": ", 2) == 0 ? size + 2 : 0;
    snprintf(counters->last_refusal, RUNNER_WHY_MAX, "%s%s", frame, why);
    text_make_printable(counters->last_refusal);
    if (counters->errors++ == 0) {
        memcpy(counters->first_refusal, counters->last_refusal, RUNNER_WHY_MAX);
    }
}

static void count_turn(struct runner *runner, const struct turn *turn)
{
    struct runner_counters *counters = &runner->counters[turn->operator_id];

    counters->left_out += turn->result.n_left_out;
    counters->cpu_ns += turn->result.cpu_ns;
    counters->busy_ns += turn->ended_ns - turn->began_ns;
    if (turn->r < 0) {
        char quoted[300];
        note_refusal(runner, turn);
        log_event(LOG_DEBUG, "operator.refused", "operator=%s sequence=%llu why=%s",
                  runner->part.operators[turn->operator_id]->name,
                  (unsigned long long)turn->sequence,
                  log_quote(turn->err.text, quoted, sizeof(quoted)));
    }
    if (turn->r <= 0) {
        counters->frames++;
        counters->last_ns = turn->ended_ns;
    }
    if (turn->r == 0 && turn->n_frames > 0 && turn->result.n_outputs == 0) {
        note_latency(counters, turn);
    }
}

static void turn_free(struct turn *turn)
{
    operator_result_finish(&turn->result);
    for (unsigned i = 0; i < turn->n_frames; i++) {
        frame_unref(turn->frames[i]);
    }
    free(turn);
}

static void timer_closed(uv_handle_t *timer)
{
    turn_free(timer->data);
}

static void turn_destroy(struct turn *turn)
{
    if (turn->waited) {
        uv_close((uv_handle_t *)&turn->again, timer_closed);
    } else {
        turn_free(turn);
    }
}

static void turn_ended(uv_work_t *work, int status);

static void again_due(uv_timer_t *timer)
{
    struct turn *turn = timer->data;
    struct runner *runner = turn->runner;

    *(turn->previous != NULL ? &turn->previous->next : &runner->waiting) = turn->next;
    if (turn->next != NULL) {
        turn->next->previous = turn->previous;
    }
    runner->n_working++;
    uv_queue_work(runner->loop, &turn->work, turn_run, turn_ended);
}

static void turn_waits(struct turn *turn)
{
    struct runner *runner = turn->runner;

    runner->events->waits(runner->owner, turn->operator_id, turn->sequence, &turn->result);
    if (!turn->waited) {
        uv_timer_init(runner->loop, &turn->again);
        turn->again.data = turn;
        turn->waited = true;
    }
    uv_timer_start(&turn->again, again_due, turn->result.wait_ms, 0);
    operator_result_finish(&turn->result);
    turn->previous = NULL;
    turn->next = runner->waiting;
    if (turn->next != NULL) {
        turn->next->previous = turn;
    }
    runner->waiting = turn;
}

static void turn_ended(uv_work_t *work, int status)
{
    struct turn *turn = work->data;
    struct runner *runner = turn->runner;

    (void)status;
    if (!runner_work_over(runner)) {
        count_turn(runner, turn);
        if (turn->r == OPERATOR_LATER && turn->n_frames > 0) {
            turn_waits(turn);
            return;
        }
        runner->events->ran(runner->owner, turn->operator_id, turn->sequence, turn->r,
                            &turn->result);
    }
    turn_destroy(turn);
}

void runner_run(struct runner *runner, const struct core_effect *effect, uint64_t done)
{
    struct turn *turn = memory_new(1, sizeof(*turn));

    assert(effect->n_frames <= CORE_INPUTS_MAX);
    turn->work.data = turn;
    turn->runner = runner;
    turn->operator_id = effect->operator_id;
    turn->sequence = effect->sequence;
    turn->done = done;
    turn->n_frames = effect->n_frames;
    memcpy(turn->frames, effect->frames, effect->n_frames * sizeof(*turn->frames));
    runner->n_working++;
    uv_queue_work(runner->loop, &turn->work, turn_run, turn_ended);
}

const struct runner_counters *runner_count(const struct runner *runner, unsigned operator_id)
{
    return &runner->counters[operator_id];
}

void runner_destroy(struct runner *runner)
{
    if (runner == NULL) {
        return;
    }
    runner->events = NULL;
    while (runner->waiting != NULL) {
        struct turn *turn = runner->waiting;

        runner->waiting = turn->next;
        turn_destroy(turn);
    }
    if (runner->n_working == 0) {
        runner_free(runner);
    }
}
