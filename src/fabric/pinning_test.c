#include "base/test.h"
#include "fabric/fabric.h"
#include "fabric/pinning.h"

static void devices_spread_over_the_cpus(void **state)
{
    const struct fabric_device devices[] = {{.cores = 0.3}, {.cores = 0.3}, {.cores = 0.3}};
    int cpu[3];

    (void)state;
    pinning_choose(devices, 3, 2, 0, cpu);
    assert_int_equal(cpu[0], 0);
    assert_int_equal(cpu[1], 1);
    assert_int_equal(cpu[2], 0);
}

static void runs_beside_each_other_begin_elsewhere(void **state)
{
    const struct fabric_device devices[] = {{.cores = 0.3}, {.cores = 0.3}};
    int cpu[2];

    (void)state;
    pinning_choose(devices, 2, 2, 7, cpu);
    assert_int_equal(cpu[0], 1);
    assert_int_equal(cpu[1], 0);
}

static void the_large_ones_are_placed_first(void **state)
{
    const struct fabric_device devices[] = {{.cores = 0.2}, {.cores = 0.9}, {.cores = 0.8}};
    int cpu[3];

    (void)state;
    pinning_choose(devices, 3, 2, 0, cpu);
    assert_int_equal(cpu[1], 0);
    assert_int_equal(cpu[2], 1);
    assert_int_equal(cpu[0], 1);
}

static void what_does_not_fit_or_has_more_cores_may_run_anywhere(void **state)
{
    const struct fabric_device devices[] = {
        {.cores = 0.7}, {.cores = 2}, {.cores = 0.7}, {.cores = 0.7}};
    int cpu[4];

    (void)state;
    pinning_choose(devices, 4, 2, 0, cpu);
    assert_int_equal(cpu[0], 0);
    assert_int_equal(cpu[1], PINNING_NONE);
    assert_int_equal(cpu[2], 1);
    assert_int_equal(cpu[3], PINNING_NONE);
}

static void this_process_may_use_some_cpu(void **state)
{
    int cpus[PINNING_CPUS_MOST];

    (void)state;
    assert_true(pinning_cpus(cpus) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_spread_over_the_cpus),
        cmocka_unit_test(runs_beside_each_other_begin_elsewhere),
        cmocka_unit_test(the_large_ones_are_placed_first),
        cmocka_unit_test(what_does_not_fit_or_has_more_cores_may_run_anywhere),
        cmocka_unit_test(this_process_may_use_some_cpu),
    };
    return cmocka_run_group_tests_name("pinning", tests, NULL, NULL);
}
