/* What only the local fabric does: stages that really run, limits that really hold, and nothing
 * left on the machine however it ends. As root on emulated devices, else on plain processes.
 *
 * The tests that kill a controller do it to a child that opened a fabric; its ledger tells what
 * has to go, and inotify on the ledgers' folder when it has gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/bench.h"
#include "fabric/local.h"
#include "fabric/process.h"
#include "fabric/testbed.h"

#define LEDGER_MOST 65536

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

static struct local *local_of(struct bench *bench)
{
    return (struct local *)bench->fabric;
}

static char *read_text(const char *path)
{
    struct error err;
    void *text = NULL;
    size_t size;

    return file_read(path, LEDGER_MOST, &text, &size, &err) < 0 ? NULL : text;
}

/* The process id in the last line of that kind; 0: none. */
static pid_t find_process(const char *ledger, const char *kind)
{
    cleanup(memory_free) char *text = read_text(ledger);
    pid_t pid = 0;

    assert_non_null(text);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, kind, strlen(kind)) == 0) {
            pid = (pid_t)strtol(line + strlen(kind), NULL, 10);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return pid;
}

static bool is_there(const char *kind, const char *name)
{
    cleanup(memory_free) char *path = NULL;

    if (strcmp(kind, "namespace") == 0) {
        path = memory_format("/run/netns/%s", name);
    } else if (strcmp(kind, "link") == 0) {
        path = memory_format("/sys/class/net/%s", name);
    } else if (strcmp(kind, "group") == 0) {
        path = memory_text(name);
    } else {
        pid_t pid = (pid_t)strtol(name, NULL, 10);
        return process_lives(pid, process_start_time(pid));
    }
    return access(path, F_OK) == 0;
}

/* How many of the things in a ledger's text are on this machine. */
static unsigned count_things(const char *text)
{
    char kind[16], name[256];
    unsigned n = 0;

    for (const char *line = text; line != NULL && *line != '\0';) {
        assert_int_equal(sscanf(line, "%15s %255s", kind, name), 2);
        if (strcmp(kind, "controller") != 0 && strcmp(kind, "keeper") != 0) {
            n += is_there(kind, name);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return n;
}

static void the_token_is_on_no_command_line(void **state)
{
    (void)state;
    struct bench *bench = bench_open("local", is_root());
    char path[64];

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until_heard(bench, "[detect wait]");
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)local_of(bench)->stages->pid);
    cleanup(file_closep) int file = open(path, O_RDONLY | O_CLOEXEC);
    char line[4096];
    ssize_t n = read(file, line, sizeof(line));
    assert_true(n > 0);
    assert_null(memmem(line, (size_t)n, "wait", 4));
    bench_close(bench);
}

static void a_program_that_is_not_there_is_refused(void **state)
{
    (void)state;
    const struct fabric_config config = {.loop = uv_default_loop(),
                                         .stage_program = "/no/brume-stage"};
    struct fabric *fabric = NULL;
    struct error err;

    assert_int_equal(fabric_open("local", &config, &fabric, &err), -ENOPKG);
    assert_string_equal(err.text,
                        "/no/brume-stage: No such file or directory (BRUME_STAGE says "
                        "where brume-stage is)");
    uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    uv_loop_close(uv_default_loop());
}

static void a_killed_stage_is_told(void **state)
{
    (void)state;
    struct bench *bench = bench_open("local", is_root());

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    kill(local_of(bench)->stages->pid, SIGKILL);
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->how, "killed by signal 9 (Killed)");
    assert_false(bench->starved);
    bench_close(bench);
}

static void limits_are_in_force(void **state)
{
    (void)state;
    needs_root();
    struct bench *bench = bench_open("local", true);
    const struct cgroup *group = &local_of(bench)->emulation.groups[0];
    bool second = group->version == 2;
    cleanup(memory_free) char *cpu = memory_format("%s/%s", group->folders[CGROUP_CPU],
                                                   second ? "cpu.max" : "cpu.cfs_quota_us");
    cleanup(memory_free) char *memory =
        memory_format("%s/%s", group->folders[CGROUP_MEMORY],
                      second ? "memory.max" : "memory.limit_in_bytes");
    cleanup(memory_free) char *quota = read_text(cpu);
    cleanup(memory_free) char *limit = read_text(memory);

    assert_string_equal(quota, second ? "2500 10000\n" : "2500\n");
    assert_string_equal(limit, "67108864\n");
    bench_close(bench);
}

