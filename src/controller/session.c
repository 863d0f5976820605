#include "controller/session.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "controller/carry.h"
#include "controller/needs.h"
#include "controller/run_state.h"
#include "fabric/testbed.h"

#define PATIENCE_MOST 86400.0 /* seconds */

static void stage_hello(void *owner, const char *stage)
{
    struct session *session = owner;

    session_watch_hello(session);
    if (session->measuring != NULL) {
        measuring_hello(session, stage);
    } else if (session->run != NULL) {
        run_hello(session, stage);
    }
}

static void stage_said(void *owner, const char *stage, const json_t *message)
{
    struct session *session = owner;
    const char *type = json_string_value(json_object_get(message, "type"));

    if (type != NULL && strcmp(type, "fetch") == 0) {
        session_give_piece(session, stage, message);
    } else if (session->measuring != NULL) {
        measuring_said(session, stage, message);
    } else if (session->run != NULL) {
        run_said(session, stage, message);
    }
}

static void stage_lost(void *owner, const char *stage)
{
    /* Its process tells whether it is gone; a link alone comes back. */
    (void)owner;
    (void)stage;
}

static const struct control_events control_events = {stage_hello, stage_said, stage_lost};

static void stage_gone(void *owner, const char *stage, const char *how, bool starved)
{
    struct session *session = owner;

    log_event(LOG_INFO, "controller.stage-gone", "stage=%s how=\"%s\"", stage, how);
    if (session->measuring != NULL) {
        measuring_gone(session, how, starved);
    } else if (session->run != NULL) {
        run_gone(session, stage, how);
    }
}

void session_note(struct session *session, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cleanup(memory_free) char *text = memory_format_list(format, args);
    va_end(args);
    front_say(session->front, json_pack("{ssss}", "type", "note", "text", text));
}

static void fabric_noted(void *owner, const char *text)
{
    session_note(owner, "%s", text);
}

static void device_changed(void *owner, const char *device, bool usable, const char *why)
{
    const struct session *session = owner;

    log_event(LOG_INFO, "controller.device", "device=%s usable=%d why=\"%s\"", device, usable,
              why != NULL ? why : "");
    if (session->run != NULL) {
        run_device(owner, device, usable, why);
    }
}

static void end(struct session *session, int code, bool leave)
{
    if (session->closing) {
        return;
    }
    session->closing = true;
    session->code = code;
    session_unwatch(session);
    measuring_stop(session);
    run_stop(session);
    control_destroy(STEAL(session->control));
    if (leave && session->fabric != NULL && session->fabric->ops->leave != NULL) {
        session->fabric->ops->leave(STEAL(session->fabric));
    } else if (session->fabric != NULL && session->fabric->ops->dismiss != NULL) {
        session->fabric->ops->dismiss(STEAL(session->fabric));
    }
    fabric_closep(&session->fabric);
    front_close(STEAL(session->front));
}

void session_close(struct session *session, int code)
{
    end(session, code, false);
}

/* A run that only measures has nothing to leave. */
void session_leave(struct session *session)
{
    end(session, EX_OK, session->run != NULL);
}

void session_fail(struct session *session, const struct error *err, int otherwise)
{
    int code = error_exit_code(err, otherwise);

    if (!session->closing) {
        front_say(session->front, json_pack("{sssosi}", "type", "error", "text",
                                            json_line(err->text), "code", code));
        session_close(session, code);
    }
}

/* With --devices N the first device has whatever the application asks for. */
static void give_first_device_everything(struct session *session)
{
    const struct graph *graph = session->application->graph;

    for (size_t i = 0; i < graph->n_operators; i++) {
        for (size_t j = 0; j < graph->operators[i].n_has; j++) {
            testbed_give(session->request->testbed, 0, graph->operators[i].has[j]);
        }
    }
}

static int open_fabric(struct session *session, const struct application *application,
                       struct error *err)
{
    struct request *request = session->request;
    const struct fabric_config config = {
        .loop = session->loop,
        .application = application->graph->name,
        .testbed = request->testbed,
        .events = {stage_gone, session, fabric_noted, device_changed},
        .cluster = session->cluster,
        .space = request->space,
        .resource = request->resource,
        .kept = request->kept,
    };

    if (request->equal) {
        give_first_device_everything(session);
    }
    int r = fabric_open(request->fabric, &config, &session->fabric, err);
    if (r < 0) {
        return r;
    }
    const char *note = session->fabric->ops->note(session->fabric);
    if (note != NULL) {
        session_note(session, "%s", note);
    }
    session->n_devices = session->fabric->ops->devices(session->fabric, &session->devices);
    cleanup(memory_wipe) char *authority = session_saved_authority(session);
    const struct control_setup control = {
        .authority = authority,
        .host = session->fabric->ops->controller_address(session->fabric),
        .encrypted = request->tls == REQUEST_TLS_ON ||
                     (request->tls == REQUEST_TLS_AUTO && session->fabric->ops->exposed),
        .events = &control_events,
        .owner = session,
    };
    return control_create(session->loop, &control, &session->control, err);
}

