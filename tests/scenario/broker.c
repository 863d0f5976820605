/* Readings over a real MQTT broker: each counts once, whatever is killed on the way. What comes
 * out is compared with the same readings that took no such way. */
#include "fixture/broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"

enum { FRAMES = 400, DEVICES = 2, TYPES = 2, READINGS = FRAMES * DEVICES * TYPES, KILLS = 6 };

static struct broker broker;

static int close_broker(void **state)
{
    (void)state;
    broker_end(&broker, SIGKILL);
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

/* All may have arrived before the second life begins: it is interrupted once it has. */
static void each_reading_counts_once_whatever_is_killed(void **state)
{
    broker_open(&broker);
    const char *address = broker.address;
    cleanup(memory_free) char *head = memory_format(
        "    - { name: sensors, use: mqtt-source, with: { broker: '%s', topic: 'scale/#' } }\n"
        "    - { name: readings, use: parse, in: [sensors] }\n",
        address);
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    write_application("far", head);
    write_application("near", "    - { name: readings, use: sensor-source,\n"
                              "        with: { devices: 2, types: 'CO,NO2', frames: 400 } }\n");
    SCENARIO_RUN(0, &out, &err, "run", "near.yaml");
    struct scenario *far = start_far();
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
    scenario_until(far, has_stage, NULL);
    const int all = READINGS;
    scenario_until(far, has_kept, &all);
    scenario_expect(sense, 0);
    scenario_close(sense);
    scenario_interrupt(far);
    scenario_expect(far, 0);
    scenario_close(far);
    assert_same_averages();
}

/* The port that a run's broker had; the run ends at once. */
static unsigned embedded_port(void)
{
    static const char words[] = "note: the embedded broker is at ";
    struct scenario *run =
        SCENARIO("run", "inside.yaml", "--state", "inside", "--duration", "100ms");
    scenario_expect(run, 0);
    cleanup(memory_free) char *err = scenario_read(run->err);
    const char *at = strstr(err, words);
    scenario_close(run);
    assert_non_null(at);
    at = strchr(at + sizeof(words) - 1, ':');
    assert_non_null(at);
    return (unsigned)strtoul(at + 1, NULL, 10);
}

/* With a folder; but where somebody else listens by then is no place for it. */
static void an_embedded_broker_stays_where_the_sensors_know_it(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)state;

    broker_open(&broker);
    broker_end(&broker, SIGKILL);
    scenario_write(
        "inside.yaml",
        "apiVersion: brume.dev/v1alpha1\n"
        "kind: Application\n"
        "metadata: { name: inside }\n"
        "spec:\n"
        "  operators:\n"
        "    - { name: in, use: mqtt-source, with: { broker: embedded, topic: t } }\n"
        "    - { name: out, use: null-sink, in: [in] }\n");
    unsigned port = embedded_port();
    assert_int_equal(embedded_port(), port);
    cleanup(file_closep) int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)port);
    assert_int_equal(setsockopt(taken, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    assert_int_equal(bind(taken, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(taken, 1), 0);
    unsigned other = embedded_port();
    assert_int_not_equal(other, port);
    assert_int_equal(embedded_port(), other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_reading_counts_once_whatever_is_killed, close_broker),
        cmocka_unit_test_teardown(an_embedded_broker_stays_where_the_sensors_know_it,
                                  close_broker),
    };

    return cmocka_run_group_tests_name("broker", tests, scenario_make, scenario_remove);
}
