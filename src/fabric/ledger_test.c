/* Undoing a ledger removes what its run made, and never anything else, whatever is in it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "fabric/ledger.h"
#include "fabric/ledger_entry.h"

#define RUN "1a2b3c"

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Makes a folder with a file in it; returns its whole path, malloc'ed. */
static char *make_folder(const char *name)
{
    char *path = memory_format("%s/%s", test_folder, name);
    cleanup(memory_free) char *file = memory_format("%s/file", path);
    struct error err;

    assert_int_equal(file_make_folder(path, &err), 0);
    assert_int_equal(file_write(file, "precious\n", 9, &err), 0);
    return path;
}

static void a_name_goes_to_the_end_of_its_line(void **state)
{
    (void)state;
    cleanup(memory_free) char *foreign = make_folder("my");
    struct ledger ledger = {.file = -1};
    struct error err;

    assert_int_equal(ledger_open(&ledger, &err), 0);
    cleanup(memory_free) char *name = memory_format("my dir/brume-%s", ledger.run);
    cleanup(memory_free) char *ours = make_folder(name);
    assert_int_equal(ledger_write(&ledger, LEDGER_FOLDER, ours, &err), 0);
    assert_int_equal(ledger_undo(ledger.path, &err), 0);
    assert_false(is_there(ours));
    assert_true(is_there(foreign));
    assert_false(is_there(ledger.path));
    assert_int_equal(ledger_undo(ledger.path, &err), 0);
    ledger_close(&ledger);
}

/* A controller that stays runs many, one after the other. Others may have left theirs. */
static void a_closed_ledger_is_undone_though_its_controller_lives(void **state)
{
    (void)state;
    struct ledger ledger = {.file = -1};
    struct error err;
    unsigned n_runs = 0;

    assert_int_equal(ledger_open(&ledger, &err), 0);
    cleanup(memory_free) char *name = memory_format("brume-%s", ledger.run);
    cleanup(memory_free) char *ours = make_folder(name);
    assert_int_equal(ledger_write(&ledger, LEDGER_FOLDER, ours, &err), 0);
    (void)ledger_clean(&n_runs, &err);
    assert_true(is_there(ours));
    assert_int_equal(ledger_write(&ledger, LEDGER_CLOSED, ledger.run, &err), 0);
    (void)ledger_clean(&n_runs, &err);
    assert_false(is_there(ours));
    assert_false(is_there(ledger.path));
    ledger_close(&ledger);
}

static void a_name_as_long_as_a_path_may_be_is_kept_whole(void **state)
{
    (void)state;
    cleanup(memory_free) char *folder = memory_text(test_folder);
    struct ledger ledger = {.file = -1};
    struct error err;

    while (strlen(folder) < 1500) {
        cleanup(memory_free) char *shorter = folder;
        folder = memory_format("%s/a-name-of-which-there-are-many", shorter);
    }
    assert_int_equal(ledger_open(&ledger, &err), 0);
    cleanup(memory_free) char *ours = memory_format("%s/brume-%s", folder, ledger.run);
    assert_int_equal(file_make_folder(ours, &err), 0);
    assert_int_equal(ledger_write(&ledger, LEDGER_FOLDER, ours, &err), 0);
    assert_int_equal(ledger_undo(ledger.path, &err), 0);
    assert_false(is_there(ours));
    assert_true(is_there(folder));
    ledger_close(&ledger);
}

static void a_line_break_in_a_name_is_refused(void **state)
{
    (void)state;
    struct ledger ledger = {.file = -1};
    struct error err;

    assert_int_equal(ledger_open(&ledger, &err), 0);
    assert_int_equal(ledger_write(&ledger, LEDGER_FOLDER, "/tmp/a\nfolder /etc", &err),
                     -EINVAL);
    assert_int_equal(ledger_undo(ledger.path, &err), 0);
    ledger_close(&ledger);
}

