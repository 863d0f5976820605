/* What leaves: lines of JSON exactly once, lines on the console, counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/rig.h"

static const float found[][6] = {
    {1, 2, 30, 40, 0.75F, 1}, {5, 6, 7, 8, 0.5F, 0}, {0, 0, 4, 4, 0.25F, 1}};

static void feed(struct operator_instance *sink, uint64_t sequence)
{
    cleanup(frame_unrefp) struct frame *boxes = rig_boxes(1, found, "cat\ndog\n");

    assert_null(rig_process(sink, sequence, &boxes));
}

static void expect_file(const char *path, const char *text)
{
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size = 0;

    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, &err), 0);
    assert_string_equal((char *)bytes, text);
}

/* The numbers of the frames in the file, in order. */
static void expect_frames(const char *path, const char *wanted)
{
    cleanup(memory_free) void *bytes = NULL;
    char got[256] = "";
    struct error err;
    size_t size = 0;

    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, &err), 0);
    for (const char *line = bytes; *line != '\0'; line = strchr(line, '\n') + 1) {
        static const char start[] = "{\"sequence\":";

        assert_memory_equal(line, start, strlen(start));
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%lu ",
                 strtoul(line + strlen(start), NULL, 10));
        assert_non_null(strchr(line, '\n'));
    }
    assert_string_equal(got, wanted);
}

static void a_line_says_when_and_what(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/deep/er/out.json", folder);
    (void)state;

    struct operator_instance *sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
    feed(sink, 4);
    operator_close(sink);
    expect_file(path,
                "{\"sequence\":4,\"captured\":\"2026-01-31T12:00:00.123Z\",\"run\":\"a1\","
                "\"boxes\":[{\"label\":\"dog\",\"score\":0.75,\"x\":1.0,\"y\":2.0,"
                "\"width\":30.0,\"height\":40.0}]}\n");
    rig_remove(folder);
}

static void after_a_kill_nothing_is_there_twice(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.json", folder);
    (void)state;

    for (uint64_t killed = 0; killed < 3; killed++) {
        struct operator_instance *sink = RIG_OPEN("json-sink", "path", path, "run", "a1");

        for (uint64_t i = killed; i < killed + 3; i++) {
            feed(sink, i);
        }
        operator_close(sink);
    }
    expect_frames(path, "0 1 2 3 4 ");
    rig_remove(folder);
}

static void a_torn_line_is_cut_off_and_written_again(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.json", folder);
    (void)state;

    for (long cut = 1; cut < 140; cut += 7) {
        struct operator_instance *sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
        unlink(path);
        operator_close(sink);
        sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
        feed(sink, 0);
        feed(sink, 1);
        operator_close(sink);
        cleanup(memory_free) void *bytes = NULL;
        struct error err;
        size_t size = 0;
        assert_int_equal(file_read(path, 1 << 20, &bytes, &size, &err), 0);
        assert_int_equal(truncate(path, (long)size - cut), 0);
        sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
        feed(sink, 1);
        feed(sink, 2);
        operator_close(sink);
        expect_frames(path, "0 1 2 ");
    }
    rig_remove(folder);
}

static void another_run_begins_anew_or_adds(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.json", folder);
    (void)state;

    struct operator_instance *sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
    feed(sink, 7);
    operator_close(sink);
    sink = RIG_OPEN("json-sink", "path", path, "run", "b2");
    feed(sink, 3);
    operator_close(sink);
    expect_frames(path, "3 ");
    sink = RIG_OPEN("json-sink", "path", path, "run", "c3", "append", "true");
    feed(sink, 0);
    operator_close(sink);
    sink = RIG_OPEN("json-sink", "path", path, "run", "c3", "append", "true");
    feed(sink, 0);
    feed(sink, 1);
    operator_close(sink);
    expect_frames(path, "3 0 1 ");
    rig_remove(folder);
}

static void what_is_no_line_of_ours_is_replaced(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.json", folder);
    static const char *const others[] = {
        "\n",         "null\n", "[1]\n", "{\"run\":\"a1\"}\n", "{\"run\":5,\"sequence\":9}\n",
        "half a line"};
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_int_equal(file_write(path, others[i], strlen(others[i]), &err), 0);
        struct operator_instance *sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
        feed(sink, 1);
        operator_close(sink);
        expect_frames(path, "1 ");
    }
    rig_remove(folder);
}

