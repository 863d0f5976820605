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
#include "cli/objects_log.h"
#include "cli/objects_status.h"
#include "fabric/kubernetes_object.h"
#include "fabric/kubernetes_state.h"
#include "http/http.h"
#include "kube/watch.h"

enum { LOOK_MS = 500, REFUSED = 401 };

struct listening;

struct stream {
    struct listening *at;
    struct stream *next;
    struct http_exchange *exchange;
    json_t *pod; /* as it was when the stream began */
    char *key;
};

/* To the pods of one place. */
struct listening {
    struct following *following;
    struct objects_place *place;
    struct kube_watch *pods;
    struct stream *streams;
};

struct following {
    struct objects_log *log;
    struct listening listening[OBJECTS_PLACES];
    struct kube_watch *object, *events;
    json_t *done; /* by "space/pod": all of it was heard */
    uv_timer_t *timer;
    bool gone; /* the object is: what is on its way still comes, until the next look */
    bool over, troubled;
};

/* Takes `line`, which may be NULL. */
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
    const struct stream *stream = owner;
    const struct following *following = stream->at->following;

    tell(following, objects_log_hear(following->log, stream->at->place, stream->pod, line));
}

static void free_stream(struct stream *stream)
{
    json_decref(stream->pod);
    free(stream->key);
    free(stream);
}

static void forget_stream(struct stream *stream)
{
    struct stream **at = &stream->at->streams;

    while (*at != stream) {
        at = &(*at)->next;
    }
    *at = stream->next;
    free_stream(stream);
}

static bool has_ended(const struct stream *stream)
{
    const json_t *pod =
        kube_watch_find(stream->at->pods, kubernetes_text(stream->pod, "metadata", "namespace"),
                        kubernetes_text(stream->pod, "metadata", "name"));
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
    struct following *following = stream->at->following;

    if (answer->status == REFUSED) {
        kube_api_refused(following->log->objects->api);
    } else if (err != NULL && err->code == -EACCES) {
        fprintf(stderr, "brume: %s\n", err->text);
        stream->at->place->closed = true;
        following->over = stream->at->place->prefix == NULL;
        following->log->code = following->over ? EX_NOPERM : following->log->code;
    }
    if (err == NULL && has_ended(stream)) {
        json_object_set_new(following->done, stream->key, json_true());
    }
    forget_stream(stream);
}

static bool is_heard(const struct listening *listening, const char *key)
{
    const struct stream *at = listening->streams;

    while (at != NULL && strcmp(at->key, key) != 0) {
        at = at->next;
    }
    return at != NULL || json_object_get(listening->following->done, key) != NULL;
}

static void open_stream(struct listening *listening, const json_t *pod, const char *key)
{
    static const struct http_listener listener = {.line = on_line, .done = on_stream_end};
    const struct objects_log *log = listening->following->log;
    cleanup(memory_free) char *path = objects_log_path(log, pod, true);
    const struct http_request request = {.path = path};
    struct stream *stream = memory_new(1, sizeof(*stream));
    struct error err;

    stream->at = listening;
    stream->pod = json_deep_copy(pod);
    stream->key = memory_text(key);
    stream->next = listening->streams;
    listening->streams = stream;
    stream->exchange = kube_follow(log->objects->api, &request, &listener, stream, &err);
    if (stream->exchange == NULL) {
        forget_stream(stream);
    }
}

static void pod_came(void *owner, const json_t *pod)
{
    struct listening *listening = owner;
    cleanup(memory_free) char *key = objects_log_key(pod);

    if (!listening->place->closed && objects_log_speaks(pod) && !is_heard(listening, key)) {
        open_stream(listening, pod, key);
    }
}

/* Of a pod that goes its stream tells the end. */
static void pod_went(void *owner, const json_t *pod)
{
    (void)owner;
    (void)pod;
}

static void look(uv_timer_t *timer)
{
    struct following *following = timer->data;

    following->over = following->over || following->gone;
    for (size_t i = 0; i < OBJECTS_PLACES; i++) {
        if (following->listening[i].pods != NULL) {
            kube_watch_each(following->listening[i].pods, pod_came, &following->listening[i]);
        }
    }
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

/* Events are forgotten after an hour or so. */
static void event_went(void *owner, const json_t *event)
{
    (void)owner;
    (void)event;
}

static void object_came(void *owner, const json_t *object)
{
    struct following *following = owner;
    const char *uid = kubernetes_text(object, "metadata", "uid");
    const char *wanted = kubernetes_text(following->log->about, "metadata", "uid");

    following->gone = following->gone || !kubernetes_is(uid, wanted);
}

static void object_went(void *owner, const json_t *object)
{
    (void)object;
    ((struct following *)owner)->gone = true;
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

static void listen_to(struct following *following, struct objects_place *place,
                      struct listening *listening)
{
    const struct kube_watch_listener pods = {
        .object = pod_came, .removed = pod_went, .owner = listening};

    *listening = (struct listening){.following = following, .place = place};
    if (!place->closed) {
        listening->pods = kube_watch_open(following->log->objects->api, place->path, &pods);
    }
}

static void begin(struct following *following)
{
    struct objects_log *log = following->log;
    struct objects *objects = log->objects;
    cleanup(memory_free) char *object = objects_path_watched(objects, log->reading->name);
    cleanup(memory_free) char *events = objects_events_path(objects, log->about);
    const struct kube_watch_listener to_object = {.object = object_came,
                                                  .removed = object_went,
                                                  .complete = object_complete,
                                                  .trouble = trouble,
                                                  .owner = following};
    const struct kube_watch_listener to_events = {
        .object = event_came, .removed = event_went, .owner = following};

    following->object = kube_watch_open(objects->api, object, &to_object);
    following->events = kube_watch_open(objects->api, events, &to_events);
    for (size_t i = 0; i < OBJECTS_PLACES; i++) {
        listen_to(following, &log->places[i], &following->listening[i]);
    }
    following->timer = memory_new(1, sizeof(*following->timer));
    following->timer->data = following;
    uv_timer_init(&objects->loop, following->timer);
    uv_timer_start(following->timer, look, LOOK_MS, LOOK_MS);
}

static void end(struct following *following)
{
    for (size_t i = 0; i < OBJECTS_PLACES; i++) {
        struct listening *listening = &following->listening[i];
        struct stream *next;
        for (struct stream *at = listening->streams; at != NULL; at = next) {
            next = at->next;
            kube_unfollow(following->log->objects->api, at->exchange);
            free_stream(at);
        }
        kube_watch_close(listening->pods);
    }
    kube_watch_close(following->object);
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
