#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/test.h"
#include "stage/journal.h"

static void a_sink_that_died_goes_on_where_it_was(void **state)
{
    char folder[] = "/tmp/journal-XXXXXX", path[64];
    struct journal *journal;
    struct error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(journal_open(folder, "out", &journal, &err), 0);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(journal_note(journal, i, i != 3, &err), 0);
    }
    journal_close(journal);

    assert_int_equal(journal_open(folder, "out", &journal, &err), 0);
    assert_int_equal(journal_mark(journal), 5);
    assert_int_equal(journal_delivered(journal), 4);
    assert_int_equal(journal_repeated(journal), 0);
    assert_int_equal(journal_note(journal, 4, 1, &err), 0);
    assert_int_equal(journal_mark(journal), 5);
    assert_int_equal(journal_repeated(journal), 1);
    journal_close(journal);
    snprintf(path, sizeof(path), "%s/out.mark", folder);
    unlink(path);
    rmdir(folder);
}

static void without_a_folder_nothing_is_kept(void **state)
{
    struct journal *journal;
    struct error err;

    (void)state;
    assert_int_equal(journal_open(NULL, "out", &journal, &err), 0);
    assert_int_equal(journal_note(journal, 0, 1, &err), 0);
    assert_int_equal(journal_mark(journal), 1);
    journal_close(journal);
}

static void a_folder_that_is_not_there_is_said(void **state)
{
    struct journal *journal = NULL;
    struct error err;

    (void)state;
    assert_true(journal_open("/nowhere", "out", &journal, &err) < 0);
    assert_string_equal(err.text, "/nowhere/out.mark: No such file or directory");
    assert_null(journal);
}

static void a_disk_that_takes_nothing_is_named(void **state)
{
    char folder[] = "/tmp/journal-XXXXXX", path[64], sentence[128];
    struct journal *journal;
    struct error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out.mark", folder);
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_int_equal(journal_open(folder, "out", &journal, &err), 0);
    assert_int_equal(journal_note(journal, 0, 1, &err), -ENOSPC);
    snprintf(sentence, sizeof(sentence), "%s: cannot be written: No space left on device",
             path);
    assert_string_equal(err.text, sentence);
    journal_close(journal);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sink_that_died_goes_on_where_it_was),
        cmocka_unit_test(without_a_folder_nothing_is_kept),
        cmocka_unit_test(a_folder_that_is_not_there_is_said),
        cmocka_unit_test(a_disk_that_takes_nothing_is_named),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
