#include <stdio.h>

#include "base/memory.h"
#include "base/test.h"
#include "controller/tally.h"

static struct deployment_operator operators[] = {
    {.name = "camera", .origin = "camera", .group = "camera"},
    {.name = "detect#0", .origin = "detect", .group = "detect"},
    {.name = "out", .origin = "out", .group = "out"},
};
static struct deployment_param segment = {"segment", "3:17"};
static struct deployment_stage stages[] = {
    {.name = "camera-1", .group = "camera", .device = "one", .workers = 1},
    {.name = "detect-1", .group = "detect", .device = "two", .workers = 1},
    {.name = "out-1", .group = "out", .device = "one", .workers = 1},
};
static struct deployment deployment = {.application = "street",
                                       .window = 2,
                                       .n_operators = 3,
                                       .operators = operators,
                                       .n_stages = 3,
                                       .stages = stages};
static const double foreseen[] = {0.1, 0.9, 0.2};
static struct tally *tally;

static int start(void **state)
{
    (void)state;
    operators[1].params = &segment;
    operators[1].n_params = 1;
    tally = tally_create(&deployment);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    tally_destroy(tally);
    return 0;
}

static void report(const char *stage, const char *text)
{
    cleanup(json_decrefp) json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    tally_report(tally, stage, json);
}

/* The sink has taken so many frames, the last one at that time. */
static void sink_reports(unsigned delivered, unsigned repeated, double seconds)
{
    char text[300];

    snprintf(
        text, sizeof(text),
        "{\"operators\": [{\"name\": \"out\", \"frames\": %u, \"sink\": {\"delivered\": %u,"
        " \"repeated\": %u, \"last_ns\": %.0f, \"latency\": [[160, %u]]}}]}",
        delivered, delivered, repeated, seconds * 1e9, delivered);
    report("out-1", text);
}

static json_t *finish(double seconds)
{
    return tally_final(tally, seconds, foreseen);
}

static json_int_t integer_at(const json_t *json, const char *object, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(json, object), key));
}

static void the_rate_is_that_after_the_warm_up_and_before_the_drain(void **state)
{
    (void)state;
    sink_reports(1, 0, 10);
    sink_reports(6, 0, 12); /* three windows: warm */
    sink_reports(26, 0, 14);
    tally_draining(tally);
    sink_reports(27, 0, 20);
    cleanup(json_decrefp) json_t *json = finish(10);

    assert_int_equal(10 * json_number_value(json_object_get(json, "rate")), 100);
    assert_int_equal(integer_at(json, "frames", "delivered"), 27);
}

static void a_run_shorter_than_the_warm_up_has_its_mean_rate(void **state)
{
    (void)state;
    sink_reports(4, 0, 12);
    cleanup(json_decrefp) json_t *json = finish(2);

    assert_int_equal(10 * json_number_value(json_object_get(json, "rate")), 20);
}

static void what_the_first_frames_waited_for_is_no_part_of_a_short_run_s_rate(void **state)
{
    (void)state;
    sink_reports(1, 0, 10);
    sink_reports(4, 0, 13);
    cleanup(json_decrefp) json_t *json = finish(20);

    assert_int_equal(10 * json_number_value(json_object_get(json, "rate")), 10);
}

static bool is_null(const json_t *json, const char *key)
{
    return json_is_null(json_object_get(json, key));
}

static void a_single_frame_has_no_rate(void **state)
{
    (void)state;
    sink_reports(1, 0, 12);
    cleanup(json_decrefp) json_t *json = finish(2);

    assert_true(is_null(json, "rate"));
    const json_t *stage = json_array_get(json_object_get(json, "stages"), 2);
    assert_true(is_null(stage, "rate"));
    assert_int_equal(json_number_value(json_object_get(json, "seconds")), 2);
}

static void what_took_no_time_has_no_rate_either(void **state)
{
    (void)state;
    sink_reports(4, 0, 12);
    cleanup(json_decrefp) json_t *json = finish(0);

    assert_true(json_number_value(json_object_get(json, "seconds")) <= 0);
    assert_true(is_null(json, "rate"));
    const json_t *stage = json_array_get(json_object_get(json, "stages"), 2);
    assert_true(is_null(stage, "rate") && is_null(stage, "busy") && is_null(stage, "cpu"));
}

