/* Readings in a database, each exactly once. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/rig.h"

static const double rows[][2] = {{1078941600, 2.5}, {1078941600, 1360}};
static const char names[] = "CO\tstreet\nNO'x\t\n";

static void feed(struct operator_instance *sink, uint64_t sequence)
{
    cleanup(frame_unrefp) struct frame *readings = rig_readings(2, rows, names);

    assert_null(rig_process(sink, sequence, &readings));
}

static void feed_range(const char *path, const char *run, uint64_t first, uint64_t last)
{
    cleanup(operator_closep) struct operator_instance *sink =
        RIG_OPEN("sqlite-sink", "path", path, "run", run);

    for (uint64_t i = first; i <= last; i++) {
        feed(sink, i);
    }
}

static int add_row(void *text, int n, char **values, char **columns)
{
    char *whole = text;
    (void)columns;

    for (int i = 0; i < n; i++) {
        size_t size = strlen(whole);

        snprintf(whole + size, 1024 - size, "%s%s", values[i] != NULL ? values[i] : "NULL",
                 i + 1 < n ? "|" : " ");
    }
    return 0;
}

static void expect(const char *path, const char *sql, const char *wanted)
{
    sqlite3 *database = NULL;
    char got[1024] = "";

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, add_row, got, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(database));
    }
    sqlite3_close(database);
    assert_string_equal(got, wanted);
}

static void expect_frames(const char *path, const char *wanted)
{
    expect(path, "SELECT sequence FROM readings WHERE i = 1 ORDER BY sequence", wanted);
}

static void a_reading_is_a_row(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/deep/er/out.db", folder);
    (void)state;

    feed_range(path, "a1", 4, 4);
    expect(path, "SELECT * FROM readings ORDER BY i",
           "4|0|1078941600.0|CO|street|2.5 4|1|1078941600.0|NO'x||1360.0 ");
    expect(path, "SELECT run, sequence FROM brume_mark", "a1|4 ");
    expect(path, "PRAGMA journal_mode", "wal ");
    rig_remove(folder);
}

/* The process ends where it stands: nothing is closed. */
static void after_a_kill_nothing_is_there_twice(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    (void)state;

    for (uint64_t killed = 0; killed < 3; killed++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
            struct operator_instance *sink = RIG_OPEN("sqlite-sink", "path", path, "run", "a1");

            for (uint64_t i = killed; i < killed + 3; i++) {
                feed(sink, i);
            }
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    expect_frames(path, "0 1 2 3 4 ");
    rig_remove(folder);
}

static void a_frame_is_there_whole_or_not_at_all(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    cleanup(frame_unrefp) struct frame *readings = rig_readings(2, rows, names);
    struct error err = {0};
    (void)state;

    feed_range(path, "a1", 0, 0);
    expect(path,
           "CREATE TRIGGER no BEFORE INSERT ON readings WHEN NEW.sequence = 1 AND NEW.i = 1 "
           "BEGIN SELECT RAISE(ABORT, 'not this one'); END",
           "");
    struct operator_instance *sink = RIG_OPEN("sqlite-sink", "path", path, "run", "a1");
    assert_true(rig_try(sink, 1, &readings, &err) < 0);
    assert_non_null(strstr(err.text, "not this one"));
    feed(sink, 2);
    operator_close(sink);
    expect(path, "SELECT sequence, i FROM readings", "0|0 0|1 2|0 2|1 ");
    rig_remove(folder);
}

static void another_run_begins_anew_or_adds(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    (void)state;

    feed_range(path, "a1", 7, 7);
    feed_range(path, "b2", 3, 3);
    expect_frames(path, "3 ");
    for (int i = 0; i < 2; i++) {
        struct operator_instance *sink =
            RIG_OPEN("sqlite-sink", "path", path, "run", "c3", "append", "true");

        feed(sink, 0);
        feed(sink, 1);
        operator_close(sink);
    }
    expect_frames(path, "3 4 5 ");
    expect(path, "SELECT run, sequence, base FROM brume_mark", "c3|1|4 ");
    rig_remove(folder);
}

static void without_a_run_each_opening_begins_anew(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    (void)state;

    for (uint64_t i = 0; i < 2; i++) {
        cleanup(operator_closep) struct operator_instance *sink =
            RIG_OPEN("sqlite-sink", "path", path);

        feed(sink, i);
    }
    expect_frames(path, "1 ");
    rig_remove(folder);
}

static void two_tables_have_two_marks(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    struct operator_instance *first = RIG_OPEN("sqlite-sink", "path", path, "run", "a1");
    struct operator_instance *second =
        RIG_OPEN("sqlite-sink", "path", path, "run", "a1", "table", "order");
    (void)state;

    feed(first, 0);
    feed(first, 1);
    feed(second, 0);
    operator_close(first);
    operator_close(second);
    expect_frames(path, "0 1 ");
    expect(path, "SELECT sequence FROM \"order\" WHERE i = 0", "0 ");
    expect(path, "SELECT sink, sequence FROM brume_mark ORDER BY sink", "order|0 readings|1 ");
    rig_remove(folder);
}

/* A frame that cannot be written: it waits, which is told once. */
static void expect_waiting(struct operator_instance *sink, uint64_t sequence,
                           const char *wanted)
{
    cleanup(frame_unrefp) struct frame *readings = rig_readings(2, rows, names);
    cleanup(memory_free) char *said = rig_hear(sink, sequence, &readings);
    struct error err;

    assert_string_equal(said, wanted);
    assert_null(rig_hear(sink, sequence, &readings));
    assert_int_equal(rig_try(sink, sequence, &readings, &err), OPERATOR_LATER);
}

static void expect_written_again(struct operator_instance *sink, uint64_t sequence,
                                 const char *path)
{
    cleanup(frame_unrefp) struct frame *readings = rig_readings(2, rows, names);
    cleanup(memory_free) char *said = rig_hear(sink, sequence, &readings);
    cleanup(memory_free) char *wanted =
        memory_format("sqlite-sink: '%s' can be written again; nothing was lost", path);

    assert_string_equal(said, wanted);
    assert_null(rig_hear(sink, sequence + 1, &readings));
}

static void a_frame_waits_for_a_locked_database_and_says_so(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    cleanup(memory_free) char *refused =
        memory_format("sqlite-sink: another program has '%s' locked, for over 10ms", path);
    cleanup(memory_free) char *wanted =
        memory_format("%s; the stream waits, and it is tried again", refused);
    struct operator_instance *sink =
        RIG_OPEN("sqlite-sink", "path", path, "run", "a1", "wait", "10ms");
    sqlite3 *other = NULL;
    struct error err = {0};
    (void)state;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    expect_waiting(sink, 0, wanted);
    RIG_REFUSE(&err, "sqlite-sink", "path", path, "run", "a1", "wait", "10ms");
    assert_string_equal(err.text, refused);
    sqlite3_close(other);
    expect_written_again(sink, 0, path);
    operator_close(sink);
    expect_frames(path, "0 1 ");
    rig_remove(folder);
}

static void a_frame_waits_for_room_on_the_disk_and_says_so(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    cleanup(memory_free) char *filling = memory_format("%s/filling", folder);
    cleanup(memory_free) char *wanted =
        memory_format("sqlite-sink: cannot write '%s': the disk is full; the stream waits, and "
                      "it is tried again",
                      path);
    static const char nothing[300 << 10];
    struct error err = {0};
    (void)state;

    if (mount("none", folder, "tmpfs", 0, "size=512k") < 0) {
        rig_remove(folder);
        print_message("a small disk needs root: skipped\n");
        skip();
    }
    assert_int_equal(file_write(filling, nothing, sizeof(nothing), &err), 0);
    struct operator_instance *sink = RIG_OPEN("sqlite-sink", "path", path, "run", "a1");
    uint64_t sequence = 0;
    for (;; sequence++) {
        cleanup(frame_unrefp) struct frame *readings = rig_readings(2, rows, names);
        if (rig_try(sink, sequence, &readings, &err) != 0) {
            break;
        }
    }
    operator_close(sink);
    sink = RIG_OPEN("sqlite-sink", "path", path, "run", "a1");
    expect_waiting(sink, sequence, wanted);
    assert_int_equal(unlink(filling), 0);
    expect_written_again(sink, sequence, path);
    operator_close(sink);
    cleanup(memory_free) char *all = memory_format(
        "%llu|%llu ", (unsigned long long)sequence + 2, (unsigned long long)sequence + 1);
    expect(path, "SELECT count(*), max(sequence) FROM readings WHERE i = 1", all);
    umount2(folder, MNT_DETACH);
    rig_remove(folder);
}

static void what_cannot_be_written_is_refused(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    cleanup(memory_free) char *text = memory_format("%s/text", folder);
    cleanup(memory_free) char *below = memory_format("%s/text/out.db", folder);
    cleanup(memory_free) char *wanted =
        memory_format("sqlite-sink: '%s' is not an SQLite database", text);
    static const char line[] = "this is a text, and it is longer than a header";
    static const char *const tables[] = {"",         "9a",        "a b", "a\"; DROP TABLE x",
                                         "sqlite_x", "Brume_Mark"};
    struct error err = {0};
    (void)state;

    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        RIG_REFUSE(&err, "sqlite-sink", "path", path, "table", tables[i]);
        assert_non_null(strstr(err.text, "'table'"));
    }
    assert_int_equal(file_write(text, line, strlen(line), &err), 0);
    RIG_REFUSE(&err, "sqlite-sink", "path", text);
    assert_string_equal(err.text, wanted);
    RIG_REFUSE(&err, "sqlite-sink", "path", below);
    expect(path, "CREATE TABLE readings(name TEXT)", "");
    RIG_REFUSE(&err, "sqlite-sink", "path", path);
    assert_non_null(strstr(err.text, "no column named sequence"));
    expect(path, "SELECT name FROM sqlite_master", "readings ");
    rig_remove(folder);
}

