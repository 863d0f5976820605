/* Readings of sensors through stateful operators: what comes out is what an independent
 * computation (SQLite's window functions) makes of the same table, whatever is killed on the
 * way. */
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"

enum { TABLE_MOST = 4 << 20, MADE_ROWS = 3000, KILLS = 8 };
#define TABLE "table.csv"
#define HIGH  2.5
#define LOWER 0.5

static char *table; /* the real one; NULL: there is none on this machine */

static int make(void **state)
{
    const char *own = secure_getenv("BRUME_MODELS");
    cleanup(memory_free) char *near =
        own == NULL ? NULL : memory_format("%s/../data/air-quality/AirQualityUCI.csv", own);

    table = near != NULL && access(near, R_OK) == 0 ? file_absolute(near) : NULL;
    return scenario_make(state);
}

static int unmake(void **state)
{
    memory_free(&table);
    return scenario_remove(state);
}

/* The first columns of the real table, or a small one of the same form. */
static void take_table(void)
{
    struct error err;
    size_t size = 0;
    cleanup(memory_free) void *bytes = NULL;

    if (table != NULL) {
        assert_int_equal(file_read(table, TABLE_MOST, &bytes, &size, &err), 0);
        assert_int_equal(file_write(TABLE, bytes, size, &err), 0);
        return;
    }
    cleanup(memory_free) char *text = memory_text("Date;Time;CO(GT);NOx(GT);NO2(GT);;\n");
    size_t length = strlen(text);
    for (unsigned i = 0; i < MADE_ROWS; i++) {
        time_t at = 1078938000 + 3600 * (time_t)i;
        struct tm day;
        char moment[32];

        gmtime_r(&at, &day);
        strftime(moment, sizeof(moment), "%d/%m/%Y;%H.%M.%S", &day);
        unsigned wave = i % 200 < 100 ? i % 200 : 200 - i % 200;
        unsigned tenths = i % 7 == 3 ? 0 : 5 + wave * 2 / 5 + i * 7919 % 7;
        cleanup(memory_free) char *row =
            tenths == 0 ? memory_format("%s;-200;%u;-200;;\n", moment, i % 300)
                        : memory_format("%s;%u,%u;%u;%u;;\n", moment, tenths / 10, tenths % 10,
                                        i % 300, i % 97);
        size_t more = strlen(row);
        text = realloc(text, length + more + 1);
        assert_non_null(text);
        memcpy(text + length, row, more + 1);
        length += more;
    }
    assert_int_equal(file_write(TABLE, text, length, &err), 0);
}

static void write_application(void)
{
    scenario_write(
        "air.yaml",
        "apiVersion: brume.dev/v1alpha1\n"
        "kind: Application\n"
        "metadata: { name: air }\n"
        "spec:\n"
        "  objective: latency\n"
        "  operators:\n"
        "    - name: sensors\n"
        "      use: csv-source\n"
        "      with: { path: " TABLE ", separator: ';', decimal: ',', time: 'Date,Time',\n"
        "              time-format: '%%d/%%m/%%Y %%H.%%M.%%S', missing: -200 }\n"
        "    - name: type\n"
        "      use: classify\n"
        "      in: [sensors]\n"
        "      with: { types: 'CO(GT),NOx(GT),NO2(GT)' }\n"
        "    - { name: co,  use: average, in: ['type.CO(GT)'],  with: { count: 24 } }\n"
        "    - { name: nox, use: average, in: ['type.NOx(GT)'], with: { over: 8h } }\n"
        "    - { name: no2, use: average, in: ['type.NO2(GT)'], with: { count: 24 } }\n"
        "    - name: high\n"
        "      use: threshold\n"
        "      in: [co]\n"
        "      with: { above: 2.5, hysteresis: 0.5 }\n"
        "    - { name: averages, use: merge, in: [co, nox, no2] }\n"
        "    - { name: kept, use: sqlite-sink, in: [averages], with: { path: air.db } }\n"
        "    - { name: log, use: json-sink, in: [co], with: { path: co.json } }\n"
        "    - { name: alarms, use: json-sink, in: [high], with: { path: alarms.json } }\n");
}

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
}

