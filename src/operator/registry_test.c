#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "operator/call.h"
#include "operator/registry.h"

static const struct brume_operator *find(const char *name)
{
    const struct brume_operator *type = NULL;
    struct error err = {0};

    if (registry_find(name, &type, &err) != 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(err.code, 0); /* written on failure only */
    return type;
}

static void an_operator_of_the_program_is_found_by_name(void **state)
{
    (void)state;
    assert_string_equal(find("letterbox")->name, "letterbox");
    assert_ptr_equal(find("null-sink"), find("null-sink"));
}

static void an_unknown_name_is_said_to_be_unknown(void **state)
{
    const struct brume_operator *type = NULL;
    struct error err = {0};
    (void)state;

    assert_int_equal(registry_find("yolo9", &type, &err), -ENOENT);
    assert_string_equal(err.text, "unknown operator 'yolo9'");
    assert_int_equal(registry_find("../blur", &type, &err), -ENOENT);
    assert_int_equal(registry_find("", &type, &err), -ENOENT);
}

static void a_users_operator_works_from_its_folder(void **state)
{
    struct operator_setup setup = {.type = find("blur"), .name = "soft"};
    struct tensor_shape shape = {.type = TENSOR_U8, .rank = 3, .dims = {9, 9, 3}};
    cleanup(operator_closep) struct operator_instance *instance = NULL;
    cleanup(frame_unrefp) struct frame *frame = NULL;
    struct operator_result result;
    struct tensor *tensor = NULL;
    struct error err;
    (void)state;

    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    memset(tensor->data, 0, tensor->size);
    ((uint8_t *)tensor->data)[(4 * 9 + 4) * 3 + 1] = 250;
    frame = frame_create(0, 0, NULL, 1, &tensor);
    assert_int_equal(operator_open(&setup, &instance, &err), 0);
    assert_int_equal(operator_process(instance, 0, &frame, &result, &err), 0);
    const uint8_t *out = result.outputs[0]->tensors[0]->data;
    assert_int_equal(out[(4 * 9 + 4) * 3 + 1], 10);
    assert_int_equal(out[(2 * 9 + 6) * 3 + 1], 10);
    assert_int_equal(out[(2 * 9 + 7) * 3 + 1], 0);
    assert_int_equal(out[(4 * 9 + 4) * 3 + 2], 0);
    operator_result_finish(&result);
}

static void a_broken_plug_in_says_what_is_wrong(void **state)
{
    cleanup(memory_free) char *path =
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        memory_format("%s/broken-%d.so", getenv("BRUME_OPERATORS"), (int)getpid());
    cleanup(memory_free) char *name = memory_format("broken-%d", (int)getpid());
    const struct brume_operator *type = NULL;
    struct error err = {0};
    FILE *file = fopen(path, "w");
    (void)state;

    assert_non_null(file);
    fputs("this is no shared object", file);
    fclose(file);
    assert_int_equal(registry_find(name, &type, &err), -ELIBACC);
    assert_non_null(strstr(err.text, name));
    unlink(path);
}

static void names_are_sorted_and_take_in_the_folders(void **state)
{
    int seen = 0;
    (void)state;

    for (size_t i = 0; registry_name(i) != NULL; i++) {
        assert_true(i == 0 || strcmp(registry_name(i - 1), registry_name(i)) < 0);
        seen += strcmp(registry_name(i), "blur") == 0;
        seen += strcmp(registry_name(i), "resize") == 0;
    }
    assert_int_equal(seen, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operator_of_the_program_is_found_by_name),
        cmocka_unit_test(an_unknown_name_is_said_to_be_unknown),
        cmocka_unit_test(a_users_operator_works_from_its_folder),
        cmocka_unit_test(a_broken_plug_in_says_what_is_wrong),
        cmocka_unit_test(names_are_sorted_and_take_in_the_folders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
