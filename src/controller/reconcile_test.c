#include "base/test.h"
#include "controller/reconcile.h"

static struct reconcile reconcile;

static int start(void **state)
{
    (void)state;
    reconcile_init(&reconcile, 2, RECONCILE_PATIENCE_MS);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    reconcile_finish(&reconcile);
    return 0;
}

static void expect(enum reconcile_kind kind, size_t stage, uint64_t now)
{
    struct reconcile_action action = reconcile_next(&reconcile, now);

    assert_int_equal(action.kind, kind);
    assert_int_equal(action.stage, stage);
}

static void make_ready(size_t stage, uint64_t now)
{
    reconcile_saw(&reconcile, stage, RECONCILE_SAW_HELLO, now);
    expect(RECONCILE_CONFIGURE, stage, now);
    reconcile_saw(&reconcile, stage, RECONCILE_SAW_READY, now);
}

static void stages_start_are_configured_and_learn_of_each_other(void **state)
{
    (void)state;
    expect(RECONCILE_START, 0, 1);
    expect(RECONCILE_START, 1, 1);
    expect(RECONCILE_NOTHING, 0, 1);
    make_ready(0, 2);
    expect(RECONCILE_TELL_PEERS, 0, 2);
    make_ready(1, 3);
    expect(RECONCILE_TELL_PEERS, 0, 3);
    expect(RECONCILE_TELL_PEERS, 1, 3);
    expect(RECONCILE_NOTHING, 0, 3);
    assert_int_equal(reconcile_count(&reconcile, RECONCILE_READY), 2);
}

static void a_stage_that_worked_is_started_again_at_once_however_often(void **state)
{
    stages_start_are_configured_and_learn_of_each_other(state);
    for (uint64_t now = 10; now < 10 + 4 * RECONCILE_TRIES; now += 2) {
        reconcile_saw(&reconcile, 1, RECONCILE_SAW_PROGRESS, now);
        reconcile_saw(&reconcile, 1, RECONCILE_SAW_GONE, now);
        expect(RECONCILE_START, 1, now);
        make_ready(1, now + 1);
        expect(RECONCILE_TELL_PEERS, 0, now + 1);
    }
}

/* Kills stage 1, ready or not, and starts it again when it is time; returns how long that was.
 */
static uint64_t die(uint64_t *now)
{
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_GONE, *now);
    struct reconcile_action action = reconcile_next(&reconcile, *now);
    uint64_t wait = action.kind == RECONCILE_NOTHING ? action.when - *now : 0;

    if (wait > 0) {
        *now = action.when;
        action = reconcile_next(&reconcile, *now);
    }
    assert_int_equal(action.kind, RECONCILE_START);
    assert_int_equal(action.stage, 1);
    return wait;
}

static void get_ready(uint64_t now)
{
    make_ready(1, now);
    expect(RECONCILE_TELL_PEERS, 0, now);
}

static void
one_that_gets_ready_but_nowhere_waits_longer_and_longer_then_is_given_up(void **state)
{
    uint64_t now = 10, before = 0;

    stages_start_are_configured_and_learn_of_each_other(state);
    for (unsigned i = 0; i + 1 < RECONCILE_TRIES; i++) {
        uint64_t wait = die(&now);
        assert_true(wait > before);
        before = wait;
        get_ready(now);
    }
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_GONE, now);
    expect(RECONCILE_GIVE_UP, 1, now);
}

static void progress_forgives_what_was_before(void **state)
{
    uint64_t now = 10;

    stages_start_are_configured_and_learn_of_each_other(state);
    uint64_t first = die(&now);
    for (unsigned i = 2; i < RECONCILE_TRIES; i++) {
        die(&now);
    }
    get_ready(now);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_PROGRESS, now);
    assert_int_equal(die(&now), 0);
    assert_int_equal(die(&now), first);
    get_ready(now);
    assert_true(die(&now) > first);
}

static void the_progress_of_one_forgives_no_other(void **state)
{
    uint64_t now = 10;

    stages_start_are_configured_and_learn_of_each_other(state);
    for (unsigned i = 0; i + 1 < RECONCILE_TRIES; i++) {
        reconcile_saw(&reconcile, 0, RECONCILE_SAW_PROGRESS, now);
        die(&now);
        get_ready(now);
    }
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_GONE, now);
    expect(RECONCILE_GIVE_UP, 1, now);
}