static void what_are_no_readings_costs_the_frame(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.db", folder);
    struct operator_instance *sink = RIG_OPEN("sqlite-sink", "path", path, "run", "a1");
    struct frame *frames[] = {
        rig_bytes("x", 1),
        rig_readings(2, rows, "CO\tstreet\n"),
        rig_readings(1, rows, names),
        rig_readings(2, rows, "CO street\nNO\t\n"),
        rig_readings(2, rows, "CO\tstreet\nNO\t"),
    };
    struct error err = {0};
    (void)state;

    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
        assert_true(rig_try(sink, i, &frames[i], &err) < 0);
        frame_unref(frames[i]);
    }
    operator_close(sink);
    expect_frames(path, "");
    rig_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reading_is_a_row),
        cmocka_unit_test(after_a_kill_nothing_is_there_twice),
        cmocka_unit_test(a_frame_is_there_whole_or_not_at_all),
        cmocka_unit_test(another_run_begins_anew_or_adds),
        cmocka_unit_test(without_a_run_each_opening_begins_anew),
        cmocka_unit_test(two_tables_have_two_marks),
        cmocka_unit_test(a_frame_waits_for_a_locked_database_and_says_so),
        cmocka_unit_test(a_frame_waits_for_room_on_the_disk_and_says_so),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(what_are_no_readings_costs_the_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