static void add_truth(sqlite3_stmt *row, int number, double moment, const char *type,
                      const char *field)
{
    char text[32];

    snprintf(text, sizeof(text), "%s", field);
    for (char *comma = text; (comma = strchr(comma, ',')) != NULL;) {
        *comma = '.';
    }
    double value = strtod(text, NULL);
    if (*text == '\0' || value == -200) {
        return;
    }
    sqlite3_bind_int(row, 1, number);
    sqlite3_bind_double(row, 2, moment);
    sqlite3_bind_text(row, 3, type, -1, SQLITE_TRANSIENT);
    sqlite3_bind_double(row, 4, value);
    assert_int_equal(sqlite3_step(row), SQLITE_DONE);
    sqlite3_reset(row);
}

/* Columns of the table's header that are of interest. */
static void find_columns(char *header, const char **names, int *columns)
{
    int i = 0;

    for (char *name; (name = strsep(&header, ";")) != NULL; i++) {
        for (int j = 0; j < 3; j++) {
            columns[j] = strcmp(name, names[j]) == 0 ? i : columns[j];
        }
    }
}

/* The table, read by this test; returns how many rows it has. */
static int read_truth(sqlite3 *db)
{
    static const char *names[] = {"CO(GT)", "NOx(GT)", "NO2(GT)"};
    cleanup(memory_free) char *text = scenario_read(TABLE);
    char *rest = text;
    int columns[3] = {-1, -1, -1}, n = 0;
    sqlite3_stmt *row = NULL;

    run_sql(db, "BEGIN; CREATE TABLE truth(number, moment, type, value)");
    sqlite3_prepare_v2(db, "INSERT INTO truth VALUES(?, ?, ?, ?)", -1, &row, NULL);
    find_columns(strsep(&rest, "\r\n"), names, columns);
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *fields[32] = {NULL};
        struct tm day = {0};

        for (int i = 0; i < 32 && line != NULL; i++) {
            fields[i] = strsep(&line, ";");
        }
        if (fields[1] == NULL || strptime(fields[0], "%d/%m/%Y", &day) == NULL) {
            continue;
        }
        strptime(fields[1], "%H.%M.%S", &day);
        for (int j = 0; j < 3; j++) {
            add_truth(row, n, (double)timegm(&day), names[j], fields[columns[j]]);
        }
        n++;
    }
    sqlite3_finalize(row);
    run_sql(db, "COMMIT");
    return n;
}

/* Both in the order of the frames: the same times, and averages that agree to 12 digits. */
static void compare(sqlite3 *db, const char *type, const char *average)
{
    cleanup(memory_free) char *sql =
        memory_format("SELECT a.moment, a.mean, b.time, b.value FROM"
                      " (SELECT row_number() OVER (ORDER BY number) AS i, moment, %s AS mean"
                      "  FROM truth AS t WHERE type = '%s') AS a FULL OUTER JOIN"
                      " (SELECT row_number() OVER (ORDER BY sequence) AS i, time, value"
                      "  FROM air.readings WHERE type = '%s') AS b USING (i)",
                      average, type, type);
    sqlite3_stmt *rows = NULL;
    int n = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &rows, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    for (; sqlite3_step(rows) == SQLITE_ROW; n++) {
        double mean = sqlite3_column_double(rows, 1), value = sqlite3_column_double(rows, 3);

        if (sqlite3_column_type(rows, 0) == SQLITE_NULL ||
            sqlite3_column_type(rows, 2) == SQLITE_NULL ||
            sqlite3_column_double(rows, 0) != sqlite3_column_double(rows, 2) ||
            fabs(mean - value) > 1e-12 * fabs(mean) + 1e-12) {
            fail_msg("%s, reading %d: %.17g at %.17g was expected, %.17g at %.17g came", type,
                     n, mean, sqlite3_column_double(rows, 0), value,
                     sqlite3_column_double(rows, 2));
        }
    }
    sqlite3_finalize(rows);
    assert_true(n > 1000);
}

/* Alarms, worked out from the averages of SQLite. */
static size_t count_alarms(sqlite3 *db)
{
    sqlite3_stmt *rows = NULL;
    bool high = false;
    size_t n = 0;

    sqlite3_prepare_v2(db,
                       "SELECT avg(value) OVER (ORDER BY number ROWS 23 PRECEDING)"
                       " FROM truth WHERE type = 'CO(GT)' ORDER BY number",
                       -1, &rows, NULL);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        double mean = sqlite3_column_double(rows, 0);
        bool now = high ? mean > HIGH - LOWER : mean > HIGH;

        n += now != high;
        high = now;
    }
    sqlite3_finalize(rows);
    return n;
}

