#include "base/test.h"
#include "controller/reconcile.h"

static struct reconcile reconcile;

static int start(void **state)
{
    (void)state;
    reconcile_init(&reconcile, 2);
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

static void a_stage_that_was_ready_is_started_again_at_once(void **state)
{
    stages_start_are_configured_and_learn_of_each_other(state);
    reconcile_saw(&reconcile, 1, RECONCILE_SAW_GONE, 10);
    expect(RECONCILE_START, 1, 10);
    make_ready(1, 11);
    expect(RECONCILE_TELL_PEERS, 0, 11);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stages_start_are_configured_and_learn_of_each_other,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_stage_that_was_ready_is_started_again_at_once, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            one_that_never_gets_ready_is_tried_later_and_later_then_given_up, start, stop),
        cmocka_unit_test_setup_teardown(one_that_does_not_answer_is_ended_and_tried_again,
                                        start, stop),
    };
    return cmocka_run_group_tests_name("reconcile", tests, NULL, NULL);
}
