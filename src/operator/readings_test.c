/* Readings that nobody sent in good faith, sums, and how readings are written down. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/exact.h"
#include "operator/rig.h"

static const double two[][2] = {{10, 1.5}, {11, -2}};

/* What `filter`, which lets all through, says of a frame, which it takes. */
static void expect_refusal(struct frame *frame, const char *sentence)
{
    cleanup(operator_closep) struct operator_instance *filter = RIG_OPEN("filter");
    struct error err = {0};

    assert_true(rig_try(filter, 0, &frame, &err) < 0);
    assert_string_equal(err.text, sentence);
    frame_unref(frame);
}

static void names_that_do_not_fit_the_numbers_are_refused(void **state)
{
    char zero[] = "CO\tgate\nNO\tgate?";
    uint32_t size = sizeof(zero) - 1;
    (void)state;

    expect_refusal(rig_readings(2, two, "CO\tgate\n"),
                   "filter: 2 readings have 1 lines of names");
    expect_refusal(rig_readings(1, two, "CO\tgate\nNO\t\n"),
                   "filter: 1 readings have 2 lines of names");
    expect_refusal(rig_readings(2, two, "CO\tgate\nNO\t"),
                   "filter: the last name of the readings has no end of line");
    expect_refusal(rig_readings(2, two, "CO\tgate\nNO\n"),
                   "filter: reading 1: its line is not type, tab, device");
    expect_refusal(rig_readings(2, two, "CO\tga\tte\nNO\t\n"),
                   "filter: reading 0: its line is not type, tab, device");
    expect_refusal(rig_readings(2, two, "CO\tgate\n\tgate\n"), "filter: reading 1 has no type");
    expect_refusal(rig_readings(2, two, "CO\tgate\nC\033O\tgate\n"),
                   "filter: there is a byte 0x1b in the names of the readings");
    zero[size - 1] = '\0';
    struct tensor *tensors[] = {rig_tensor(TENSOR_F64, 2, (uint32_t[]){2, 2}, two),
                                rig_tensor(TENSOR_U8, 1, &size, zero)};
    expect_refusal(rig_frame(0, 2, tensors),
                   "filter: there is a byte 0x00 in the names of the readings");
}

static void a_name_longer_than_the_limit_is_refused(void **state)
{
    char names[400];
    (void)state;

    memset(names, 'x', sizeof(names));
    memcpy(names + 255, "\ty\n", 4);
    struct frame *fits = rig_readings(1, two, names);
    cleanup(operator_closep) struct operator_instance *filter = RIG_OPEN("filter");
    frame_unref(rig_pass(filter, fits));
    memcpy(names + 255, "x\ty\n", 5);
    expect_refusal(rig_readings(1, two, names),
                   "filter: reading 0: its type or device is longer than 255 bytes");
}

static void other_tensors_are_no_readings(void **state)
{
    static const char sentence[] = "filter: wants readings on input 0: f64[n, 2] and u8[m]";
    static const float found[1][6] = {{0}};
    uint32_t n = 2;
    struct tensor *flat[] = {rig_tensor(TENSOR_F64, 1, &n, NULL),
                             rig_tensor(TENSOR_U8, 1, &n, "a\n")};
    struct tensor *wide[] = {rig_tensor(TENSOR_F64, 2, (uint32_t[]){1, 3}, NULL),
                             rig_tensor(TENSOR_U8, 1, &n, "a\n")};
    struct tensor *lonely = rig_tensor(TENSOR_F64, 2, (uint32_t[]){1, 2}, NULL);
    (void)state;

    expect_refusal(rig_boxes(1, found, "cat\n"), sentence);
    expect_refusal(rig_frame(0, 2, flat), sentence);
    expect_refusal(rig_frame(0, 2, wide), sentence);
    expect_refusal(rig_frame(0, 1, &lonely), sentence);
}

static void no_readings_make_an_empty_frame(void **state)
{
    cleanup(operator_closep) struct operator_instance *filter = RIG_OPEN("filter");
    cleanup(frame_unrefp) struct frame *output = rig_pass(filter, rig_readings(0, NULL, ""));
    (void)state;

    assert_int_equal(output->n_tensors, 0);
}

static void shapes_are_known_but_for_how_many(void **state)
{
    static const char *const words[] = {"filter", NULL};
    struct operator_shapes none = {0}, output;
    struct error err;
    (void)state;

    assert_int_equal(rig_infer(words, &none, &output, &err), 0);
    assert_int_equal(output.n, 2);
    assert_int_equal(output.shapes[0].type, TENSOR_F64);
    assert_int_equal(output.shapes[0].dims[0], 0);
    assert_int_equal(output.shapes[0].dims[1], 2);
}

