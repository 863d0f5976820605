/* What every fabric must do: the same stories on the fake, on processes of this machine, and on
 * emulated devices (as root; skipped with a word elsewhere). With BRUME_TEST_ENGINE in the
 * environment they are told on containers instead; tests/fixture/dockerd brings an engine. With
 * BRUME_TEST_CLUSTER they are told on a cluster; tests/fixture/kubernetes brings the image. A
 * new fabric adds a line to `main`. This program is its own stage: see bench_stage(). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "fabric/bench.h"
#include "fabric/bench_cluster.h"
#include "fabric/fake.h"

static const struct kind {
    const char *name;
    bool emulated;
} fake = {"fake", false}, plain = {"local", false}, emulated = {"local", true},
  docker = {"docker", false}, docker_emulated = {"docker", true},
  kubernetes = {"kubernetes", false};

static int setup(void **state)
{
    const struct kind *kind = *state;

    if (kind->emulated && geteuid() != 0) {
        print_message("skipped: emulated devices need root\n");
        *state = NULL;
        return 0;
    }
    *state = bench_open(kind->name, kind->emulated);
    return 0;
}

static int teardown(void **state)
{
    if (*state != NULL) {
        bench_close(*state);
    }
    return 0;
}

static struct bench *bench_of(void **state)
{
    if (*state == NULL) {
        skip();
    }
    return *state;
}

static void devices_are_as_asked(void **state)
{
    struct bench *bench = bench_of(state);
    const struct fabric_device *devices;

    assert_int_equal(bench->fabric->ops->devices(bench->fabric, &devices), BENCH_DEVICES);
    assert_string_equal(devices[0].name, "device-1");
    assert_string_equal(devices[1].name, "device-2");
    assert_string_equal(devices[0].type, devices[1].type);
    assert_int_equal(devices[0].n_has, 1);
    assert_string_equal(devices[0].has[0], "camera");
    assert_int_equal(devices[1].n_has, 0);
    assert_non_null(devices[0].address);
    assert_true(devices[0].emulated == bench->emulated);
    assert_true(devices[0].cores > 0);
}

static void a_started_stage_is_listed(void **state)
{
    struct bench *bench = bench_of(state);

    bench_list(bench);
    assert_int_equal(bench->n_seen, 0);
    assert_int_equal(bench_start(bench, "detect", "device-2", "wait"), 0);
    bench_until(bench, &bench->n_done, 1);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 1);
    assert_string_equal(bench->seen, "detect");
    assert_string_equal(bench->device, "device-2");
}

static void callbacks_come_from_the_loop(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_stop(bench, "nobody");
    assert_int_equal(bench->n_done, 0);
    bench_until(bench, &bench->n_done, 2);
}

static void starting_twice_starts_once(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 2);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 1);
}

static void an_unknown_device_is_refused(void **state)
{
    struct bench *bench = bench_of(state);
    struct fabric_usage usage;
    struct error err;

    assert_int_equal(bench_start(bench, "detect", "device-3", "wait"), -ENOENT);
    assert_int_equal(bench->fabric->ops->usage(bench->fabric, "device-3", &usage, &err),
                     -ENOENT);
    assert_string_equal(err.text, "there is no device 'device-3'");
}

static void a_stopped_stage_goes_without_a_word(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 1);
    bench_stop(bench, "detect");
    bench_until(bench, &bench->n_done, 2);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 0);
    assert_int_equal(bench->n_gone, 0);
}

static void stopping_twice_is_done_twice(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_stop(bench, "detect");
    bench_stop(bench, "detect");
    bench_until(bench, &bench->n_done, 3);
    assert_int_equal(bench->n_gone, 0);
}

static void an_abandoned_stage_goes_as_well(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 1);
    bench_abandon(bench, "detect");
    bench_until(bench, &bench->n_done, 2);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 0);
    assert_int_equal(bench->n_gone, 0);
}

static void an_end_that_nobody_asked_for_is_told(void **state)
{
    struct bench *bench = bench_of(state);
    bool is_fake = strcmp(bench->kind, "fake") == 0;

    assert_int_equal(bench_start(bench, "detect", "device-1", "fail"), 0);
    if (is_fake) {
        assert_true(fake_kill(bench->fabric, "detect", "exited with 70"));
    }
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->gone, "detect");
    assert_string_equal(bench->how, "exited with 70");
    bench_list(bench);
    assert_int_equal(bench->n_seen, 0);
}

static void a_stage_that_went_can_be_started_again(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_stop(bench, "detect");
    bench_until(bench, &bench->n_done, 2);
    assert_int_equal(bench_start(bench, "detect", "device-2", "wait"), 0);
    bench_until(bench, &bench->n_done, 3);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 1);
    assert_string_equal(bench->device, "device-2");
}

static void every_device_tells_its_usage(void **state)
{
    struct bench *bench = bench_of(state);
    struct fabric_usage usage;
    struct error err;

    for (unsigned i = 0; i < BENCH_DEVICES; i++) {
        const char *device = bench_device(bench, i == 0 ? "device-1" : "device-2");
        assert_int_equal(bench->fabric->ops->usage(bench->fabric, device, &usage, &err), 0);
    }
}

static void closing_calls_nobody_back(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-1", "fail"), 0);
    assert_int_equal(bench_start(bench, "boxes", "device-2", "wait"), 0);
    fabric_closep(&bench->fabric);
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    assert_int_equal(bench->n_done, 0);
    assert_int_equal(bench->n_gone, 0);
}

static void a_stage_calls_its_controller_with_its_token(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-2", "wait"), 0);
    bench_until_heard(bench, "[detect wait]");
}

static void a_greedy_stage_is_told_from_a_killed_one(void **state)
{
    struct bench *bench = bench_of(state);

    assert_int_equal(bench_start(bench, "detect", "device-2", "eat"), 0);
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->how, "killed by the memory limit of device-2 (64Mi)");
    assert_true(bench->starved);
}

static void an_unknown_fabric_is_refused(void **state)
{
    (void)state;
    const struct fabric_config config = {0};
    struct fabric *fabric = NULL;
    struct error err;

    assert_int_equal(fabric_open("cloud", &config, &fabric, &err), -ENOENT);
    assert_string_equal(err.text,
                        "there is no fabric 'cloud', but local, docker and kubernetes");
}

static void the_fake_refuses_when_told_to(void **state)
{
    struct bench *bench = bench_of(state);

    fake_refuse(bench->fabric, "no room");
    assert_int_equal(bench_start(bench, "detect", "device-1", "secret"), -EAGAIN);
    assert_int_equal(bench_start(bench, "detect", "device-1", "secret"), 0);
    assert_int_equal(fake_starts(bench->fabric), 1);
    assert_string_equal(fake_token(bench->fabric), "secret");
}

static int make_images(void **state)
{
    (void)state;
    bench_make_images();
    return 0;
}

static int remove_space(void **state)
{
    (void)state;
    bench_remove_space();
    return 0;
}

#define STORY(story, kind)                                             \
    {                                                                  \
#story " (" #kind ")", story, setup, teardown, (void *)&(kind) \
    }

#define STORIES(kind)                                                                       \
    STORY(a_started_stage_is_listed, kind), STORY(callbacks_come_from_the_loop, kind),      \
        STORY(starting_twice_starts_once, kind), STORY(an_unknown_device_is_refused, kind), \
        STORY(a_stopped_stage_goes_without_a_word, kind),                                   \
        STORY(stopping_twice_is_done_twice, kind),                                          \
        STORY(an_abandoned_stage_goes_as_well, kind),                                       \
        STORY(an_end_that_nobody_asked_for_is_told, kind),                                  \
        STORY(a_stage_that_went_can_be_started_again, kind),                                \
        STORY(every_device_tells_its_usage, kind), STORY(closing_calls_nobody_back, kind)

/* Of fabrics that run programs, of those that have the devices that one asks for, and of those
 * that limit them. */
