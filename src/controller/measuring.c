/* Measures what the planner lacks: one stage at a time, so that nothing disturbs it, on one
 * device of each type. Then plans, measures exactly what the plan would run, and plans again,
 * until nothing is wanted or ROUNDS_MOST is reached. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/measuring_state.h"

enum { ROUNDS_MOST = 5 };
#define STAGE "measure"

static void fail(struct session *session, const struct error *err)
{
    session_fail(session, err, EX_UNAVAILABLE);
}

static void started(void *owner, const struct error *err)
{
    if (err != NULL) {
        fail(owner, err);
    }
}

static void patience_over(uv_timer_t *timer)
{
    struct session *session = timer->data;
    struct error err;

    error_set(&err, -ETIMEDOUT,
              "measuring on %s: stage '" STAGE "' was started, and has not "
              "said hello in %g s",
              session->devices[session->measuring->device].name,
              (double)session->patience_ms / 1000);
    fail(session, &err);
}

/* Starts a stage on the device of the first want that was not asked yet; false: all were. */
static bool next_device(struct session *session)
{
    struct measuring *measuring = session->measuring;
    size_t i = 0;
    struct error err;

    while (i < measuring->n_wants && measuring->asked[i]) {
        i++;
    }
    if (i == measuring->n_wants) {
        return false;
    }
    measuring->device = measuring->wants[i].device;
    measuring->running = true;
    measuring->finished = false;
    measuring->n_told = 0;
    cleanup(deployment_destroyp) struct deployment *all = application_uncut(
        session->application, STAGE, session->devices[measuring->device].name);
    const struct stage_start start = {
        .deployment = all, .rehearses = true, .done = started, .owner = session};
    if (session_start_stage(session, &start, &err) < 0) {
        fail(session, &err);
    } else {
        uv_timer_start(&measuring->patience, patience_over, session->patience_ms, 0);
    }
    return true;
}

static void timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void stop_and_finish(struct session *session)
{
    struct measuring *measuring = STEAL(session->measuring);

    free(measuring->wants);
    free(measuring->asked);
    free(measuring->told);
    measuring->patience.data = measuring;
    uv_close((uv_handle_t *)&measuring->patience, timer_closed);
}

static void save(struct session *session)
{
    struct error err;

    if (profile_store_save(session->profiles, &err) < 0 && !session->unsaved) {
        session->unsaved = true;
        session_note(session, "what is measured cannot be kept for later runs: %s", err.text);
    }
}

/* One device of each type is enough. */
static void mark_duplicates(struct measuring *measuring)
{
    for (size_t i = 0; i < measuring->n_wants; i++) {
        for (size_t j = 0; j < i && !measuring->asked[i]; j++) {
            const struct profile_want *a = &measuring->wants[i], *b = &measuring->wants[j];
            measuring->asked[i] = a->operator== b->operator&& a->type == b->type &&
                                  a->from == b->from && a->to == b->to;
        }
        measuring->n_done += measuring->asked[i];
    }
}

/* Plans with what is known (at first there is nothing to plan with), and asks what it lacks;
 * false: measuring is over. */
static bool next_round(struct session *session)
{
    struct measuring *measuring = session->measuring;
    struct error err;

    int r = measuring->round > 0 ? session_plan(session, &err) : session_prepare(session, &err);

    if (r < 0) {
        session_fail(session, &err, r == -EINVAL ? EX_USAGE : EX_UNAVAILABLE);
        return false;
    }
    free(STEAL(measuring->wants));
    free(STEAL(measuring->asked));
    free(STEAL(measuring->told));
    measuring->n_done = 0;
    measuring->n_wants =
        profile_wanted(session->problem, session->profiles,
                       measuring->round > 0 ? session->plan : NULL, &measuring->wants);
    measuring->current = measuring->n_wants;
    if (measuring->round++ > 0 && (measuring->n_wants == 0 || measuring->round > ROUNDS_MOST)) {
        stop_and_finish(session);
        session_measured(session);
        return false;
    }
    measuring->asked = memory_new(measuring->n_wants, sizeof(*measuring->asked));
    measuring->told = memory_new(measuring->n_wants, sizeof(*measuring->told));
    mark_duplicates(measuring);
    return true;
}

/* The next device of this round, or of the next one that wants anything. */
static void go_on(struct session *session)
{
    while (!next_device(session) && next_round(session)) {
    }
}

void measuring_start(struct session *session)
{
    session->measuring = memory_new(1, sizeof(*session->measuring));
    uv_timer_init(session->loop, &session->measuring->patience);
    session->measuring->patience.data = session;
    go_on(session);
}

void measuring_stop(struct session *session)
{
    if (session->measuring != NULL) {
        save(session);
        stop_and_finish(session);
    }
}