static void a_sum_forgets_what_was_taken_off(void **state)
{
    struct exact sum = {0};
    (void)state;

    exact_add(&sum, 0.1);
    exact_add(&sum, 1e290);
    exact_add(&sum, -1e-300);
    exact_add(&sum, 1e-20);
    assert_true(exact_total(&sum) == 1e290);
    exact_add(&sum, -1e290);
    exact_add(&sum, -1e-20);
    exact_add(&sum, 1e-300);
    assert_true(exact_total(&sum) == 0.1);
    exact_add(&sum, -0.1);
    assert_int_equal(sum.n, 0);
    assert_true(exact_total(&sum) == 0);
    exact_finish(&sum);
}

static void a_sum_is_rounded_once_to_the_nearest(void **state)
{
    struct exact sum = {0};
    (void)state;

    exact_add(&sum, 1);
    exact_add(&sum, DBL_EPSILON / 2); /* half-way: to even, 1 */
    assert_true(exact_total(&sum) == 1);
    exact_add(&sum, 1e-300); /* a little more than half-way */
    assert_true(exact_total(&sum) == 1 + DBL_EPSILON);
    exact_add(&sum, -2e-300);
    assert_true(exact_total(&sum) == 1);
    exact_finish(&sum);
}

static void a_line_of_json_brings_numbers_back_as_they_were(void **state)
{
    static const double rows[][2] = {{1769860800.1234567, 0.1}, {NAN, -1e-300}};
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.json", folder);
    struct operator_instance *sink = RIG_OPEN("json-sink", "path", path);
    cleanup(frame_unrefp) struct frame *frame = rig_readings(2, rows, "CO\tgate\nNO\t\n");
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size = 0;
    (void)state;

    assert_null(rig_process(sink, 4, &frame));
    operator_close(sink);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, &err), 0);
    assert_string_equal(
        (char *)bytes,
        "{\"sequence\":4,\"captured\":\"2026-01-31T12:00:00.123Z\",\"readings\":["
        "{\"time\":1769860800.1234567,\"type\":\"CO\",\"device\":\"gate\","
        "\"value\":0.10000000000000001},"
        "{\"time\":null,\"type\":\"NO\",\"device\":\"\",\"value\":-1e-300}]}\n");
    rig_remove(folder);
}

static void names_that_json_cannot_say_cost_the_frame(void **state)
{
    cleanup(operator_closep) struct operator_instance *sink =
        RIG_OPEN("json-sink", "path", "/dev/null");
    cleanup(frame_unrefp) struct frame *frame = rig_readings(1, two, "C\xFF\tgate\n");
    struct error err = {0};
    (void)state;

    assert_true(rig_try(sink, 0, &frame, &err) < 0);
    assert_string_equal(err.text, "json-sink: the type or device of reading 0 is not UTF-8");
}

static void expect_line(struct frame *frame, const char *wanted)
{
    cleanup(operator_closep) struct operator_instance *console = RIG_OPEN("console");
    cleanup(memory_free) char *line = rig_hear(console, 3, &frame);

    frame_unref(frame);
    assert_string_equal(line, wanted);
}

static void the_console_says_who_measured_what_and_when(void **state)
{
    static const double rows[][2] = {{1769860800.1236, 3.25}, {-0.001, -2}, {1e300, 7}};
    (void)state;

    expect_line(rig_readings(3, rows, "CO\tgate\nNO\t\nNO\tgate\n"),
                "console 3: gate CO 3.25 at 2026-01-31T12:00:00.124Z, "
                "NO -2 at 1969-12-31T23:59:59.999Z, gate NO 7");
    expect_line(rig_readings(0, rows, ""), "console 3: nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_do_not_fit_the_numbers_are_refused),
        cmocka_unit_test(a_name_longer_than_the_limit_is_refused),
        cmocka_unit_test(other_tensors_are_no_readings),
        cmocka_unit_test(no_readings_make_an_empty_frame),
        cmocka_unit_test(shapes_are_known_but_for_how_many),
        cmocka_unit_test(a_sum_forgets_what_was_taken_off),
        cmocka_unit_test(a_sum_is_rounded_once_to_the_nearest),
        cmocka_unit_test(a_line_of_json_brings_numbers_back_as_they_were),
        cmocka_unit_test(names_that_json_cannot_say_cost_the_frame),
        cmocka_unit_test(the_console_says_who_measured_what_and_when),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