static void work_and_words_are_counted(void **state)
{
    (void)state;
    struct bench *bench = bench_open("local", is_root());
    struct fabric_usage usage;
    struct error err;

    assert_int_equal(bench_start(bench, "detect", "device-1", "burn"), 0);
    bench_until_heard(bench, "[detect burn]");
    assert_int_equal(bench->fabric->ops->usage(bench->fabric, "device-1", &usage, &err), 0);
    assert_true(usage.cpu_ns >= 190000000);
    assert_true(usage.memory > 0);
    if (is_root()) {
        assert_true(usage.sent > strlen("[detect burn]"));
        assert_true(usage.received > 0);
    }
    assert_int_equal(bench->fabric->ops->usage(bench->fabric, "device-2", &usage, &err), 0);
    assert_true(usage.cpu_ns < 190000000);
    bench_close(bench);
}

static void two_runs_live_side_by_side(void **state)
{
    (void)state;
    struct bench *one = bench_open("local", is_root());
    struct bench *two = bench_open("local", is_root());

    assert_int_equal(bench_start(one, "detect", "device-1", "wait"), 0);
    assert_int_equal(bench_start(two, "detect", "device-1", "wait"), 0);
    bench_until_heard(one, "[detect wait]");
    bench_until_heard(two, "[detect wait]");
    bench_close(one);
    bench_list(two);
    assert_int_equal(two->n_seen, 1);
    bench_close(two);
}

static void closing_leaves_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_open("local", is_root());
    cleanup(memory_free) char *path = memory_text(local_of(bench)->site.ledger.path);
    struct stat is;

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    cleanup(memory_free) char *text = read_text(path);
    assert_true(count_things(text) > 0);
    pid_t keeper = find_process(path, "keeper ");
    bench_close(bench);
    assert_int_equal(count_things(text), 0);
    assert_int_equal(kill(keeper, 0), -1);
    assert_int_equal(stat(path, &is), -1);
}

/* Who undoes a ledger works elsewhere, and a folder may be called anything. */
static void the_folder_of_a_run_is_below_tmpdir_whatever_that_is_called(void **state)
{
    (void)state;
    static const char *const parents[] = {".", "my dir", "../my dir/"};
    char root[] = "/tmp/brume-test-XXXXXX";

    assert_non_null(mkdtemp(root));
    cleanup(memory_free) char *spaced = memory_format("%s/my dir", root);
    cleanup(memory_free) char *foreign = memory_format("%s/my", root);
    cleanup(memory_free) char *here = getcwd(NULL, 0);
    assert_int_equal(mkdir(spaced, 0700), 0);
    assert_int_equal(mkdir(foreign, 0700), 0);
    for (size_t i = 0; i < sizeof(parents) / sizeof(*parents); i++) {
        assert_int_equal(chdir(i == 2 ? foreign : root), 0);
        setenv("TMPDIR", parents[i], 1); /* NOLINT(concurrency-mt-unsafe) */
        struct bench *bench = bench_open("local", false);
        const char *seen = bench->fabric->ops->folder(bench->fabric);
        cleanup(memory_free) char *folder = memory_text(seen);
        assert_int_equal(chdir("/"), 0);
        assert_int_equal(folder[0], '/');
        assert_int_equal(access(folder, F_OK), 0);
        bench_close(bench);
        assert_int_equal(access(folder, F_OK), -1);
        assert_int_equal(access(foreign, F_OK), 0);
    }
    unsetenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    assert_int_equal(rmdir(spaced), 0);
    assert_int_equal(rmdir(foreign), 0);
    assert_int_equal(rmdir(root), 0);
    assert_int_equal(chdir(here), 0);
}

static void a_run_whose_folder_cannot_be_written_down_is_refused(void **state)
{
    (void)state;
    const struct fabric_config config = {.loop = uv_default_loop(),
                                         .stage_program = "/proc/self/exe"};
    struct fabric *fabric = NULL;
    struct error err;

    setenv("TMPDIR", "/tmp/two\nlines", 1); /* NOLINT(concurrency-mt-unsafe) */
    assert_int_equal(fabric_open("local", &config, &fabric, &err), -EINVAL);
    assert_non_null(strstr(err.text, "a line break in the name of a folder: '/tmp/two"));
    unsetenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    uv_loop_close(uv_default_loop());
}