static void what_was_accepted_and_not_delivered_is_lost(void **state)
{
    (void)state;
    report("camera-1", "{\"accepted\": 9}");
    sink_reports(7, 2, 12);
    cleanup(json_decrefp) json_t *json = finish(1);

    assert_int_equal(integer_at(json, "frames", "accepted"), 9);
    assert_int_equal(integer_at(json, "frames", "lost"), 2);
    assert_int_equal(integer_at(json, "frames", "duplicated"), 2);
}

static void counts_of_a_stage_that_died_are_carried_over(void **state)
{
    const char *const before =
        "{\"cpu_ns\": 2000000000, \"operators\": [{\"name\": \"detect#0\", \"frames\": 30}],"
        " \"links\": [{\"to\": \"out-1\", \"bytes\": 100, \"frames\": 30}]}";
    const char *const after =
        "{\"cpu_ns\": 1000000000, \"operators\": [{\"name\": \"detect#0\", \"frames\": 10}],"
        " \"links\": [{\"to\": \"out-1\", \"bytes\": 11, \"frames\": 10}]}";

    (void)state;
    report("detect-1", before);
    tally_gone(tally, "detect-1", "killed by signal 9", 3.5);
    tally_back(tally, "detect-1", 3.75);
    report("detect-1", after);
    cleanup(json_decrefp) json_t *json = finish(10);

    const json_t *stage = json_array_get(json_object_get(json, "stages"), 1);
    assert_int_equal(100 * json_number_value(json_object_get(stage, "rate")), 400);
    assert_int_equal(100 * json_number_value(json_object_get(stage, "cpu")), 30);
    const json_t *link = json_array_get(json_object_get(json, "links"), 0);
    assert_int_equal(json_integer_value(json_object_get(link, "bytes")), 111);
    assert_int_equal(json_integer_value(json_object_get(link, "frames")), 40);
    const json_t *failure = json_array_get(json_object_get(json, "failures"), 0);
    assert_string_equal(json_string_value(json_object_get(failure, "what")),
                        "detect-1 on two killed by signal 9");
    assert_int_equal(json_number_value(json_object_get(failure, "recovered_after_ms")), 250);
}

/* The stage has refused so many frames. */
static void detect_refuses(unsigned n, const char *first, const char *last)
{
    char text[300];

    snprintf(text, sizeof(text),
             "{\"operators\": [{\"name\": \"detect#0\", \"frames\": %u, \"errors\": %u, "
             "\"refused\": {\"first\": \"%s\", \"last\": \"%s\"}}]}",
             n, n, first, last);
    report("detect-1", text);
}

static void assert_warns(const char *text)
{
    cleanup(memory_free) char *warning = tally_warning(tally);

    if (text == NULL) {
        assert_null(warning);
    } else {
        assert_non_null(warning);
        assert_string_equal(warning, text);
    }
}

static void refused_frames_are_counted_by_operator_of_the_manifest(void **state)
{
    (void)state;
    detect_refuses(2, "a.jpg: no picture", "b.jpg: no picture");
    tally_gone(tally, "detect-1", "killed by signal 9", 3.5);
    detect_refuses(1, "c.jpg: no picture", "c.jpg: no picture");
    cleanup(json_decrefp) json_t *json = finish(10);

    const json_t *refused = json_array_get(json_object_get(json, "refused"), 0);
    assert_string_equal(json_string_value(json_object_get(refused, "operator")), "detect");
    assert_int_equal(json_integer_value(json_object_get(refused, "frames")), 3);
    assert_string_equal(json_string_value(json_object_get(refused, "first")),
                        "a.jpg: no picture");
    assert_int_equal(tally_refused(tally), 3);
}

static void what_was_left_out_is_counted_over_all_lives(void **state)
{
    (void)state;
    report("detect-1",
           "{\"operators\": [{\"name\": \"detect#0\", \"frames\": 9, \"left_out\": 4}]}");
    tally_gone(tally, "detect-1", "killed by signal 9", 3.5);
    report("detect-1",
           "{\"operators\": [{\"name\": \"detect#0\", \"frames\": 1, \"left_out\": 3}]}");
    cleanup(json_decrefp) json_t *json = finish(10);
    cleanup(json_decrefp) json_t *wanted =
        json_pack("[{sssi}]", "operator", "detect", "count", 7);

    assert_true(json_equal(json_object_get(json, "left_out"), wanted));
    assert_int_equal(tally_refused(tally), 0);
}

