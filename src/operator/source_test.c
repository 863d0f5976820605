#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/pace.h"
#include "operator/rig.h"

static void write_files(const char *folder, const char *const *names)
{
    struct error err;

    for (; *names != NULL; names++) {
        cleanup(memory_free) char *path = memory_format("%s/%s", folder, *names);

        assert_int_equal(file_write(path, *names, strlen(*names), &err), 0);
    }
}

static void expect(struct operator_instance *source, uint64_t sequence, const char *text)
{
    cleanup(frame_unrefp) struct frame *frame = rig_process(source, sequence, NULL);

    assert_int_equal(frame->tensors[0]->size, strlen(text));
    assert_memory_equal(frame->tensors[0]->data, text, strlen(text));
}

static const char *const files[] = {"b.jpg", "c.png", "a.jpg", ".hidden", NULL};

static void files_come_in_the_order_of_their_names(void **state)
{
    char *folder = rig_folder();
    struct error err;
    (void)state;

    write_files(folder, files);
    struct operator_instance *source = RIG_OPEN("image-source", "path", folder);
    expect(source, 0, "a.jpg");
    expect(source, 1, "b.jpg");
    expect(source, 2, "c.png");
    assert_int_equal(rig_try(source, 3, NULL, &err), OPERATOR_END);
    operator_close(source);
    rig_remove(folder);
}

static void a_source_goes_on_at_any_number(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *pattern = memory_format("%s/*.jpg", folder);
    struct error err;
    (void)state;

    write_files(folder, files);
    struct operator_instance *source =
        RIG_OPEN("image-source", "path", pattern, "loops", "3", "repeat", "false");
    expect(source, 5, "b.jpg");
    assert_int_equal(rig_try(source, 6, NULL, &err), OPERATOR_END);
    operator_close(source);
    source = RIG_OPEN("image-source", "path", pattern, "repeat", "true");
    expect(source, 1000000000000, "a.jpg");
    operator_close(source);
    rig_remove(folder);
}

static void a_name_with_a_star_in_it_is_that_file(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/[ab]*.jpg", folder);
    (void)state;

    write_files(folder, files);
    write_files(folder, (const char *[]){"[ab]*.jpg", NULL});
    struct operator_instance *source = RIG_OPEN("image-source", "path", path);
    expect(source, 0, "[ab]*.jpg");
    operator_close(source);
    rig_remove(folder);
}

static void a_file_that_vanished_costs_its_frame_only(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/a.jpg", folder);
    cleanup(memory_free) char *message =
        memory_format("image-source: cannot read '%s': No such file or directory", path);
    struct error err = {0};
    (void)state;

    write_files(folder, files);
    struct operator_instance *source = RIG_OPEN("image-source", "path", folder);
    unlink(path);
    assert_true(rig_try(source, 0, NULL, &err) < 0);
    assert_string_equal(err.text, message);
    expect(source, 1, "b.jpg");
    operator_close(source);
    rig_remove(folder);
}

static void folders_among_the_files_are_passed_over(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *inner = memory_format("%s/b.jpg", folder);
    cleanup(memory_free) char *pattern = memory_format("%s/*.jpg", folder);
    struct error err;
    (void)state;

    write_files(folder, (const char *[]){"a.jpg", "c.jpg", NULL});
    assert_int_equal(mkdir(inner, 0700), 0);
    for (int i = 0; i < 2; i++) {
        struct operator_instance *source =
            RIG_OPEN("image-source", "path", i == 0 ? folder : pattern);
        expect(source, 0, "a.jpg");
        expect(source, 1, "c.jpg");
        assert_int_equal(rig_try(source, 2, NULL, &err), OPERATOR_END);
        operator_close(source);
    }
    rig_remove(folder);
}

static void what_is_no_file_costs_its_frame_only(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *pipe = memory_format("%s/b.jpg", folder);
    cleanup(memory_free) char *link = memory_format("%s/c.jpg", folder);
    struct error err;
    (void)state;

    write_files(folder, (const char *[]){"a.jpg", "d.jpg", NULL});
    assert_int_equal(mkfifo(pipe, 0700), 0);
    assert_int_equal(symlink("/nowhere/at/all", link), 0);
    struct operator_instance *source = RIG_OPEN("image-source", "path", folder);
    expect(source, 0, "a.jpg");
    assert_true(rig_try(source, 1, NULL, &err) < 0);
    assert_true(rig_try(source, 2, NULL, &err) < 0);
    expect(source, 3, "d.jpg");
    operator_close(source);
    rig_remove(folder);
}

