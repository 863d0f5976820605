/* Ctrl-C: the first lets the frames under way arrive, the second aborts; nothing is left. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"

static struct scenario *start_endless(void)
{
    static const struct scenario_lines begun = {"endless.json", 5};

    unlink("endless.json");
    scenario_detector("endless", "/usr/share/darknet/data/*.jpg", true, "");
    struct scenario *scenario = SCENARIO("run", "endless.yaml", "--devices", "3", "--cpu",
                                         "0.5", "--replicas", "off", "--json");
    scenario_until(scenario, scenario_has_lines, &begun);
    return scenario;
}

static void ctrl_c_lets_the_frames_under_way_arrive(void **state)
{
    (void)state;
    struct scenario *scenario = start_endless();

    scenario_interrupt(scenario);
    scenario_expect(scenario, 0);
    cleanup(memory_free) char *out = scenario_read(scenario->out);
    cleanup(memory_free) char *err = scenario_errors(scenario);
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    size_t n = scenario_count_lines("endless.json");
    assert_true(n >= 5);
    scenario_assert_frames(report, (unsigned)n, (unsigned)n);
    scenario_assert_sequences("endless.json", n);
    assert_string_equal(err, "");
    scenario_close(scenario);
}

static bool ends_by_interrupts(struct scenario *scenario, const void *nothing)
{
    (void)nothing;
    if (scenario->code < 0) {
        scenario_interrupt(scenario);
    }
    return scenario->code >= 0;
}

/* A stage that does not go on keeps a run from ending; whoever waits presses Ctrl-C again. */
static void a_second_ctrl_c_aborts_what_hangs(void **state)
{
    (void)state;
    struct scenario *scenario = start_endless();
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    assert_true(scenario_stages(scenario, stages) > 1);
    assert_int_equal(kill(stages[0].pid, SIGSTOP), 0);
    scenario_until(scenario, ends_by_interrupts, NULL);
    scenario_expect(scenario, 128 + SIGINT);
    cleanup(memory_free) char *out = scenario_read(scenario->out);
    assert_string_equal(out, "");
    scenario_close(scenario);
}

static bool is_measuring(struct scenario *scenario, const void *nothing)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    (void)nothing;
    return scenario_stages(scenario, stages) == 1 && strcmp(stages[0].name, "measure") == 0;
}

/* There are no frames yet that could arrive. */
static void ctrl_c_while_devices_are_measured_ends_at_once(void **state)
{
    (void)state;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread */
    cleanup(memory_free) char *cache = memory_text(getenv("BRUME_CACHE"));

    scenario_detector("unknown", "/usr/share/darknet/data/*.jpg", true, "");
    setenv("BRUME_CACHE", "empty", 1); /* NOLINT(concurrency-mt-unsafe) */
    struct scenario *scenario = SCENARIO("run", "unknown.yaml", "--devices", "2");
    setenv("BRUME_CACHE", cache, 1); /* NOLINT(concurrency-mt-unsafe) */
    scenario_until(scenario, is_measuring, NULL);
    scenario_interrupt(scenario);
    scenario_expect(scenario, 128 + SIGINT);
    cleanup(memory_free) char *out = scenario_read(scenario->out);
    cleanup(memory_free) char *err = scenario_errors(scenario);
    assert_string_equal(out, "");
    assert_string_equal(err, "");
    assert_int_equal(access("unknown.json", F_OK), -1);
    scenario_close(scenario);
}

/* Reads on until the words were on the terminal. */
struct words {
    int terminal;
    const char *wanted;
    char screen[16384];
    size_t used;
};

static bool are_shown(struct scenario *scenario, const void *what)
{
    struct words *words = (void *)(uintptr_t)what;
    ssize_t n = read(words->terminal, words->screen + words->used,
                     sizeof(words->screen) - 1 - words->used);

    (void)scenario;
    words->used += n > 0 ? (size_t)n : 0;
    words->screen[words->used] = '\0';
    return strstr(words->screen, words->wanted) != NULL;
}

/* The first of four operators was measured; the picture is large, so that the others take their
 * time. */
