/* A plan in short, and what a session says as events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "controller/resource.h"

/* "detect[0:12]": a part of a network; the whole of it needs no numbers, but the plan does not
 * tell which is which, and a single group has all. */
static void write_operator(FILE *out, const json_t *step, bool cut)
{
    const json_t *layers = json_object_get(step, "cut");

    fputs(resource_text(step, "name"), out);
    if (cut && json_array_size(layers) == 2) {
        fprintf(out, "[%lld:%lld]", (long long)json_integer_value(json_array_get(layers, 0)),
                (long long)json_integer_value(json_array_get(layers, 1)));
    }
}

/* Whether another group has a part of the same network. */
static bool is_cut(const json_t *groups, size_t self, const char *name)
{
    size_t i, j;
    json_t *group, *step;

    json_array_foreach(groups, i, group)
    {
        json_array_foreach(json_object_get(group, "operators"), j, step)
        {
            if (i != self && strcmp(resource_text(step, "name"), name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void write_group(FILE *out, const json_t *groups, size_t index)
{
    const json_t *group = json_array_get(groups, index);
    const json_t *operators = json_object_get(group, "operators");
    const json_t *replicas = json_object_get(group, "replicas");
    size_t n = json_array_size(operators), i;
    json_t *replica;

    for (size_t at = 0; at < n; at = at + 1 < n ? n - 1 : n) {
        const json_t *step = json_array_get(operators, at);
        fputs(at == 0 ? "" : n == 2 ? ", " : "..", out);
        write_operator(out, step, is_cut(groups, index, resource_text(step, "name")));
    }
    json_array_foreach(replicas, i, replica)
    {
        json_int_t processes = json_integer_value(json_object_get(replica, "processes"));
        fprintf(out, "%s%s", i == 0 ? " on " : ", ", resource_text(replica, "device"));
        if (processes > 1) {
            fprintf(out, " x%lld", (long long)processes);
        }
    }
}

char *resource_plan(const json_t *plan)
{
    const json_t *groups = json_object_get(plan, "groups");
    size_t size = 0;
    char *summary = NULL;
    FILE *out = open_memstream(&summary, &size);

    if (out == NULL) {
        return memory_text("");
    }
    for (size_t i = 0; i < json_array_size(groups); i++) {
        fputs(i > 0 ? " | " : "", out);
        write_group(out, groups, i);
    }
    fclose(out);
    if (size > RESOURCE_PLAN_MOST) {
        memcpy(summary + RESOURCE_PLAN_MOST - 3, "...", 4);
    }
    return summary;
}

static char *say_planned(const json_t *message)
{
    const json_t *plan = json_object_get(message, "plan");
    cleanup(memory_free) char *summary = resource_plan(plan);
    double rate = json_number_value(json_object_get(plan, "rate"));

    return memory_format("%s: %.*f frames/s, %.3g ms per frame foreseen", summary,
                         rate < 100 ? 1 : 0, rate,
                         json_number_value(json_object_get(plan, "latency_ms")));
}

static char *say_running(const json_t *message)
{
    (void)message;
    return memory_text("every stage is ready");
}

static char *say_updated(const json_t *message)
{
    (void)message;
    return memory_text("the new manifest runs, without a frame lost");
}

static char *say_finished(const json_t *message)
{
    const json_t *frames = json_object_get(json_object_get(message, "report"), "frames");

    return memory_format("%lld of %lld frames were delivered",
                         (long long)json_integer_value(json_object_get(frames, "delivered")),
                         (long long)json_integer_value(json_object_get(frames, "accepted")));
}

static char *say_text(const json_t *message)
{
    return memory_text(resource_text(message, "text"));
}

static char *say_what(const json_t *message)
{
    return memory_text(resource_text(message, "what"));
}

static const struct saying {
    const char *type;
    bool warning;
    const char *reason;
    char *(*say)(const json_t *message);
} sayings[] = {
    {"plan", false, "Planned", say_planned},     {"running", false, "Running", say_running},
    {"note", false, "Note", say_text},           {"warning", true, "FramesRefused", say_text},
    {"failure", true, "StageLost", say_what},    {"updated", false, "Updated", say_updated},
    {"undone", true, "UpdateUndone", say_text},  {"error", true, "Failed", say_text},
    {"report", false, "Finished", say_finished},
};

bool resource_event(const json_t *message, struct resource_event *ret_event)
{
    for (size_t i = 0; i < sizeof(sayings) / sizeof(*sayings); i++) {
        if (strcmp(resource_text(message, "type"), sayings[i].type) == 0) {
            *ret_event = (struct resource_event){sayings[i].warning, sayings[i].reason,
                                                 sayings[i].say(message)};
            return true;
        }
    }
    return false;
}

static const json_t *find_stage(const json_t *status, const char *name)
{
    size_t i;
    json_t *stage;

    json_array_foreach(json_object_get(status, "stages"), i, stage)
    {
        if (strcmp(resource_text(stage, "name"), name) == 0) {
            return stage;
        }
    }
    return NULL;
}

void resource_moves(const json_t *before, const json_t *after,
                    void (*tell)(void *owner, const struct resource_event *event), void *owner)
{
    size_t i;
    json_t *stage;

    json_array_foreach(json_object_get(after, "stages"), i, stage)
    {
        const char *name = resource_text(stage, "name"),
                   *device = resource_text(stage, "device");
        const json_t *was = find_stage(before, name);

        if (was == NULL || strcmp(resource_text(was, "device"), device) == 0) {
            continue;
        }
        struct resource_event event = {.reason = "StageMoved",
                                       .message =
                                           memory_format("stage '%s' moved from %s to %s", name,
                                                         resource_text(was, "device"), device)};
        tell(owner, &event);
        free(event.message);
    }
}
