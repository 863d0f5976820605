/* What only the docker fabric does: containers that may do nothing but their work, ends that
 * are told as they were, and nothing left at the engine or on the machine however a run ends.
 * As root on emulated devices too. tests/fixture/dockerd brings the engine; this program is its
 * own stage, in an image of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/bench.h"
#include "fabric/docker.h"
#include "fabric/process.h"
#include "fabric/testbed.h"

static bool is_root(void)
{
    return geteuid() == 0;
}

static void needs_root(void)
{
    if (!is_root()) {
        print_message("skipped: emulated devices need root\n");
        skip();
    }
}

static struct docker *docker_of(struct bench *bench)
{
    return (struct docker *)bench->fabric;
}

/* Asks the engine something, in the place of a person with its command line. */
static json_t *ask(struct bench *bench, const char *method, const char *path)
{
    json_t *answer = NULL;
    struct error err;
    bool says = strcmp(method, "GET") == 0;

    if (docker_engine_ask(&docker_of(bench)->engine, method, path, NULL, says ? &answer : NULL,
                          &err) < 0) {
        fail_msg("%s", err.text);
    }
    return answer;
}

static json_t *inspect(struct bench *bench)
{
    cleanup(memory_free) char *path =
        memory_format("/containers/%s/json", docker_of(bench)->stages->id);

    return ask(bench, "GET", path);
}

/* How many containers and networks of a run the engine has. */
static size_t count_left(const char *run)
{
    static const char *const lists[] = {"/containers/json?all=1&", "/networks?"};
    cleanup(docker_engine_finish) struct docker_engine engine = {0};
    cleanup(memory_free) char *filter = docker_engine_filter(run, NULL);
    struct error err;
    size_t n = 0;

    assert_int_equal(docker_engine_find(&engine, &err), 0);
    for (size_t i = 0; i < 2; i++) {
        cleanup(memory_free) char *path = memory_format("%s%s", lists[i], filter);
        json_t *found = NULL;
        assert_int_equal(docker_engine_ask(&engine, "GET", path, NULL, &found, &err), 0);
        n += json_array_size(found);
        json_decref(found);
    }
    return n;
}

static bool is_ledger_left(const char *run)
{
    struct error err;
    cleanup(memory_free) char *folder = file_run_folder(&err);
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, run);

    return access(path, F_OK) == 0;
}

static struct bench *open_with_stage(bool emulated)
{
    struct bench *bench = bench_open("docker", emulated);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until_heard(bench, "[detect wait]");
    return bench;
}

static const json_t *part(const json_t *json, const char *one, const char *two)
{
    return json_object_get(json_object_get(json, one), two);
}

static void a_container_may_do_nothing_but_its_work(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage(false);
    json_t *found = inspect(bench);
    cleanup(memory_free) char *text = json_dumps(found, 0);
    cleanup(memory_free) char *called =
        memory_format("/brume-bench-detect-%s", docker_of(bench)->site.ledger.run);
    cleanup(memory_free) char *user =
        memory_format("%u:", is_root() ? 65532 : (unsigned)geteuid());

    assert_true(json_is_true(part(found, "HostConfig", "ReadonlyRootfs")));
    assert_false(json_is_true(part(found, "HostConfig", "Privileged")));
    assert_string_equal(
        json_string_value(json_array_get(part(found, "HostConfig", "CapDrop"), 0)), "ALL");
    assert_string_equal(
        json_string_value(json_array_get(part(found, "HostConfig", "SecurityOpt"), 0)),
        "no-new-privileges");
    assert_true(json_integer_value(part(found, "HostConfig", "PidsLimit")) > 0);
    assert_int_equal(
        strncmp(json_string_value(part(found, "Config", "User")), user, strlen(user)), 0);
    assert_string_equal(json_string_value(json_object_get(found, "Name")), called);
    assert_null(strstr(text, "wait"));
    json_decref(found);
    bench_close(bench);
}

