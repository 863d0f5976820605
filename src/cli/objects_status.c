#include "cli/objects_status.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cell.h"
#include "kube/timestamp.h"

static json_t *number_of(const json_t *json, const char *key)
{
    json_t *value = json_object_get(json, key);

    return json_is_number(value) ? json_incref(value) : json_null();
}

/* Seconds since then; null where nothing says when. */
static json_t *age_of(const char *when, uint64_t now_ms)
{
    uint64_t then = 0;

    if (kube_timestamp_read(when, &then) < 0) {
        return json_null();
    }
    return json_real(now_ms > then ? (double)(now_ms - then) / 1000 : 0);
}

/* "2/3": 2. */
static json_t *count_ready(const json_t *status)
{
    const char *both = cell_text(status, "readyStages");
    char *end = NULL;
    long n = strtol(both, &end, 10);

    return end != both && *end == '/' ? json_integer(n) : json_null();
}

static json_t *describe_conditions(const json_t *status, uint64_t now_ms)
{
    json_t *list = json_array(), *condition;
    size_t i;

    json_array_foreach(json_object_get(status, "conditions"), i, condition)
    {
        json_array_append_new(
            list,
            json_pack("{sssssssssssO?so}", "type", cell_text(condition, "type"), "status",
                      cell_text(condition, "status"), "reason", cell_text(condition, "reason"),
                      "message", cell_text(condition, "message"), "since",
                      cell_text(condition, "lastTransitionTime"), "generation",
                      json_object_get(condition, "observedGeneration"), "age_seconds",
                      age_of(cell_text(condition, "lastTransitionTime"), now_ms)));
    }
    return list;
}

static const char *phase_of(const json_t *object, const json_t *status)
{
    const char *phase = cell_text(status, "phase");
    const json_t *metadata = json_object_get(object, "metadata");
    bool ends = *cell_text(metadata, "deletionTimestamp") != '\0';

    if (ends && strcmp(phase, "Draining") != 0) {
        return "Deleting";
    }
    return *phase != '\0' ? phase : "Pending";
}

static const char *message_of(const json_t *status, bool observed)
{
    const char *message = cell_text(status, "message");

    if (*message != '\0' || observed) {
        return message;
    }
    return status == NULL ? "no controller has taken it up"
                          : "no controller has taken up its manifest as it is now";
}

static void add_numbers(json_t *told, const json_t *status)
{
    const json_t *latency = json_object_get(status, "latencyMs");

    json_object_set_new(told, "delivered", number_of(status, "delivered"));
    json_object_set_new(told, "lost", number_of(status, "lost"));
    json_object_set_new(told, "rate", number_of(status, "rate"));
    json_object_set_new(told, "latency_ms",
                        json_is_object(latency)
                            ? json_pack("{soso}", "p50", number_of(latency, "p50"), "p90",
                                        number_of(latency, "p90"))
                            : json_null());
    json_object_set_new(told, "predicted",
                        json_pack("{soso}", "rate", number_of(status, "predictedRate"),
                                  "latency_ms", json_null()));
}

json_t *objects_status(const json_t *object, uint64_t now_ms)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const json_t *status = json_object_get(object, "status");
    const char *created = cell_text(metadata, "creationTimestamp");
    bool observed =
        status != NULL && json_integer_value(json_object_get(metadata, "generation")) <=
                              json_integer_value(json_object_get(status, "observedGeneration"));
    json_t *told = json_pack("{ssssssssssss}", "name", cell_text(metadata, "name"), "namespace",
                             cell_text(metadata, "namespace"), "fabric", "kubernetes", "phase",
                             phase_of(object, status), "message", message_of(status, observed),
                             "created", created);

    json_object_set_new(told, "age_seconds", age_of(created, now_ms));
    json_object_set_new(told, "observed", json_boolean(observed));
    add_numbers(told, status);
    json_t *more =
        json_pack("{sO?sosO?sosnsnsnsn}", "stages", json_object_get(status, "stages"), "ready",
                  count_ready(status), "summary", json_object_get(status, "plan"), "conditions",
                  describe_conditions(status, now_ms), "failures", "devices", "plan", "report");
    json_object_update(told, more);
    json_decref(more);
    return told;
}

json_t *objects_statuses(const json_t *list, uint64_t now_ms)
{
    json_t *items = json_array(), *object;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, object)
    {
        json_array_append_new(items, objects_status(object, now_ms));
    }
    return items;
}

struct dated {
    uint64_t when_ms;
    size_t index;
    json_t *entry;
};

static int compare(const void *a, const void *b)
{
    const struct dated *one = a, *two = b;

    if (one->when_ms != two->when_ms) {
        return one->when_ms < two->when_ms ? -1 : 1;
    }
    return one->index < two->index ? -1 : 1;
}

void objects_sort(json_t *list)
{
    size_t n = json_array_size(list), i;
    cleanup(memory_free) struct dated *dated = memory_new(n, sizeof(*dated));
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        dated[i] = (struct dated){.index = i, .entry = json_incref(entry)};
        (void)kube_timestamp_read(cell_text(entry, "time"), &dated[i].when_ms);
    }
    qsort(dated, n, sizeof(*dated), compare);
    json_array_clear(list);
    for (i = 0; i < n; i++) {
        json_array_append_new(list, dated[i].entry);
    }
}

/* When it was seen last: events of two generations of the API say it in different places. */
static const char *when_of(const json_t *event)
{
    const char *last = cell_text(json_object_get(event, "series"), "lastObservedTime");

    last = *last != '\0' ? last : cell_text(event, "lastTimestamp");
    last = *last != '\0' ? last : cell_text(event, "eventTime");
    return *last != '\0' ? last
                         : cell_text(json_object_get(event, "metadata"), "creationTimestamp");
}

static json_int_t count_of(const json_t *event)
{
    json_int_t series =
        json_integer_value(json_object_get(json_object_get(event, "series"), "count"));
    json_int_t count = json_integer_value(json_object_get(event, "count"));

    return series > count ? series : count > 1 ? count : 1;
}

json_t *objects_event(const json_t *event, uint64_t now_ms)
{
    const char *when = when_of(event);

    return json_pack("{sssosssssosI}", "time", when, "age_seconds", age_of(when, now_ms),
                     "type", cell_text(event, "type"), "reason", cell_text(event, "reason"),
                     "message", json_line(cell_text(event, "message")), "count",
                     count_of(event));
}

json_t *objects_events(const json_t *list, uint64_t now_ms)
{
    json_t *events = json_array(), *event;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, event)
    {
        json_array_append_new(events, objects_event(event, now_ms));
    }
    objects_sort(events);
    return events;
}

json_t *objects_event_line(const json_t *event)
{
    bool warning = strcmp(cell_text(event, "type"), "Warning") == 0;

    return json_pack("{sssssO?}", "time", cell_text(event, "time"), "kind",
                     warning ? "warning" : "note", "text", json_object_get(event, "message"));
}