static void one_that_never_gets_ready_is_tried_later_and_later_then_given_up(void **state)
{
    uint64_t now = 1, waits[RECONCILE_TRIES] = {0};

    (void)state;
    expect(RECONCILE_START, 0, now);
    expect(RECONCILE_START, 1, now);
    for (unsigned i = 0; i + 1 < RECONCILE_TRIES; i++) {
        reconcile_saw(&reconcile, 0, RECONCILE_SAW_GONE, now);
        struct reconcile_action action = reconcile_next(&reconcile, now);
        assert_int_equal(action.kind, RECONCILE_NOTHING);
        waits[i] = action.when - now;
        assert_true(i == 0 || waits[i] > waits[i - 1]);
        now = action.when;
        expect(RECONCILE_START, 0, now);
    }
    reconcile_saw(&reconcile, 0, RECONCILE_SAW_GONE, now);
    expect(RECONCILE_GIVE_UP, 0, now);
}

static void one_that_does_not_answer_is_ended_and_tried_again(void **state)
{
    (void)state;
    expect(RECONCILE_START, 0, 1);
    expect(RECONCILE_START, 1, 1);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_HELLO, 2);
    expect(RECONCILE_CONFIGURE, 1, 2);
    expect(RECONCILE_STOP, 0, 1 + RECONCILE_PATIENCE_MS);
    expect(RECONCILE_START, 0, 1 + RECONCILE_PATIENCE_MS + RECONCILE_WAIT_MS);
}

static void outdated_stages_are_renewed_one_at_a_time(void **state)
{
    stages_start_are_configured_and_learn_of_each_other(state);
    reconcile_outdate(&reconcile, 0);
    reconcile_outdate(&reconcile, 1);
    expect(RECONCILE_RENEW, 0, 10);
    expect(RECONCILE_NOTHING, 0, 10);
    reconcile_saw(&reconcile, 0, RECONCILE_SAW_ENDED, 11);
    expect(RECONCILE_START, 0, 11);
    make_ready(0, 12);
    expect(RECONCILE_TELL_PEERS, 0, 12);
    expect(RECONCILE_TELL_PEERS, 1, 12);
    expect(RECONCILE_RENEW, 1, 12);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_ENDED, 13);
    expect(RECONCILE_START, 1, 13);
    make_ready(1, 14);
    expect(RECONCILE_TELL_PEERS, 0, 14);
    expect(RECONCILE_TELL_PEERS, 1, 14);
    expect(RECONCILE_NOTHING, 0, 14);
}

static void one_that_dies_before_its_renewal_needs_none(void **state)
{
    stages_start_are_configured_and_learn_of_each_other(state);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_PROGRESS, 10);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_GONE, 10);
    reconcile_outdate(&reconcile, 1);
    expect(RECONCILE_START, 1, 10);
    make_ready(1, 11);
    expect(RECONCILE_TELL_PEERS, 0, 11);
    expect(RECONCILE_TELL_PEERS, 1, 11);
    expect(RECONCILE_NOTHING, 0, 11);
}

static void a_stage_that_has_its_configuration_is_renewed_once_it_is_ready(void **state)
{
    (void)state;
    expect(RECONCILE_START, 0, 1);
    expect(RECONCILE_START, 1, 1);
    make_ready(0, 2);
    expect(RECONCILE_TELL_PEERS, 0, 2);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_HELLO, 3);
    expect(RECONCILE_CONFIGURE, 1, 3);
    reconcile_outdate(&reconcile, 1);
    expect(RECONCILE_NOTHING, 0, 3);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_READY, 4);
    expect(RECONCILE_TELL_PEERS, 0, 4);
    expect(RECONCILE_TELL_PEERS, 1, 4);
    expect(RECONCILE_RENEW, 1, 4);
}

static void one_that_falls_silent_is_fenced_at_once_and_started_when_it_has_ended(void **state)
{
    stages_start_are_configured_and_learn_of_each_other(state);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_PROGRESS, 5);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_SILENT, 10);
    expect(RECONCILE_TELL_PEERS, 0, 10);
    expect(RECONCILE_NOTHING, 0, 10);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_ENDED, 20);
    expect(RECONCILE_START, 1, 20);
}

