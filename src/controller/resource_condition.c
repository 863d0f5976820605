/* Conditions: Accepted, Planned, Ready, Degraded. */
#include <string.h>

#include "base/memory.h"
#include "controller/resource.h"
#include "kube/timestamp.h"

/* While it is made. */
struct conditions {
    const struct resource_facts *facts;
    const json_t *before;
    uint64_t now_ms;
    json_t *list;
};

static const json_t *find(const json_t *list, const char *type)
{
    size_t i;
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        if (strcmp(resource_text(entry, "type"), type) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void add(struct conditions *conditions, const char *type, bool holds, const char *reason,
                const char *message)
{
    const json_t *before = find(json_object_get(conditions->before, "conditions"), type);
    const char *status = holds ? "True" : "False";
    char now[KUBE_TIMESTAMP_TEXT];
    const char *since = kube_timestamp(conditions->now_ms, now);

    if (strcmp(resource_text(before, "status"), status) == 0 &&
        *resource_text(before, "lastTransitionTime") != '\0') {
        since = resource_text(before, "lastTransitionTime");
    }
    json_t *condition = json_pack("{sssssssssI}", "type", type, "status", status, "reason",
                                  reason, "lastTransitionTime", since, "observedGeneration",
                                  (json_int_t)conditions->facts->generation);
    if (*message != '\0') {
        json_object_set_new(condition, "message", json_line(message));
    }
    json_array_append_new(conditions->list, condition);
}

static bool is_phase(const json_t *record, const char *phase)
{
    return strcmp(resource_text(record, "phase"), phase) == 0;
}

static bool runs(const json_t *record)
{
    return is_phase(record, "Running") || is_phase(record, "Updating");
}

static void add_accepted(struct conditions *conditions)
{
    const char *refused = conditions->facts->refused;

    if (refused != NULL) {
        add(conditions, "Accepted", false, "Refused", refused);
    } else {
        add(conditions, "Accepted", true, "ManifestAccepted", "");
    }
}

static void add_planned(struct conditions *conditions)
{
    const struct resource_facts *facts = conditions->facts;
    const json_t *plan = json_object_get(facts->record, "plan");

    if (json_is_object(plan)) {
        cleanup(memory_free) char *summary = resource_plan(plan);
        add(conditions, "Planned", true, "PlanMade", summary);
    } else if (facts->record != NULL) {
        add(conditions, "Planned", false, resource_text(facts->record, "phase"),
            resource_text(facts->record, "message"));
    } else {
        add(conditions, "Planned", false, facts->refused != NULL ? "Refused" : "Pending", "");
    }
}

static void add_ready(struct conditions *conditions)
{
    const struct resource_facts *facts = conditions->facts;
    const json_t *record = facts->record, *ready = json_object_get(record, "ready");
    size_t n = json_array_size(json_object_get(record, "stages"));
    cleanup(memory_free) char *count =
        memory_format("%lld of %zu stages %s ready", (long long)json_integer_value(ready), n,
                      json_integer_value(ready) == 1 ? "is" : "are");

    if (record == NULL) {
        add(conditions, "Ready", false, facts->refused != NULL ? "Refused" : "Pending",
            facts->waits != NULL ? facts->waits : "");
    } else if (!runs(record)) {
        bool starts = is_phase(record, "Starting") && json_is_integer(ready);
        add(conditions, "Ready", false, resource_text(record, "phase"),
            starts ? count : resource_text(record, "message"));
    } else if (json_is_integer(ready) && (size_t)json_integer_value(ready) < n) {
        add(conditions, "Ready", false, "StageMissing", count);
    } else {
        add(conditions, "Ready", true, "StagesReady", "");
    }
}

char *resource_degraded(const json_t *record, const char **ret_reason)
{
    const json_t *ready = json_object_get(record, "ready");
    const json_t *plan = json_object_get(record, "plan");
    size_t n = json_array_size(json_object_get(record, "stages"));
    const char *note = json_string_value(json_array_get(json_object_get(plan, "notes"), 0));

    if (!runs(record)) {
        *ret_reason = is_phase(record, "Failed") ? "Failed" : NULL;
        return *ret_reason != NULL ? memory_text(resource_text(record, "message")) : NULL;
    }
    if (json_is_integer(ready) && (size_t)json_integer_value(ready) < n) {
        *ret_reason = "StageMissing";
        return memory_format("%lld of %zu stages ready", (long long)json_integer_value(ready),
                             n);
    }
    if (is_phase(record, "Running") && *resource_text(record, "message") != '\0') {
        *ret_reason = "UpdateUndone";
        return memory_text(resource_text(record, "message"));
    }
    if (json_is_true(json_object_get(plan, "unmet"))) {
        *ret_reason = "GoalUnmet";
        return memory_text(note != NULL ? note : "the plan does not reach what was asked for");
    }
    return NULL;
}

static void add_degraded(struct conditions *conditions)
{
    const char *reason = NULL;
    cleanup(memory_free) char *what = resource_degraded(conditions->facts->record, &reason);

    if (what != NULL) {
        add(conditions, "Degraded", true, reason, what);
    } else {
        add(conditions, "Degraded", false,
            runs(conditions->facts->record) ? "AsPlanned" : "NotRunning", "");
    }
}

json_t *resource_conditions(const struct resource_facts *facts, const json_t *before,
                            uint64_t now_ms)
{
    struct conditions conditions = {facts, before, now_ms, json_array()};

    add_accepted(&conditions);
    add_planned(&conditions);
    add_ready(&conditions);
    add_degraded(&conditions);
    return conditions.list;
}