static void assert_equal_to_sqlite(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    run_sql(db, "ATTACH 'air.db' AS air");
    read_truth(db);
    run_sql(db, "CREATE INDEX by_type ON truth(type, moment)");
    compare(db, "CO(GT)", "avg(value) OVER (ORDER BY number ROWS 23 PRECEDING)");
    compare(db, "NO2(GT)", "avg(value) OVER (ORDER BY number ROWS 23 PRECEDING)");
    compare(db, "NOx(GT)",
            "(SELECT avg(value) FROM truth AS w WHERE w.type = t.type"
            " AND w.moment > t.moment - 28800 AND w.moment <= t.moment)");
    size_t alarms = count_alarms(db);
    assert_true(alarms > 10);
    assert_int_equal(scenario_count_lines("alarms.json"), alarms);
    sqlite3_close(db);
}

static bool has_stages(struct scenario *scenario, const void *n)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    return scenario_stages(scenario, stages) >= *(const size_t *)n;
}

/* Kills one stage after the other while the readings pass. */
static void kill_along_the_way(struct scenario *scenario, size_t first, size_t end)
{
    struct scenario_stage stages[SCENARIO_STAGES_MAX];
    const struct scenario_lines begun = {"co.json", first + 1};
    const size_t n_stages = 2;

    scenario_until(scenario, scenario_has_lines, &begun);
    for (size_t i = 0; i < KILLS; i++) {
        const struct scenario_lines next = {"co.json", first + (end - first) * (i + 1) / KILLS};

        scenario_until(scenario, has_stages, &n_stages);
        scenario_stages(scenario, stages);
        kill(stages[i % n_stages].pid, SIGKILL);
        scenario_until(scenario, scenario_has_lines, &next);
    }
}

static struct scenario *start_spread(void)
{
    return SCENARIO("run", "air.yaml", "--devices", "3", "--cpu", "0.5", "--state", "memory",
                    "--place", "co=device-2", "--place", "high=device-3", "--json");
}

static void averages_and_alarms_are_those_of_sqlite_whatever_is_killed(void **state)
{
    (void)state;
    take_table();
    write_application();
    unlink("co.json");
    struct scenario *scenario = start_spread();
    kill_along_the_way(scenario, 0, 1000);
    kill(scenario_controller(scenario), SIGKILL);
    kill(scenario->pid, SIGKILL);
    scenario_wait(scenario);
    scenario_close(scenario);
    scenario = start_spread();
    kill_along_the_way(scenario, 1000, 2000);
    scenario_expect(scenario, 0);
    cleanup(memory_free) char *out = scenario_read(scenario->out);
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    const json_t *frames = json_object_get(report, "frames");
    assert_int_equal(json_integer_value(json_object_get(frames, "lost")), 0);
    assert_int_equal(json_integer_value(json_object_get(frames, "duplicated")), 0);
    scenario_close(scenario);
    assert_equal_to_sqlite();
}

static void a_folder_of_another_application_is_refused(void **state)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    scenario_write("other.yaml",
                   "apiVersion: brume.dev/v1alpha1\n"
                   "kind: Application\n"
                   "metadata: { name: other }\n"
                   "spec:\n"
                   "  operators:\n"
                   "    - { name: made, use: sensor-source, with: { frames: 3 } }\n"
                   "    - { name: log, use: json-sink, in: [made], with: { path: o.json } }\n");
    SCENARIO_RUN(0, &out, &err, "run", "other.yaml", "--state", "mine");
    write_application();
    take_table();
    SCENARIO_RUN(69, &out, &err, "run", "air.yaml", "--state", "mine");
    assert_non_null(
        strstr(err, "mine: the folder belongs to application 'other', not 'air'\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_and_alarms_are_those_of_sqlite_whatever_is_killed),
        cmocka_unit_test(a_folder_of_another_application_is_refused),
    };

    return cmocka_run_group_tests_name("air", tests, make, unmake);
}
