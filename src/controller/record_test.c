#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "controller/record.h"

static struct record *record;

static int start(void **state)
{
    (void)state;
    record = record_create("street", 1000);
    record_begin(record, "local");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    record_destroy(record);
    return 0;
}

static void take(json_t *message)
{
    record_take(record, message, 2000);
    json_decref(message);
}

static void expect(const char *phase, const char *message)
{
    cleanup(json_decrefp) json_t *status = record_status(record, 3500);

    assert_string_equal(json_string_value(json_object_get(status, "phase")), phase);
    assert_string_equal(json_string_value(json_object_get(status, "message")), message);
}

static void the_phases_of_a_life_follow_what_the_session_says(void **state)
{
    (void)state;
    expect("Measuring", "");
    take(json_pack("{ssss}", "type", "measuring", "what", "detect on device-1"));
    expect("Measuring", "detect on device-1");
    take(json_pack("{sss{sf}}", "type", "plan", "plan", "rate", 12.5));
    expect("Starting", "");
    take(json_pack("{sss[{ssss}]si}", "type", "stages", "stages", "name", "out", "device",
                   "node-1", "ready", 0));
    cleanup(json_decrefp) json_t *early = record_status(record, 3500);
    assert_int_equal(json_array_size(json_object_get(early, "stages")), 1);
    assert_int_equal(json_integer_value(json_object_get(early, "ready")), 0);
    take(json_pack("{ss}", "type", "running"));
    expect("Running", "");
    take(json_pack("{sssisf}", "type", "progress", "delivered", 7, "rate", 3.5));
    cleanup(json_decrefp) json_t *status = record_status(record, 3500);
    assert_int_equal(json_integer_value(json_object_get(status, "delivered")), 7);
    assert_true(json_real_value(json_object_get(status, "rate")) == 3.5);
    assert_true(json_real_value(json_object_get(status, "age_seconds")) == 2.5);
    record_enter(record, RECORD_DRAINING, "it is being deleted", 4000);
    expect("Draining", "it is being deleted");
    take(json_pack("{sss{s{si}sf}}", "type", "report", "report", "frames", "delivered", 9,
                   "rate", 4.5));
    expect("Finished", "");
    cleanup(json_decrefp) json_t *last = record_status(record, 3500);
    assert_int_equal(json_integer_value(json_object_get(last, "delivered")), 9);
}

static void an_error_is_the_last_word_even_after_a_report(void **state)
{
    (void)state;
    take(json_pack("{sss{}}", "type", "report", "report"));
    take(json_pack("{ssss}", "type", "error", "text", "3 frames were not delivered"));
    expect("Failed", "3 frames were not delivered");
}

static void an_update_that_was_undone_runs_and_says_why(void **state)
{
    (void)state;
    take(json_pack("{ss}", "type", "running"));
    record_enter(record, RECORD_UPDATING, "updated in place", 3000);
    expect("Updating", "updated in place");
    take(json_pack("{ssss}", "type", "undone", "text", "the update was undone: no such file"));
    expect("Running", "the update was undone: no such file");
    record_enter(record, RECORD_UPDATING, "updated in place", 3000);
    take(json_pack("{ss}", "type", "updated"));
    expect("Running", "");
}

static void the_log_is_read_from_where_one_has_been_and_survives_a_new_session(void **state)
{
    (void)state;
    take(json_pack("{ssss}", "type", "note", "text", "one"));
    take(json_pack("{ssss}", "type", "say", "line", "two"));
    cleanup(json_decrefp) json_t *all = record_log(record, 0);
    assert_int_equal(json_array_size(json_object_get(all, "lines")), 2);
    json_int_t next = json_integer_value(json_object_get(all, "next"));
    record_begin(record, "docker");
    take(json_pack("{ssss}", "type", "failure", "what", "three"));
    cleanup(json_decrefp) json_t *rest = record_log(record, (uint64_t)next);
    const json_t *line = json_array_get(json_object_get(rest, "lines"), 0);
    assert_int_equal(json_array_size(json_object_get(rest, "lines")), 1);
    assert_string_equal(json_string_value(json_object_get(line, "kind")), "failure");
    assert_string_equal(json_string_value(json_object_get(line, "text")), "three");
    assert_string_equal(json_string_value(json_object_get(line, "time")),
                        "1970-01-01T00:00:02Z");
}

static void failures_are_counted_over_all_sessions(void **state)
{
    (void)state;
    take(json_pack("{ssss}", "type", "failure", "what", "detect-1 on node-1 fell silent"));
    record_begin(record, "kubernetes");
    take(json_pack("{ssss}", "type", "failure", "what", "detect-1 on node-1 fell silent"));
    cleanup(json_decrefp) json_t *status = record_status(record, 3500);
    assert_int_equal(json_integer_value(json_object_get(status, "failures")), 2);
}

static void a_note_stands_until_something_is_under_way_again(void **state)
{
    (void)state;
    take(json_pack("{ssss}", "type", "note", "text", "no node has room"));
    cleanup(json_decrefp) json_t *waits = record_status(record, 3500);
    assert_string_equal(json_string_value(json_object_get(waits, "note")), "no node has room");
    take(json_pack("{ss}", "type", "running"));
    cleanup(json_decrefp) json_t *runs = record_status(record, 3500);
    assert_true(json_is_null(json_object_get(runs, "note")));
}

static void a_long_log_forgets_its_beginning(void **state)
{
    (void)state;
    for (int i = 0; i < RECORD_LINES_MAX + 5; i++) {
        take(json_pack("{ssss}", "type", "note", "text", i == 5 ? "oldest" : "later"));
    }
    cleanup(json_decrefp) json_t *log = record_log(record, 0);
    const json_t *lines = json_object_get(log, "lines");
    assert_int_equal(json_array_size(lines), RECORD_LINES_MAX);
    assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 0), "text")),
                        "oldest");
}

static void messages_without_their_parts_do_no_harm(void **state)
{
    static const char *const types[] = {"measuring", "plan",  "progress", "report",
                                        "note",      "error", "say",      "what"};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        take(json_pack("{ss}", "type", types[i]));
        json_decref(record_status(record, 2000));
    }
    take(json_pack("{}"));
    take(json_pack("[]"));
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_phases_of_a_life_follow_what_the_session_says),
        STORY(an_error_is_the_last_word_even_after_a_report),
        STORY(an_update_that_was_undone_runs_and_says_why),
        STORY(the_log_is_read_from_where_one_has_been_and_survives_a_new_session),
        STORY(failures_are_counted_over_all_sessions),
        STORY(a_note_stands_until_something_is_under_way_again),
        STORY(a_long_log_forgets_its_beginning),
        STORY(messages_without_their_parts_do_no_harm),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