/* Lines that no run writes, each of which would be the end of something if it were believed. */
static const struct {
    const char *before, *behind; /* the test's folder stands between; NULL: nothing does */
} hostile[] = {
    {"folder ", "/other"},                 /* nobody's folder */
    {"folder ", ""},                       /* the folder that holds it */
    {"folder ", "/other/brume-1a2b3c "},   /* a blank too many */
    {"folder ", "/other/brume-1a2b3"},     /* cut short, and another line written behind it */
    {"folder ", "/other/brume-abcdef"},    /* another run's */
    {"folder ", "/other/brume-1a2b3c/"},   /* "" is no name */
    {"folder ", "/other/brume-1a2b3c/.."}, /* nor is this */
    {"folder other/brume-1a2b3c", NULL},   /* below whatever folder one is in */
    {"folder brume-1a2b3c", NULL},
    {"folder ", NULL},
    {"folder", NULL},
    {"group ", "/other"},
    {"group other/brume-1a2b3c", NULL},
    {"engine 1a2b3c", NULL},
    {"engine 1a2b3c docker.sock", NULL},
    {"engine abcdef /run/docker.sock", NULL},
    {"cluster 1a2b3c", NULL},
    {"cluster abcdef default https://a /b", NULL},
    {"cluster 1a2b3c default https://a", NULL},
    {"cluster 1a2b3c default https://a b", NULL},
    {"cluster 1a2b3c ../x https://a /b", NULL},
    {"cluster 1a2b3c default /a /b", NULL},
    {"cluster 1a2b3c  https://a /b", NULL},
    {"closed abcdef", NULL},
    {"closed", NULL},
    {"namespace blue", NULL},
    {"namespace brume-1a2b3c-/../blue", NULL},
    {"namespace brume-abcdef-1", NULL},
    {"namespace brume-1a2b3c-1x", NULL},
    {"namespace brume-1a2b3c-", NULL},
    {"link eth0", NULL},
    {"link br1a2b3c up", NULL},
    {"link brabcdef", NULL},
    {"process 1 0", NULL},
    {"process -5 3", NULL},
    {"process 99999", NULL},
    {"process 99999 ", NULL},
    {"process 99999 12 13", NULL},
    {"process 99999999999999999999 1", NULL},
    {"process 12 x", NULL},
    {"keeper x y", NULL},
    {"nonsense", NULL},
    {"", NULL},
};

static void a_ledger_that_its_run_did_not_write_removes_nothing(void **state)
{
    (void)state;
    cleanup(memory_free) char *other = make_folder("other");
    cleanup(memory_free) char *ours = make_folder("brume-" RUN);
    cleanup(memory_free) char *path = memory_format("%s/" RUN, test_folder);
    struct error err;

    for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
        const char *behind = hostile[i].behind;
        cleanup(memory_free) char *line =
            memory_format("%s%s%s", hostile[i].before, behind != NULL ? test_folder : "",
                          behind != NULL ? behind : "");
        cleanup(memory_free) char *text = memory_format("folder %s\n%s\n", ours, line);
        assert_int_equal(file_write(path, text, strlen(text), &err), 0);
        if (ledger_undo(path, &err) != -EBADMSG) {
            fail_msg("believed: %s", line);
        }
        assert_non_null(strstr(err.text, "/" RUN " is not believed, and nothing of it removed: "
                                         "line 2 is not one that run " RUN " wrote"));
        assert_true(is_there(other) && is_there(ours) && is_there(path));
    }
}

static void a_ledger_with_a_zero_byte_removes_nothing(void **state)
{
    (void)state;
    cleanup(memory_free) char *ours = make_folder("brume-" RUN);
    cleanup(memory_free) char *path = memory_format("%s/" RUN, test_folder);
    cleanup(memory_free) char *text = memory_format("folder %s|/etc\n", ours);
    size_t size = strlen(text);
    struct error err;

    *strchr(text, '|') = '\0';
    assert_int_equal(file_write(path, text, size, &err), 0);
    assert_int_equal(ledger_undo(path, &err), -EBADMSG);
    assert_true(is_there(ours));
}

