/* How small a device may be: what a stage costs it before it does anything, its program and its
 * memory, and networks that are too large for it. Not built with sanitizers, which are larger
 * than the stage. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"

enum { PROGRAM_MOST = 1000000, MEMORY_MOST = 8000000, PATIENCE_MS = 60000 };

static char *stage_program(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread */
    return memory_format("%s/brume-stage", getenv("BRUME_BUILD"));
}

static void a_stripped_stage_is_under_a_megabyte(void **state)
{
    (void)state;
    cleanup(memory_free) char *program = stage_program();
    char *argv[] = {"strip", "-o", "stage", program, NULL};
    struct stat file;
    pid_t pid;
    int status;

    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0) {
        print_message("skipped: strip is not on this machine\n");
        skip();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(stat("stage", &file), 0);
    assert_in_range(file.st_size, 1, PROGRAM_MOST);
}

/* Listens on a port of the loopback that the kernel chooses. */
static int listen_somewhere(unsigned *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return listener;
}

/* A stage that was told its controller and its token, as a fabric does it. */
static pid_t start_stage(unsigned port)
{
    cleanup(memory_free) char *program = stage_program();
    cleanup(memory_free) char *address = memory_format("127.0.0.1:%u", port);
    char *argv[] = {program, "--name", "idle", "--controller", address, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    scenario_write("token", "{\"token\": \"a-token\"}\n");
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "token", O_RDONLY, 0), 0);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static unsigned long resident_bytes(pid_t pid)
{
    cleanup(memory_free) char *path = memory_format("/proc/%d/statm", (int)pid);
    cleanup(memory_free) char *text = scenario_read(path);
    char *end;

    strtoul(text, &end, 10);
    return strtoul(end, NULL, 10) * (unsigned long)sysconf(_SC_PAGESIZE);
}

static void an_idle_stage_takes_under_eight_megabytes(void **state)
{
    (void)state;
    unsigned port;
    char hello[4096];
    cleanup(file_closep) int listener = listen_somewhere(&port);
    pid_t pid = start_stage(port);
    struct pollfd called = {.fd = listener, .events = POLLIN};
    bool came = poll(&called, 1, PATIENCE_MS) == 1;
    cleanup(file_closep) int link = came ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    bool said_hello = link >= 0 && read(link, hello, sizeof(hello)) > 0;
    unsigned long bytes = resident_bytes(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(said_hello);
    assert_in_range(bytes, 1, MEMORY_MOST);
}

static void a_network_too_large_for_a_device_is_cut_over_several(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;
    size_t i;
    json_t *stage;

    scenario_needs_root();
    scenario_detector("small", "/usr/share/darknet/data/*.jpg", true, "");
    SCENARIO_RUN(0, &out, &err, "run", "small.yaml", "--devices", "4", "--memory", "64M",
                 "--frames", "20", "--json");
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, 20, 20);
    assert_int_equal(json_array_size(json_object_get(report, "failures")), 0);
    json_array_foreach(json_object_get(report, "stages"), i, stage)
    {
        size_t j;
        json_t *name;
        json_array_foreach(json_object_get(stage, "operators"), j, name)
        {
            assert_string_not_equal(json_string_value(name), "detect");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stripped_stage_is_under_a_megabyte),
        cmocka_unit_test(an_idle_stage_takes_under_eight_megabytes),
        cmocka_unit_test(a_network_too_large_for_a_device_is_cut_over_several),
    };

    return cmocka_run_group_tests_name("size", tests, scenario_make, scenario_remove);
}
