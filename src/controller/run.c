/* Runs a plan: starts its stages, introduces them to each other, replaces those that die, ends
 * when the sources are dry or are told to be, and reports. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/checkpoints.h"
#include "controller/needs.h"
#include "controller/run_state.h"

enum {
    PROGRESS_MS = 1000,
    FAREWELL_MS = 3000, /* for stages to end by themselves */
};

double run_seconds(const struct run *run)
{
    return run->began_ms == 0 ? 0 : (double)(clock_ms() - run->began_ms) / 1000;
}

static size_t stage_index(const struct run *run, const char *name)
{
    const struct deployment_stage *stage = deployment_stage(run->deployment, name);

    return stage == NULL ? SIZE_MAX : (size_t)(stage - run->deployment->stages);
}

static void deadline_due(uv_timer_t *timer)
{
    run_drain(timer->data);
}

/* Sensors have to know where to publish. */
static void say_broker(struct session *session)
{
    if (session->run->broker != NULL) {
        cleanup(memory_free) char *text =
            memory_format("the embedded broker is at %s", broker_address(session->run->broker));
        front_say(session->front, json_pack("{ssss}", "type", "note", "text", text));
    }
}

void run_open(struct session *session, struct deployment *deployment)
{
    struct run *run = memory_new(1, sizeof(*run));

    session->run = run;
    run->deployment = deployment;
    run->actors = memory_new(deployment->n_stages, sizeof(*run->actors));
    run->speakers = memory_new(deployment->n_operators, sizeof(*run->speakers));
    for (size_t i = 0; i < deployment->n_stages; i++) {
        run->actors[i].session = session;
    }
    run_place_open(session);
    run->tally = tally_create(deployment);
    run->checkpoints = session->fabric->ops->remote ? json_object() : NULL;
    reconcile_init(&run->reconcile, deployment->n_stages, session->patience_ms);
    uv_timer_init(session->loop, &run->timer);
    uv_timer_init(session->loop, &run->progress);
    uv_timer_init(session->loop, &run->deadline);
    run->timer.data = run->progress.data = run->deadline.data = session;
}

static int open_broker(struct session *session, struct error *err)
{
    const struct broker_setup setup = {
        .loop = session->loop,
        .host = session->fabric->ops->controller_address(session->fabric),
        .folder = session->fabric->ops->remote ? NULL : session_folder(session),
    };
    int r = broker_start(&setup, session->run->deployment, &session->run->broker, err);

    if (r == 0) {
        say_broker(session);
    }
    return r;
}

int run_start(struct session *session, struct error *err)
{
    struct deployment *deployment = plan_deploy(session->plan);

    needs_choose_images(deployment);
    run_open(session, deployment);
    struct run *run = session->run;
    run->plan = plan_to_json(session->plan);
    run_foresee(session->plan, run->actors, deployment->n_stages);
    control_token(run->data_token);
    control_token(run->name);
    if (session->request->state != NULL) {
        int r = memory_folder_open(session->request->state, session->application->graph->name,
                                   run->name, sizeof(run->name), &run->memory, err);
        if (r < 0) {
            return r;
        }
    }
    int r = open_broker(session, err);
    if (r < 0) {
        return r;
    }
    run_say_stages(session);
    run_reconcile(session);
    return 0;
}

void run_drain(struct session *session)
{
    struct run *run = session->run;

    if (run->draining) {
        return;
    }
    run->draining = true;
    tally_draining(run->tally);
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        control_send(session->control, run->deployment->stages[i].name,
                     json_pack("{ss}", "type", "drain"));
    }
}

static void timer_closed(uv_handle_t *timer)
{
    struct run *run = timer->data;

    if (--run->n_timers == 0) {
        free(run);
    }
}

static void close_timer(struct run *run, uv_timer_t *timer)
{
    timer->data = run;
    run->n_timers++;
    uv_close((uv_handle_t *)timer, timer_closed);
}

void run_stop(struct session *session)
{
    struct run *run = STEAL(session->run);

    if (run == NULL) {
        return;
    }
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        free(run->actors[i].address);
    }
    run_free_update(run);
    run_place_close(run);
    tally_destroy(run->tally);
    json_decref(run->plan);
    json_decref(run->checkpoints);
    broker_stop(run->broker);
    memory_folder_close(run->memory);
    reconcile_finish(&run->reconcile);
    free(run->actors);
    free(run->speakers);
    deployment_destroy(run->deployment);
    close_timer(run, &run->timer);
    close_timer(run, &run->progress);
    close_timer(run, &run->deadline);
}

static void farewell_due(uv_timer_t *timer)
{
    run_say_report(timer->data);
}

/* Every frame is done: the stages end by themselves, or are ended when the fabric closes. */
static void say_farewell(struct session *session)
{
    struct run *run = session->run;

    run->stopping = true;
    run->seconds = run_seconds(run);
    uv_timer_stop(&run->progress);
    uv_timer_stop(&run->deadline);
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        control_send(session->control, run->deployment->stages[i].name,
                     json_pack("{ss}", "type", "report"));
        control_send(session->control, run->deployment->stages[i].name,
                     json_pack("{ss}", "type", "stop"));
    }
    uv_timer_start(&run->timer, farewell_due, FAREWELL_MS, 0);
}