static void a_ledger_that_is_not_called_as_a_run_removes_nothing(void **state)
{
    (void)state;
    cleanup(memory_free) char *ours = make_folder("brume-notrun");
    cleanup(memory_free) char *path = memory_format("%s/notrun", test_folder);
    cleanup(memory_free) char *text = memory_format("folder %s\n", ours);
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    assert_int_equal(ledger_undo(path, &err), -EBADMSG);
    assert_true(is_there(ours));
}

/* Wherever a crash cuts it, what is left names the things before, whole, and nothing else. */
static void a_ledger_may_be_cut_short_anywhere(void **state)
{
    (void)state;
    static const char whole[] =
        "controller 812 49120\nkeeper 813 49121\n"
        "process 820 49177\ngroup /sys/fs/cgroup/a b/brume-" RUN "\n"
        "link br" RUN "\nnamespace brume-" RUN "-switch\n"
        "namespace brume-" RUN "-12\nfolder /tmp/my dir/brume-" RUN "\n";
    static const char *const names[] = {"812 49120",        "813 49121",
                                        "820 49177",        "/sys/fs/cgroup/a b/brume-" RUN,
                                        "br" RUN,           "brume-" RUN "-switch",
                                        "brume-" RUN "-12", "/tmp/my dir/brume-" RUN};
    struct error err;

    for (size_t size = 0; size < sizeof(whole); size++) {
        cleanup(memory_free) struct ledger_entry *entries = NULL;
        cleanup(memory_free) char *text = memory_text(whole);
        size_t n = 0, lines = 0;

        text[size] = '\0';
        for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
            lines++;
        }
        assert_int_equal(ledger_parse(text, size, RUN, &entries, &n, &err), 0);
        assert_int_equal(n, lines);
        for (size_t i = 0; i < n; i++) {
            assert_string_equal(entries[i].name, names[i]);
        }
    }
}

/* Port 1: nobody answers. What is there without the cluster goes. */
static void a_cluster_that_is_away_keeps_the_ledger(void **state)
{
    (void)state;
    static const char config[] =
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]\n"
        "users: [{name: u, user: {}}]\n";
    cleanup(memory_free) char *path = memory_format("%s/config", test_folder);
    struct ledger ledger = {.file = -1};
    struct error err;

    assert_int_equal(file_write(path, config, strlen(config), &err), 0);
    assert_int_equal(ledger_open(&ledger, &err), 0);
    cleanup(memory_free) char *name = memory_format("brume-%s", ledger.run);
    cleanup(memory_free) char *folder = make_folder(name);
    cleanup(memory_free) char *entry =
        memory_format("%s default http://127.0.0.1:1 %s", ledger.run, path);
    cleanup(memory_free) char *moved =
        memory_format("%s default http://127.0.0.1:2 %s", ledger.run, path);
    assert_int_equal(ledger_write(&ledger, LEDGER_CLUSTER, entry, &err), 0);
    assert_int_equal(ledger_write(&ledger, LEDGER_CLUSTER, moved, &err), 0);
    assert_int_equal(ledger_write(&ledger, LEDGER_FOLDER, folder, &err), 0);
    assert_int_equal(ledger_undo(ledger.path, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "are left at http://127.0.0.1:1"));
    assert_non_null(strstr(err.text, "brume doctor"));
    assert_false(is_there(folder));
    assert_true(is_there(ledger.path));
    unlink(ledger.path);
    ledger_close(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_goes_to_the_end_of_its_line),
        cmocka_unit_test(a_closed_ledger_is_undone_though_its_controller_lives),
        cmocka_unit_test(a_name_as_long_as_a_path_may_be_is_kept_whole),
        cmocka_unit_test(a_line_break_in_a_name_is_refused),
        cmocka_unit_test(a_ledger_that_its_run_did_not_write_removes_nothing),
        cmocka_unit_test(a_ledger_with_a_zero_byte_removes_nothing),
        cmocka_unit_test(a_ledger_that_is_not_called_as_a_run_removes_nothing),
        cmocka_unit_test(a_ledger_may_be_cut_short_anywhere),
        cmocka_unit_test(a_cluster_that_is_away_keeps_the_ledger),
    };
    return cmocka_run_group_tests_name("ledger", tests, test_folder_make, test_folder_remove);
}
