/* Readings over a real MQTT broker: each counts once, whatever is killed on the way. What comes
 * out is compared with the same readings that took no such way. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"

enum { FRAMES = 400, DEVICES = 2, TYPES = 2, READINGS = FRAMES * DEVICES * TYPES, KILLS = 6 };

static const char *const programs[] = {"/usr/sbin/mosquitto", "/usr/bin/mosquitto"};
static pid_t broker;
static unsigned port;

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    cleanup(file_closep) int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(probe, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static bool answers(struct scenario *scenario, const void *nothing)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cleanup(file_closep) int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)scenario;
    (void)nothing;
    return connect(probe, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static int start_broker(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "mosquitto", (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t) "broker.conf", NULL};
    size_t i = 0;

    (void)state;
    while (i < 2 && access(programs[i], X_OK) < 0) {
        i++;
    }
    if (i == 2) {
        return 0;
    }
    port = free_port();
    scenario_write("broker.conf",
                   "listener %u 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
                   "log_dest none\n",
                   port);
    return posix_spawn(&broker, programs[i], NULL, NULL, argv, environ);
}

static int stop_broker(void **state)
{
    (void)state;
    if (broker > 0) {
        kill(broker, SIGKILL);
        waitpid(broker, NULL, 0);
    }
    return 0;
}

static void write_application(const char *name, const char *head)
{
    cleanup(memory_free) char *file = memory_format("%s.yaml", name);

    scenario_write(
        file,
        "apiVersion: brume.dev/v1alpha1\n"
        "kind: Application\n"
        "metadata: { name: %s }\n"
        "spec:\n"
        "  operators:\n%s"
        "    - { name: type, use: classify, in: [readings], with: { types: 'CO,NO2' } }\n"
        "    - { name: co, use: average, in: [type.CO], with: { count: 24 } }\n"
        "    - { name: no2, use: average, in: [type.NO2], with: { over: 8h } }\n"
        "    - { name: averages, use: merge, in: [co, no2] }\n"
        "    - { name: kept, use: sqlite-sink, in: [averages], with: { path: %s.db } }\n"
        "    - { name: other, use: json-sink, in: [type.other], with: { path: %s.json } }\n",
        name, head, name, name);
}

/* How many readings the application has kept so far. */
static int count_kept(const char *name)
{
    cleanup(memory_free) char *path = memory_format("%s.db", name);
    sqlite3_stmt *row = NULL;
    sqlite3 *db = NULL;
    int n = 0;

    if (access(path, R_OK) == 0 &&
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT count(*) FROM readings", -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        n = sqlite3_column_int(row, 0);
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    return n;
}

static bool has_kept(struct scenario *scenario, const void *n)
{
    (void)scenario;
    return count_kept("far") >= *(const int *)n;
}

static bool has_stage(struct scenario *scenario, const void *nothing)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    (void)nothing;
    return scenario_stages(scenario, stages) > 0;
}

static struct scenario *start_far(void)
{
    return SCENARIO("run", "far.yaml", "--state", "memory", "--json");
}

static void kill_stage(struct scenario *scenario)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    scenario_until(scenario, has_stage, NULL);
    if (scenario_stages(scenario, stages) > 0) {
        kill(stages[0].pid, SIGKILL);
    }
}

/* The same rows, whatever numbers the frames had. */
static void assert_same_averages(void)
{
    static const char difference[] =
        "SELECT (SELECT count(*) FROM (SELECT time, type, device, value FROM far.readings "
        "EXCEPT"
        " SELECT time, type, device, value FROM near.readings)),"
        " (SELECT count(*) FROM far.readings), (SELECT count(*) FROM near.readings)";
    sqlite3_stmt *row = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "ATTACH 'far.db' AS far; ATTACH 'near.db' AS near", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, difference, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(row, 0), 0);
    assert_int_equal(sqlite3_column_int(row, 1), READINGS);
    assert_int_equal(sqlite3_column_int(row, 2), READINGS);
    sqlite3_finalize(row);
    sqlite3_close(db);
}

/* Publishes what is not counted until some of it arrives: from then on the broker keeps what
 * comes while nobody listens. */
static void await_subscription(const char *address)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    for (int i = 0; i < 1000 && scenario_count_lines("far.json") == 0; i++) {
        SCENARIO_RUN(0, &out, &err, "sense", "--broker", address, "--frames", "1", "devices=1",
                     "types=hello");
    }
    assert_true(scenario_count_lines("far.json") > 0);
}

static void each_reading_counts_once_whatever_is_killed(void **state)
{
    cleanup(memory_free) char *address = memory_format("127.0.0.1:%u", port);
    cleanup(memory_free) char *head = memory_format(
        "    - { name: sensors, use: mqtt-source, with: { broker: '%s', topic: 'scale/#' } }\n"
        "    - { name: readings, use: parse, in: [sensors] }\n",
        address);
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    if (broker == 0) {
        print_message("skipped: there is no mosquitto on this machine\n");
        skip();
    }
    write_application("far", head);
    write_application("near", "    - { name: readings, use: sensor-source,\n"
                              "        with: { devices: 2, types: 'CO,NO2', frames: 400 } }\n");
    SCENARIO_RUN(0, &out, &err, "run", "near.yaml");
    struct scenario *far = start_far();
    scenario_until(far, answers, NULL);
    scenario_until(far, has_stage, NULL);
    await_subscription(address);
    struct scenario *sense = SCENARIO("sense", "--broker", address, "devices=2", "types=CO,NO2",
                                      "frames=400", "rate=200/s");
    for (int i = 1; i <= KILLS; i++) {
        const int next = READINGS * i / (KILLS + 2);

        scenario_until(far, has_kept, &next);
        kill_stage(far);
    }
    kill(scenario_controller(far), SIGKILL);
    kill(far->pid, SIGKILL);
    scenario_wait(far);
    scenario_close(far);
    far = start_far();
    const int all = READINGS;
    scenario_until(far, has_kept, &all);
    scenario_expect(sense, 0);
    scenario_close(sense);
    scenario_interrupt(far);
    scenario_expect(far, 0);
    scenario_close(far);
    assert_same_averages();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_reading_counts_once_whatever_is_killed,
                                        start_broker, stop_broker),
    };

    return cmocka_run_group_tests_name("broker", tests, scenario_make, scenario_remove);
}