/* A child that opens a fabric, starts a stage, writes its ledger's path and waits. */
struct victim {
    pid_t pid;
    char path[256];
    char *text; /* of the ledger */
    pid_t keeper;
};

static _Noreturn void be_controller(int answer)
{
    struct bench *bench = bench_open("local", is_root());
    const char *path = local_of(bench)->site.ledger.path;

    if (bench_start(bench, "detect", "device-1", "wait") == 0) {
        bench_until_heard(bench, "[detect wait]");
        ssize_t n = write(answer, path, strlen(path));
        (void)n;
    }
    for (;;) {
        pause();
    }
}

static void make_victim(struct victim *victim)
{
    int ends[2];

    memset(victim, 0, sizeof(*victim));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    victim->pid = fork();
    if (victim->pid == 0) {
        be_controller(ends[1]);
    }
    close(ends[1]);
    assert_true(read(ends[0], victim->path, sizeof(victim->path) - 1) > 0);
    close(ends[0]);
    victim->text = read_text(victim->path);
    victim->keeper = find_process(victim->path, "keeper ");
    assert_true(count_things(victim->text) > 0);
}

/* Kills a process that is not our child and waits until it is dead. */
static void kill_stranger(pid_t pid)
{
    cleanup(file_closep) int stranger = pidfd_open(pid, 0);
    struct pollfd dead = {.fd = stranger, .events = POLLIN};

    assert_true(stranger >= 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(poll(&dead, 1, 10000), 1);
}

static void kill_victim(const struct victim *victim)
{
    kill(victim->pid, SIGKILL);
    assert_int_equal(waitpid(victim->pid, NULL, 0), victim->pid);
}

/* Until a file is gone; fails when nothing happens in its folder for ten seconds. */
static void wait_for_end_of(const char *path)
{
    cleanup(file_closep) int watch = inotify_init1(IN_CLOEXEC);
    cleanup(memory_free) char *folder = memory_text(path);
    char events[4096];

    *strrchr(folder, '/') = '\0';
    assert_true(inotify_add_watch(watch, folder, IN_DELETE) >= 0);
    while (access(path, F_OK) == 0) {
        struct pollfd wanted = {.fd = watch, .events = POLLIN};
        assert_int_equal(poll(&wanted, 1, 10000), 1);
        assert_true(read(watch, events, sizeof(events)) > 0);
    }
}

static void a_killed_controller_leaves_nothing(void **state)
{
    (void)state;
    struct victim victim;

    make_victim(&victim);
    kill_victim(&victim);
    wait_for_end_of(victim.path);
    assert_int_equal(count_things(victim.text), 0);
    memory_free(&victim.text);
}

static void the_next_start_removes_what_controller_and_keeper_left(void **state)
{
    (void)state;
    struct victim victim;
    unsigned n_runs;
    struct error err;

    make_victim(&victim);
    kill_stranger(victim.keeper);
    kill_victim(&victim);
    assert_int_equal(access(victim.path, F_OK), 0);
    (void)fabric_clean(&n_runs, &err); /* others may have left what does not go */
    assert_int_equal(access(victim.path, F_OK), -1);
    assert_int_equal(count_things(victim.text), 0);
    memory_free(&victim.text);
}

static void a_run_that_lives_is_not_cleaned(void **state)
{
    (void)state;
    struct bench *bench = bench_open("local", is_root());
    cleanup(memory_free) char *path = memory_text(local_of(bench)->site.ledger.path);
    unsigned n_runs;
    struct error err;

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    (void)fabric_clean(&n_runs, &err); /* others may have left what does not go */
    assert_int_equal(access(path, F_OK), 0);
    bench_until_heard(bench, "[detect wait]");
    bench_close(bench);
}

static void a_killed_keeper_is_replaced(void **state)
{
    (void)state;
    struct bench *bench = bench_open("local", is_root());
    cleanup(memory_free) char *path = memory_text(local_of(bench)->site.ledger.path);
    pid_t first = find_process(path, "keeper ");

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    kill(first, SIGKILL);
    while (find_process(path, "keeper ") == first) {
        uv_run(&bench->loop, UV_RUN_ONCE);
    }
    assert_int_equal(kill(find_process(path, "keeper "), 0), 0);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 1);
    bench_close(bench);
}