/* Where each model may be cut: a device may have room for its parts alone. */
static json_t *cuts_to_json(const struct planner_problem *problem)
{
    json_t *cuts = json_object();

    for (size_t i = 0; i < problem->n_atoms; i++) {
        const struct planner_atom *atom = &problem->atoms[i];
        const char *name = problem->graph->operators[atom->operator].name;

        if (!atom->model) {
            continue;
        }
        json_t *list = json_object_get(cuts, name);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(cuts, name, list);
        }
        json_array_append_new(list, json_integer(atom->to));
    }
    return cuts;
}

void measuring_hello(struct session *session, const char *stage)
{
    struct measuring *measuring = session->measuring;
    const struct graph *graph = session->application->graph;
    const char *device = session->devices[measuring->device].name;
    struct deployment *deployment = application_uncut(session->application, STAGE, device);
    json_t *wants = json_array();

    uv_timer_stop(&measuring->patience);
    for (size_t i = 0; i < measuring->n_wants; i++) {
        const struct profile_want *want = &measuring->wants[i];

        if (measuring->asked[i] || want->device != measuring->device) {
            continue;
        }
        measuring->asked[i] = true;
        json_array_append_new(wants, json_pack("{sssisi}", "operator",
                                               graph->operators[want->operator].name, "from",
                                               (int)want->from, "to", (int)want->to));
    }
    cleanup(memory_free) char *folder =
        memory_format("%s/" STAGE, session->fabric->ops->folder(session->fabric));
    control_send(session->control, stage,
                 json_pack("{sssosssOsoso}", "type", "measure", "deployment",
                           session_deployment(session, deployment), "folder", folder, "wants",
                           wants, "cuts", cuts_to_json(session->problem), "files",
                           session_files(session, stage)));
    json_decref(wants);
    deployment_destroy(deployment);
}

static size_t find_operator(const struct graph *graph, const char *name)
{
    size_t i = 0;

    while (i < graph->n_operators && strcmp(graph->operators[i].name, name) != 0) {
        i++;
    }
    return i;
}

void measuring_said(struct session *session, const char *stage, const json_t *message)
{
    struct measuring *measuring = session->measuring;
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *name = json_string_value(json_object_get(message, "operator"));
    const char *text = json_string_value(json_object_get(message, "error"));
    const char *why = json_string_value(json_object_get(message, "why"));
    const struct graph *graph = session->application->graph;
    size_t index = name != NULL ? find_operator(graph, name) : graph->n_operators;
    struct error err;

    if (type == NULL) {
        return;
    }
    if (strcmp(type, "fetched") == 0) {
        measuring_take_link(session, message);
    } else if (strcmp(type, "measure-begin") == 0) {
        measuring->current = measuring_want(measuring, index, message);
    } else if (strcmp(type, "measured") == 0 && index < graph->n_operators) {
        measuring_take(session, index, message);
    } else if (strcmp(type, "unmeasured") == 0 && index < graph->n_operators) {
        measuring_give_up(session, index, why);
    } else if (strcmp(type, "unusable") == 0 && index < graph->n_operators) {
        measuring_fail_unusable(session, index, why);
    } else if (strcmp(type, "measure-done") == 0) {
        measuring->finished = true;
        save(session);
        control_send(session->control, stage, json_pack("{ss}", "type", "stop"));
    } else if (strcmp(type, "failed") == 0) {
        error_set(&err, run_failure_code(message), "measuring on %s: %s",
                  session->devices[measuring->device].name,
                  text != NULL ? text : "the stage failed");
        fail(session, &err);
    }
}

void measuring_gone(struct session *session, const char *how, bool starved)
{
    struct measuring *measuring = session->measuring;
    struct error err;

    measuring->running = false;
    uv_timer_stop(&measuring->patience);
    if (measuring->finished) {
        go_on(session);
        return;
    }
    measuring->deaths++;
    if (starved) {
        measuring_note_starved(session);
    }
    if (measuring->deaths >= DEATHS_MOST) {
        error_set(&err, -EIO, "measuring on %s: the stage was not done, and is gone: %s",
                  session->devices[measuring->device].name, how);
        fail(session, &err);
        return;
    }
    /* What it told is kept; the same round again asks for the rest. */
    log_event(starved ? LOG_INFO : LOG_WARN, "controller.measuring-again",
              "device=%s how=\"%s\"", session->devices[measuring->device].name, how);
    measuring->round--;
    if (next_round(session)) {
        go_on(session);
    }
}

static void silent_ended(void *owner, const struct error *err)
{
    struct session *session = owner;

    (void)err;
    if (session->measuring != NULL) {
        measuring_gone(session, "it fell silent", false);
    }
}

void measuring_silent(struct session *session)
{
    struct measuring *measuring = session->measuring;
    struct error err;

    if (!measuring->running || measuring->finished ||
        control_silence(session->control, STAGE) <= SESSION_SILENCE_MS) {
        return;
    }
    measuring->running = false;
    if (fabric_abandon(session->fabric, STAGE, silent_ended, session, &err) < 0) {
        fail(session, &err);
    }
}