static void a_device_that_takes_nothing_costs_the_frame_and_says_so(void **state)
{
    cleanup(operator_closep) struct operator_instance *sink =
        RIG_OPEN("json-sink", "path", "/dev/full");
    cleanup(frame_unrefp) struct frame *boxes = rig_boxes(1, found, "cat\ndog\n");
    struct error err = {0};
    (void)state;

    assert_true(rig_try(sink, 0, &boxes, &err) < 0);
    assert_string_equal(err.text,
                        "json-sink: cannot write '/dev/full': No space left on device");
}

static void a_frame_waits_for_room_on_the_disk_and_says_so(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.json", folder);
    cleanup(memory_free) char *filling = memory_format("%s/filling", folder);
    cleanup(memory_free) char *full =
        memory_format("json-sink: cannot write '%s': the disk is full; the stream waits, and "
                      "it is tried again",
                      path);
    cleanup(memory_free) char *again =
        memory_format("json-sink: '%s' can be written again; nothing was lost", path);
    cleanup(frame_unrefp) struct frame *boxes = rig_boxes(1, found, "cat\ndog\n");
    static const char nothing[64 << 10];
    struct error err = {0};
    (void)state;

    if (mount("none", folder, "tmpfs", 0, "size=64k") < 0) {
        rig_remove(folder);
        print_message("a small disk needs root: skipped\n");
        skip();
    }
    struct operator_instance *sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
    assert_true(file_write(filling, nothing, sizeof(nothing), &err) < 0 ||
                access(filling, F_OK) == 0);
    cleanup(memory_free) char *said = rig_hear(sink, 0, &boxes);
    assert_string_equal(said, full);
    assert_int_equal(rig_try(sink, 0, &boxes, &err), OPERATOR_LATER);
    assert_null(rig_hear(sink, 0, &boxes));
    unlink(filling);
    cleanup(memory_free) char *then = rig_hear(sink, 0, &boxes);
    assert_string_equal(then, again);
    feed(sink, 1);
    operator_close(sink);
    expect_frames(path, "0 1 ");
    umount2(folder, MNT_DETACH);
    rig_remove(folder);
}

static void boxes_that_json_cannot_say_are_not_left_out(void **state)
{
    static const float rows[][6] = {{1, 2, 3, 4, INFINITY, 0}};
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/lines", folder);
    struct operator_instance *sink = RIG_OPEN("json-sink", "path", path);
    cleanup(frame_unrefp) struct frame *endless = rig_boxes(1, rows, "cat\n");
    cleanup(frame_unrefp) struct frame *foreign = rig_boxes(1, rows, "caf\xe9\n");
    struct error err;
    (void)state;

    assert_int_equal(rig_try(sink, 0, &endless, &err), 0);
    assert_true(rig_try(sink, 1, &foreign, &err) < 0);
    assert_non_null(strstr(err.text, "line 1 is not UTF-8"));
    cleanup(memory_free) void *text = NULL;
    size_t size;
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &err), 0);
    assert_non_null(strstr(text, "\"boxes\":[{\"label\":\"cat\",\"score\":null,\"x\":1.0,"));
    assert_null(strchr(strchr(text, '\n') + 1, '\n'));
    operator_close(sink);
    rig_remove(folder);
}

/* What a file of rejected messages looks like. */
static void messages_are_written_as_people_read_them(void **state)
{
    static const char payloads[] = "{\"CO\":\xff\x00"
                                   "caf\xc3\xa9";
    static const int64_t ends[] = {6, 8, 8, 13};
    static const char topics[] = "a/b\na\n\nz\n";
    static const char wanted[] =
        "\"messages\":[{\"topic\":\"a/b\",\"size\":6,\"text\":\"{\\\"CO\\\":\"},"
        "{\"topic\":\"a\",\"size\":2,\"hex\":\"ff00\"},"
        "{\"topic\":\"\",\"size\":0,\"text\":\"\"},"
        "{\"topic\":\"z\",\"size\":5,\"text\":\"caf\xc3\xa9\"}]}\n";
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_U8, 1, (uint32_t[]){sizeof(payloads) - 1}, payloads),
        rig_tensor(TENSOR_I64, 1, (uint32_t[]){4}, ends),
        rig_tensor(TENSOR_U8, 1, (uint32_t[]){sizeof(topics) - 1}, topics)};
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/lines", folder);
    struct operator_instance *sink = RIG_OPEN("json-sink", "path", path);
    cleanup(frame_unrefp) struct frame *frame = rig_frame(0, 3, tensors);
    cleanup(memory_free) void *text = NULL;
    struct error err;
    size_t size;
    (void)state;

    assert_null(rig_process(sink, 0, &frame));
    operator_close(sink);
    assert_int_equal(file_read(path, 1 << 20, &text, &size, &err), 0);
    assert_non_null(strstr(text, wanted));
    rig_remove(folder);
}

