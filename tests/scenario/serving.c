/* A controller that holds applications: applied, changed in place, looked at, deleted. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture/scenario.h"

static struct scenario *server;

static bool answers(struct scenario *scenario, const void *socket)
{
    (void)scenario;
    return access(socket, W_OK) == 0;
}

static int serve(void **state)
{
    (void)state;
    unlink("numbers.json");
    unlink("others.json");
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread */
    assert_int_equal(setenv("BRUME_SERVER", "server.sock", 1), 0);
    server = scenario_start_with(&(struct scenario_streams){.program = "brume-controller"},
                                 (const char *const[]){"--serve=server.sock", NULL});
    scenario_until(server, answers, "server.sock");
    return 0;
}

static int stop_serving(void **state)
{
    (void)state;
    if (server->code < 0) {
        kill(server->pid, SIGTERM);
        scenario_expect(server, 0);
        assert_int_equal(access("server.sock", F_OK), -1);
    }
    scenario_close(server);
    return 0;
}

/* Two stages on two devices: NAME-source-1 and a sink that writes NAME.json. */
static void write_application(const char *name, const char *above, const char *path)
{
    cleanup(memory_free) char *file = memory_format("%s.yaml", name);

    scenario_write(file,
                   "apiVersion: brume.dev/v1alpha1\n"
                   "kind: Application\n"
                   "metadata: { name: %s }\n"
                   "spec:\n"
                   "  operators:\n"
                   "    - { name: %s-source, use: sensor-source,"
                   " with: { rate: 50/s }, on: { device: device-1 } }\n"
                   "    - { name: %s-filter, use: filter, in: [%s-source],"
                   " with: { above: %s }, on: { device: device-2 } }\n"
                   "    - { name: %s-sink, use: json-sink, in: [%s-filter],"
                   " with: { path: '%s' }, on: { device: device-1 } }\n",
                   name, name, name, name, above, name, name, path);
}

static void apply(const char *file, int code, char **ret_out, char **ret_err)
{
    SCENARIO_RUN(code, ret_out, ret_err, "apply", file, "--devices", "2", "--wait");
}

static pid_t stage_of(const char *name)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];
    size_t n = scenario_stages(server, stages);

    for (size_t i = 0; i < n; i++) {
        if (strncmp(stages[i].name, name, strlen(name)) == 0) {
            return stages[i].pid;
        }
    }
    return 0;
}

static void wait_for_lines(const char *file, size_t more)
{
    const struct scenario_lines lines = {file, scenario_count_lines(file) + more};

    scenario_until(server, scenario_has_lines, &lines);
}

static void a_changed_operator_is_replaced_and_nothing_else(void **state)
{
    cleanup(memory_free) char *out = NULL, *err = NULL;

    (void)state;
    write_application("numbers", "1", "numbers.json");
    write_application("others", "1", "others.json");
    apply("numbers.yaml", 0, &out, &err);
    assert_string_equal(out, "application/numbers created\n");
    apply("others.yaml", 0, &out, &err);
    wait_for_lines("numbers.json", 20);
    wait_for_lines("others.json", 20);
    pid_t source = stage_of("numbers-source"), filter = stage_of("numbers-filter");
    pid_t other = stage_of("others-filter");
    assert_true(source > 0 && filter > 0 && other > 0);

    write_application("numbers", "2", "numbers.json");
    apply("numbers.yaml", 0, &out, &err);
    assert_string_equal(out, "application/numbers configured\n");
    wait_for_lines("numbers.json", 20);
    assert_int_equal(stage_of("numbers-source"), source);
    assert_true(stage_of("numbers-filter") > 0 && stage_of("numbers-filter") != filter);
    assert_int_equal(stage_of("others-filter"), other);
    apply("numbers.yaml", 0, &out, &err);
    assert_string_equal(out, "application/numbers unchanged\n");

    SCENARIO_RUN(0, &out, &err, "logs", "numbers");
    assert_non_null(strstr(out, "updated in place"));
    SCENARIO_RUN(0, &out, &err, "delete", "numbers", "others");
    assert_string_equal(out, "application/numbers deleted\napplication/others deleted\n");
    scenario_assert_sequences("numbers.json", scenario_count_lines("numbers.json"));
    scenario_assert_sequences("others.json", scenario_count_lines("others.json"));
}

