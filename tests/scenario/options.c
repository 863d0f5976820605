/* How long a run takes and what it prints: as its options say. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture/scenario.h"

#define PICTURES "/usr/share/darknet/data/*.jpg"
#define SMALL    "--devices", "2", "--cpu", "0.5", "--replicas", "off"

static void frames_are_as_many_as_asked_for(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("street", PICTURES, true, "");
    SCENARIO_RUN(0, &out, &err, "run", "street.yaml", SMALL, "--frames", "9", "--json");
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, 9, 9);
    scenario_assert_sequences("street.json", 9);
}

static void a_run_ends_with_its_pictures(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("street", "/usr/share/darknet/data/dog.jpg", false, "");
    SCENARIO_RUN(0, &out, &err, "run", "street.yaml", SMALL, "--frames", "9", "--json");
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, 1, 1);
    scenario_assert_sequences("street.json", 1);
}

static void a_run_ends_when_its_time_is_over(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("street", PICTURES, true, "");
    SCENARIO_RUN(0, &out, &err, "run", "street.yaml", SMALL, "--duration", "500ms", "--json");
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    assert_true(json_number_value(json_object_get(report, "seconds")) >= 0.5);
    size_t n = scenario_count_lines("street.json");
    scenario_assert_frames(report, (unsigned)n, (unsigned)n);
    scenario_assert_sequences("street.json", n);
}

static void a_pipe_gets_the_plan_and_the_report_and_no_progress(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("street", PICTURES, true, "");
    SCENARIO_RUN(0, &out, &err, "run", "street.yaml", SMALL, "--duration", "1500ms");
    assert_int_equal(strncmp(out, "plan: ", 6), 0);
    assert_non_null(strstr(out, "\nstreet: "));
    assert_non_null(strstr(out, " lost 0, duplicated 0\n"));
    assert_null(strchr(out, '\r'));
    assert_null(strchr(out, '\033'));
    assert_string_equal(err, "");
}

static void that_profiles_cannot_be_kept_is_noted_once(void **state)
{
    (void)state;
    const char *cache = getenv("BRUME_CACHE"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(memory_free) char *before = memory_text(cache);

    scenario_write("street.yaml",
                   "apiVersion: brume.dev/v1alpha1\n"
                   "kind: Application\n"
                   "metadata: { name: street }\n"
                   "spec:\n"
                   "  operators:\n"
                   "    - { name: made, use: sensor-source, with: { frames: 3 } }\n"
                   "    - { name: out, use: null-sink, in: [made] }\n");
    setenv("BRUME_CACHE", "/proc/none", 1); /* NOLINT(concurrency-mt-unsafe) */
    struct scenario *scenario = SCENARIO("plan", "street.yaml", "--devices", "2");
    setenv("BRUME_CACHE", before, 1); /* NOLINT(concurrency-mt-unsafe) */
    scenario_expect(scenario, 0);
    cleanup(memory_free) char *err = scenario_read(scenario->err);
    const char *note = strstr(err, "note: what is measured cannot be kept for later runs: ");
    assert_non_null(note);
    assert_null(strstr(note + 1, "note: what is measured"));
    assert_null(strstr(err, "warn"));
    scenario_close(scenario);
}

static void json_is_one_object_and_nothing_else(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("street", PICTURES, false,
                      "    - { name: words, use: console, in: [boxes] }\n");
    SCENARIO_RUN(0, &out, &err, "run", "street.yaml", SMALL, "--json");
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    assert_string_equal(json_string_value(json_object_get(report, "application")), "street");
}

static void an_operators_words_are_printed(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("street", "/usr/share/darknet/data/dog.jpg", false,
                      "    - { name: words, use: console, in: [boxes] }\n");
    SCENARIO_RUN(0, &out, &err, "run", "street.yaml", SMALL);
    assert_non_null(strstr(out, "Dog"));
}

/* Reads what is on the terminal now. */
static bool shows_progress(struct scenario *scenario, const void *terminal)
{
    static char screen[65536];
    static size_t used;
    ssize_t n = read(*(const int *)terminal, screen + used, sizeof(screen) - 1 - used);

    (void)scenario;
    used += n > 0 ? (size_t)n : 0;
    screen[used] = '\0';
    return strstr(screen, " frames · ") != NULL &&
           strstr(screen, " waiting · device-1 ") != NULL;
}

static void a_terminal_shows_the_progress(void **state)
{
    (void)state;
    char name[SCENARIO_TERMINAL_NAME];
    int terminal = scenario_open_terminal(name);

    scenario_detector("street", PICTURES, true, "");
    struct scenario *scenario =
        scenario_start_on(name, (const char *const[]){"run", "street.yaml", SMALL, NULL});
    scenario_until(scenario, shows_progress, &terminal);
    scenario_interrupt(scenario);
    scenario_expect(scenario, 0);
    scenario_close(scenario);
    close(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_as_many_as_asked_for),
        cmocka_unit_test(a_run_ends_with_its_pictures),
        cmocka_unit_test(a_run_ends_when_its_time_is_over),
        cmocka_unit_test(a_pipe_gets_the_plan_and_the_report_and_no_progress),
        cmocka_unit_test(that_profiles_cannot_be_kept_is_noted_once),
        cmocka_unit_test(json_is_one_object_and_nothing_else),
        cmocka_unit_test(an_operators_words_are_printed),
        cmocka_unit_test(a_terminal_shows_the_progress),
    };

    return cmocka_run_group_tests_name("options", tests, scenario_make, scenario_remove);
}
