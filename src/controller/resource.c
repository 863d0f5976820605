#include "controller/resource.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* As an API server gives it back: whole ones without a point. */
static json_t *number(double value)
{
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value)
                                                       : json_real(value);
}

/* Four digits say enough, and stand still where more would not. */
static json_t *rounded(const json_t *value)
{
    char digits[32];

    if (!json_is_number(value)) {
        return NULL;
    }
    snprintf(digits, sizeof(digits), "%.4g", json_number_value(value));
    return number(strtod(digits, NULL));
}

static json_t *percent(const json_t *value)
{
    return json_is_number(value) ? number(round(json_number_value(value) * 100) / 100) : NULL;
}

/* Takes `value`; NULL and null are left out. */
static void put(json_t *object, const char *key, json_t *value)
{
    if (value != NULL && !json_is_null(value)) {
        json_object_set_new(object, key, value);
    } else {
        json_decref(value);
    }
}

static json_t *describe_stages(const json_t *stages)
{
    json_t *list = json_array(), *stage;
    size_t i;

    json_array_foreach(stages, i, stage)
    {
        json_t *entry = json_pack("{sO*sO*sO*}", "name", json_object_get(stage, "name"),
                                  "device", json_object_get(stage, "device"), "operators",
                                  json_object_get(stage, "operators"));

        put(entry, "cut", json_incref(json_object_get(stage, "cut")));
        put(entry, "rate", rounded(json_object_get(stage, "rate")));
        put(entry, "busy", percent(json_object_get(stage, "busy")));
        json_array_append_new(list, entry);
    }
    return list;
}

static json_t *describe_latency(const json_t *latency)
{
    json_t *both = json_object();

    if (!json_is_object(latency)) {
        json_decref(both);
        return NULL;
    }
    put(both, "p50", rounded(json_object_get(latency, "p50")));
    put(both, "p90", rounded(json_object_get(latency, "p90")));
    return both;
}

static bool is_over(const json_t *record)
{
    return strcmp(resource_text(record, "phase"), "Finished") == 0 ||
           strcmp(resource_text(record, "phase"), "Failed") == 0;
}

static json_t *count_ready(const json_t *record)
{
    const json_t *ready = json_object_get(record, "ready");
    size_t n = json_array_size(json_object_get(record, "stages"));

    if (n == 0 || !json_is_integer(ready) || is_over(record)) {
        return NULL;
    }
    cleanup(memory_free) char *both =
        memory_format("%lld/%zu", (long long)json_integer_value(ready), n);
    return json_string(both);
}

/* The one sentence that a person should read first. */
static char *message_of(const struct resource_facts *facts)
{
    const json_t *record = facts->record;
    const char *reason = NULL, *note = resource_text(record, "note");

    if (facts->refused != NULL) {
        return memory_text(facts->refused);
    }
    if (record == NULL) {
        return memory_text(facts->waits != NULL ? facts->waits : "");
    }
    if (facts->retry_s > 0) {
        return memory_format("%s; it is tried again after %u s",
                             resource_text(record, "message"), facts->retry_s);
    }
    cleanup(memory_free) char *degraded = resource_degraded(record, &reason);
    bool missing = reason != NULL && strcmp(reason, "StageMissing") == 0;
    bool runs = strcmp(resource_text(record, "phase"), "Running") == 0;

    if (*note != '\0' && !is_over(record) && (!runs || missing)) {
        return memory_text(note);
    }
    if (*resource_text(record, "message") != '\0') {
        return memory_text(resource_text(record, "message"));
    }
    return degraded != NULL ? STEAL(degraded) : memory_text("");
}

static const char *phase_of(const struct resource_facts *facts)
{
    if (facts->record != NULL) {
        return resource_text(facts->record, "phase");
    }
    return facts->refused != NULL ? "Refused" : "Pending";
}

static void put_numbers(json_t *status, const json_t *record)
{
    put(status, "rate", rounded(json_object_get(record, "rate")));
    put(status, "predictedRate",
        rounded(json_object_get(json_object_get(record, "predicted"), "rate")));
    put(status, "latencyMs", describe_latency(json_object_get(record, "latency_ms")));
    put(status, "delivered", json_incref(json_object_get(record, "delivered")));
    put(status, "lost", json_incref(json_object_get(record, "lost")));
}

