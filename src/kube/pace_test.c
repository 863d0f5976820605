/* When requests go out, in virtual time. */
#include "base/test.h"
#include "kube/api.h"
#include "kube/pace.h"

static void a_burst_is_free_and_then_there_is_a_rate(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 50, 100, 1000);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(pace_take(&pace, 1000), 0);
    }
    assert_int_equal(pace_take(&pace, 1000), 20);
    assert_int_equal(pace_take(&pace, 1010), 10);
    assert_int_equal(pace_take(&pace, 1020), 0);
    assert_int_equal(pace_take(&pace, 1020), 20);
}

static void what_was_waited_for_is_there(void **state)
{
    struct pace pace;
    uint64_t now = 0;

    (void)state;
    pace_init(&pace, 3, 1, now);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t wait = pace_take(&pace, now);
        now += wait;
        assert_int_equal(wait == 0 ? 0 : pace_take(&pace, now), 0);
    }
    assert_in_range(now, 333000, 334000);
}

static void tokens_are_not_hoarded_and_a_clock_may_stand(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 1, 2, 5000);
    assert_int_equal(pace_take(&pace, 1000000), 0);
    assert_int_equal(pace_take(&pace, 1000000), 0);
    assert_int_equal(pace_take(&pace, 1000000), 1000);
    assert_int_equal(pace_take(&pace, 0), 1000);
}

static void one_waits_longer_and_longer_but_never_too_long(void **state)
{
    (void)state;
    assert_int_equal(pace_backoff(1, 250, 5000, 0), 125);
    assert_int_equal(pace_backoff(1, 250, 5000, 0.999), 249);
    assert_int_equal(pace_backoff(2, 250, 5000, 0), 250);
    assert_int_equal(pace_backoff(4, 250, 5000, 0), 1000);
    assert_int_equal(pace_backoff(1000, 250, 5000, 0.5), 3750);
}

static void failures_are_judged(void **state)
{
    static const struct {
        struct pace_failure failure;
        enum pace_verdict verdict;
        uint64_t wait_ms;
    } rows[] = {
        {{"GET", 1, .status = 404, .reached = true}, PACE_GIVE_UP, 0},
        {{"GET", 1, .status = 409, .reached = true}, PACE_GIVE_UP, 0},
        {{"GET", 1, .status = 410, .reached = true}, PACE_GIVE_UP, 0},
        {{"GET", 1, .status = 401, .reached = true}, PACE_RENEW, 0},
        {{"POST", KUBE_TRIES, .status = 401, .reached = true}, PACE_RENEW, 0},
        {{"GET", 2, .renewed = true, .status = 401, .reached = true}, PACE_GIVE_UP, 0},
        {{"GET", 1, .status = 503, .reached = true}, PACE_AGAIN, 125},
        {{"GET", 3, .status = 503, .reached = true}, PACE_AGAIN, 500},
        {{"GET", KUBE_TRIES, .status = 503, .reached = true}, PACE_GIVE_UP, 0},
        {{"GET", 1, .status = 503, .reached = true, .retry_ms = 3000}, PACE_AGAIN, 3000},
        {{"POST", 1, .status = 503, .reached = true}, PACE_GIVE_UP, 0},
        {{"POST", 1, .status = 503, .reached = true, .retry_ms = 1000}, PACE_AGAIN, 1000},
        {{"POST", 1, .status = 429, .reached = true}, PACE_AGAIN, 125},
        {{"GET", 1, .status = 500, .reached = true}, PACE_GIVE_UP, 0},
        {{"PUT", 1, .status = 500, .reached = true, .retry_ms = 1000}, PACE_AGAIN, 1000},
        {{"POST", 1, .status = 500, .reached = true, .retry_ms = 1000}, PACE_GIVE_UP, 0},
        {{"DELETE", 1, .status = 504, .reached = true}, PACE_AGAIN, 125},
        {{"POST", 1, .status = 504, .reached = true}, PACE_GIVE_UP, 0},
        {{"PATCH", 1, .reached = true}, PACE_AGAIN, 125},
        {{"POST", 1, .reached = true}, PACE_GIVE_UP, 0},
        {{"POST", 1, .status = 0}, PACE_AGAIN, 125},
        {{"GET", 1, .hopeless = true}, PACE_GIVE_UP, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint64_t wait = 0;
        assert_int_equal(pace_judge(&rows[i].failure, 0, &wait), rows[i].verdict);
        assert_int_equal(wait, rows[i].wait_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_is_free_and_then_there_is_a_rate),
        cmocka_unit_test(what_was_waited_for_is_there),
        cmocka_unit_test(tokens_are_not_hoarded_and_a_clock_may_stand),
        cmocka_unit_test(one_waits_longer_and_longer_but_never_too_long),
        cmocka_unit_test(failures_are_judged),
    };

    return cmocka_run_group_tests_name("kube pace", tests, NULL, NULL);
}