static void who_refuses_a_picture_names_its_file(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *message =
        memory_format("decode: %s/c.png: neither a JPEG nor a PNG (5 bytes)", folder);
    cleanup(operator_closep) struct operator_instance *decode = RIG_OPEN("decode");
    struct error err = {0};
    (void)state;

    write_files(folder, files);
    struct operator_instance *source = RIG_OPEN("image-source", "path", folder);
    cleanup(frame_unrefp) struct frame *file = rig_process(source, 2, NULL);
    assert_true(rig_try(decode, 2, &file, &err) < 0);
    assert_string_equal(err.text, message);
    operator_close(source);
    rig_remove(folder);
}

static void a_folder_without_files_is_refused(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *message =
        memory_format("image-source: there is no file '%s'", folder);
    struct error err = {0};
    (void)state;

    RIG_REFUSE(&err, "image-source", "path", folder);
    assert_string_equal(err.text, message);
    rig_remove(folder);
}

static void the_pace_is_absolute(void **state)
{
    struct pace pace = {.per_second = 10};
    uint64_t start = 5000000000;
    (void)state;

    assert_int_equal(pace_wait_ms(&pace, 40, start), 0);
    assert_int_equal(pace_wait_ms(&pace, 41, start + 20000000), 81);
    assert_int_equal(pace_wait_ms(&pace, 41, start + 101000000), 0);
    /* A late frame does not delay the next: it is due 200 ms after the start. */
    assert_int_equal(pace_wait_ms(&pace, 42, start + 190000000), 11);
    assert_int_equal(pace_wait_ms(&pace, 60, start + 4000000000), 0);
}

static void a_source_with_a_rate_says_how_long_to_wait(void **state)
{
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("noise-source", "size", "8x8", "rate", "1/h");
    struct operator_result result;
    struct error err;
    (void)state;

    frame_unref(rig_process(source, 0, NULL));
    assert_int_equal(operator_process(source, 1, NULL, &result, &err), OPERATOR_LATER);
    assert_in_range(result.wait_ms, 1, 3600000);
    operator_result_finish(&result);
}

static void noise_is_shared_and_outlives_its_source(void **state)
{
    struct operator_instance *source =
        RIG_OPEN("noise-source", "size", "10x20", "seed", "7", "frames", "2");
    cleanup(operator_closep) struct operator_instance *other =
        RIG_OPEN("noise-source", "size", "10x20", "seed", "7");
    cleanup(frame_unrefp) struct frame *first = rig_process(source, 0, NULL);
    cleanup(frame_unrefp) struct frame *second = rig_process(source, 1, NULL);
    cleanup(frame_unrefp) struct frame *same = rig_process(other, 5, NULL);
    struct error err;
    (void)state;

    assert_int_equal(rig_try(source, 2, NULL, &err), OPERATOR_END);
    operator_close(source);
    assert_ptr_equal(first->tensors[0]->data, second->tensors[0]->data);
    assert_memory_equal(first->tensors[0]->data, same->tensors[0]->data, 600);
    assert_int_equal(first->view.width, 10);
    assert_int_equal(first->view.height, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_in_the_order_of_their_names),
        cmocka_unit_test(a_source_goes_on_at_any_number),
        cmocka_unit_test(a_name_with_a_star_in_it_is_that_file),
        cmocka_unit_test(a_file_that_vanished_costs_its_frame_only),
        cmocka_unit_test(folders_among_the_files_are_passed_over),
        cmocka_unit_test(what_is_no_file_costs_its_frame_only),
        cmocka_unit_test(who_refuses_a_picture_names_its_file),
        cmocka_unit_test(a_folder_without_files_is_refused),
        cmocka_unit_test(the_pace_is_absolute),
        cmocka_unit_test(a_source_with_a_rate_says_how_long_to_wait),
        cmocka_unit_test(noise_is_shared_and_outlives_its_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