static void one_that_falls_silent_again_and_again_is_given_up(void **state)
{
    uint64_t now = 10;

    stages_start_are_configured_and_learn_of_each_other(state);
    for (unsigned i = 1; i < RECONCILE_TRIES; i++) {
        reconcile_saw(&reconcile, 1, RECONCILE_SAW_SILENT, now);
        expect(RECONCILE_TELL_PEERS, 0, now);
        reconcile_saw(&reconcile, 1, RECONCILE_SAW_ENDED, now);
        now = reconcile_next(&reconcile, now).when;
        expect(RECONCILE_START, 1, now);
        get_ready(now);
    }
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_SILENT, now);
    expect(RECONCILE_TELL_PEERS, 0, now);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_ENDED, now);
    expect(RECONCILE_GIVE_UP, 1, now);
}

static void one_for_which_there_is_no_place_is_looked_after_now_and_then(void **state)
{
    stages_start_are_configured_and_learn_of_each_other(state);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_GONE, 10);
    uint64_t now = reconcile_next(&reconcile, 10).when;
    for (unsigned i = 0; i < 3 * RECONCILE_TRIES; i++) {
        expect(RECONCILE_START, 1, now);
        reconcile_saw(&reconcile, 1, RECONCILE_SAW_NO_PLACE, now);
        struct reconcile_action action = reconcile_next(&reconcile, now);
        assert_int_equal(action.kind, RECONCILE_NOTHING);
        assert_int_equal(action.when, now + RECONCILE_PLACE_MS);
        now = action.when;
    }
}

static void what_an_earlier_controller_had_ready_is_left_alone(void **state)
{
    (void)state;
    reconcile_adopt(&reconcile, 0);
    reconcile_end(&reconcile, 1);
    expect(RECONCILE_NOTHING, 0, 1);
    reconcile_saw(&reconcile, 0, RECONCILE_SAW_HELLO, 2);
    expect(RECONCILE_NOTHING, 0, 2);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_ENDED, 3);
    expect(RECONCILE_START, 1, 3);
}

static void what_was_adopted_tells_what_it_knows_before_it_is_renewed(void **state)
{
    (void)state;
    reconcile_adopt(&reconcile, 0);
    reconcile_adopt(&reconcile, 1);
    reconcile_outdate(&reconcile, 0);
    expect(RECONCILE_NOTHING, 0, 1);
    reconcile_saw(&reconcile, 0, RECONCILE_SAW_HELLO, 2);
    expect(RECONCILE_NOTHING, 0, 2);
    reconcile_saw(&reconcile, 0, RECONCILE_SAW_READY, 3);
    expect(RECONCILE_TELL_PEERS, 0, 3);
    expect(RECONCILE_RENEW, 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            one_that_falls_silent_is_fenced_at_once_and_started_when_it_has_ended, start, stop),
        cmocka_unit_test_setup_teardown(one_that_falls_silent_again_and_again_is_given_up,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            one_for_which_there_is_no_place_is_looked_after_now_and_then, start, stop),
        cmocka_unit_test_setup_teardown(what_an_earlier_controller_had_ready_is_left_alone,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            what_was_adopted_tells_what_it_knows_before_it_is_renewed, start, stop),
        cmocka_unit_test_setup_teardown(stages_start_are_configured_and_learn_of_each_other,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            a_stage_that_worked_is_started_again_at_once_however_often, start, stop),
        cmocka_unit_test_setup_teardown(
            one_that_gets_ready_but_nowhere_waits_longer_and_longer_then_is_given_up, start,
            stop),
        cmocka_unit_test_setup_teardown(progress_forgives_what_was_before, start, stop),
        cmocka_unit_test_setup_teardown(the_progress_of_one_forgives_no_other, start, stop),
        cmocka_unit_test_setup_teardown(
            one_that_never_gets_ready_is_tried_later_and_later_then_given_up, start, stop),
        cmocka_unit_test_setup_teardown(one_that_does_not_answer_is_ended_and_tried_again,
                                        start, stop),
        cmocka_unit_test_setup_teardown(outdated_stages_are_renewed_one_at_a_time, start, stop),
        cmocka_unit_test_setup_teardown(one_that_dies_before_its_renewal_needs_none, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            a_stage_that_has_its_configuration_is_renewed_once_it_is_ready, start, stop),
    };
    return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