static void what_is_not_as_asked_is_noted(void **state)
{
    (void)state;
    struct testbed_device each = testbed_default;
    cleanup(testbed_destroyp) struct testbed *testbed = NULL;
    cleanup(fabric_closep) struct fabric *fabric = NULL;
    struct error err;
    uv_loop_t loop;

    each.cores = 1000;
    assert_int_equal(testbed_equal(1, &each, &testbed, &err), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct fabric_config config = {
        .loop = &loop, .testbed = testbed, .stage_program = "/proc/self/exe"};
    assert_int_equal(fabric_open("local", &config, &fabric, &err), 0);
    const char *note = fabric->ops->note(fabric);
    assert_non_null(note);
    assert_non_null(strstr(note, is_root() ? "1000 cores together" : "that needs root"));
    fabric_closep(&fabric);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* An engine that is gone for good: runs go on, and say how to be rid of it. */
static void what_an_earlier_run_left_is_noted(void **state)
{
    (void)state;
    struct ledger ledger;
    struct error err;

    assert_int_equal(ledger_open(&ledger, &err), 0);
    cleanup(memory_free) char *engine = memory_format("%s /nonesuch/docker.sock", ledger.run);
    cleanup(memory_free) char *path = memory_text(ledger.path);
    assert_int_equal(ledger_write(&ledger, LEDGER_ENGINE, engine, &err), 0);
    assert_int_equal(ledger_write(&ledger, LEDGER_CLOSED, ledger.run, &err), 0);
    ledger_close(&ledger);

    struct bench *bench = bench_open("local", is_root());
    cleanup(memory_free) char *note = memory_text(bench->fabric->ops->note(bench->fabric));
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, 1);
    bench_close(bench);
    assert_int_equal(unlink(path), 0);
    assert_non_null(note);
    assert_ptr_equal(strstr(note, SITE_LEFT), note);
    /* One is told of at a time. */
    assert_non_null(strstr(note, "; if it is gone for good, rm /"));
}

/* A note and a run that does something else would be no answer. */
static void what_this_machine_cannot_emulate_though_it_emulates_others_is_refused(void **state)
{
    (void)state;
    needs_root();
    cleanup(testbed_destroyp) struct testbed *testbed = NULL;
    struct fabric *fabric = NULL;
    struct error err;
    uv_loop_t loop;

    assert_int_equal(testbed_equal(2, &testbed_default, &testbed, &err), 0);
    testbed->devices[1].link_rate = 0.125;
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct fabric_config config = {
        .loop = &loop, .testbed = testbed, .stage_program = "/proc/self/exe"};
    assert_true(fabric_open("local", &config, &fabric, &err) < 0);
    assert_non_null(strstr(err.text, "the devices cannot be emulated as they are: tc: "));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void check_fact(void *owner, const struct fabric_fact *fact)
{
    unsigned *n = owner;

    assert_true(strlen(fact->what) > 0);
    assert_true(strlen(fact->mend) > 0);
    if (strcmp(fact->name, "root") == 0) {
        assert_true(fact->there == is_root());
    }
    ++*n;
}

static void the_doctor_knows_this_machine(void **state)
{
    (void)state;
    unsigned n = 0;

    fabric_doctor(check_fact, &n);
    assert_true(n >= 4);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_is_on_no_command_line),
        cmocka_unit_test(a_program_that_is_not_there_is_refused),
        cmocka_unit_test(a_killed_stage_is_told),
        cmocka_unit_test(limits_are_in_force),
        cmocka_unit_test(work_and_words_are_counted),
        cmocka_unit_test(two_runs_live_side_by_side),
        cmocka_unit_test(closing_leaves_nothing),
        cmocka_unit_test(the_folder_of_a_run_is_below_tmpdir_whatever_that_is_called),
        cmocka_unit_test(a_run_whose_folder_cannot_be_written_down_is_refused),
        cmocka_unit_test(a_killed_controller_leaves_nothing),
        cmocka_unit_test(the_next_start_removes_what_controller_and_keeper_left),
        cmocka_unit_test(a_run_that_lives_is_not_cleaned),
        cmocka_unit_test(a_killed_keeper_is_replaced),
        cmocka_unit_test(what_is_not_as_asked_is_noted),
        cmocka_unit_test(what_an_earlier_run_left_is_noted),
        cmocka_unit_test(what_this_machine_cannot_emulate_though_it_emulates_others_is_refused),
        cmocka_unit_test(the_doctor_knows_this_machine),
    };

    if (argc > 1) {
        return bench_stage(argc, argv);
    }
    return cmocka_run_group_tests_name("local", tests, NULL, NULL);
}
