#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "controller/record.h"
#include "controller/resource.h"

#define NOON 1769860800000U /* 2026-01-31T12:00:00Z */

static struct record *record;
static uint64_t now;
static json_t *written; /* the status at the object */
static uint64_t written_ms;

static int start(void **state)
{
    (void)state;
    now = NOON;
    record = record_create("street", now);
    record_begin(record, "kubernetes");
    written = NULL;
    written_ms = 0;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    record_destroy(record);
    json_decref(written);
    return 0;
}

static void take(json_t *message)
{
    record_take(record, message, now);
    json_decref(message);
}

static json_t *status_of(struct resource_facts facts)
{
    cleanup(json_decrefp) json_t *json = record_status(record, now);

    if (facts.refused == NULL && facts.waits == NULL) {
        facts.record = json;
    }
    facts.generation = 3;
    return resource_status(&facts, written, now);
}

static json_t *status(void)
{
    return status_of((struct resource_facts){0});
}

/* As the shell does it: the number of milliseconds until the status is written; -1: never. */
static int64_t waits_for_write(void)
{
    cleanup(json_decrefp) json_t *next = status();
    uint64_t due = resource_due(written, next, written_ms, now);

    return due == 0 ? -1 : due <= now ? 0 : (int64_t)(due - now);
}

static void write_status(void)
{
    json_t *next = status();

    json_decref(written);
    written = next;
    written_ms = now;
}

static const json_t *condition(const json_t *status_json, const char *type)
{
    size_t i;
    json_t *entry;

    json_array_foreach(json_object_get(status_json, "conditions"), i, entry)
    {
        if (strcmp(resource_text(entry, "type"), type) == 0) {
            return entry;
        }
    }
    fail();
    return NULL;
}

static void holds(const json_t *status_json, const char *type, const char *is,
                  const char *reason)
{
    const json_t *found = condition(status_json, type);

    assert_string_equal(resource_text(found, "status"), is);
    assert_string_equal(resource_text(found, "reason"), reason);
}

static json_t *plan_message(void)
{
    return json_pack("{sss{sfsfs[{s[{ss}{ss}{ss}]s[{sssi}]}{s[{sss[ii]}]s[{sssi}{sssi}]}]}}",
                     "type", "plan", "plan", "rate", 41.23456, "latency_ms", 66.6, "groups",
                     "operators", "name", "camera", "name", "picture", "name", "fit",
                     "replicas", "device", "node-1", "processes", 1, "operators", "name",
                     "detect", "cut", 0, 30, "replicas", "device", "node-2", "processes", 1,
                     "device", "node-3", "processes", 2);
}

static void progress(double rate, int64_t delivered, int ready)
{
    take(json_pack("{sssfsIsis{sfsf}s[{sssss[sss]sfsf}{sssss[s]s[ii]sfsf}]}", "type",
                   "progress", "rate", rate, "delivered", (json_int_t)delivered, "ready", ready,
                   "latency_ms", "p50", 61.0, "p90", 80.0, "stages", "name", "fit", "device",
                   "node-1", "operators", "camera", "picture", "fit", "rate", rate, "busy",
                   0.31234, "name", "detect", "device", "node-2", "operators", "detect", "cut",
                   0, 30, "rate", rate, "busy", 0.9));
}

static void run(void)
{
    take(plan_message());
    take(json_pack("{ss}", "type", "running"));
    progress(40, 100, 2);
}

static void a_plan_in_short_names_first_and_last_of_what_runs_where(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *message = plan_message();
    cleanup(memory_free) char *summary = resource_plan(json_object_get(message, "plan"));

    assert_string_equal(summary, "camera..fit on node-1 | detect on node-2, node-3 x2");
}

static void of_a_network_that_is_cut_the_plan_tells_the_layers(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *plan = json_pack(
        "{s[{s[{ss}{sss[ii]}]s[{ss}]}{s[{sss[ii]}]s[{ss}]}]}", "groups", "operators", "name",
        "camera", "name", "detect", "cut", 0, 12, "replicas", "device", "node-1", "operators",
        "name", "detect", "cut", 12, 30, "replicas", "device", "node-2");
    cleanup(memory_free) char *summary = resource_plan(plan);

    assert_string_equal(summary, "camera, detect[0:12] on node-1 | detect[12:30] on node-2");
}

