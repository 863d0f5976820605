/* What happens while a container engine is away: it restarts, or it is stopped. An engine that
 * serves others is not stopped for a test: its socket is, which is a relay of the test's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/bench.h"
#include "fabric/docker.h"
#include "fabric/process.h"

enum { ENDS = 128 };

static char folder[] = "/tmp/brume-relay-XXXXXX";
static char front[64]; /* the relay's socket */
static char *behind;   /* the engine's */
static pid_t relay;

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return connect(line, (const struct sockaddr *)&address, sizeof(address)) == 0 ? line : -1;
}

/* Passes on what one end says, or that it has no more. */
static void pass(struct pollfd *from, const struct pollfd *to)
{
    char bytes[65536];
    ssize_t n = read(from->fd, bytes, sizeof(bytes));

    if (n <= 0 || send(to->fd, bytes, (size_t)n, MSG_NOSIGNAL) != n) {
        shutdown(to->fd, SHUT_WR);
        from->events = 0;
    }
}

/* Two ends behind each other are a pair; a pair of which both have no more is closed. */
static void tend(struct pollfd ends[2])
{
    for (unsigned i = 0; i < 2; i++) {
        if (ends[i].events != 0 && ends[i].revents != 0) {
            pass(&ends[i], &ends[1 - i]);
        }
    }
    for (unsigned i = 0; i < 2 && ends[0].events + ends[1].events == 0; i++) {
        close(ends[i].fd);
        ends[i].fd = -1;
    }
}

static void greet(struct pollfd ends[ENDS], int caller)
{
    unsigned i = 0;

    while (i + 2 < ENDS && ends[i].fd >= 0) {
        i += 2;
    }
    if (ends[i].fd >= 0) {
        _exit(1);
    }
    ends[i] = (struct pollfd){.fd = caller, .events = POLLIN};
    ends[i + 1] = (struct pollfd){.fd = dial(behind), .events = POLLIN};
}

static _Noreturn void serve(int door)
{
    struct pollfd all[1 + ENDS] = {{.fd = door, .events = POLLIN}};

    for (unsigned i = 1; i <= ENDS; i++) {
        all[i].fd = -1;
    }
    while (poll(all, 1 + ENDS, -1) > 0) {
        for (unsigned i = 1; i <= ENDS; i += 2) {
            if (all[i].fd >= 0) {
                tend(&all[i]);
            }
        }
        if (all[0].revents != 0) {
            greet(&all[1], accept(door, NULL, NULL));
        }
    }
    _exit(1);
}

static void relay_start(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", front);
    unlink(front);
    assert_int_equal(bind(door, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(door, 16), 0);
    relay = fork();
    if (relay == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* The keeper waits for the end of a pipe that we have too. */
        door = dup2(door, STDIN_FILENO);
        close_range(STDERR_FILENO + 1, ~0U, 0);
        serve(door);
    }
    close(door);
}

static void relay_stop(void)
{
    kill(relay, SIGKILL);
    waitpid(relay, NULL, 0);
}

static int setup(void **state)
{
    cleanup(memory_free) char *host = NULL;
    struct docker_engine engine = {0};
    struct error err;

    (void)state;
    bench_make_images();
    assert_int_equal(docker_engine_find(&engine, &err), 0);
    behind = memory_text(engine.socket);
    docker_engine_finish(&engine);
    assert_non_null(mkdtemp(folder));
    snprintf(front, sizeof(front), "%s/socket", folder);
    host = memory_format("unix://%s", front);
    setenv("DOCKER_HOST", host, 1); /* NOLINT(concurrency-mt-unsafe) */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(front);
    rmdir(folder);
    memory_free(&behind);
    return 0;
}

static struct docker *docker_of(struct bench *bench)
{
    return (struct docker *)bench->fabric;
}

/* Asks the engine itself. */
static void ask(const char *method, const char *path)
{
    cleanup(docker_engine_finish) struct docker_engine engine = {0};
    struct error err;

    docker_engine_at(behind, &engine);
    assert_int_equal(docker_engine_greet(&engine, &err), 0);
    assert_int_equal(docker_engine_ask(&engine, method, path, NULL, NULL, &err), 0);
}

static struct bench *open_with_stages(bool emulated)
{
    struct bench *bench = bench_open("docker", emulated);

    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until_heard(bench, "[detect wait]");
    assert_int_equal(bench_start(bench, "boxes", "device-2", "wait"), 0);
    bench_until_heard(bench, "[boxes wait]");
    return bench;
}

static void what_ended_while_the_engine_was_away_is_told_when_it_is_back(void **state)
{
    (void)state;
    relay_start();
    struct bench *bench = open_with_stages(false);
    const char *id = docker_stage_find(docker_of(bench), "detect")->id;
    cleanup(memory_free) char *path = memory_format("/containers/%s/kill", id);

    relay_stop();
    bench_until(bench, &bench->n_noted, 1);
    assert_non_null(strstr(bench->noted, "went away"));
    ask("POST", path);
    assert_int_equal(bench->n_gone, 0);
    relay_start();
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->gone, "detect");
    assert_string_equal(bench->how, "killed by signal 9 (Killed)");
    assert_non_null(strstr(bench->noted, "is back"));
    bench_list(bench);
    assert_int_equal(bench->n_seen, 1);
    assert_string_equal(bench->seen, "boxes");
    bench_close(bench);
    relay_stop();
}