/* The kernel's word, not the engine's. */
static void a_stage_is_nobody_with_no_power(void **state)
{
    (void)state;
    needs_root();
    struct bench *bench = open_with_stage(true);
    json_t *found = inspect(bench);
    int pid = (int)json_integer_value(part(found, "State", "Pid"));
    cleanup(memory_free) char *path = memory_format("/proc/%d/status", pid);
    cleanup(memory_free) char *root = memory_format("/proc/%d/mountinfo", pid);
    cleanup(memory_free) char *status = NULL;
    cleanup(memory_free) char *mounts = NULL;
    struct error err;
    size_t size;

    assert_int_equal(file_read(path, 65536, (void **)&status, &size, &err), 0);
    assert_non_null(strstr(status, "\nUid:\t65532\t65532\t65532\t65532\n"));
    assert_non_null(strstr(status, "\nCapEff:\t0000000000000000\n"));
    assert_non_null(strstr(status, "\nCapBnd:\t0000000000000000\n"));
    assert_non_null(strstr(status, "\nNoNewPrivs:\t1\n"));
    assert_int_equal(file_read(root, 65536, (void **)&mounts, &size, &err), 0);
    assert_non_null(strstr(mounts, " / / ro,"));
    json_decref(found);
    bench_close(bench);
}

static void a_killed_container_is_told(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage(false);
    cleanup(memory_free) char *path =
        memory_format("/containers/%s/kill?signal=KILL", docker_of(bench)->stages->id);

    ask(bench, "POST", path);
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->how, "killed by signal 9 (Killed)");
    assert_false(bench->starved);
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 2);
    bench_close(bench);
}

static void a_container_that_somebody_removes_is_gone(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage(false);
    cleanup(memory_free) char *path =
        memory_format("/containers/%s?force=1", docker_of(bench)->stages->id);

    ask(bench, "DELETE", path);
    bench_until(bench, &bench->n_gone, 1);
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 2);
    bench_close(bench);
}

static void what_the_plan_foresees_is_a_limit(void **state)
{
    (void)state;
    struct bench *bench = bench_open("docker", false);

    bench->memory = 16 << 20;
    assert_int_equal(bench_start(bench, "detect", "device-2", "eat"), 0);
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->how, "killed by its memory limit (16Mi)");
    assert_true(bench->starved);
    bench_close(bench);
}

static void a_missing_image_is_told_with_what_to_type(void **state)
{
    (void)state;
    struct bench *bench = bench_open("docker", false);

    unsetenv("BRUME_IMAGES"); /* NOLINT(concurrency-mt-unsafe) */
    bench->may_fail = true;
    bench->image = "nonesuch";
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 1);
    assert_non_null(strstr(bench->trouble,
                           "stage 'detect': the image brume/stage-nonesuch:" BRUME_VERSION));
    assert_non_null(strstr(bench->trouble, "make images"));
    assert_int_equal(bench->n_gone, 0);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 0);
    bench_close(bench);
    setenv("BRUME_IMAGES", BENCH_IMAGES, 1); /* NOLINT(concurrency-mt-unsafe) */
}

/* Nobody listens at port 1: the answer is quick, and no network is needed. */
static void an_image_that_cannot_be_pulled_is_told(void **state)
{
    (void)state;
    struct bench *bench = bench_open("docker", false);

    setenv("BRUME_IMAGES", "localhost:1/stage", 1); /* NOLINT(concurrency-mt-unsafe) */
    bench->may_fail = true;
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 1);
    assert_string_equal(bench->noted, "localhost:1/stage-all:" BRUME_VERSION ": pulling");
    assert_non_null(strstr(bench->trouble, "stage 'detect': "));
    bench_close(bench);
    setenv("BRUME_IMAGES", BENCH_IMAGES, 1); /* NOLINT(concurrency-mt-unsafe) */
}