/* Longer than what is read first of a file that is gone on with. */
static void a_long_last_line_is_known_again(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/out.json", folder);
    cleanup(memory_free) char *word = memory_new(300001, 1);
    cleanup(frame_unrefp) struct frame *boxes = rig_boxes(1, found, "cat\n");
    (void)state;

    memset(word, 'x', 300000);
    word[299990] = '\n';
    struct frame *longer = rig_boxes(1, (const float[][6]){{1, 2, 3, 4, 0.5F, 0}}, word);
    struct operator_instance *sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
    assert_null(rig_process(sink, 0, &boxes));
    assert_null(rig_process(sink, 1, &longer));
    operator_close(sink);
    sink = RIG_OPEN("json-sink", "path", path, "run", "a1");
    assert_null(rig_process(sink, 1, &longer));
    assert_null(rig_process(sink, 2, &boxes));
    operator_close(sink);
    frame_unref(longer);
    expect_frames(path, "0 1 2 ");
    rig_remove(folder);
}

static void expect_line(struct frame *frame, const char *wanted)
{
    cleanup(operator_closep) struct operator_instance *console = RIG_OPEN("console");
    cleanup(memory_free) char *line = rig_hear(console, 3, &frame);

    frame_unref(frame);
    assert_string_equal(line, wanted);
}

static void the_console_tells_kinds_apart(void **state)
{
    static const char long_text[] = "a line\nand another";
    struct tensor *tensor = rig_tensor(TENSOR_F32, 2, (uint32_t[]){1, 10}, NULL);
    (void)state;

    expect_line(rig_boxes(2, found, "cat\ndog\n"), "console 3: dog 0.75, cat 0.50");
    expect_line(rig_boxes(0, NULL, "cat\n"), "console 3: nothing");
    expect_line(rig_boxes(1, found, "cat\n"), "console 3: ? 0.75");
    expect_line(rig_bytes(long_text, strlen(long_text)), "console 3: a line");
    expect_line(rig_bytes("\xFF\xD8", 2), "console 3: uint8[2]");
    expect_line(rig_frame(3, 1, &tensor), "console 3: float32[1, 10]");
}

static void counting_is_by_label(void **state)
{
    cleanup(operator_closep) struct operator_instance *all = RIG_OPEN("count");
    cleanup(operator_closep) struct operator_instance *some =
        RIG_OPEN("count", "label", "cow, dog", "threshold", "0.4");
    (void)state;

    expect_line(rig_pass(all, rig_boxes(3, found, "cat\ndog\n")), "console 3: dog 2, cat 1");
    expect_line(rig_pass(some, rig_boxes(3, found, "cat\ndog\n")), "console 3: cow 0, dog 1");
    expect_line(rig_pass(all, rig_boxes(0, NULL, "cat\n")), "console 3: nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_when_and_what),
        cmocka_unit_test(after_a_kill_nothing_is_there_twice),
        cmocka_unit_test(a_torn_line_is_cut_off_and_written_again),
        cmocka_unit_test(another_run_begins_anew_or_adds),
        cmocka_unit_test(what_is_no_line_of_ours_is_replaced),
        cmocka_unit_test(a_device_that_takes_nothing_costs_the_frame_and_says_so),
        cmocka_unit_test(a_frame_waits_for_room_on_the_disk_and_says_so),
        cmocka_unit_test(boxes_that_json_cannot_say_are_not_left_out),
        cmocka_unit_test(messages_are_written_as_people_read_them),
        cmocka_unit_test(a_long_last_line_is_known_again),
        cmocka_unit_test(the_console_tells_kinds_apart),
        cmocka_unit_test(counting_is_by_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