#define REAL_STORIES(kind) \
    STORIES(kind), STORY(a_stage_calls_its_controller_with_its_token, kind)
#define ASKED_STORIES(kind) REAL_STORIES(kind), STORY(devices_are_as_asked, kind)
#define LIMITED_STORIES(kind) \
    ASKED_STORIES(kind), STORY(a_greedy_stage_is_told_from_a_killed_one, kind)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STORIES(fake),
        STORY(devices_are_as_asked, fake),
        ASKED_STORIES(plain),
        LIMITED_STORIES(emulated),
        STORY(the_fake_refuses_when_told_to, fake),
        cmocka_unit_test(an_unknown_fabric_is_refused),
    };
    const struct CMUnitTest with_cluster[] = {REAL_STORIES(kubernetes)};
    const struct CMUnitTest with_engine[] = {ASKED_STORIES(docker),
                                             LIMITED_STORIES(docker_emulated)};

    if (argc > 1) {
        return bench_stage(argc, argv);
    }
    if (getenv("BRUME_TEST_CLUSTER") != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        return bench_make_space()
                   ? cmocka_run_group_tests_name("kubernetes", with_cluster, NULL, remove_space)
                   : 0;
    }
    if (getenv("BRUME_TEST_ENGINE") != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        return cmocka_run_group_tests_name("docker", with_engine, make_images, NULL);
    }
    return cmocka_run_group_tests_name("fabric", tests, NULL, NULL);
}