static int open_profiles(struct session *session, struct error *err)
{
    cleanup(memory_free) char *cache = file_cache_folder();
    cleanup(memory_free) char *folder = memory_format("%s/profiles", cache);
    int r = profile_store_open(folder, &session->profiles, err);

    if (r == 0 && session->request->kind == REQUEST_PROFILE) {
        profile_store_forget(session->profiles);
    }
    if (r == 0 && profile_store_damaged(session->profiles) > 0) {
        session_note(session, "%zu files of %s are damaged: what they held is measured anew",
                     profile_store_damaged(session->profiles), folder);
    }
    return r;
}

const struct fabric_device *session_device(const struct session *session, const char *name)
{
    for (size_t i = 0; i < session->n_devices; i++) {
        if (strcmp(session->devices[i].name, name) == 0) {
            return &session->devices[i];
        }
    }
    return NULL;
}

const char *session_folder(const struct session *session)
{
    const struct memory_folder *memory = session->run != NULL ? session->run->memory : NULL;

    return memory != NULL ? memory_folder_path(memory)
                          : session->fabric->ops->folder(session->fabric);
}

void session_measured(struct session *session)
{
    struct error err;

    session_say_plan(session);
    if (session->request->kind != REQUEST_RUN) {
        session_close(session, EX_OK);
    } else if (run_start(session, &err) < 0) {
        session_fail(session, &err, EX_UNAVAILABLE);
    }
}

static int read_patience(struct session *session, struct error *err)
{
    const char *given = getenv("BRUME_PATIENCE"); /* NOLINT(concurrency-mt-unsafe) */
    double seconds = 0;

    session->patience_ms = RECONCILE_PATIENCE_MS;
    if (given == NULL) {
        return 0;
    }
    if (quantity_duration(given, &seconds) < 0 || seconds <= 0 || seconds > PATIENCE_MOST) {
        return error_set(err, -EINVAL, "BRUME_PATIENCE: '%s' is not a time such as 60s", given);
    }
    session->patience_ms = (uint64_t)(seconds * 1000);
    return 0;
}

void session_start(struct session *session, struct request *request,
                   struct application *application)
{
    struct error err;

    assert(request != NULL && application != NULL);
    session->request = request;
    session->application = application;
    if (read_patience(session, &err) < 0) {
        session_fail(session, &err, EX_USAGE);
        return;
    }
    int r = open_fabric(session, application, &err);
    if (r == 0) {
        r = open_profiles(session, &err);
    }
    if (r < 0) {
        session_fail(session, &err, EX_UNAVAILABLE);
        return;
    }
    if (session->fabric->ops->remote) {
        session_watch(session);
    }
    if (session_resume(session)) {
        return;
    }
    if (session->request->ends) {
        session_close(session, EX_OK);
    } else {
        measuring_start(session);
    }
}

static void begin(struct session *session, const json_t *message)
{
    struct application *application = NULL;
    struct request *request = NULL;
    struct error err;

    if (request_read(message, &request, &err) < 0) {
        session_fail(session, &err, EX_USAGE);
        return;
    }
    if (request_load(request, &application, &err) < 0) {
        request_destroy(request);
        session_fail(session, &err, EX_DATAERR);
        return;
    }
    session_start(session, request, application);
}

enum update_kind session_update(struct session *session, struct application **after)
{
    if (session->run != NULL) {
        return run_update(session, after);
    }
    return update_compare(session->application, *after, NULL) == UPDATE_NOTHING ? UPDATE_NOTHING
                                                                                : UPDATE_ANEW;
}

/* Before there are frames there are none that could arrive. */
void session_drain(struct session *session)
{
    if (session->run != NULL) {
        run_drain(session);
        return;
    }
    if (session->measuring != NULL) {
        front_say(session->front,
                  json_pack("{ssss}", "type", "note", "text",
                            "stopped while measuring; what was measured is kept"));
    }
    session_close(session, EX_SOFTWARE);
}

static void asked(void *owner, const json_t *message)
{
    struct session *session = owner;
    const char *type = json_string_value(json_object_get(message, "type"));

    if (message == NULL || (type != NULL && strcmp(type, "abort") == 0)) {
        session_close(session, EX_SOFTWARE);
    } else if (session->request == NULL) {
        begin(session, message);
    } else if (type != NULL && strcmp(type, "drain") == 0) {
        session_drain(session);
    }
}

static const struct front_events front_events = {asked};

struct session *session_create(uv_loop_t *loop, const struct front_listener *listener)
{
    struct session *session = memory_new(1, sizeof(*session));

    session->loop = loop;
    session->carry = carry_create();
    session->front = listener != NULL ? front_create_for(listener)
                                      : front_create(loop, &front_events, session);
    return session;
}

int session_destroy(struct session *session)
{
    int code = session->code;

    carry_destroy(session->carry);
    plan_destroy(session->plan);
    planner_problem_destroy(session->problem);
    profile_store_close(session->profiles);
    application_destroy(session->application);
    request_destroy(session->request);
    free(session);
    return code;
}
