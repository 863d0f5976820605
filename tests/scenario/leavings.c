/* Whatever is killed, nothing stays on the machine: the keeper sees to it, or the next start.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture/scenario.h"

static const struct scenario_lines begun = {"endless.json", 5};

/* A run that would go on for ever, once frames come out of it. */
static struct scenario *start_endless(void)
{
    unlink("endless.json");
    scenario_detector("endless", "/usr/share/darknet/data/*.jpg", true, "");
    struct scenario *scenario = SCENARIO("run", "endless.yaml", "--devices", "3", "--cpu",
                                         "0.5", "--replicas", "off", "--json");
    scenario_until(scenario, scenario_has_lines, &begun);
    assert_true(scenario->run[0] != '\0');
    return scenario;
}

static void nothing_is_left_when_the_controller_is_killed(void **state)
{
    (void)state;
    struct scenario *scenario = start_endless();

    assert_int_equal(kill(scenario_controller(scenario), SIGKILL), 0);
    scenario_expect(scenario, 70);
    cleanup(memory_free) char *err = scenario_errors(scenario);
    assert_string_equal(err, "brume: the controller was killed by signal 9\n");
    scenario_close(scenario);
}

static void nothing_is_left_when_the_command_is_killed(void **state)
{
    (void)state;
    struct scenario *scenario = start_endless();

    assert_int_equal(kill(scenario->pid, SIGKILL), 0);
    scenario_expect(scenario, 128 + SIGKILL);
    scenario_close(scenario);
}

static void nothing_is_left_when_command_and_controller_are_killed(void **state)
{
    (void)state;
    struct scenario *scenario = start_endless();

    assert_int_equal(kill(-scenario->pid, SIGKILL), 0);
    scenario_expect(scenario, 128 + SIGKILL);
    scenario_close(scenario);
}

static void the_next_start_cleans_after_a_run_whose_keeper_was_killed_too(void **state)
{
    (void)state;
    struct scenario *scenario = start_endless();
    pid_t controller = scenario_controller(scenario), keeper = scenario_keeper(scenario);

    assert_true(controller > 1 && keeper > 1);
    assert_int_equal(kill(controller, SIGSTOP), 0); /* lest it starts another keeper */
    assert_int_equal(kill(keeper, SIGKILL), 0);
    assert_int_equal(kill(controller, SIGKILL), 0);
    assert_int_equal(kill(scenario->pid, SIGKILL), 0);
    scenario_expect(scenario, 128 + SIGKILL);
    cleanup(memory_free) char *left = scenario_left(scenario);
    assert_non_null(left);
    assert_non_null(strstr(left, scenario->ledger));

    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;
    SCENARIO_RUN(0, &out, &err, "plan", "endless.yaml", "--devices", "1", "--cpu", "0.5");
    scenario_close(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_when_the_controller_is_killed),
        cmocka_unit_test(nothing_is_left_when_the_command_is_killed),
        cmocka_unit_test(nothing_is_left_when_command_and_controller_are_killed),
        cmocka_unit_test(the_next_start_cleans_after_a_run_whose_keeper_was_killed_too),
    };

    return cmocka_run_group_tests_name("leavings", tests, scenario_make, scenario_remove);
}
