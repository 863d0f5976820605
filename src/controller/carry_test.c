#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "controller/carry.h"
#include "controller/needs.h"
#include "fabric/fabric.h"

/* A path in the test's folder, malloc'ed. */
static char *place(const char *name)
{
    return memory_format("%s/%s", test_folder, name);
}

static void write_text(const char *name, const char *text)
{
    cleanup(memory_free) char *path = place(name);
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static struct carry *offered(const char *stage, const char *name, bool writable)
{
    struct carry *carry = carry_create();
    cleanup(memory_free) char *path = place(name);
    const struct fabric_mount mount = {path, writable};
    struct error err;

    assert_int_equal(carry_offer(carry, stage, 1, &mount, &err), 0);
    return carry;
}

/* What the stage gets that asks for a file; -1: nothing, and `err` says why. */
static int fetch(const struct carry *carry, const char *stage, const char *name,
                 struct carry_piece *piece, struct error *err)
{
    cleanup(memory_free) char *here = place(name);
    cleanup(memory_free) char *path = needs_remote_path(here);
    cleanup(json_decrefp) json_t *message =
        json_pack("{sssssi}", "type", "fetch", "path", path, "offset", 2);

    return carry_answer(carry, stage, message, piece, err);
}

static struct carry_piece piece;

static void a_stage_gets_the_files_of_a_folder_from_where_it_says(void **state)
{
    cleanup(memory_free) char *folder = place("street/night");
    struct error err;

    (void)state;
    assert_int_equal(file_make_folder(folder, &err), 0);
    write_text("street/a.jpg", "aaa");
    write_text("street/night/b.jpg", "bcde");
    struct carry *carry = offered("camera-1", "street", false);
    cleanup(json_decrefp) json_t *list = carry_list(carry, "camera-1");
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(fetch(carry, "camera-1", "street/night/b.jpg", &piece, &err), 0);
    assert_int_equal(piece.offset, 2);
    assert_int_equal(piece.size, 2);
    assert_memory_equal(piece.bytes, "de", 2);
    carry_destroy(carry);
}

static void it_gets_nothing_that_it_was_not_offered(void **state)
{
    struct error err;

    (void)state;
    write_text("labels", "dog");
    write_text("secret", "key");
    struct carry *carry = offered("detect-1", "labels", false);
    assert_int_equal(fetch(carry, "detect-1", "secret", &piece, &err), -ENOENT);
    assert_int_equal(fetch(carry, "camera-1", "labels", &piece, &err), -ENOENT);
    assert_int_equal(fetch(carry, "detect-1", "labels", &piece, &err), 0);
    carry_destroy(carry);
}

static void what_it_writes_is_not_sent(void **state)
{
    (void)state;
    write_text("labels", "dog");
    struct carry *carry = offered("detect-1", "labels", true);
    cleanup(json_decrefp) json_t *list = carry_list(carry, "detect-1");
    assert_int_equal(json_array_size(list), 0);
    carry_destroy(carry);
}

static void a_file_that_is_not_there_is_told_before_anything_starts(void **state)
{
    struct carry *carry = carry_create();
    cleanup(memory_free) char *path = place("nothing");
    const struct fabric_mount mount = {path, false};
    struct error err;

    (void)state;
    assert_int_equal(carry_offer(carry, "detect-1", 1, &mount, &err), -ENOENT);
    assert_non_null(strstr(err.text, "nothing"));
    carry_destroy(carry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_gets_the_files_of_a_folder_from_where_it_says),
        cmocka_unit_test(it_gets_nothing_that_it_was_not_offered),
        cmocka_unit_test(what_it_writes_is_not_sent),
        cmocka_unit_test(a_file_that_is_not_there_is_told_before_anything_starts),
    };

    return cmocka_run_group_tests_name("carry", tests, test_folder_make, test_folder_remove);
}
