/* Model files as files: what is not one, whose identity is the hash, and copies of the mapping
 * that leave the file alone, wherever the file ends in its last page. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "model/model.h"
#include "model/tflite_sample.h"

static char folder[] = "/tmp/brume-model-XXXXXX";

static int begin(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int end(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* y = custom(x); z = custom(y); followed by zeros up to `size`. */
static void *sample_of(size_t size)
{
    static const struct sample_tensor tensors[] = {
        {.shape = "4"}, {.shape = "4"}, {.shape = "4"}};
    static const struct sample_layer layers[] = {{32, "0", "1"}, {32, "1", "2"}};
    const struct sample sample = {3, 2, tensors, layers, "0", "2", false};
    size_t n;
    cleanup(memory_free) void *bytes = tflite_sample(&sample, &n);
    void *padded = memory_new(size, 1);

    memcpy(padded, bytes, n < size ? n : size);
    return padded;
}

static void assert_refused(const void *bytes, size_t size, int code, const char *expected)
{
    cleanup(memory_free) char *path = memory_format("%s/model", folder);
    cleanup(memory_free) char *text = memory_format("%s: %s", path, expected);
    struct model *model = NULL;
    struct error err;

    assert_int_equal(file_write(path, bytes, size, &err), 0);
    assert_int_equal(model_open(path, &model, &err), code);
    assert_string_equal(err.text, text);
    unlink(path);
}

static void what_is_no_model_is_refused(void **state)
{
    (void)state;
    struct model *model = NULL;
    struct error err;

    assert_refused("", 0, -EINVAL, "the file is empty");
    assert_refused("hello, world", 12, -EBADMSG,
                   "not a model file that brume knows (.onnx, .tflite)");
    assert_int_equal(model_open(folder, &model, &err), -EINVAL);
    assert_non_null(strstr(err.text, ": not a file"));
    assert_int_equal(model_open("/nowhere/at.all", &model, &err), -ENOENT);
    assert_string_equal(err.text, "/nowhere/at.all: No such file or directory");
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    struct model_part part = {0};

    model_close(NULL);
    model_segment_destroy(NULL);
    model_part_finish(&part);
}

static void assert_copies_leave_the_file_alone(size_t size)
{
    cleanup(memory_free) char *path = memory_format("%s/model", folder);
    cleanup(memory_free) void *bytes = sample_of(size);
    cleanup(memory_free) void *after = NULL;
    cleanup(model_closep) struct model *model = NULL;
    cleanup(model_closep) struct model *again = NULL;
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    struct error err = {0};
    size_t n;

    assert_int_equal(file_write(path, bytes, size, &err), 0);
    assert_int_equal(model_open(path, &model, &err), 0);
    assert_true(model->hash == XXH3_64bits(bytes, size));
    assert_int_equal(model_segment(model, 1, 2, &segment, &err), 0);
    assert_true(segment->image.size > size);
    assert_int_equal(
        model_read("segment", segment->image.bytes, segment->image.size, &again, &err), 0);
    assert_int_equal(again->n_layers, 1);
    assert_int_equal(again->inputs[0], 1);
    assert_memory_equal(model->bytes, bytes, size);
    assert_int_equal(file_read(path, size, &after, &n, &err), 0);
    assert_int_equal(n, size);
    assert_memory_equal(after, bytes, size);
    unlink(path);
}

static void a_segment_leaves_the_file_alone_wherever_its_last_page_ends(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    assert_copies_leave_the_file_alone(page);
    assert_copies_leave_the_file_alone(page - 1);
    assert_copies_leave_the_file_alone(page + 1);
    assert_copies_leave_the_file_alone(2 * page - 20);
    assert_copies_leave_the_file_alone(2 * page - 6);
    assert_copies_leave_the_file_alone((1 << 20) + 3);
}

static void a_model_outlives_the_name_of_its_file(void **state)
{
    (void)state;
    cleanup(memory_free) char *path = memory_format("%s/model", folder);
    cleanup(memory_free) void *bytes = sample_of(5000);
    cleanup(model_closep) struct model *model = NULL;
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    struct error err = {0};

    assert_int_equal(file_write(path, bytes, 5000, &err), 0);
    assert_int_equal(model_open(path, &model, &err), 0);
    assert_int_equal(file_write(path, "other", 5, &err), 0);
    assert_int_equal(model_segment(model, 0, 1, &segment, &err), 0);
    assert_memory_equal((const uint8_t *)segment->image.bytes + 4, "TFL3", 4);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_model_is_refused),
        cmocka_unit_test(closing_nothing_is_fine),
        cmocka_unit_test(a_segment_leaves_the_file_alone_wherever_its_last_page_ends),
        cmocka_unit_test(a_model_outlives_the_name_of_its_file),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
