#include "base/memory.h"
#include "base/test.h"
#include "cli/cell.h"
#include "cli/objects_status.h"
#include "cli/status.h"
#include "fabric/kubernetes_sample.h"
#include "kube/timestamp.h"

static json_t *status; /* of the test that runs */

static uint64_t now(void)
{
    uint64_t ms = 0;

    assert_int_equal(kube_timestamp_read("2026-01-31T12:01:00Z", &ms), 0);
    return ms;
}

/* With a minute behind it, in its third generation. */
static void take(const char *metadata, const char *told)
{
    cleanup(memory_free) char *text =
        memory_format("{'metadata': {'name': 'street', 'namespace': 'shop', 'generation': 3, "
                      "'creationTimestamp': '2026-01-31T12:00:00Z'%s}, 'spec': {}%s%s}",
                      metadata, *told != '\0' ? ", 'status': " : "", told);
    cleanup(json_decrefp) json_t *object = sample(text);

    json_decref(status);
    status = objects_status(object, now());
}

static int stop(void **state)
{
    (void)state;
    json_decref(STEAL(status));
    return 0;
}

static double number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void says(const char *phase, const char *message, enum status_outcome outcome)
{
    assert_string_equal(cell_text(status, "phase"), phase);
    assert_string_equal(cell_text(status, "message"), message);
    assert_int_equal(status_outcome(status), outcome);
}

static void what_nobody_has_taken_up_says_so(void **state)
{
    (void)state;
    take("", "");
    says("Pending", "no controller has taken it up", STATUS_OPEN);
    assert_string_equal(cell_text(status, "fabric"), "kubernetes");
    assert_string_equal(cell_text(status, "namespace"), "shop");
    assert_true(number(status, "age_seconds") > 59.9 && number(status, "age_seconds") < 60.1);
    assert_true(json_is_null(json_object_get(status, "rate")));
    assert_true(json_is_null(json_object_get(status, "stages")));
    assert_true(json_is_null(json_object_get(status, "ready")));
}

static void one_that_runs_has_all_that_a_controller_on_a_socket_tells(void **state)
{
    (void)state;
    take("", "{'phase': 'Running', 'observedGeneration': 3, 'rate': 29.5, 'predictedRate': "
             "33.25, 'latencyMs': {'p50': 225, 'p90': 292}, 'delivered': 210, 'lost': 0, "
             "'readyStages': '1/2', 'plan': 'camera..fit on node-1', 'stages': [{'name': "
             "'fit-1', 'device': 'node-1', 'operators': ['camera', 'fit'], 'rate': 28.7, "
             "'busy': 0.77}, {'name': 'detect-1', 'device': 'node-2'}]}");
    says("Running", "", STATUS_GOOD);
    assert_true(number(status, "rate") == 29.5);
    assert_true(number(json_object_get(status, "predicted"), "rate") == 33.25);
    assert_true(number(json_object_get(status, "latency_ms"), "p90") == 292);
    assert_true(number(status, "delivered") == 210 && number(status, "lost") == 0);
    assert_true(number(status, "ready") == 1);
    assert_string_equal(cell_text(status, "summary"), "camera..fit on node-1");
    const json_t *first = json_array_get(json_object_get(status, "stages"), 0);
    assert_string_equal(cell_text(first, "device"), "node-1");
    assert_true(number(first, "busy") == 0.77);
}

static void what_is_said_of_an_earlier_manifest_is_waited_out(void **state)
{
    (void)state;
    take("", "{'phase': 'Running', 'observedGeneration': 2}");
    says("Running", "no controller has taken up its manifest as it is now", STATUS_OPEN);
    take("", "{'phase': 'Failed', 'observedGeneration': 2, 'message': 'no room'}");
    says("Failed", "no room", STATUS_OPEN);
    take("", "{'phase': 'Failed', 'observedGeneration': 3, 'message': 'no room'}");
    says("Failed", "no room", STATUS_BAD);
    take("", "{'phase': 'Refused', 'observedGeneration': 3, 'message': 'no such operator'}");
    says("Refused", "no such operator", STATUS_REFUSED);
}

static void a_message_is_bad_news_only_if_an_update_was_undone(void **state)
{
    static const char form[] =
        "{'phase': 'Running', 'observedGeneration': 3, 'message': 'it lags', 'conditions': "
        "[{'type': 'Degraded', 'status': 'True', 'reason': '%s', 'message': 'it lags', "
        "'lastTransitionTime': '2026-01-31T12:00:30Z', 'observedGeneration': 3}]}";
    cleanup(memory_free) char *unmet = memory_format(form, "GoalUnmet");
    cleanup(memory_free) char *undone = memory_format(form, "UpdateUndone");

    (void)state;
    take("", unmet);
    says("Running", "it lags", STATUS_GOOD);
    take("", undone);
    says("Running", "it lags", STATUS_BAD);
    const json_t *condition = json_array_get(json_object_get(status, "conditions"), 0);
    assert_string_equal(cell_text(condition, "type"), "Degraded");
    assert_string_equal(cell_text(condition, "since"), "2026-01-31T12:00:30Z");
    assert_true(number(condition, "age_seconds") > 29 && number(condition, "age_seconds") < 31);
}

