/* What is lost when processes die: no frame, whatever is killed, however often. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture/scenario.h"

enum { FRAMES = 400, KILLS = 10, PAIRS = 3, BETWEEN = FRAMES / (KILLS + PAIRS + 2) };

/* The same choices each time. */
static uint64_t seed = 20170927;

static size_t choose(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static bool has_stages(struct scenario *scenario, const void *n)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    return scenario_stages(scenario, stages) >= *(const size_t *)n;
}

/* Kills `n` of the stages at once, once all of them live. */
static void kill_stages(struct scenario *scenario, size_t n_stages, size_t n)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    scenario_until(scenario, has_stages, &n_stages);
    size_t left = scenario_stages(scenario, stages);
    for (; n > 0 && left > 0; n--) {
        size_t which = choose(left);
        kill(stages[which].pid, SIGKILL);
        stages[which] = stages[--left];
    }
}

static void assert_pictures(const char *folder, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        cleanup(memory_free) char *path = memory_format("%s/%06u.jpg", folder, i);
        if (access(path, F_OK) < 0) {
            fail_msg("%s is not there", path);
        }
    }
    cleanup(memory_free) char *beyond = memory_format("%s/%06u.jpg", folder, n);
    assert_int_equal(access(beyond, F_OK), -1);
}

/* Each kill is told, and what became of it. */
static void assert_told(const json_t *report, size_t least)
{
    const json_t *failures = json_object_get(report, "failures");
    size_t i;
    json_t *failure;

    assert_true(json_array_size(failures) >= least);
    json_array_foreach(failures, i, failure)
    {
        const char *what = json_string_value(json_object_get(failure, "what"));
        assert_non_null(what);
        assert_non_null(strstr(what, "killed by signal 9"));
        assert_true(json_is_number(json_object_get(failure, "time")));
        assert_non_null(json_object_get(failure, "recovered_after_ms"));
    }
}

/* Runs the application over three devices, kills along the way, and counts. The cuts are
 * pinned: whether cutting pays is the planner's story. */
static void kill_along_the_way(const char *replicas, const char *cuts)
{
    const struct scenario_lines begun = {"chaos.json", 1};
    cleanup(memory_free) char *frames = memory_format("%d", FRAMES);

    unlink("chaos.json");
    scenario_detector(
        "chaos", "/usr/share/darknet/data/*.jpg", true,
        "    - { name: small, use: resize, in: [picture], with: { size: 64x64 } }\n"
        "    - { name: files, use: image-sink, in: [small], with: { path: chaos } }\n");
    struct scenario *scenario =
        SCENARIO("run", "chaos.yaml", "--devices", "3", "--cpu", "0.5", "--replicas", replicas,
                 "--cut", cuts, "--frames", frames, "--json");
    scenario_until(scenario, scenario_has_lines, &begun);
    struct scenario_stage stages[SCENARIO_STAGES_MAX];
    size_t n_stages = scenario_stages(scenario, stages);
    assert_true(n_stages > 1);
    for (unsigned i = 0; i < KILLS + PAIRS; i++) {
        const struct scenario_lines next = {"chaos.json", (i + 1UL) * BETWEEN};
        kill_stages(scenario, n_stages, i < KILLS ? 1 : 2);
        scenario_until(scenario, scenario_has_lines, &next);
    }
    scenario_expect(scenario, 0);
    cleanup(memory_free) char *out = scenario_read(scenario->out);
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, FRAMES, FRAMES);
    assert_told(report, KILLS + PAIRS);
    scenario_assert_sequences("chaos.json", FRAMES);
    assert_pictures("chaos", FRAMES);
    scenario_close(scenario);
}

static void every_frame_is_delivered_once_whatever_is_killed(void **state)
{
    (void)state;
    kill_along_the_way("off", "49,120");
}

static void replicas_that_are_killed_lose_nothing_either(void **state)
{
    (void)state;
    kill_along_the_way("3", "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_delivered_once_whatever_is_killed),
        cmocka_unit_test(replicas_that_are_killed_lose_nothing_either),
    };

    return cmocka_run_group_tests_name("faults", tests, scenario_make, scenario_remove);
}