static void the_first_refusal_is_told_and_every_thousandth(void **state)
{
    (void)state;
    assert_warns(NULL);
    detect_refuses(2, "a.jpg: no picture", "b.jpg: no picture");
    assert_warns("'detect' refused a frame: a.jpg: no picture");
    assert_warns(NULL);
    detect_refuses(999, "a.jpg: no picture", "c.jpg: no picture");
    assert_warns(NULL);
    detect_refuses(1001, "a.jpg: no picture", "d.jpg: no picture");
    assert_warns("'detect' has refused 1001 frames; the last: d.jpg: no picture");
    detect_refuses(1002, "a.jpg: no picture", "e.jpg: no picture");
    assert_warns(NULL);
}

static void a_stage_tells_its_part_of_the_model(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *json = finish(1);
    const json_t *stage = json_array_get(json_object_get(json, "stages"), 1);
    const json_t *cut = json_object_get(stage, "cut");

    assert_int_equal(json_integer_value(json_array_get(cut, 0)), 3);
    assert_int_equal(json_integer_value(json_array_get(cut, 1)), 17);
    assert_int_equal(100 * json_number_value(json_object_get(stage, "predicted_busy")), 90);
}

static void nonsense_in_a_report_counts_as_nothing(void **state)
{
    (void)state;
    report("camera-1", "{\"accepted\": -5, \"operators\": 7, \"links\": [1, {\"to\": 2}]}");
    report("nobody", "{\"accepted\": 5}");
    report("out-1", "{\"operators\": [{\"name\": \"ghost\", \"sink\": {\"delivered\": 9}}]}");
    cleanup(json_decrefp) json_t *json = finish(1);

    assert_int_equal(integer_at(json, "frames", "accepted"), 0);
    assert_int_equal(integer_at(json, "frames", "delivered"), 0);
}

static void progress_tells_what_happened_since_the_last(void **state)
{
    (void)state;
    sink_reports(10, 0, 1);
    json_decref(tally_progress(tally, 1));
    sink_reports(30, 0, 3);
    cleanup(json_decrefp) json_t *json = tally_progress(tally, 3);

    assert_int_equal(10 * json_number_value(json_object_get(json, "rate")), 100);
}

static void progress_tells_what_runs_where(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *json = tally_progress(tally, 1);
    const json_t *stage = json_array_get(json_object_get(json, "stages"), 1);
    const json_t *names = json_object_get(stage, "operators");

    assert_string_equal(json_string_value(json_array_get(names, 0)), "detect#0");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(stage, "cut"), 1)), 17);
    assert_true(json_is_null(json_object_get(json, "latency_ms")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_rate_is_that_after_the_warm_up_and_before_the_drain,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_run_shorter_than_the_warm_up_has_its_mean_rate, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            what_the_first_frames_waited_for_is_no_part_of_a_short_run_s_rate, start, stop),
        cmocka_unit_test_setup_teardown(a_single_frame_has_no_rate, start, stop),
        cmocka_unit_test_setup_teardown(what_took_no_time_has_no_rate_either, start, stop),
        cmocka_unit_test_setup_teardown(what_was_accepted_and_not_delivered_is_lost, start,
                                        stop),
        cmocka_unit_test_setup_teardown(counts_of_a_stage_that_died_are_carried_over, start,
                                        stop),
        cmocka_unit_test_setup_teardown(refused_frames_are_counted_by_operator_of_the_manifest,
                                        start, stop),
        cmocka_unit_test_setup_teardown(what_was_left_out_is_counted_over_all_lives, start,
                                        stop),
        cmocka_unit_test_setup_teardown(the_first_refusal_is_told_and_every_thousandth, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_stage_tells_its_part_of_the_model, start, stop),
        cmocka_unit_test_setup_teardown(nonsense_in_a_report_counts_as_nothing, start, stop),
        cmocka_unit_test_setup_teardown(progress_tells_what_happened_since_the_last, start,
                                        stop),
        cmocka_unit_test_setup_teardown(progress_tells_what_runs_where, start, stop),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