static void the_life_of_an_application_shows_in_its_conditions(void **state)
{
    (void)state;
    take(json_pack("{ssss}", "type", "measuring", "what", "detect on node-1"));
    write_status();
    assert_string_equal(resource_text(written, "phase"), "Measuring");
    assert_string_equal(resource_text(written, "message"), "detect on node-1");
    holds(written, "Accepted", "True", "ManifestAccepted");
    holds(written, "Planned", "False", "Measuring");
    holds(written, "Ready", "False", "Measuring");
    now += 5000;
    run();
    write_status();
    holds(written, "Planned", "True", "PlanMade");
    holds(written, "Ready", "True", "StagesReady");
    holds(written, "Degraded", "False", "AsPlanned");
    assert_string_equal(resource_text(written, "readyStages"), "2/2");
    assert_string_equal(resource_text(condition(written, "Accepted"), "lastTransitionTime"),
                        "2026-01-31T12:00:00Z");
    assert_string_equal(resource_text(condition(written, "Ready"), "lastTransitionTime"),
                        "2026-01-31T12:00:05Z");
}

static void numbers_are_as_long_as_they_are_true(void **state)
{
    (void)state;
    run();
    cleanup(json_decrefp) json_t *json = status();
    const json_t *stage = json_array_get(json_object_get(json, "stages"), 0);

    assert_true(json_real_value(json_object_get(json, "predictedRate")) == 41.23);
    assert_true(json_real_value(json_object_get(stage, "busy")) == 0.31);
    assert_true(json_is_integer(json_object_get(json, "rate"))); /* as it comes back */
    assert_null(json_object_get(stage, "cut"));
    assert_null(json_object_get(json, "lost"));
}

static void a_stage_that_is_lost_shows_at_once_and_back_again(void **state)
{
    (void)state;
    run();
    write_status();
    progress(40, 140, 1);
    assert_int_equal(waits_for_write(), 0);
    write_status();
    holds(written, "Ready", "False", "StageMissing");
    holds(written, "Degraded", "True", "StageMissing");
    assert_string_equal(resource_text(written, "message"), "1 of 2 stages ready");
    take(json_pack("{ssss}", "type", "note", "text", "no node has room for detect"));
    cleanup(json_decrefp) json_t *noted = status();
    assert_string_equal(resource_text(noted, "message"), "no node has room for detect");
    now += 1000;
    progress(40, 180, 2);
    assert_int_equal(waits_for_write(), 0);
    write_status();
    holds(written, "Degraded", "False", "AsPlanned");
    assert_string_equal(resource_text(written, "message"), "");
}

static void a_rate_that_moves_is_written_every_five_seconds_at_most(void **state)
{
    (void)state;
    run();
    assert_int_equal(waits_for_write(), 0);
    write_status();
    now += 1000;
    progress(42, 140, 2);
    assert_int_equal(waits_for_write(), 4000);
    now += 4000;
    assert_int_equal(waits_for_write(), 0);
    write_status();
    assert_int_equal(waits_for_write(), -1);
}

static void a_rate_that_trembles_stays_and_counts_are_written_now_and_then(void **state)
{
    (void)state;
    run();
    write_status();
    now += 10000;
    progress(40.5, 500, 2);
    assert_int_equal(waits_for_write(), 20000);
}

static void what_stands_still_is_never_written_again(void **state)
{
    (void)state;
    run();
    write_status();
    now += 3600000;
    progress(40, 100, 2);
    assert_int_equal(waits_for_write(), -1);
}

static void a_status_that_was_found_keeps_its_times(void **state)
{
    (void)state;
    run();
    write_status();
    now += 60000;
    run();
    cleanup(json_decrefp) json_t *next = status();
    assert_string_equal(resource_text(condition(next, "Ready"), "lastTransitionTime"),
                        "2026-01-31T12:00:00Z");
}

static void a_patch_has_what_differs_and_takes_away_what_is_no_more(void **state)
{
    (void)state;
    run();
    write_status();
    take(json_pack("{ssss}", "type", "error", "text", "it broke"));
    cleanup(json_decrefp) json_t *next = status();
    cleanup(json_decrefp) json_t *patch = resource_patch(written, next);
    const json_t *changes = json_object_get(patch, "status");

    assert_string_equal(resource_text(changes, "phase"), "Failed");
    assert_true(json_is_null(json_object_get(changes, "readyStages")));
    assert_null(json_object_get(changes, "plan"));
    assert_null(json_object_get(changes, "observedGeneration"));
}

static void a_refused_manifest_says_why(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *json =
        status_of((struct resource_facts){.refused = "spec.operators[3]: no"});

    assert_string_equal(resource_text(json, "phase"), "Refused");
    assert_string_equal(resource_text(json, "message"), "spec.operators[3]: no");
    holds(json, "Accepted", "False", "Refused");
    holds(json, "Ready", "False", "Refused");
    assert_int_equal(json_integer_value(json_object_get(json, "observedGeneration")), 3);
}