static void an_update_that_does_not_start_is_undone(void **state)
{
    cleanup(memory_free) char *out = NULL, *err = NULL;

    (void)state;
    write_application("numbers", "1", "numbers.json");
    apply("numbers.yaml", 0, &out, &err);
    wait_for_lines("numbers.json", 10);
    write_application("numbers", "1", "/proc/nobody/numbers.json");
    apply("numbers.yaml", 69, &out, &err);
    assert_non_null(strstr(err, "the update was undone: stage 'numbers-sink-1' on device-1"));
    wait_for_lines("numbers.json", 10);
    SCENARIO_RUN(0, &out, &err, "get", "numbers");
    assert_non_null(strstr(out, "Running"));
    SCENARIO_RUN(0, &out, &err, "delete", "numbers");
    scenario_assert_sequences("numbers.json", scenario_count_lines("numbers.json"));
}

static void another_graph_is_another_plan(void **state)
{
    cleanup(memory_free) char *out = NULL, *err = NULL;

    (void)state;
    write_application("numbers", "1", "numbers.json");
    apply("numbers.yaml", 0, &out, &err);
    wait_for_lines("numbers.json", 10);
    cleanup(memory_free) char *text = scenario_read("numbers.yaml");
    scenario_write("numbers.yaml",
                   "%s    - { name: rest, use: null-sink, in: [numbers-source] }\n", text);
    apply("numbers.yaml", 0, &out, &err);
    assert_string_equal(out, "application/numbers configured\n");
    SCENARIO_RUN(0, &out, &err, "describe", "numbers");
    assert_non_null(strstr(out, "Phase:      Running"));
    SCENARIO_RUN(0, &out, &err, "logs", "numbers");
    assert_non_null(strstr(out, "another plan"));
    SCENARIO_RUN(0, &out, &err, "delete", "numbers", "--now");
}

static void what_is_wrong_is_refused_and_changes_nothing(void **state)
{
    cleanup(memory_free) char *out = NULL, *err = NULL;

    (void)state;
    write_application("numbers", "1", "numbers.json");
    apply("numbers.yaml", 0, &out, &err);
    scenario_write("numbers.yaml", "kind: Nonsense\n");
    apply("numbers.yaml", 65, &out, &err);
    assert_non_null(strstr(err, "numbers.yaml:1"));
    wait_for_lines("numbers.json", 5);
    SCENARIO_RUN(66, &out, &err, "get", "nobody");
    assert_string_equal(err, "brume: there is no application 'nobody'\n");
    SCENARIO_RUN(65, &out, &err, "delete", "../numbers");
    SCENARIO_RUN(69, &out, &err, "get", "--server", "nowhere.sock");
    assert_non_null(strstr(err, "no controller answers at nowhere.sock"));
}

static void a_second_controller_is_refused_and_a_killed_one_leaves_nothing(void **state)
{
    cleanup(memory_free) char *out = NULL, *err = NULL;

    (void)state;
    struct scenario *second =
        scenario_start_with(&(struct scenario_streams){.program = "brume-controller"},
                            (const char *const[]){"--serve=server.sock", NULL});
    scenario_expect(second, 69);
    scenario_close(second);
    write_application("numbers", "1", "numbers.json");
    apply("numbers.yaml", 0, &out, &err);
    kill(server->pid, SIGKILL);
    scenario_expect(server, 128 + SIGKILL);
    SCENARIO_RUN(69, &out, &err, "get");
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, serve, stop_serving)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_changed_operator_is_replaced_and_nothing_else),
        STORY(an_update_that_does_not_start_is_undone),
        STORY(another_graph_is_another_plan),
        STORY(what_is_wrong_is_refused_and_changes_nothing),
        STORY(a_second_controller_is_refused_and_a_killed_one_leaves_nothing),
    };

    return cmocka_run_group_tests_name("serving", tests, scenario_make, scenario_remove);
}
