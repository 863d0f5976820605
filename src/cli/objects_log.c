/* The past: what all pods wrote until now, and events, in the order in which it was said. */
#include "cli/objects_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/cell.h"
#include "cli/objects_lines.h"
#include "cli/objects_status.h"
#include "fabric/kubernetes_object.h"
#include "fabric/kubernetes_state.h"
#include "http/http.h"

/* As deploy/kubernetes has it. */
#define CONTROLLER_SPACE "brume"
#define CONTROLLER_SELECTOR \
    "app.kubernetes.io/name=brume,app.kubernetes.io/component=controller"

static char *pods_path(const char *space, const char *selector)
{
    cleanup(memory_free) char *escaped = http_escape(selector);

    return memory_format("/api/v1/namespaces/%s/pods?labelSelector=%s", space, escaped);
}

/* Its pods bear the object's uid as the name of their run. */
static void find_places(struct objects_log *log)
{
    const char *space = log->objects->space;
    cleanup(memory_free) char *selector =
        memory_format(KUBERNETES_MANAGED "=brume," KUBERNETES_RUN "=%s",
                      kubernetes_text(log->about, "metadata", "uid"));

    log->places[OBJECTS_STAGES] =
        (struct objects_place){.space = space, .path = pods_path(space, selector)};
    log->places[OBJECTS_CONTROLLER] =
        (struct objects_place){.space = CONTROLLER_SPACE,
                               .path = pods_path(CONTROLLER_SPACE, CONTROLLER_SELECTOR),
                               .prefix = memory_format("%s/%s: ", space, log->reading->name)};
}

bool objects_log_speaks(const json_t *pod)
{
    struct kubernetes_state state;

    kubernetes_state_read(pod, &state);
    return state.phase == KUBERNETES_RUNNING || (state.phase == KUBERNETES_ENDED && state.ran);
}

char *objects_log_key(const json_t *pod)
{
    return memory_format("%s/%s", kubernetes_text(pod, "metadata", "namespace"),
                         kubernetes_text(pod, "metadata", "name"));
}

/* What was written before the object was made is of another. */
char *objects_log_path(const struct objects_log *log, const json_t *pod, bool follow)
{
    cleanup(memory_free) char *key = objects_log_key(pod);
    const char *heard = cell_text(log->moments, key);
    const char *since =
        *heard != '\0' ? heard : kubernetes_text(log->about, "metadata", "creationTimestamp");
    cleanup(memory_free) char *escaped = http_escape(since != NULL ? since : "");

    return memory_format("/api/v1/namespaces/%s/pods/%s/log?timestamps=true%s%s%s",
                         kubernetes_text(pod, "metadata", "namespace"),
                         kubernetes_text(pod, "metadata", "name"), follow ? "&follow=true" : "",
                         *escaped != '\0' ? "&sinceTime=" : "", escaped);
}

json_t *objects_log_hear(struct objects_log *log, const struct objects_place *place,
                         const json_t *pod, const char *line)
{
    cleanup(memory_free) char *key = objects_log_key(pod);
    cleanup(memory_free) char *moment = objects_line_moment(line);
    const char *stage = kubernetes_label(pod, KUBERNETES_STAGE);

    if (*moment == '\0' || !objects_line_is_later(line, cell_text(log->moments, key))) {
        return NULL;
    }
    json_object_set_new(log->moments, key, json_string(moment));
    return place->prefix != NULL ? objects_line_said(place->prefix, line)
                                 : objects_line(stage != NULL ? stage : key, line);
}

/* What stages wrote is what was asked for; to be kept from the controller's words is usual. */
static void fail(struct objects_log *log, struct objects_place *place,
                 const struct objects_answer *answer)
{
    if (place->prefix != NULL && !place->closed) {
        fprintf(stderr, "note: what operators say is not shown: %s\n", answer->err.text);
    } else if (place->prefix == NULL && log->code == EX_OK) {
        log->code = objects_fail(log->objects, answer, log->reading->name, NULL);
    }
    place->closed = true;
}

static void read_pod(struct objects_log *log, struct objects_place *place, const json_t *pod,
                     json_t *lines)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_log_path(log, pod, false);
    char *rest = NULL;

    if (objects_get(log->objects, path, &answer) < 0) {
        if (answer.status != OBJECTS_NOT_FOUND) {
            fail(log, place, &answer);
        }
        return;
    }
    for (char *line = strtok_r(answer.text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *json = objects_log_hear(log, place, pod, line);
        if (json != NULL) {
            json_array_append_new(lines, json);
        }
    }
}

static void read_place(struct objects_log *log, struct objects_place *place, json_t *lines)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    json_t *pod;
    size_t i;

    if (objects_get(log->objects, place->path, &answer) < 0) {
        fail(log, place, &answer);
        return;
    }
    json_array_foreach(json_object_get(answer.json, "items"), i, pod)
    {
        if (objects_log_speaks(pod)) {
            read_pod(log, place, pod, lines);
        }
    }
}

static void read_events(struct objects_log *log, json_t *lines)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_events_path(log->objects, log->about);
    json_t *event;
    size_t i;

    (void)objects_get(log->objects, path, &answer);
    json_array_foreach(json_object_get(answer.json, "items"), i, event)
    {
        const json_t *metadata = json_object_get(event, "metadata");
        cleanup(json_decrefp) json_t *told = objects_event(event, clock_wall_ms());
        json_array_append_new(lines, objects_event_line(told));
        json_object_set(log->events, cell_text(metadata, "name"),
                        json_object_get(metadata, "resourceVersion"));
    }
}

static void read_past(struct objects_log *log)
{
    cleanup(json_decrefp) json_t *lines = json_array();
    json_t *line;
    size_t i;

    for (i = 0; i < OBJECTS_PLACES; i++) {
        read_place(log, &log->places[i], lines);
    }
    read_events(log, lines);
    objects_sort(lines);
    json_array_foreach(lines, i, line)
    {
        log->reading->line(log->reading->owner, line);
    }
    fflush(stdout);
}

int objects_read_log(struct source *source, const struct source_reading *reading)
{
    struct objects *objects = (struct objects *)source;
    cleanup(json_decrefp) json_t *object = NULL;
    int code = objects_find(objects, reading->name, &object);

    if (code != EX_OK) {
        return code;
    }
    cleanup(json_decrefp) json_t *moments = json_object();
    cleanup(json_decrefp) json_t *events = json_object();
    struct objects_log log = {.objects = objects,
                              .reading = reading,
                              .about = object,
                              .moments = moments,
                              .events = events};

    find_places(&log);
    read_past(&log);
    if (reading->follow && log.code == EX_OK) {
        objects_log_follow(&log);
    }
    for (size_t i = 0; i < OBJECTS_PLACES; i++) {
        free(log.places[i].path);
        free(log.places[i].prefix);
    }
    return log.code;
}
