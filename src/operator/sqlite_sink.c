/* Writes readings into a table of an SQLite database, each exactly once. A plug-in: it needs
 * libsqlite3.
 *
 *     readings(sequence, i, time, type, device, value), a row per reading, i from 0 in its
 * frame brume_mark(sink, run, sequence, base), a row per table that brume writes
 *
 * A frame is one transaction, and the same transaction notes the frame's number in brume_mark.
 * A stage that was lost and started again gets the frames again that nobody acknowledged; those
 * that the mark has are there already and are skipped. That holds within one run of the
 * application, which the runtime names by the parameter `run`; another run begins the table
 * anew, or goes on behind it with `append: true`: then `base` is what it adds to its frames'
 * numbers. A table without a run's name is begun anew each time the operator is opened.
 *
 * A frame that cannot be written because the disk is full, or because another program has the
 * database locked, waits until it can, and the stream with it.
 *
 * A write-ahead log lets others read meanwhile. As with other sinks, what was written survives
 * the end of the process; the machine's power may take the last of it, but never leaves a torn
 * database.
 */
#include <brume/operator.h>
#include <ctype.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/patience.h"
#include "operator/readings.h"

enum { TABLE_NAME_MAX = 63, WHY_MAX = 4400 };

static const char mark_table[] = "brume_mark";

static const struct brume_param params[] = {
    {"path", BRUME_PATH, NULL, "the database; it and its folder are made", NULL, 0, 0},
    {"table", BRUME_TEXT, "readings", "the table: letters, digits and _", NULL, 0, 0},
    {"append", BRUME_SWITCH, "false", "keep what earlier runs wrote", NULL, 0, 0},
    {"wait", BRUME_DURATION, "5s", "how long to wait for others who write", NULL, 0, 600},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_READINGS, "to be kept"},
    {0},
};

struct sink {
    sqlite3 *database;
    sqlite3_stmt *insert, *mark;
    const char *table; /* the parameter */
    const char *run;   /* the parameter, or NULL */
    bool any;          /* `last` is in the table */
    uint64_t last;
    int64_t base;
    char why[WHY_MAX]; /* what SQLite said last, as a sentence */
    bool passes;       /* that may be over by itself */
    bool told;         /* that a frame waits for it */
};

static void close_sink(void *state)
{
    struct sink *sink = state;

    sqlite3_finalize(sink->insert);
    sqlite3_finalize(sink->mark);
    sqlite3_close(sink->database);
    free(sink);
}

static void close_sinkp(struct sink **sink)
{
    if (*sink != NULL) {
        close_sink(*sink);
    }
}

static void finalize_statement(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

/* A disk may be full in more ways than SQLite knows. */
static bool is_full(struct sink *sink)
{
    int code = sqlite3_errcode(sink->database);

    return code == SQLITE_FULL ||
           (code == SQLITE_IOERR && patience_helps(sqlite3_system_errno(sink->database)));
}

static int failed(struct brume_call *call, struct sink *sink)
{
    const char *path = brume_param(call, "path");
    int code = sqlite3_errcode(sink->database);

    sink->passes = true;
    if (is_full(sink)) {
        snprintf(sink->why, WHY_MAX, "cannot write '%s': the disk is full", path);
    } else if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        snprintf(sink->why, WHY_MAX, "another program has '%s' locked, for over %s", path,
                 brume_param(call, "wait"));
    } else if (code == SQLITE_NOTADB) {
        sink->passes = false;
        snprintf(sink->why, WHY_MAX, "'%s' is not an SQLite database", path);
    } else {
        sink->passes = false;
        snprintf(sink->why, WHY_MAX, "cannot write '%s': %s", path,
                 sqlite3_errmsg(sink->database));
    }
    return brume_fail(call, "%s", sink->why);
}

