/* The broker goes away in the middle of a run, killed or stopped: brume says so, waits, goes
 * on, and each reading counts once. What came out is compared with what SQLite makes of the
 * readings that were published. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture/broker.h"
#include "fixture/rows.h"
#include "fixture/scenario.h"

enum { ROWS = 400, TYPES = 2, READINGS = ROWS * TYPES, KILLS = 3 };

#define COUNT_CAME "SELECT count(*) FROM came.readings WHERE type != 'hello'"
#define COUNT_KEPT "SELECT count(*) FROM kept.readings WHERE type != 'hello'"

static struct broker broker;

static int close_broker(void **state)
{
    (void)state;
    broker_end(&broker, SIGKILL);
    return 0;
}

/* A row a minute, of two devices by turns. */
static void write_table(void)
{
    FILE *file = fopen("table.csv", "we");

    assert_non_null(file);
    fputs("time,where,CO,NO2\n", file);
    for (unsigned i = 0; i < ROWS; i++) {
        fprintf(file, "%u,d%u,%u.%02u,%u\n", 1000000000 + 60 * i, i % 2, i * 37 % 101,
                i * 25 % 100, i * 31 % 97);
    }
    fclose(file);
}

/* Far from the sensors: what they sent, and averages of it. */
static const char operators[] =
    "    - { name: average, use: average, in: [readings], with: { count: 24 } }\n"
    "    - { name: came, use: sqlite-sink, in: [readings], with: { path: came.db } }\n"
    "    - { name: kept, use: sqlite-sink, in: [average], with: { path: kept.db } }\n";

static sqlite3 *open_all(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    if (sqlite3_exec(db, "ATTACH 'came.db' AS came; ATTACH 'kept.db' AS kept", NULL, NULL,
                     NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    return db;
}

static int count(const char *sql)
{
    if (access("kept.db", R_OK) < 0 || access("came.db", R_OK) < 0) {
        return -1;
    }
    sqlite3 *db = open_all();
    int n = rows_ask(db, sql);
    sqlite3_close(db);
    return n;
}

static bool has_kept(struct scenario *scenario, const void *n)
{
    (void)scenario;
    return count(COUNT_KEPT) >= *(const int *)n && count(COUNT_CAME) >= *(const int *)n;
}

/* What was published, by the same words as in write_table(), and the moving averages of it. */
static void assert_each_counts_once(void)
{
    static const char make[] =
        "CREATE TABLE truth AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
        " WHERE i < 399), row AS (SELECT i, 1000000000 + 60 * i AS time, 'd' || (i % 2) AS "
        "device"
        " FROM n) SELECT time, 'CO' AS type, device, i * 37 % 101 + i * 25 % 100 / 100.0 AS "
        "value"
        " FROM row UNION ALL SELECT time, 'NO2', device, i * 31 % 97 FROM row";
    static const char averages[] =
        "SELECT count(*) FROM (SELECT time, type, device, avg(value) OVER (PARTITION BY type,"
        " device ORDER BY time ROWS 23 PRECEDING) AS mean FROM truth) JOIN kept.readings AS k"
        " USING (time, type, device) WHERE abs(k.value - mean) < 1e-9";
    sqlite3 *db = open_all();

    assert_int_equal(sqlite3_exec(db, make, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(rows_ask(db, "SELECT count(*) FROM truth"), READINGS);
    assert_int_equal(rows_ask(db,
                              "SELECT count(*) FROM (SELECT * FROM truth EXCEPT SELECT time,"
                              " type, device, value FROM came.readings)"),
                     0);
    assert_int_equal(rows_ask(db, COUNT_CAME), READINGS);
    assert_int_equal(rows_ask(db, COUNT_KEPT), READINGS);
    assert_int_equal(rows_ask(db, averages), READINGS);
    sqlite3_close(db);
}

static bool has_begun(void)
{
    return count("SELECT count(*) FROM came.readings") > 0;
}

static struct scenario *start_far(void)
{
    unlink("kept.db");
    unlink("came.db");
    write_table();
    return broker_run_far(&broker, operators, has_begun);
}

/* Delivers what it publishes once, whatever becomes of the connection. */
static struct scenario *start_sensors(void)
{
    return SCENARIO("sense", "--file", "table.csv", "--broker", broker.address, "--qos", "2",
                    "device=@where", "speed=12000");
}

static void finish(struct scenario *far, struct scenario *sensors)
{
    const int all = READINGS;

    scenario_until(far, has_kept, &all);
    scenario_expect(sensors, 0);
    scenario_close(sensors);
    scenario_interrupt(far);
    scenario_expect(far, 0);
    assert_each_counts_once();
}

/* The sensors hold still, so that the broker takes nothing with it that it has acknowledged. */
static void a_broker_that_is_killed_costs_no_reading_and_doubles_none(void **state)
{
    (void)state;
    broker_open(&broker);
    struct scenario *far = start_far();
    struct scenario *sensors = start_sensors();
    for (int i = 1; i <= KILLS; i++) {
        const int next = READINGS * i / (KILLS + 1);

        scenario_until(far, has_kept, &next);
        kill(sensors->pid, SIGSTOP);
        broker_settle(&broker);
        broker_end(&broker, SIGKILL);
        broker_start(&broker);
        kill(sensors->pid, SIGCONT);
    }
    finish(far, sensors);
    scenario_close(far);
}

static void a_broker_that_is_away_is_told_and_waited_for(void **state)
{
    (void)state;
    broker_open(&broker);
    cleanup(memory_free) char *away = memory_format(
        "sensors: no connection to %s: Connection refused; trying again", broker.address);
    struct scenario *far = start_far();
    struct scenario *sensors = start_sensors();
    const int half = READINGS / 2;
    scenario_until(far, has_kept, &half);
    broker_end(&broker, SIGTERM);
    const struct scenario_words words = {away, 1};
    scenario_until(far, scenario_has_said, &words);
    broker_start(&broker);
    finish(far, sensors);
    assert_true(scenario_count_said(far, "sensors: connected to the broker again") > 0);
    scenario_close(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_broker_that_is_killed_costs_no_reading_and_doubles_none,
                                  close_broker),
        cmocka_unit_test_teardown(a_broker_that_is_away_is_told_and_waited_for, close_broker),
    };

    return cmocka_run_group_tests_name("outage", tests, scenario_make, scenario_remove);
}
