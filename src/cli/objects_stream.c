/* The log as it grows: each pod's is a stream of its own, which is opened again, from the last
 * line on, when it breaks. New pods are watched for, and so is the object's end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/cell.h"
#include "cli/objects_lines.h"
#include "cli/objects_log.h"
#include "cli/objects_status.h"
#include "fabric/kubernetes_object.h"
#include "fabric/kubernetes_state.h"
#include "http/http.h"
#include "kube/watch.h"

enum { LOOK_MS = 500 };

struct stream {
    struct following *following;
    struct stream *next;
    struct http_exchange *exchange;
    char *pod, *stage;
};

struct following {
    struct objects_log *log;
    struct kube_watch *object, *pods, *events;
    struct stream *streams;
    json_t *done; /* by pod: all of it was told */
    uv_timer_t *timer;
    bool over, troubled;
};

static void tell(const struct following *following, json_t *line)
{
    const struct source_reading *reading = following->log->reading;

    if (line != NULL) {
        reading->line(reading->owner, line);
        fflush(stdout);
    }
    json_decref(line);
}

static void on_line(void *owner, const char *line)
{
    struct stream *stream = owner;
    json_t *moments = stream->following->log->moments;
    cleanup(memory_free) char *moment = objects_line_moment(line);

    if (*moment == '\0' || !objects_line_is_later(line, cell_text(moments, stream->pod))) {
        return;
    }
    json_object_set_new(moments, stream->pod, json_string(moment));
    tell(stream->following, objects_line(stream->stage, line));
}

static void free_stream(struct stream *stream)
{
    struct stream **at = &stream->following->streams;

    while (*at != stream) {
        at = &(*at)->next;
    }
    *at = stream->next;
    free(stream->pod);
    free(stream->stage);
    free(stream);
}

static bool has_ended(const struct following *following, const char *name)
{
    const json_t *pod = kube_watch_find(following->pods, following->log->objects->space, name);
    struct kubernetes_state state = {0};

    if (pod != NULL) {
        kubernetes_state_read(pod, &state);
    }
    return pod == NULL || state.phase == KUBERNETES_ENDED;
}

/* What broke off is opened again when it is looked at next. */
static void on_stream_end(void *owner, const struct http_answer *answer,
                          const struct error *err)
{
    struct stream *stream = owner;
    struct following *following = stream->following;

    if (answer->status == 401) {
        kube_api_refused(following->log->objects->api);
    } else if (err != NULL && err->code == -EACCES) {
        fprintf(stderr, "brume: %s\n", err->text);
        following->log->code = EX_NOPERM;
        following->over = true;
    }
    if (err == NULL && has_ended(following, stream->pod)) {
        json_object_set_new(following->done, stream->pod, json_true());
    }
    free_stream(stream);
}

static bool is_followed(const struct following *following, const char *pod)
{
    const struct stream *at = following->streams;

    while (at != NULL && strcmp(at->pod, pod) != 0) {
        at = at->next;
    }
    return at != NULL || json_object_get(following->done, pod) != NULL;
}

static void open_stream(struct following *following, const char *pod, const char *stage)
{
    static const struct http_listener listener = {.line = on_line, .done = on_stream_end};
    struct objects_log *log = following->log;
    cleanup(memory_free) char *path =
        objects_log_path(log, pod, cell_text(log->moments, pod), true);
    const struct http_request request = {.path = path};
    struct stream *stream = memory_new(1, sizeof(*stream));
    struct error err;

    stream->following = following;
    stream->pod = memory_text(pod);
    stream->stage = memory_text(stage != NULL ? stage : pod);
    stream->next = following->streams;
    following->streams = stream;
    stream->exchange = kube_follow(log->objects->api, &request, &listener, stream, &err);
    if (stream->exchange == NULL) {
        free_stream(stream);
    }
}