static void a_refused_change_leaves_what_runs(void **state)
{
    (void)state;
    run();
    cleanup(json_decrefp) json_t *known = record_status(record, now);
    const struct resource_facts facts = {.record = known, .refused = "spec.operators[3]: no"};
    cleanup(json_decrefp) json_t *json = resource_status(&facts, NULL, now);

    assert_string_equal(resource_text(json, "phase"), "Running");
    assert_string_equal(resource_text(json, "message"), "spec.operators[3]: no");
    holds(json, "Accepted", "False", "Refused");
    holds(json, "Ready", "True", "StagesReady");
}

static void what_failed_says_when_it_is_tried_again(void **state)
{
    (void)state;
    take(json_pack("{ssss}", "type", "error", "text", "no device has a camera"));
    cleanup(json_decrefp) json_t *json = status_of((struct resource_facts){.retry_s = 20});

    assert_string_equal(resource_text(json, "phase"), "Failed");
    assert_string_equal(resource_text(json, "message"),
                        "no device has a camera; it is tried again after 20 s");
    holds(json, "Degraded", "True", "Failed");
}

static void what_waits_says_for_what(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *json =
        status_of((struct resource_facts){.waits = "it may not patch applications"});

    assert_string_equal(resource_text(json, "phase"), "Pending");
    assert_string_equal(resource_text(json, "message"), "it may not patch applications");
}

static void a_plan_that_misses_its_goal_is_degraded(void **state)
{
    (void)state;
    take(json_pack("{sss{sbs[s]}}", "type", "plan", "plan", "unmet", 1, "notes",
                   "the wished-for rate of 5/s is not reached"));
    take(json_pack("{ss}", "type", "running"));
    cleanup(json_decrefp) json_t *json = status();
    holds(json, "Degraded", "True", "GoalUnmet");
    assert_string_equal(resource_text(json, "message"),
                        "the wished-for rate of 5/s is not reached");
}

static void says(json_t *message, const char *reason, const char *words)
{
    struct resource_event event;

    assert_true(resource_event(message, &event));
    assert_string_equal(event.reason, reason);
    assert_string_equal(event.message, words);
    free(event.message);
    json_decref(message);
}

static void what_a_session_says_is_an_event(void **state)
{
    struct resource_event event;
    cleanup(json_decrefp) json_t *line = json_pack("{ssss}", "type", "say", "line", "dog");

    (void)state;
    says(plan_message(), "Planned",
         "camera..fit on node-1 | detect on node-2, node-3 x2: 41.2 frames/s, 66.6 ms per "
         "frame foreseen");
    says(json_pack("{ssss}", "type", "failure", "what", "detect on node-2 fell silent"),
         "StageLost", "detect on node-2 fell silent");
    says(json_pack("{sss{s{sisi}}}", "type", "report", "report", "frames", "delivered", 9,
                   "accepted", 10),
         "Finished", "9 of 10 frames were delivered");
    assert_false(resource_event(line, &event));
}

static void heard(void *owner, const struct resource_event *event)
{
    *(char **)owner = memory_text(event->message);
}

static void a_stage_on_another_device_has_moved(void **state)
{
    cleanup(memory_free) char *words = NULL;

    (void)state;
    run();
    write_status();
    cleanup(json_decrefp) json_t *next = json_deep_copy(written);
    resource_moves(written, next, heard, &words);
    assert_null(words);
    json_object_set_new(json_array_get(json_object_get(next, "stages"), 1), "device",
                        json_string("node-3"));
    resource_moves(written, next, heard, &words);
    assert_string_equal(words, "stage 'detect' moved from node-2 to node-3");
    assert_int_equal(resource_due(written, next, now, now), now);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_plan_in_short_names_first_and_last_of_what_runs_where),
        STORY(of_a_network_that_is_cut_the_plan_tells_the_layers),
        STORY(the_life_of_an_application_shows_in_its_conditions),
        STORY(numbers_are_as_long_as_they_are_true),
        STORY(a_stage_that_is_lost_shows_at_once_and_back_again),
        STORY(a_rate_that_moves_is_written_every_five_seconds_at_most),
        STORY(a_rate_that_trembles_stays_and_counts_are_written_now_and_then),
        STORY(what_stands_still_is_never_written_again),
        STORY(a_status_that_was_found_keeps_its_times),
        STORY(a_patch_has_what_differs_and_takes_away_what_is_no_more),
        STORY(a_refused_manifest_says_why),
        STORY(a_refused_change_leaves_what_runs),
        STORY(what_failed_says_when_it_is_tried_again),
        STORY(what_waits_says_for_what),
        STORY(a_plan_that_misses_its_goal_is_degraded),
        STORY(what_a_session_says_is_an_event),
        STORY(a_stage_on_another_device_has_moved),
    };

    return cmocka_run_group_tests_name("resource", tests, NULL, NULL);
}