static void nothing_can_be_started_at_an_engine_that_is_away(void **state)
{
    (void)state;
    relay_start();
    struct bench *bench = open_with_stages(false);

    relay_stop();
    bench_until(bench, &bench->n_noted, 1);
    bench->may_fail = true;
    unsigned n_done = bench->n_done;
    assert_int_equal(bench_start(bench, "more", "device-1", "wait"), 0);
    bench_until(bench, &bench->n_done, n_done + 1);
    assert_non_null(strstr(bench->trouble, "stage 'more': cannot reach the container engine"));
    relay_start();
    bench_close(bench);
    relay_stop();
}

static void no_engine_is_told_with_what_to_type(void **state)
{
    (void)state;
    const struct fabric_config config = {.loop = uv_default_loop()};
    struct fabric *fabric = NULL;
    struct error err;

    unlink(front);
    assert_int_equal(fabric_open("docker", &config, &fabric, &err), -ENOENT);
    assert_non_null(strstr(err.text, "there is no container engine at /tmp/brume-relay-"));
    assert_non_null(strstr(err.text, "apt-get install docker.io"));
    relay_start();
    relay_stop();
    assert_int_equal(fabric_open("docker", &config, &fabric, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "systemctl start docker"));
    uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    uv_loop_close(uv_default_loop());
}

/* Closing cannot remove them; the ledger keeps them for when it is back. */
static void what_is_left_at_an_engine_that_is_away_is_removed_later(void **state)
{
    (void)state;
    unsigned n_runs = 0;
    struct error err;

    relay_start();
    struct bench *bench = open_with_stages(false);
    cleanup(memory_free) char *ledger = memory_text(docker_of(bench)->site.ledger.path);
    relay_stop();
    bench_close(bench);
    int left = fabric_clean(&n_runs, &err);
    bool stays = access(ledger, F_OK) == 0;
    relay_start();
    (void)fabric_clean(&n_runs, &err); /* others may have left what does not go */
    relay_stop();
    assert_true(left < 0);
    assert_true(stays);
    assert_int_equal(access(ledger, F_OK), -1);
    assert_int_equal(n_runs, 1);
}

/* Whether the engine comes back or not: only its own word on what ended is left to it. */
static void emulated_devices_go_though_their_engine_is_away(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: emulated devices need root\n");
        skip();
    }
    unsigned n_runs = 0;
    struct error err;

    relay_start();
    struct bench *bench = open_with_stages(true);
    const struct docker *docker = docker_of(bench);
    pid_t holder = docker->holders[0].pid;
    uint64_t began = process_start_time(holder);
    cleanup(memory_free) char *group =
        memory_text(docker->emulation.run.folders[CGROUP_MEMORY]);
    cleanup(memory_free) char *device =
        memory_format("/run/netns/brume-%s-1", docker->site.ledger.run);
    cleanup(memory_free) char *ledger = memory_text(docker->site.ledger.path);
    relay_stop();
    bench_close(bench);
    bool lives = process_lives(holder, began);
    relay_start();
    (void)fabric_clean(&n_runs, &err); /* others may have left what does not go */
    relay_stop();
    assert_false(lives);
    assert_int_equal(access(group, F_OK), -1);
    assert_int_equal(access(device, F_OK), -1);
    assert_int_equal(access(ledger, F_OK), -1);
    assert_int_equal(n_runs, 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ended_while_the_engine_was_away_is_told_when_it_is_back),
        cmocka_unit_test(nothing_can_be_started_at_an_engine_that_is_away),
        cmocka_unit_test(no_engine_is_told_with_what_to_type),
        cmocka_unit_test(what_is_left_at_an_engine_that_is_away_is_removed_later),
        cmocka_unit_test(emulated_devices_go_though_their_engine_is_away),
    };

    if (argc > 1) {
        return bench_stage(argc, argv);
    }
    return cmocka_run_group_tests_name("docker_away", tests, setup, teardown);
}