json_t *resource_status(const struct resource_facts *facts, const json_t *before,
                        uint64_t now_ms)
{
    const json_t *record = facts->record, *plan = json_object_get(record, "plan");
    cleanup(memory_free) char *message = message_of(facts);
    json_t *status = json_pack("{sssIso}", "phase", phase_of(facts), "observedGeneration",
                               (json_int_t)facts->generation, "conditions",
                               resource_conditions(facts, before, now_ms));

    if (*message != '\0') {
        put(status, "message", json_line(message));
    }
    if (record != NULL) {
        put_numbers(status, record);
        put(status, "stages", describe_stages(json_object_get(record, "stages")));
        put(status, "readyStages", count_ready(record));
    }
    if (json_is_object(plan)) {
        cleanup(memory_free) char *summary = resource_plan(plan);
        put(status, "plan", *summary != '\0' ? json_line(summary) : NULL);
    }
    return status;
}

/* Only what decides whether to write at once. */
static json_t *essence_of(const json_t *status)
{
    json_t *conditions = json_array(), *stages = json_array(), *entry;
    size_t i;

    json_array_foreach(json_object_get(status, "conditions"), i, entry)
    {
        json_array_append_new(conditions, json_pack("[sss]", resource_text(entry, "type"),
                                                    resource_text(entry, "status"),
                                                    resource_text(entry, "reason")));
    }
    json_array_foreach(json_object_get(status, "stages"), i, entry)
    {
        json_array_append_new(stages, json_pack("[ss]", resource_text(entry, "name"),
                                                resource_text(entry, "device")));
    }
    return json_pack("{sO?sO?sO?sO?sO?soso}", "phase", json_object_get(status, "phase"),
                     "observedGeneration", json_object_get(status, "observedGeneration"),
                     "readyStages", json_object_get(status, "readyStages"), "plan",
                     json_object_get(status, "plan"), "lost", json_object_get(status, "lost"),
                     "conditions", conditions, "stages", stages);
}

static bool moved(const json_t *before, const json_t *after)
{
    double a = json_number_value(before), b = json_number_value(after);

    if (json_is_number(before) != json_is_number(after)) {
        return true;
    }
    return fabs(a - b) * 100 > RESOURCE_RATE_PERCENT * fmax(fabs(a), fabs(b));
}

static bool numbers_moved(const json_t *before, const json_t *after)
{
    static const char *const quantiles[] = {"p50", "p90"};
    const json_t *a = json_object_get(before, "latencyMs");
    const json_t *b = json_object_get(after, "latencyMs");

    for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
        if (moved(json_object_get(a, quantiles[i]), json_object_get(b, quantiles[i]))) {
            return true;
        }
    }
    return moved(json_object_get(before, "rate"), json_object_get(after, "rate")) ||
           moved(json_object_get(before, "predictedRate"),
                 json_object_get(after, "predictedRate")) ||
           strcmp(resource_text(before, "message"), resource_text(after, "message")) != 0;
}

uint64_t resource_due(const json_t *before, const json_t *after, uint64_t written_ms,
                      uint64_t now_ms)
{
    cleanup(json_decrefp) json_t *was = essence_of(before);
    cleanup(json_decrefp) json_t *is = essence_of(after);

    if (before == NULL || !json_equal(was, is)) {
        return now_ms;
    }
    if (numbers_moved(before, after)) {
        return written_ms + RESOURCE_RATES_MS;
    }
    return json_equal(before, after) ? 0 : written_ms + RESOURCE_COUNTS_MS;
}

json_t *resource_patch(const json_t *before, const json_t *after)
{
    json_t *changes = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)after, key, value)
    {
        if (!json_equal(value, json_object_get(before, key))) {
            json_object_set(changes, key, value);
        }
    }
    json_object_foreach((json_t *)(uintptr_t)before, key, value)
    {
        if (json_object_get(after, key) == NULL) {
            json_object_set_new(changes, key, json_null());
        }
    }
    return json_pack("{so}", "status", changes);
}