static bool all(const struct run *run, bool (*is)(const struct actor *actor))
{
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        if (!is(&run->actors[i])) {
            return false;
        }
    }
    return true;
}

static bool is_finished(const struct actor *actor)
{
    return actor->finished || actor->placeless;
}

static bool is_gone(const struct actor *actor)
{
    return actor->gone;
}

void run_hello(struct session *session, const char *stage)
{
    size_t index = stage_index(session->run, stage);

    if (index != SIZE_MAX) {
        reconcile_saw(&session->run->reconcile, index, RECONCILE_SAW_HELLO, clock_ms());
        run_reconcile(session);
    }
}

static void note_begin(struct run *run)
{
    run->began_ms = run->began_ms == 0 ? clock_ms() : run->began_ms;
}

static void stage_ready(struct session *session, size_t index, const json_t *message)
{
    struct run *run = session->run;
    const char *address = json_string_value(json_object_get(message, "address"));

    free(run->actors[index].address);
    run->actors[index].address = memory_text(address);
    reconcile_saw(&run->reconcile, index, RECONCILE_SAW_READY, clock_ms());
    if (!run->ready) {
        run_say_stages(session);
    }
    if (!run->ready &&
        reconcile_count(&run->reconcile, RECONCILE_READY) == run->deployment->n_stages) {
        run->ready = true;
        note_begin(run);
        uv_timer_start(&run->progress, run_say_progress, PROGRESS_MS, PROGRESS_MS);
        front_say(session->front, json_pack("{ss}", "type", "running"));
        if (session->request->seconds > 0) {
            uv_timer_start(&run->deadline, deadline_due,
                           (uint64_t)(session->request->seconds * 1000), 0);
        }
    }
    run_reconcile(session);
}

static void stage_works(struct run *run, struct actor *actor, const char *stage)
{
    note_begin(run);
    tally_works(run->tally, stage, clock_ms() - actor->asked_ms);
    if (actor->waits_for_frame) {
        actor->waits_for_frame = false;
        tally_back(run->tally, stage, run_seconds(run));
    }
}

/* Prints what an operator says: each frame's words once, and at once what is of no frame but of
 * what an operator waits for. */
static void pass_on_words(struct session *session, const json_t *message)
{
    struct run *run = session->run;
    const char *name = json_string_value(json_object_get(message, "operator"));
    uint64_t sequence = (uint64_t)json_integer_value(json_object_get(message, "sequence"));
    const struct deployment_operator *which =
        name == NULL ? NULL : deployment_operator(run->deployment, name);
    size_t i;
    json_t *line;

    if (which == NULL) {
        return;
    }
    struct speaker *speaker = &run->speakers[which - run->deployment->operators];
    bool waits = json_is_true(json_object_get(message, "waits"));
    if (!waits && sequence < speaker->mark) {
        return;
    }
    speaker->mark = waits ? speaker->mark : sequence + 1;
    json_array_foreach(json_object_get(message, "lines"), i, line)
    {
        front_say(session->front, waits ? json_pack("{sssO}", "type", "note", "text", line)
                                        : json_pack("{sssO}", "type", "say", "line", line));
    }
}

static void take_checkpoint(struct session *session, size_t index, const json_t *message)
{
    struct run *run = session->run;
    const struct deployment_stage *stage = &run->deployment->stages[index];
    json_t *answer = checkpoints_take(run->checkpoints, run->deployment, stage->group, message);

    if (answer != NULL) {
        control_send(session->control, stage->name, answer);
    }
}

void run_said(struct session *session, const char *stage, const json_t *message)
{
    struct run *run = session->run;
    const char *type = json_string_value(json_object_get(message, "type"));
    size_t index = stage_index(run, stage);

    if (type == NULL || index == SIZE_MAX) {
        return;
    }
    struct actor *actor = &run->actors[index];
    if (strcmp(type, "report") == 0) {
        run_heard_report(session, index, message);
        run_warn(session);
    } else if (strcmp(type, "checkpoint") == 0) {
        take_checkpoint(session, index, message);
    } else if (strcmp(type, "ready") == 0) {
        stage_ready(session, index, message);
    } else if (strcmp(type, "log") == 0) {
        front_say(session->front, json_pack("{sssO?}", "type", "log", "line",
                                            json_object_get(message, "line")));
    } else if (strcmp(type, "say") == 0) {
        pass_on_words(session, message);
    } else if (strcmp(type, "working") == 0) {
        stage_works(run, actor, stage);
    } else if (strcmp(type, "failed") == 0) {
        run_heard_failure(session, index, message);
    } else if (strcmp(type, "finished") == 0) {
        actor->finished = true;
        if (all(run, is_finished) && !run->stopping) {
            say_farewell(session);
        }
    }
}

void run_gone(struct session *session, const char *stage, const char *how)
{
    struct run *run = session->run;
    size_t index = stage_index(run, stage);

    if (index == SIZE_MAX) {
        return;
    }
    if (!run->stopping) {
        run_lost_stage(session, index, how);
        return;
    }
    run->actors[index].gone = true;
    if (all(run, is_gone)) {
        run_say_report(session);
    }
}