static void mounts_are_made_given_and_read(void **state)
{
    (void)state;
    needs_root();
    char root[] = "/tmp/brume-mounts-XXXXXX";
    struct bench *bench = bench_open("docker", false);
    struct stat is;

    assert_non_null(mkdtemp(root));
    cleanup(memory_free) char *made = memory_format("%s/made", root);
    cleanup(memory_free) char *secret = memory_format("%s/secret", root);
    const struct fabric_mount good[] = {{made, true}, {root, true}};
    const struct fabric_mount closed[] = {{secret, false}};
    const struct fabric_mount system[] = {{(char *)"/etc/brume-test", true}};
    bench->mounts = good;
    bench->n_mounts = 2;
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until_heard(bench, "[detect wait]");
    assert_int_equal(stat(made, &is), 0);
    assert_int_equal(is.st_uid, 65532);
    assert_int_equal(stat(root, &is), 0);
    assert_int_equal(is.st_uid, 65532);
    assert_non_null(strstr(bench->noted, root));

    int file = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    close(file);
    bench->mounts = closed;
    bench->n_mounts = 1;
    assert_int_equal(bench_start(bench, "boxes", "device-1", "wait"), -EACCES);
    assert_non_null(strstr(bench->trouble, "chmod o+r"));
    bench->mounts = system;
    assert_int_equal(bench_start(bench, "boxes", "device-1", "wait"), -EACCES);
    assert_int_equal(access("/etc/brume-test", F_OK), -1);
    bench_close(bench);
    struct error err;
    assert_int_equal(file_remove_folder(root, &err), 0);
}

static void work_and_words_are_counted(void **state)
{
    (void)state;
    struct bench *bench = bench_open("docker", is_root());
    struct fabric_usage usage = {0};
    struct error err;

    assert_int_equal(bench_start(bench, "detect", "device-1", "burn"), 0);
    bench_until_heard(bench, "[detect burn]");
    while (usage.cpu_ns < 190000000 || usage.sent == 0) {
        assert_int_equal(bench->fabric->ops->usage(bench->fabric, "device-1", &usage, &err), 0);
        uv_run(&bench->loop, is_root() ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    }
    assert_true(usage.memory > 0);
    assert_true(usage.received > 0);
    assert_int_equal(bench->fabric->ops->usage(bench->fabric, "device-2", &usage, &err), 0);
    assert_true(usage.cpu_ns < 190000000);
    bench_close(bench);
}

static void the_engine_counts_where_nothing_is_emulated(void **state)
{
    (void)state;
    struct bench *bench = bench_open("docker", false);
    struct fabric_usage usage = {0};
    struct error err;

    assert_int_equal(bench_start(bench, "detect", "device-1", "burn"), 0);
    while (usage.cpu_ns < 190000000 || usage.sent == 0 || usage.memory == 0) {
        uv_run(&bench->loop, UV_RUN_ONCE);
        assert_int_equal(bench->fabric->ops->usage(bench->fabric, "device-1", &usage, &err), 0);
    }
    bench_stop(bench, "detect");
    bench_until(bench, &bench->n_done, 2);
    assert_int_equal(bench->fabric->ops->usage(bench->fabric, "device-1", &usage, &err), 0);
    assert_true(usage.cpu_ns >= 190000000);
    assert_int_equal(usage.memory, 0);
    bench_close(bench);
}

static void emulated_limits_hold_for_containers(void **state)
{
    (void)state;
    needs_root();
    struct bench *bench = open_with_stage(true);
    const struct docker *docker = docker_of(bench);
    json_t *found = inspect(bench);
    int pid = (int)json_integer_value(part(found, "State", "Pid"));
    cleanup(memory_free) char *path = memory_format("/proc/%d/cgroup", pid);
    cleanup(memory_free) char *wanted = memory_format(":/brume-%s/1/", docker->site.ledger.run);
    cleanup(memory_free) char *net = memory_format("/proc/%d/ns/net", pid);
    cleanup(memory_free) char *holder =
        memory_format("/proc/%d/ns/net", (int)docker->holders[0].pid);
    cleanup(memory_free) char *groups = NULL;
    struct stat one, two;
    struct error err;
    size_t size;

    assert_int_equal(file_read(path, 65536, (void **)&groups, &size, &err), 0);
    assert_non_null(strstr(groups, wanted));
    assert_int_equal(stat(net, &one), 0);
    assert_int_equal(stat(holder, &two), 0);
    assert_int_equal(one.st_ino, two.st_ino);
    json_decref(found);
    bench_close(bench);
}

static void two_runs_live_side_by_side(void **state)
{
    (void)state;
    struct bench *one = open_with_stage(false);
    struct bench *two = open_with_stage(is_root());

    bench_close(one);
    bench_list(two);
    assert_int_equal(two->n_seen, 1);
    bench_close(two);
}

static void closing_leaves_nothing(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage(is_root());
    char run[8];

    memcpy(run, docker_of(bench)->site.ledger.run, sizeof(run));
    assert_true(count_left(run) > 0);
    bench_close(bench);
    assert_int_equal(count_left(run), 0);
    assert_false(is_ledger_left(run));
}

/* A child that opens a fabric, starts a stage, tells its run and its keeper, and waits. */
static pid_t make_victim(char ret_run[8], pid_t *ret_keeper)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct bench *bench = open_with_stage(is_root());
        if (write(ends[1], docker_of(bench)->site.ledger.run, 8) != 8) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], ret_run, 8), 8);
    close(ends[0]);
    struct error err;
    cleanup(memory_free) char *folder = file_run_folder(&err);
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, ret_run);
    cleanup(memory_free) char *text = NULL;
    size_t size;
    assert_int_equal(file_read(path, 65536, (void **)&text, &size, &err), 0);
    *ret_keeper = (pid_t)strtol(strstr(text, "keeper ") + 7, NULL, 10);
    return pid;
}

