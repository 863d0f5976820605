/* The disk under a sink is full in the middle of a run: brume says whose file it is, waits, and
 * goes on when there is room. Every row is there once, even if the stage is killed meanwhile.
 */
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture/rows.h"
#include "fixture/scenario.h"

enum { FRAMES = 600, ROWS = FRAMES * 8 * 4 };

/* In a mount namespace of the test's own, which ends with it. */
static int make_disk(void **state)
{
    (void)state;
    return mkdir("small", 0755);
}

static int remove_disk(void **state)
{
    (void)state;
    umount2("small", MNT_DETACH);
    return rmdir("small");
}

static void mount_disk(void)
{
    scenario_needs_root();
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "small", "tmpfs", 0, "size=2m") < 0) {
        print_message("skipped: there can be no small disk here\n");
        skip();
    }
}

/* The same rows as on a disk that was never full. */
static void assert_same_rows(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open("large.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "ATTACH 'small/full.db' AS small", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(rows_ask(db, "SELECT count(*) FROM main.readings"), ROWS);
    assert_int_equal(rows_ask(db, "SELECT count(*) FROM small.readings"), ROWS);
    assert_int_equal(rows_ask(db, "SELECT count(*) FROM (SELECT * FROM main.readings EXCEPT"
                                  " SELECT * FROM small.readings)"),
                     0);
    sqlite3_close(db);
}

static void a_full_disk_is_told_and_waited_for(void **state)
{
    (void)state;
    mount_disk();
    scenario_write("full.yaml",
                   "apiVersion: brume.dev/v1alpha1\n"
                   "kind: Application\n"
                   "metadata: { name: full }\n"
                   "spec:\n"
                   "  operators:\n"
                   "    - name: made\n"
                   "      use: sensor-source\n"
                   "      with: { devices: 8, types: 'CO,NO2,warmth,noise', frames: %d }\n"
                   "    - { name: kept, use: sqlite-sink, in: [made],"
                   " with: { path: small/full.db } }\n"
                   "    - { name: all, use: sqlite-sink, in: [made],"
                   " with: { path: large.db } }\n",
                   FRAMES);
    struct scenario *scenario = SCENARIO("run", "full.yaml", "--json");
    const struct scenario_words full = {"/small/full.db': the disk is full; the stream waits",
                                        1};
    scenario_until(scenario, scenario_has_said, &full);
    assert_int_equal(scenario_count_said(scenario, "note: kept: cannot write '/"), 1);
    struct scenario_stage stages[SCENARIO_STAGES_MAX];
    assert_int_equal(scenario_stages(scenario, stages), 1);
    kill(stages[0].pid, SIGKILL);
    const struct scenario_words again = {full.words, 2};
    scenario_until(scenario, scenario_has_said, &again);
    assert_int_equal(mount("none", "small", NULL, MS_REMOUNT, "size=64m"), 0);
    scenario_expect(scenario, 0);
    cleanup(memory_free) char *out = scenario_read(scenario->out);
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, FRAMES, FRAMES);
    scenario_close(scenario);
    assert_same_rows();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_waited_for, make_disk,
                                        remove_disk),
    };

    return cmocka_run_group_tests_name("full", tests, scenario_make, scenario_remove);
}