static int run_sql(struct brume_call *call, struct sink *sink, const char *sql)
{
    int code = sqlite3_exec(sink->database, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : failed(call, sink);
}

/* SQL with the table's name in it, malloc'ed; the name was checked. */
static char *about_table(struct sink *sink, const char *before, const char *after)
{
    return memory_format("%s \"%s\" %s", before, sink->table, after);
}

static int prepare(struct brume_call *call, struct sink *sink, const char *sql,
                   sqlite3_stmt **ret_statement)
{
    int code = sqlite3_prepare_v2(sink->database, sql, -1, ret_statement, NULL);

    return code == SQLITE_OK ? 0 : failed(call, sink);
}

static void roll_back(struct sink *sink)
{
    if (sqlite3_get_autocommit(sink->database) == 0) {
        sqlite3_exec(sink->database, "ROLLBACK", NULL, NULL, NULL);
    }
}

static int check_table(struct brume_call *call, const char *table)
{
    size_t size = strlen(table);
    bool good = size > 0 && size <= TABLE_NAME_MAX && !isdigit((unsigned char)*table);

    for (size_t i = 0; i < size; i++) {
        good = good && (isalnum((unsigned char)table[i]) || table[i] == '_');
    }
    if (!good) {
        return brume_fail(call,
                          "'table' must be 1 to %d letters, digits and _, not begin with a "
                          "digit, and '%.80s' is not",
                          TABLE_NAME_MAX, table);
    }
    if (strncasecmp(table, "sqlite_", 7) == 0 || strcasecmp(table, mark_table) == 0) {
        return brume_fail(call, "'table' cannot be '%s': that name is taken", table);
    }
    return 0;
}

static int open_database(struct brume_call *call, struct sink *sink)
{
    const char *path = brume_param(call, "path");
    cleanup(memory_free) char *folder = memory_text(path);
    char *slash = strrchr(folder, '/');
    struct error err;

    if (slash != NULL && slash != folder) {
        *slash = '\0';
        if (file_make_folder(folder, &err) < 0) {
            return brume_fail(call, "%s", err.text);
        }
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &sink->database, flags, NULL) != SQLITE_OK) {
        return brume_fail(call, "cannot open '%s': %s", path,
                          sink->database != NULL ? sqlite3_errmsg(sink->database)
                                                 : "no memory");
    }
    sqlite3_busy_timeout(sink->database, (int)(brume_param_number(call, "wait") * 1000));
    return run_sql(call, sink, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
}

static int make_tables(struct brume_call *call, struct sink *sink)
{
    cleanup(memory_free) char *create = about_table(
        sink, "CREATE TABLE IF NOT EXISTS",
        "(sequence INTEGER, i INTEGER, time REAL, type TEXT, device TEXT, value REAL, "
        "PRIMARY KEY(sequence, i))");
    cleanup(memory_free) char *insert =
        about_table(sink, "INSERT INTO",
                    "(sequence, i, time, type, device, value) VALUES(?, ?, ?, ?, ?, ?)");
    int ret = run_sql(call, sink,
                      "CREATE TABLE IF NOT EXISTS brume_mark(sink TEXT PRIMARY KEY, "
                      "run TEXT, sequence INTEGER, base INTEGER)");

    ret = ret < 0 ? ret : run_sql(call, sink, create);
    ret = ret < 0 ? ret : prepare(call, sink, insert, &sink->insert);
    if (ret < 0) {
        return ret;
    }
    return prepare(call, sink,
                   "INSERT OR REPLACE INTO brume_mark(sink, run, sequence, base) "
                   "VALUES(?, ?, ?, ?)",
                   &sink->mark);
}

/* Which frame of this run is the last in the table, if the run has been here; 1: it has. */
static int recall(struct brume_call *call, struct sink *sink)
{
    cleanup(finalize_statement) sqlite3_stmt *query = NULL;
    int ret = prepare(
        call, sink, "SELECT sequence, base FROM brume_mark WHERE sink = ? AND run = ?", &query);

    if (ret < 0) {
        return ret;
    }
    sqlite3_bind_text(query, 1, sink->table, -1, SQLITE_STATIC);
    sqlite3_bind_text(query, 2, sink->run, -1, SQLITE_STATIC); /* NULL equals nothing */
    int code = sqlite3_step(query);
    if (code == SQLITE_ROW) {
        sink->any = sqlite3_column_type(query, 0) == SQLITE_INTEGER;
        sink->last = (uint64_t)sqlite3_column_int64(query, 0);
        sink->base = sqlite3_column_int64(query, 1);
        return 1;
    }
    return code == SQLITE_DONE ? 0 : failed(call, sink);
}

static int write_mark(struct brume_call *call, struct sink *sink, const uint64_t *last)
{
    sqlite3_bind_text(sink->mark, 1, sink->table, -1, SQLITE_STATIC);
    sqlite3_bind_text(sink->mark, 2, sink->run, -1, SQLITE_STATIC);
    if (last != NULL) {
        sqlite3_bind_int64(sink->mark, 3, (int64_t)*last);
    } else {
        sqlite3_bind_null(sink->mark, 3);
    }
    sqlite3_bind_int64(sink->mark, 4, sink->base);
    int ret = sqlite3_step(sink->mark) == SQLITE_DONE ? 0 : failed(call, sink);
    sqlite3_reset(sink->mark);
    return ret;
}

/* Another run's table: goes on behind it, or empties it. */
static int begin_table(struct brume_call *call, struct sink *sink)
{
    int ret = 0;

    if (brume_param_switch(call, "append")) {
        cleanup(finalize_statement) sqlite3_stmt *query = NULL;
        cleanup(memory_free) char *sql =
            about_table(sink, "SELECT IFNULL(MAX(sequence) + 1, 0) FROM", "");

        ret = prepare(call, sink, sql, &query);
        if (ret == 0 && sqlite3_step(query) != SQLITE_ROW) {
            ret = failed(call, sink);
        }
        sink->base = ret == 0 ? sqlite3_column_int64(query, 0) : 0;
    } else {
        cleanup(memory_free) char *sql = about_table(sink, "DELETE FROM", "");

        ret = run_sql(call, sink, sql);
    }
    return ret < 0 ? ret : write_mark(call, sink, NULL);
}

static int open_sink(struct brume_call *call, void **ret_state)
{
    cleanup(close_sinkp) struct sink *sink = memory_new(1, sizeof(*sink));

    sink->table = brume_param(call, "table");
    sink->run = brume_param(call, "run");
    int ret = check_table(call, sink->table);
    ret = ret < 0 ? ret : open_database(call, sink);
    ret = ret < 0 ? ret : run_sql(call, sink, "BEGIN IMMEDIATE");
    ret = ret < 0 ? ret : make_tables(call, sink);
    ret = ret < 0 ? ret : recall(call, sink);
    ret = ret != 0 ? ret : begin_table(call, sink);
    ret = ret < 0 ? ret : run_sql(call, sink, "COMMIT");
    if (ret < 0) {
        return ret;
    }
    *ret_state = STEAL(sink);
    return 0;
}

static int insert(struct brume_call *call, struct sink *sink, const struct reading *reading,
                  size_t i)
{
    sqlite3_stmt *row = sink->insert;

    sqlite3_bind_int64(row, 1, sink->base + (int64_t)brume_sequence(call));
    sqlite3_bind_int64(row, 2, (int64_t)i);
    sqlite3_bind_double(row, 3, reading->time);
    sqlite3_bind_text(row, 4, reading->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 5, reading->device, -1, SQLITE_STATIC);
    sqlite3_bind_double(row, 6, reading->value);
    int ret = sqlite3_step(row) == SQLITE_DONE ? 0 : failed(call, sink);
    sqlite3_reset(row);
    return ret;
}

static int write_frame(struct brume_call *call, struct sink *sink,
                       const struct readings *readings)
{
    uint64_t sequence = brume_sequence(call);
    int ret = run_sql(call, sink, "BEGIN IMMEDIATE");

    for (size_t i = 0; ret == 0 && i < readings->n; i++) {
        ret = insert(call, sink, &readings->list[i], i);
    }
    ret = ret < 0 ? ret : write_mark(call, sink, &sequence);
    ret = ret < 0 ? ret : run_sql(call, sink, "COMMIT");
    if (ret < 0) {
        roll_back(sink);
    }
    return ret;
}

static int process(struct brume_call *call, void *state)
{
    cleanup(readings_finishp) struct readings readings = {0};
    struct sink *sink = state;
    uint64_t sequence = brume_sequence(call);

    if (sink->any && sequence <= sink->last) {
        return 0;
    }
    if (sequence > (uint64_t)(INT64_MAX - sink->base)) {
        return brume_fail(call, "a frame's number is larger than SQLite has");
    }
    int ret = readings_input(call, 0, &readings);
    if (ret < 0) {
        return ret;
    }
    ret = write_frame(call, sink, &readings);
    if (ret < 0) {
        return sink->passes ? patience_wait(call, &sink->told, "%s", sink->why) : ret;
    }
    patience_over(call, &sink->told, brume_param(call, "path"));
    sink->any = true;
    sink->last = sequence;
    return 0;
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "sqlite-sink",
    .summary = "writes readings into a table of an SQLite database, each exactly once",
    .params = params,
    .inputs = inputs,
    .open = open_sink,
    .process = process,
    .close = close_sink,
};