static void kill_and_wait(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_killed_controller_leaves_nothing(void **state)
{
    (void)state;
    pid_t keeper;
    char run[8];

    pid_t victim = make_victim(run, &keeper);
    uint64_t began = process_start_time(keeper);
    kill_and_wait(victim);
    while (process_lives(keeper, began)) {
        unsigned attempt = 0;
        process_pause(&attempt);
    }
    assert_int_equal(count_left(run), 0);
    assert_false(is_ledger_left(run));
}

static void the_next_start_removes_what_controller_and_keeper_left(void **state)
{
    (void)state;
    pid_t keeper;
    char run[8];

    pid_t victim = make_victim(run, &keeper);
    uint64_t began = process_start_time(keeper);
    assert_int_equal(kill(keeper, SIGKILL), 0);
    kill_and_wait(victim);
    while (process_lives(keeper, began)) {
        unsigned attempt = 0;
        process_pause(&attempt);
    }
    assert_true(count_left(run) > 0);
    bench_close(bench_open("docker", false));
    assert_int_equal(count_left(run), 0);
    assert_false(is_ledger_left(run));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_may_do_nothing_but_its_work),
        cmocka_unit_test(a_stage_is_nobody_with_no_power),
        cmocka_unit_test(a_killed_container_is_told),
        cmocka_unit_test(a_container_that_somebody_removes_is_gone),
        cmocka_unit_test(what_the_plan_foresees_is_a_limit),
        cmocka_unit_test(a_missing_image_is_told_with_what_to_type),
        cmocka_unit_test(an_image_that_cannot_be_pulled_is_told),
        cmocka_unit_test(mounts_are_made_given_and_read),
        cmocka_unit_test(work_and_words_are_counted),
        cmocka_unit_test(the_engine_counts_where_nothing_is_emulated),
        cmocka_unit_test(emulated_limits_hold_for_containers),
        cmocka_unit_test(two_runs_live_side_by_side),
        cmocka_unit_test(closing_leaves_nothing),
        cmocka_unit_test(a_killed_controller_leaves_nothing),
        cmocka_unit_test(the_next_start_removes_what_controller_and_keeper_left),
    };

    if (argc > 1) {
        return bench_stage(argc, argv);
    }
    bench_make_images();
    return cmocka_run_group_tests_name("docker", tests, NULL, NULL);
}
