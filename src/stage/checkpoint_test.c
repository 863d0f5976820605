/* What a stateful operator remembers comes back from disk, or is known to be damaged. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "stage/checkpoint.h"

static struct checkpoint *open_memory(const char *folder)
{
    struct checkpoint *checkpoint = NULL;
    struct error err;

    assert_int_equal(checkpoint_open(folder, "mean", &checkpoint, &err), 0);
    return checkpoint;
}

static void write_memory(struct checkpoint *checkpoint, uint64_t mark, const char *text)
{
    struct error err;

    assert_int_equal(checkpoint_write(checkpoint, mark, text, strlen(text), &err), 0);
    assert_int_equal(checkpoint_mark(checkpoint), mark);
}

static void the_last_checkpoint_comes_back(void **state)
{
    struct checkpoint *checkpoint = open_memory(test_folder);
    size_t size;

    (void)state;
    assert_int_equal(checkpoint_mark(checkpoint), 0);
    assert_null(checkpoint_data(checkpoint, &size));
    write_memory(checkpoint, 7, "seven frames");
    write_memory(checkpoint, 9, "nine");
    checkpoint_close(checkpoint);
    checkpoint = open_memory(test_folder);
    assert_int_equal(checkpoint_mark(checkpoint), 9);
    assert_memory_equal(checkpoint_data(checkpoint, &size), "nine", 4);
    assert_int_equal(size, 4);
    checkpoint_close(checkpoint);
}

static void a_memory_of_nothing_has_a_mark_all_the_same(void **state)
{
    struct checkpoint *checkpoint = open_memory(test_folder);
    size_t size;

    (void)state;
    write_memory(checkpoint, 3, "");
    checkpoint_close(checkpoint);
    checkpoint = open_memory(test_folder);
    assert_int_equal(checkpoint_mark(checkpoint), 3);
    assert_non_null(checkpoint_data(checkpoint, &size));
    assert_int_equal(size, 0);
    checkpoint_close(checkpoint);
}

static void a_half_written_one_leaves_the_one_before(void **state)
{
    cleanup(memory_free) char *next = memory_format("%s/mean.memory.next", test_folder);
    struct checkpoint *checkpoint = open_memory(test_folder);
    struct error err;

    (void)state;
    write_memory(checkpoint, 7, "seven frames");
    checkpoint_close(checkpoint);
    assert_int_equal(file_write(next, "bru", 3, &err), 0);
    checkpoint = open_memory(test_folder);
    assert_int_equal(checkpoint_mark(checkpoint), 7);
    checkpoint_close(checkpoint);
}

static void damage_is_told_and_not_believed(void **state)
{
    cleanup(memory_free) char *path = memory_format("%s/mean.memory", test_folder);
    struct checkpoint *checkpoint = open_memory(test_folder);
    struct error err;

    (void)state;
    write_memory(checkpoint, 7, "seven frames");
    checkpoint_close(checkpoint);
    cleanup(memory_free) void *whole = NULL;
    size_t size;
    assert_int_equal(file_read(path, 1000, &whole, &size, &err), 0);
    for (size_t i = 0; i < size; i++) {
        char *bytes = whole;

        bytes[i] ^= 1;
        assert_int_equal(file_write(path, bytes, size, &err), 0);
        assert_int_equal(checkpoint_open(test_folder, "mean", &checkpoint, &err), -EBADMSG);
        assert_non_null(strstr(err.text, "mean.memory: the saved memory is damaged"));
        bytes[i] ^= 1;
    }
    assert_int_equal(file_write(path, whole, size - 1, &err), 0);
    assert_int_equal(checkpoint_open(test_folder, "mean", &checkpoint, &err), -EBADMSG);
}

static void without_a_folder_nothing_is_kept(void **state)
{
    struct checkpoint *checkpoint = open_memory(NULL);

    (void)state;
    write_memory(checkpoint, 7, "seven frames");
    checkpoint_close(checkpoint);
    checkpoint = open_memory(NULL);
    assert_int_equal(checkpoint_mark(checkpoint), 0);
    checkpoint_close(checkpoint);
}

static void what_somebody_else_has_kept_counts_when_it_is_further_on(void **state)
{
    struct checkpoint *checkpoint = open_memory(test_folder);
    size_t size;

    (void)state;
    write_memory(checkpoint, 7, "seven");
    checkpoint_close(checkpoint);
    checkpoint = open_memory(test_folder);
    checkpoint_raise(checkpoint, 7, "other", 5);
    assert_memory_equal(checkpoint_data(checkpoint, &size), "seven", 5);
    checkpoint_raise(checkpoint, 8, "8", 1);
    assert_int_equal(checkpoint_mark(checkpoint), 8);
    assert_memory_equal(checkpoint_data(checkpoint, &size), "8", 1);
    assert_int_equal(size, 1);
    checkpoint_raise(checkpoint, 9, NULL, 0);
    assert_non_null(checkpoint_data(checkpoint, &size));
    assert_int_equal(size, 0);
    checkpoint_close(checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_checkpoint_comes_back, test_folder_make,
                                        test_folder_remove),
        cmocka_unit_test_setup_teardown(a_memory_of_nothing_has_a_mark_all_the_same,
                                        test_folder_make, test_folder_remove),
        cmocka_unit_test_setup_teardown(a_half_written_one_leaves_the_one_before,
                                        test_folder_make, test_folder_remove),
        cmocka_unit_test_setup_teardown(damage_is_told_and_not_believed, test_folder_make,
                                        test_folder_remove),
        cmocka_unit_test(without_a_folder_nothing_is_kept),
        cmocka_unit_test_setup_teardown(
            what_somebody_else_has_kept_counts_when_it_is_further_on, test_folder_make,
            test_folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
