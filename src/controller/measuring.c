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
#include "controller/session.h"
#include "model/model.h"

enum {
    ROUNDS_MOST = 5,
    DEATHS_MOST = 3, /* in a row, of stages that told nothing */
};
#define STAGE "measure"

struct measuring {
    unsigned round, deaths;
    size_t n_wants, n_done; /* of this round */
    struct profile_want *wants;
    bool *asked; /* by want */
    unsigned device;
    bool running;  /* a stage is up */
    bool finished; /* and has told everything */
};

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
    const struct fabric_start start = {
        .stage = STAGE,
        .device = session->devices[measuring->device].name,
        .controller = control_address(session->control),
        .token = control_expect(session->control, STAGE),
    };
    if (session->fabric->ops->start(session->fabric, &start, started, session, &err) < 0) {
        fail(session, &err);
    }
    return true;
}

static void stop_and_finish(struct session *session)
{
    free(session->measuring->wants);
    free(session->measuring->asked);
    free(STEAL(session->measuring));
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

/* Plans with what is known, and asks what it lacks; false: measuring is over. */
static bool next_round(struct session *session)
{
    struct measuring *measuring = session->measuring;
    struct error err;

    int r = session_plan(session, &err);

    if (r < 0) {
        session_fail(session, &err, r == -EINVAL ? EX_USAGE : EX_UNAVAILABLE);
        return false;
    }
    free(STEAL(measuring->wants));
    free(STEAL(measuring->asked));
    measuring->n_done = 0;
    measuring->n_wants =
        profile_wanted(session->problem, session->profiles,
                       measuring->round > 0 ? session->plan : NULL, &measuring->wants);
    if (measuring->round++ > 0 && (measuring->n_wants == 0 || measuring->round > ROUNDS_MOST)) {
        stop_and_finish(session);
        session_measured(session);
        return false;
    }
    measuring->asked = memory_new(measuring->n_wants, sizeof(*measuring->asked));
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
    go_on(session);
}

void measuring_stop(struct session *session)
{
    if (session->measuring != NULL) {
        stop_and_finish(session);
    }
}

void measuring_hello(struct session *session, const char *stage)
{
    struct measuring *measuring = session->measuring;
    const struct graph *graph = session->application->graph;
    const char *device = session->devices[measuring->device].name;
    struct deployment *deployment = application_uncut(session->application, device);
    json_t *wants = json_array();

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
                 json_pack("{sssosssO}", "type", "measure", "deployment",
                           deployment_to_json(deployment), "folder", folder, "wants", wants));
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

static int record(struct session *session, const char *name, const json_t *message,
                  struct error *err)
{
    const struct application *application = session->application;
    size_t index = find_operator(application->graph, name), i;
    struct profile_segment segment = {
        .from = (unsigned)json_integer_value(json_object_get(message, "from")),
        .to = (unsigned)json_integer_value(json_object_get(message, "to")),
        .cpu_seconds = json_number_value(json_object_get(message, "cpu_seconds")),
        .memory = (uint64_t)json_integer_value(json_object_get(message, "memory")),
        .runs = (unsigned)json_integer_value(json_object_get(message, "runs")),
    };
    const json_t *outputs = json_object_get(message, "outputs");
    uint64_t sizes[PROFILE_OUTPUTS_MAX] = {0};

    if (index == application->graph->n_operators) {
        return 0;
    }
    const struct planner_operator *described = &application->operators[index];
    cleanup(memory_free) char *subject =
        profile_subject(application->graph, index, described->model);
    const struct profile_key key = {subject, session->devices[session->measuring->device].type,
                                    described->engine != NULL ? described->engine : ""};
    int r = profile_record(session->profiles, key, &segment, err);
    size_t n = json_array_size(outputs);
    bool whole = described->model == NULL ||
                 (segment.from == 0 && segment.to == described->model->n_layers);
    for (i = 0; i < n && i < PROFILE_OUTPUTS_MAX; i++) {
        sizes[i] = (uint64_t)json_integer_value(json_array_get(outputs, i));
    }
    if (r == 0 && whole && n > 0) {
        r = profile_record_outputs(session->profiles, key,
                                   n < PROFILE_OUTPUTS_MAX ? n : PROFILE_OUTPUTS_MAX, sizes,
                                   err);
    }
    return r;
}

void measuring_said(struct session *session, const char *stage, const json_t *message)
{
    struct measuring *measuring = session->measuring;
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *name = json_string_value(json_object_get(message, "operator"));
    const char *text = json_string_value(json_object_get(message, "error"));
    struct error err;

    if (type == NULL) {
        return;
    }
    if (strcmp(type, "measured") == 0 && name != NULL) {
        if (record(session, name, message, &err) < 0) {
            log_event(LOG_WARN, "controller.measurement-refused", "operator=%s why=\"%s\"",
                      name, err.text);
        }
        measuring->n_done++;
        measuring->deaths = 0;
        front_say(session->front,
                  json_pack("{sssisiss}", "type", "measuring", "done", (int)measuring->n_done,
                            "total", (int)measuring->n_wants, "what", name));
    } else if (strcmp(type, "measure-done") == 0) {
        measuring->finished = true;
        if (profile_store_save(session->profiles, &err) < 0) {
            log_event(LOG_WARN, "controller.profiles-unsaved", "why=\"%s\"", err.text);
        }
        control_send(session->control, stage, json_pack("{ss}", "type", "stop"));
    } else if (strcmp(type, "failed") == 0) {
        error_set(&err, -EIO, "measuring on %s: %s", session->devices[measuring->device].name,
                  text != NULL ? text : "the stage failed");
        fail(session, &err);
    }
}

void measuring_gone(struct session *session, const char *stage, const char *how)
{
    struct measuring *measuring = session->measuring;
    struct error err;

    (void)stage;
    measuring->running = false;
    if (measuring->finished) {
        go_on(session);
        return;
    }
    if (++measuring->deaths >= DEATHS_MOST) {
        error_set(&err, -EIO, "measuring on %s: the stage was not done, and is gone: %s",
                  session->devices[measuring->device].name, how);
        fail(session, &err);
        return;
    }
    /* What it told is kept; the same round again asks for the rest. */
    log_event(LOG_WARN, "controller.measuring-again", "device=%s how=\"%s\"",
              session->devices[measuring->device].name, how);
    measuring->round--;
    if (next_round(session)) {
        go_on(session);
    }
}