static void what_was_measured_before_ctrl_c_is_kept(void **state)
{
    (void)state;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread */
    cleanup(memory_free) char *cache = memory_text(getenv("BRUME_CACHE"));
    char name[SCENARIO_TERMINAL_NAME];
    struct words words = {.terminal = scenario_open_terminal(name), .wanted = "measuring 1 of"};

    scenario_write("large.yaml",
                   "apiVersion: brume.dev/v1alpha1\n"
                   "kind: Application\n"
                   "metadata: { name: large }\n"
                   "spec:\n"
                   "  operators:\n"
                   "    - { name: noise, use: noise-source, with: { size: 8x8 } }\n"
                   "    - { name: a, use: resize, in: [noise], with: { size: 3000x3000 } }\n"
                   "    - { name: b, use: resize, in: [a], with: { size: 2900x2900 } }\n"
                   "    - { name: out, use: null-sink, in: [b] }\n");
    setenv("BRUME_CACHE", "kept", 1); /* NOLINT(concurrency-mt-unsafe) */
    struct scenario *scenario =
        scenario_start_on(name, (const char *const[]){"run", "large.yaml", NULL});
    setenv("BRUME_CACHE", cache, 1); /* NOLINT(concurrency-mt-unsafe) */
    scenario_until(scenario, are_shown, &words);
    scenario_interrupt(scenario);
    words.wanted = "note: stopped while measuring; what was measured is kept\r\n";
    scenario_until(scenario, are_shown, &words);
    scenario_expect(scenario, 128 + SIGINT);
    assert_null(strstr(words.screen, "letting the frames"));
    cleanup(memory_free) char *kept = file_search_glob(".", "kept/profiles/*.json");
    assert_non_null(kept);
    scenario_close(scenario);
    close(words.terminal);
}

static void asking_the_command_to_end_aborts(void **state)
{
    (void)state;
    struct scenario *scenario = start_endless();

    assert_int_equal(kill(scenario->pid, SIGTERM), 0);
    scenario_expect(scenario, 128 + SIGTERM);
    scenario_close(scenario);
}

/* Noise without end, on this machine as it is; its plan is there. */
static struct scenario *start_noise(void)
{
    scenario_write("noise.yaml", "apiVersion: brume.dev/v1alpha1\n"
                                 "kind: Application\n"
                                 "metadata: { name: noise }\n"
                                 "spec:\n"
                                 "  operators:\n"
                                 "    - name: noise\n"
                                 "      use: noise-source\n"
                                 "      with: { size: 8x8, rate: 20/s }\n"
                                 "    - { name: out, use: null-sink, in: [noise] }\n");
    struct scenario *scenario = SCENARIO("run", "noise.yaml");
    const struct scenario_lines planned = {scenario->out, 1};
    scenario_until(scenario, scenario_has_lines, &planned);
    return scenario;
}

/* Not only by the end of a pipe, some time after the command is gone. */
static void a_terminal_that_hangs_up_aborts_and_nothing_is_left(void **state)
{
    (void)state;
    struct scenario *scenario = start_noise();

    assert_int_equal(kill(scenario->pid, SIGHUP), 0);
    scenario_expect(scenario, 128 + SIGHUP);
    cleanup(memory_free) char *left = scenario_left(scenario);
    assert_null(left);
    scenario_close(scenario);
}

static void under_nohup_a_run_goes_on(void **state)
{
    (void)state;
    signal(SIGHUP, SIG_IGN);
    struct scenario *scenario = start_noise();

    signal(SIGHUP, SIG_DFL);
    assert_int_equal(kill(-scenario->pid, SIGHUP), 0);
    scenario_interrupt(scenario);
    scenario_expect(scenario, 0);
    scenario_close(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctrl_c_lets_the_frames_under_way_arrive),
        cmocka_unit_test(a_second_ctrl_c_aborts_what_hangs),
        cmocka_unit_test(ctrl_c_while_devices_are_measured_ends_at_once),
        cmocka_unit_test(what_was_measured_before_ctrl_c_is_kept),
        cmocka_unit_test(asking_the_command_to_end_aborts),
        cmocka_unit_test(a_terminal_that_hangs_up_aborts_and_nothing_is_left),
        cmocka_unit_test(under_nohup_a_run_goes_on),
    };

    return cmocka_run_group_tests_name("stopping", tests, scenario_make, scenario_remove);
}
