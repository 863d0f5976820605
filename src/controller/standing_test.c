#include "base/test.h"
#include "controller/standing.h"

static struct standing standing;

static int start(void **state)
{
    (void)state;
    standing_init(&standing, 3);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    standing_finish(&standing);
    return 0;
}

static void a_device_is_usable_until_something_speaks_against_it(void **state)
{
    (void)state;
    assert_true(standing_usable(&standing, 0, 10));
    standing_told(&standing, 0, false, 20);
    assert_false(standing_usable(&standing, 0, 30));
    assert_true(standing_usable(&standing, 1, 30));
    standing_told(&standing, 0, true, 40);
    assert_true(standing_usable(&standing, 0, 50));
}

static void silence_is_believed_before_the_fabric_says_anything(void **state)
{
    (void)state;
    standing_silent(&standing, 1, 1000);
    standing_told(&standing, 1, true, 1500); /* it does not know yet */
    assert_false(standing_usable(&standing, 1, 2000));
}

static void doubt_ends_when_a_stage_is_heard(void **state)
{
    (void)state;
    standing_silent(&standing, 1, 1000);
    standing_heard(&standing, 1, 3000);
    assert_true(standing_usable(&standing, 1, 3000));
    assert_false(standing_steady(&standing, 1, 3000 + STANDING_STEADY_MS - 1));
    assert_true(standing_steady(&standing, 1, 3000 + STANDING_STEADY_MS));
}

static void doubt_ends_when_the_fabric_saw_it_go_and_come_back(void **state)
{
    (void)state;
    standing_silent(&standing, 1, 1000);
    standing_told(&standing, 1, false, 5000);
    standing_told(&standing, 1, true, 9000);
    assert_true(standing_usable(&standing, 1, 9000));
    assert_false(standing_steady(&standing, 1, 9000));
    assert_true(standing_steady(&standing, 1, 9000 + STANDING_STEADY_MS));
}

static void doubt_ends_by_itself(void **state)
{
    (void)state;
    standing_silent(&standing, 1, 1000);
    assert_false(standing_usable(&standing, 1, 1000 + STANDING_DOUBT_MS - 1));
    assert_true(standing_usable(&standing, 1, 1000 + STANDING_DOUBT_MS));
    assert_false(standing_steady(&standing, 1, 1000 + STANDING_DOUBT_MS));
}

static struct standing_offer offer(double cores, double taken)
{
    return (struct standing_offer){.cores = cores, .cores_taken = taken};
}

static void the_device_that_is_left_with_most_takes_the_stage(void **state)
{
    (void)state;
    const struct standing_offer offers[] = {offer(1, 0.7), offer(4, 2), offer(1, 0.2)};
    const struct standing_need need = {.cores = 0.2};

    assert_int_equal(standing_choose(&standing, &need, offers, 1), 2);
    standing_silent(&standing, 2, 1);
    assert_int_equal(standing_choose(&standing, &need, offers, 1), 1);
}

static void it_needs_what_the_operators_need(void **state)
{
    (void)state;
    char *camera[] = {"gps", "camera"}, *wanted[] = {"camera"};
    struct standing_offer offers[] = {offer(1, 0), offer(1, 0.9), offer(1, 0)};
    const struct standing_need need = {.cores = 0.5, .n_has = 1, .has = wanted};

    offers[1].n_has = 2;
    offers[1].has = camera;
    assert_int_equal(standing_choose(&standing, &need, offers, 1), 1);
    offers[1].n_has = 1;
    assert_int_equal(standing_choose(&standing, &need, offers, 1), SIZE_MAX);
}

static void memory_is_a_limit_and_replicas_keep_apart(void **state)
{
    (void)state;
    struct standing_offer offers[] = {offer(1, 0), offer(1, 0.5), offer(1, 0.6)};
    bool excluded[] = {false, true, false};
    const struct standing_need need = {.cores = 0.1, .memory = 100, .excluded = excluded};

    offers[0].memory = 200;
    offers[0].memory_taken = 150;
    assert_int_equal(standing_choose(&standing, &need, offers, 1), 2);
    excluded[2] = true;
    assert_int_equal(standing_choose(&standing, &need, offers, 1), SIZE_MAX);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_device_is_usable_until_something_speaks_against_it),
        STORY(silence_is_believed_before_the_fabric_says_anything),
        STORY(doubt_ends_when_a_stage_is_heard),
        STORY(doubt_ends_when_the_fabric_saw_it_go_and_come_back),
        STORY(doubt_ends_by_itself),
        STORY(the_device_that_is_left_with_most_takes_the_stage),
        STORY(it_needs_what_the_operators_need),
        STORY(memory_is_a_limit_and_replicas_keep_apart),
    };

    return cmocka_run_group_tests_name("standing", tests, NULL, NULL);
}
