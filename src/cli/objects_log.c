/* The past: what all pods wrote until now, and events, in the order in which it was said. */
#include "cli/objects_log.h"

#include <stdio.h>
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

char *objects_log_pods_path(const struct objects_log *log)
{
    cleanup(memory_free) char *selector =
        memory_format(KUBERNETES_MANAGED "=brume," KUBERNETES_RUN "=%s", log->uid);
    cleanup(memory_free) char *escaped = http_escape(selector);

    return memory_format("/api/v1/namespaces/%s/pods?labelSelector=%s", log->objects->space,
                         escaped);
}

char *objects_log_path(const struct objects_log *log, const char *pod, const char *moment,
                       bool follow)
{
    cleanup(memory_free) char *escaped = http_escape(moment);

    return memory_format("/api/v1/namespaces/%s/pods/%s/log?timestamps=true%s%s%s",
                         log->objects->space, pod, follow ? "&follow=true" : "",
                         *moment != '\0' ? "&sinceTime=" : "", escaped);
}

static void fail(struct objects_log *log, const struct objects_answer *answer)
{
    int code = log->code == EX_OK ? objects_fail(log->objects, answer, log->reading->name, NULL)
                                  : log->code;

    log->code = code;
}

static void add_lines(struct objects_log *log, json_t *lines, const json_t *pod, char *text)
{
    const char *stage = kubernetes_label(pod, KUBERNETES_STAGE);
    const char *name = kubernetes_text(pod, "metadata", "name"), *last = NULL;
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *json = objects_line(stage != NULL ? stage : name, line);
        if (json != NULL) {
            json_array_append_new(lines, json);
            last = line;
        }
    }
    if (last != NULL) {
        cleanup(memory_free) char *moment = objects_line_moment(last);
        json_object_set_new(log->moments, name, json_string(moment));
    }
}

static void read_pod(struct objects_log *log, json_t *lines, const json_t *pod)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    const char *name = kubernetes_text(pod, "metadata", "name");
    struct kubernetes_state state;

    kubernetes_state_read(pod, &state);
    if (name == NULL || state.phase == KUBERNETES_WAITING ||
        (state.phase == KUBERNETES_ENDED && !state.ran)) {
        return;
    }
    cleanup(memory_free) char *path = objects_log_path(log, name, "", false);
    if (objects_get(log->objects, path, &answer) == 0) {
        add_lines(log, lines, pod, answer.text);
    } else if (answer.status != OBJECTS_NOT_FOUND) {
        fail(log, &answer);
    }
}

static void read_pods(struct objects_log *log, json_t *lines)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_log_pods_path(log);
    json_t *pod;
    size_t i;

    if (objects_get(log->objects, path, &answer) < 0) {
        fail(log, &answer);
        return;
    }
    json_array_foreach(json_object_get(answer.json, "items"), i, pod)
    {
        read_pod(log, lines, pod);
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
    cleanup(json_decrefp) json_t *lines = json_array();
    struct objects_log log = {.objects = objects,
                              .reading = reading,
                              .uid = cell_text(json_object_get(object, "metadata"), "uid"),
                              .moments = moments,
                              .events = events,
                              .about = object};
    json_t *line;
    size_t i;

    read_pods(&log, lines);
    read_events(&log, lines);
    objects_sort(lines);
    json_array_foreach(lines, i, line)
    {
        reading->line(reading->owner, line);
    }
    fflush(stdout);
    if (reading->follow && log.code == EX_OK) {
        objects_log_follow(&log);
    }
    return log.code;
}
