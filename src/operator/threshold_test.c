/* When values leave their bounds and come back, told as stories. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/rig.h"
#include "operator/rig_stream.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_flow(struct operator_instance *instance, const char *text,
                        const char *wanted)
{
    cleanup(memory_free) char *got = rig_flow(instance, 0, 0, text);

    assert_string_equal(got, wanted);
}

static void only_changes_are_said(void **state)
{
    cleanup(operator_closep) struct operator_instance *threshold =
        RIG_OPEN("threshold", "above", "10", "below", "5");
    (void)state;

    expect_flow(threshold, "1 7 CO a; 2 10 CO a; 3 11 CO a; 4 12 CO a; 5 10 CO a",
                "3 11 CO high a; 5 10 CO normal a");
    expect_flow(threshold, "6 5 CO a; 7 4 CO a; 8 20 CO a; 9 6 CO a",
                "7 4 CO low a; 8 20 CO high a; 9 6 CO normal a");
}

static void one_bound_is_enough(void **state)
{
    cleanup(operator_closep) struct operator_instance *above =
        RIG_OPEN("threshold", "above", "-1");
    cleanup(operator_closep) struct operator_instance *below =
        RIG_OPEN("threshold", "below", "0");
    (void)state;

    expect_flow(above, "1 -5 CO; 2 0 CO; 3 -2 CO", "2 0 CO high; 3 -2 CO normal");
    expect_flow(below, "1 5 CO; 2 -1 CO; 3 0 CO", "2 -1 CO low; 3 0 CO normal");
}

static void each_type_and_device_is_watched_by_itself(void **state)
{
    cleanup(operator_closep) struct operator_instance *threshold =
        RIG_OPEN("threshold", "above", "10");
    (void)state;

    expect_flow(threshold, "5 11 CO a; 1 12 CO b; 1 13 NO a; 2 1 CO b; 6 12 CO a",
                "5 11 CO high a; 1 12 CO high b; 1 13 NO high a; 2 1 CO normal b");
}

static void with_hysteresis_a_value_must_come_well_back(void **state)
{
    cleanup(operator_closep) struct operator_instance *threshold =
        RIG_OPEN("threshold", "above", "10", "below", "5", "hysteresis", "2");
    (void)state;

    expect_flow(threshold, "1 11 CO; 2 9 CO; 3 8.5 CO; 4 8 CO; 5 9 CO",
                "1 11 CO high; 4 8 CO normal");
    expect_flow(threshold, "6 4 CO; 7 6 CO; 8 7 CO; 9 6 CO", "6 4 CO low; 8 7 CO normal");
}

static void a_short_time_out_of_bounds_does_not_count(void **state)
{
    cleanup(operator_closep) struct operator_instance *threshold =
        RIG_OPEN("threshold", "above", "10", "below", "5", "for", "3s");
    (void)state;

    expect_flow(threshold, "1 11 CO; 3 12 CO; 4 10 CO; 5 11 CO; 7 11 CO", "");
    expect_flow(threshold, "8 13 CO; 9 14 CO", "8 13 CO high");
    expect_flow(threshold, "10 4 CO; 12 11 CO; 13 4 CO; 16 3 CO",
                "10 4 CO normal; 16 3 CO low");
    expect_flow(threshold, "17 5 CO", "17 5 CO normal");
}

static void what_is_older_than_the_last_is_left_out(void **state)
{
    cleanup(operator_closep) struct operator_instance *threshold =
        RIG_OPEN("threshold", "above", "10");
    cleanup(frame_unrefp) struct frame *frame =
        rig_readings_of(0, "5 11 CO; 4 1 CO; nan 1 CO; 6 inf CO; 5 9 CO");
    (void)state;

    cleanup(memory_free) char *said = rig_hear(threshold, 0, &frame);
    assert_string_equal(
        said, "threshold: 1 reading left out so far: too late for what was given out already");
    expect_flow(threshold, "5 12 CO; 4 1 CO", "5 12 CO high");
}

static void a_type_without_room_for_its_side_is_refused(void **state)
{
    cleanup(operator_closep) struct operator_instance *threshold =
        RIG_OPEN("threshold", "above", "10");
    char names[256 + 3];
    static const double row[1][2] = {{1, 11}};
    struct error err = {0};
    (void)state;

    memset(names, 'x', 250);
    memcpy(names + 250, "\t\n", 3);
    cleanup(frame_unrefp) struct frame *frame = rig_readings(1, row, names);
    assert_true(rig_try(threshold, 0, &frame, &err) < 0);
    assert_string_equal(err.text, "threshold: the type of a reading is longer than 248 bytes");
}

static void what_cannot_work_is_refused(void **state)
{
    struct error err;
    (void)state;

    RIG_REFUSE(&err, "threshold");
    assert_string_equal(err.text, "threshold: say 'above', 'below' or both");
    RIG_REFUSE(&err, "threshold", "above", "1", "below", "1");
    assert_string_equal(err.text, "threshold: 'below' must be less than 'above': between the "
                                  "two is normal");
    RIG_REFUSE(&err, "threshold", "above", "3", "below", "1", "hysteresis", "2.5");
    assert_string_equal(err.text, "threshold: 'hysteresis' is 2.5, but between 'below' and "
                                  "'above' is only 2");
}

static void lives_that_are_cut_short_do_not_show(void **state)
{
    (void)state;

    stream_expect_lives(WORDS("threshold", "above", "20", "below", "-30", "hysteresis", "5"));
    stream_expect_lives(WORDS("threshold", "above", "20", "below", "-30", "for", "4s"));
}

static void damaged_memory_is_refused(void **state)
{
    (void)state;

    stream_expect_damage_is_found(WORDS("threshold", "above", "20", "for", "4s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_changes_are_said),
        cmocka_unit_test(one_bound_is_enough),
        cmocka_unit_test(each_type_and_device_is_watched_by_itself),
        cmocka_unit_test(with_hysteresis_a_value_must_come_well_back),
        cmocka_unit_test(a_short_time_out_of_bounds_does_not_count),
        cmocka_unit_test(what_is_older_than_the_last_is_left_out),
        cmocka_unit_test(a_type_without_room_for_its_side_is_refused),
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(lives_that_are_cut_short_do_not_show),
        cmocka_unit_test(damaged_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