static void one_that_is_deleted_ends(void **state)
{
    (void)state;
    take(", 'deletionTimestamp': '2026-01-31T12:00:40Z'",
         "{'phase': 'Running', 'observedGeneration': 3}");
    assert_string_equal(cell_text(status, "phase"), "Deleting");
    take(", 'deletionTimestamp': '2026-01-31T12:00:40Z'",
         "{'phase': 'Draining', 'observedGeneration': 3}");
    assert_string_equal(cell_text(status, "phase"), "Draining");
}

static void what_is_not_as_defined_counts_as_not_there(void **state)
{
    (void)state;
    take("", "{'phase': 7, 'rate': 'fast', 'latencyMs': [], 'readyStages': 'all', "
             "'conditions': {}, 'observedGeneration': 'x'}");
    assert_string_equal(cell_text(status, "phase"), "Pending");
    assert_true(json_is_null(json_object_get(status, "rate")));
    assert_true(json_is_null(json_object_get(status, "latency_ms")));
    assert_true(json_is_null(json_object_get(status, "ready")));
    cleanup(json_decrefp) json_t *list = sample("{'items': [7, {}]}");
    cleanup(json_decrefp) json_t *items = objects_statuses(list, now());
    assert_int_equal(json_array_size(items), 2);
    assert_true(json_is_null(json_object_get(json_array_get(items, 0), "age_seconds")));
}

static void events_come_in_their_order_however_they_tell_their_time(void **state)
{
    cleanup(json_decrefp) json_t *list =
        sample("{'items': ["
               "{'type': 'Warning', 'reason': 'StageLost', 'message': 'gone', 'count': 3, "
               "'lastTimestamp': '2026-01-31T12:00:50Z'},"
               "{'type': 'Normal', 'reason': 'Planned', 'message': 'a plan', 'lastTimestamp': "
               "null, 'eventTime': '2026-01-31T12:00:10.5Z'},"
               "{'type': 'Normal', 'reason': 'Running', 'message': 'on', 'eventTime': "
               "'2026-01-31T12:00:01Z', 'series': {'count': 7, 'lastObservedTime': "
               "'2026-01-31T12:00:20Z'}}]}");
    cleanup(json_decrefp) json_t *events = objects_events(list, now());

    (void)state;
    assert_int_equal(json_array_size(events), 3);
    assert_string_equal(cell_text(json_array_get(events, 0), "reason"), "Planned");
    assert_string_equal(cell_text(json_array_get(events, 1), "reason"), "Running");
    assert_true(number(json_array_get(events, 1), "count") == 7);
    const json_t *last = json_array_get(events, 2);
    assert_true(number(last, "count") == 3 && number(last, "age_seconds") == 10);
    cleanup(json_decrefp) json_t *line = objects_event_line(last);
    assert_string_equal(cell_text(line, "kind"), "warning");
    assert_string_equal(cell_text(line, "text"), "gone");
    assert_string_equal(cell_text(line, "time"), "2026-01-31T12:00:50Z");
}

static void what_came_at_the_same_moment_stays_in_its_order(void **state)
{
    cleanup(json_decrefp) json_t *list = sample(
        "[{'time': '2026-01-31T12:00:50.001Z', 'n': 0}, {'time': '2026-01-31T12:00:50Z', "
        "'n': 1}, {'time': '2026-01-31T12:00:50.0010Z', 'n': 2}, {'time': 'never', 'n': "
        "3}]");

    (void)state;
    objects_sort(list);
    static const int order[] = {3, 1, 0, 2};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(number(json_array_get(list, i), "n"), order[i]);
    }
}

#define STORY(story) cmocka_unit_test_teardown(story, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_nobody_has_taken_up_says_so),
        STORY(one_that_runs_has_all_that_a_controller_on_a_socket_tells),
        STORY(what_is_said_of_an_earlier_manifest_is_waited_out),
        STORY(a_message_is_bad_news_only_if_an_update_was_undone),
        STORY(one_that_is_deleted_ends),
        STORY(what_is_not_as_defined_counts_as_not_there),
        STORY(events_come_in_their_order_however_they_tell_their_time),
        STORY(what_came_at_the_same_moment_stays_in_its_order),
    };

    return cmocka_run_group_tests_name("objects_status", tests, NULL, NULL);
}