static void look_at_pod(void *owner, const json_t *pod)
{
    struct following *following = owner;
    const char *name = kubernetes_text(pod, "metadata", "name");
    struct kubernetes_state state;

    kubernetes_state_read(pod, &state);
    if (name == NULL || is_followed(following, name) || state.phase == KUBERNETES_WAITING ||
        (state.phase == KUBERNETES_ENDED && !state.ran)) {
        return;
    }
    open_stream(following, name, kubernetes_label(pod, KUBERNETES_STAGE));
}

static void pod_went(void *owner, const json_t *pod)
{
    (void)owner;
    (void)pod;
}

static void look(uv_timer_t *timer)
{
    struct following *following = timer->data;

    kube_watch_each(following->pods, look_at_pod, following);
}

static void event_came(void *owner, const json_t *event)
{
    struct following *following = owner;
    json_t *told = following->log->events;
    const json_t *metadata = json_object_get(event, "metadata");
    const char *name = cell_text(metadata, "name");
    const char *version = cell_text(metadata, "resourceVersion");

    if (strcmp(cell_text(told, name), version) == 0) {
        return;
    }
    json_object_set_new(told, name, json_string(version));
    cleanup(json_decrefp) json_t *shown = objects_event(event, clock_wall_ms());
    tell(following, objects_event_line(shown));
}

static void event_went(void *owner, const json_t *event)
{
    (void)owner;
    (void)event;
}

static void object_came(void *owner, const json_t *object)
{
    struct following *following = owner;
    const char *uid = cell_text(json_object_get(object, "metadata"), "uid");

    following->over = following->over || strcmp(uid, following->log->uid) != 0;
}

static void object_went(void *owner, const json_t *object)
{
    (void)object;
    ((struct following *)owner)->over = true;
}

static void object_complete(void *owner)
{
    struct following *following = owner;
    const struct objects_log *log = following->log;

    following->over = following->over || kube_watch_find(following->object, log->objects->space,
                                                         log->reading->name) == NULL;
}

static void trouble(void *owner, const char *why)
{
    struct following *following = owner;

    if (why != NULL && !following->troubled) {
        fprintf(stderr, "brume: %s; waiting for it\n", why);
    }
    following->troubled = why != NULL;
}

static void freed(uv_handle_t *handle)
{
    free(handle);
}

static void begin(struct following *following)
{
    const struct objects_log *log = following->log;
    struct objects *objects = log->objects;
    cleanup(memory_free) char *object = objects_path_watched(objects, log->reading->name);
    cleanup(memory_free) char *pods = objects_log_pods_path(log);
    cleanup(memory_free) char *events = objects_events_path(objects, log->about);

    following->object =
        kube_watch_open(objects->api, object,
                        &(struct kube_watch_listener){.object = object_came,
                                                      .removed = object_went,
                                                      .complete = object_complete,
                                                      .trouble = trouble,
                                                      .owner = following});
    following->pods =
        kube_watch_open(objects->api, pods,
                        &(struct kube_watch_listener){
                            .object = look_at_pod, .removed = pod_went, .owner = following});
    following->events =
        kube_watch_open(objects->api, events,
                        &(struct kube_watch_listener){
                            .object = event_came, .removed = event_went, .owner = following});
    following->timer = memory_new(1, sizeof(*following->timer));
    following->timer->data = following;
    uv_timer_init(&objects->loop, following->timer);
    uv_timer_start(following->timer, look, LOOK_MS, LOOK_MS);
}

static void end(struct following *following)
{
    while (following->streams != NULL) {
        kube_unfollow(following->log->objects->api, following->streams->exchange);
        free_stream(following->streams);
    }
    kube_watch_close(following->object);
    kube_watch_close(following->pods);
    kube_watch_close(following->events);
    uv_close((uv_handle_t *)following->timer, freed);
}

void objects_log_follow(struct objects_log *log)
{
    cleanup(json_decrefp) json_t *done = json_object();
    struct following following = {.log = log, .done = done};

    begin(&following);
    while (!following.over) {
        uv_run(&log->objects->loop, UV_RUN_ONCE);
    }
    end(&following);
}
