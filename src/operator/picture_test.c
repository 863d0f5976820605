/* Pictures on their way: from files through decode, letterbox, resize and draw to files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/rig.h"

static const uint8_t *pixel(const struct frame *frame, uint32_t x, uint32_t y)
{
    const struct tensor *tensor = frame->tensors[0];

    return (const uint8_t *)tensor->data + ((size_t)y * tensor->shape.dims[1] + x) * 3;
}

static void write_picture(const char *folder, const char *format)
{
    cleanup(operator_closep) struct operator_instance *sink =
        RIG_OPEN("image-sink", "path", folder, "format", format, "quality", "98");

    assert_null(rig_pass(sink, rig_picture(40, 24)));
}

static struct frame *read_picture(const char *path, const char *key, const char *value)
{
    cleanup(operator_closep) struct operator_instance *decode = RIG_OPEN("decode", key, value);

    return rig_pass(decode, rig_file(path));
}

static void a_png_comes_back_as_it_was(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/000000.png", folder);
    cleanup(frame_unrefp) struct frame *before = rig_picture(40, 24);
    (void)state;

    write_picture(folder, "png");
    cleanup(frame_unrefp) struct frame *after = read_picture(path, NULL, NULL);
    assert_true(tensor_shape_equal(&before->tensors[0]->shape, &after->tensors[0]->shape));
    assert_memory_equal(before->tensors[0]->data, after->tensors[0]->data,
                        before->tensors[0]->size);
    assert_int_equal(after->view.width, 40);
    assert_true(after->view.scale_x == 1);
    rig_remove(folder);
}

static void a_jpeg_comes_back_nearly_as_it_was(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/000000.jpg", folder);
    cleanup(frame_unrefp) struct frame *before = rig_picture(40, 24);
    (void)state;

    write_picture(folder, "jpeg");
    cleanup(frame_unrefp) struct frame *after = read_picture(path, NULL, NULL);
    assert_true(tensor_shape_equal(&before->tensors[0]->shape, &after->tensors[0]->shape));
    assert_true(abs(pixel(before, 20, 12)[0] - pixel(after, 20, 12)[0]) < 12);
    assert_true(abs(pixel(before, 20, 12)[1] - pixel(after, 20, 12)[1]) < 12);
    rig_remove(folder);
}

static void a_jpeg_can_be_decoded_smaller_and_the_view_tells(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/000000.jpg", folder);
    (void)state;

    write_picture(folder, "jpeg");
    cleanup(frame_unrefp) struct frame *after = read_picture(path, "shrink", "11x7");
    assert_int_equal(after->tensors[0]->shape.dims[1], 15);
    assert_int_equal(after->tensors[0]->shape.dims[0], 9);
    assert_int_equal(after->view.width, 40);
    assert_true(after->view.scale_x == 0.375F && after->view.scale_y == 0.375F);
    rig_remove(folder);
}

static void a_damaged_file_costs_its_frame_and_says_why(void **state)
{
    cleanup(operator_closep) struct operator_instance *decode = RIG_OPEN("decode");
    cleanup(memory_free) void *bytes = NULL;
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/000000.jpg", folder);
    struct error err = {0};
    size_t size = 0;
    (void)state;

    write_picture(folder, "jpeg");
    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, &err), 0);
    for (size_t part = 0; part < size; part += 1 + part / 8) {
        cleanup(frame_unrefp) struct frame *torn = rig_bytes(bytes, part);

        assert_true(rig_try(decode, 0, &torn, &err) < 0);
        assert_memory_equal(err.text, "decode: ", 8);
    }
    cleanup(frame_unrefp) struct frame *text = rig_bytes("hello, world", 12);
    assert_true(rig_try(decode, 0, &text, &err) < 0);
    assert_string_equal(err.text, "decode: neither a JPEG nor a PNG (12 bytes)");
    rig_remove(folder);
}

static void a_picture_that_claims_to_be_huge_is_refused(void **state)
{
    /* A JPEG header that says 65500 x 65500 pixels, and nothing behind it. */
    static const uint8_t huge[] = {
        0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0xFF, 0xDC, 0xFF, 0xDC, 3, 1, 0x11, 0,  2, 0x11, 0, 3,
        0x11, 0,    0xFF, 0xDA, 0, 12, 3, 1,    0,    2,    0,    3, 0, 0,    63, 0, 0};
    cleanup(operator_closep) struct operator_instance *decode = RIG_OPEN("decode");
    cleanup(frame_unrefp) struct frame *frame = rig_bytes(huge, sizeof(huge));
    struct error err = {0};
    (void)state;

    assert_true(rig_try(decode, 0, &frame, &err) < 0);
    assert_string_equal(
        err.text, "decode: a picture of 65500x65500 pixels is over the limit of 64 million");
}

static void letterbox_keeps_proportions_and_the_view_knows_where(void **state)
{
    cleanup(operator_closep) struct operator_instance *box =
        RIG_OPEN("letterbox", "size", "20x20", "fill", "9");
    cleanup(frame_unrefp) struct frame *out = rig_pass(box, rig_picture(40, 20));
    (void)state;

    assert_int_equal(out->tensors[0]->shape.dims[0], 20);
    assert_int_equal(out->tensors[0]->shape.dims[1], 20);
    assert_int_equal(pixel(out, 3, 4)[0], 9);
    assert_int_equal(pixel(out, 3, 15)[2], 9);
    /* Two by two pixels become one, their mean: x = 6, 7 and y = 0, 1. */
    assert_int_equal(pixel(out, 3, 5)[0], 20);
    assert_int_equal(pixel(out, 3, 5)[1], 3);
    assert_int_equal(pixel(out, 3, 5)[2], 7);
    assert_int_equal(out->view.width, 40);
    assert_int_equal(out->view.height, 20);
    assert_true(out->view.scale_x == 0.5F && out->view.offset_x == 0);
    assert_true(out->view.scale_y == 0.5F && out->view.offset_y == 5);
}

static void letterbox_can_put_the_picture_into_the_corner(void **state)
{
    cleanup(operator_closep) struct operator_instance *box =
        RIG_OPEN("letterbox", "size", "20x20", "fill", "114", "align", "top-left");
    cleanup(frame_unrefp) struct frame *out = rig_pass(box, rig_picture(10, 20));
    (void)state;

    assert_int_equal(pixel(out, 9, 7)[0], 27);
    assert_int_equal(pixel(out, 10, 7)[0], 114);
    assert_true(out->view.offset_x == 0 && out->view.offset_y == 0);
}

static void a_picture_of_the_right_size_passes_unchanged(void **state)
{
    cleanup(operator_closep) struct operator_instance *resize =
        RIG_OPEN("resize", "size", "31x17");
    cleanup(frame_unrefp) struct frame *before = rig_picture(31, 17);
    cleanup(frame_unrefp) struct frame *after = rig_pass(resize, frame_ref(before));
    (void)state;

    assert_memory_equal(before->tensors[0]->data, after->tensors[0]->data,
                        before->tensors[0]->size);
}

static void views_add_up_over_several_steps(void **state)
{
    cleanup(operator_closep) struct operator_instance *half =
        RIG_OPEN("resize", "size", "20x40");
    cleanup(operator_closep) struct operator_instance *box =
        RIG_OPEN("letterbox", "size", "20x20");
    cleanup(frame_unrefp) struct frame *out =
        rig_pass(box, rig_pass(half, rig_picture(40, 40)));
    (void)state;

    assert_int_equal(out->view.width, 40);
    assert_true(out->view.scale_x == 0.25F && out->view.offset_x == 5);
    assert_true(out->view.scale_y == 0.5F && out->view.offset_y == 0);
}

static void a_single_pixel_can_be_stretched(void **state)
{
    cleanup(operator_closep) struct operator_instance *resize =
        RIG_OPEN("resize", "size", "7x5");
    struct tensor *tensor =
        rig_tensor(TENSOR_U8, 3, (uint32_t[]){1, 1, 3}, (uint8_t[]){1, 2, 255});
    cleanup(frame_unrefp) struct frame *out = rig_pass(resize, rig_frame(0, 1, &tensor));
    (void)state;

    assert_int_equal(pixel(out, 6, 4)[0], 1);
    assert_int_equal(pixel(out, 0, 0)[2], 255);
}

static void what_is_no_picture_is_refused(void **state)
{
    struct operator_shapes in = {
        .n = 1, .shapes = {{.type = TENSOR_F32, .rank = 3, .dims = {4, 4, 3}}}};
    cleanup(operator_closep) struct operator_instance *box =
        RIG_OPEN("letterbox", "size", "20x20");
    struct tensor *tensor = rig_tensor(TENSOR_U8, 3, (uint32_t[]){4, 0, 3}, NULL);
    cleanup(frame_unrefp) struct frame *empty = rig_frame(0, 1, &tensor);
    struct operator_shapes out;
    struct error err = {0};
    (void)state;

    assert_true(RIG_INFER(&in, &out, &err, "letterbox", "size", "20x20") < 0);
    assert_string_equal(err.text,
                        "letterbox: wants one picture, u8[height, width, 3], on input 0");
    in.shapes[0].type = TENSOR_U8;
    assert_int_equal(RIG_INFER(&in, &out, &err, "letterbox", "size", "20x30"), 0);
    assert_int_equal(out.shapes[0].dims[0], 30);
    assert_true(rig_try(box, 0, &empty, &err) < 0);
    assert_string_equal(err.text, "letterbox: the picture on input 0 has no pixels");
}

static void boxes_are_drawn_where_the_view_puts_them(void **state)
{
    static const float rows[][6] = {{20, 40, 40, 30, 0.9F, 0}, {-50, 1e9F, 1e9F, 3, 0.5F, 7}};
    cleanup(operator_closep) struct operator_instance *half =
        RIG_OPEN("resize", "size", "60x60");
    cleanup(operator_closep) struct operator_instance *draw =
        RIG_OPEN("draw", "thickness", "2", "text", "1");
    cleanup(frame_unrefp) struct frame *picture = rig_pass(half, rig_picture(120, 120));
    cleanup(frame_unrefp) struct frame *boxes = rig_boxes(2, rows, "dog\n");
    cleanup(frame_unrefp) struct frame *out =
        rig_process(draw, 0, (struct frame *[]){picture, boxes});
    const uint8_t *line = pixel(out, 10, 30);
    (void)state;

    /* From (10, 20) to (30, 35) in the smaller picture: the line's colour on all four sides. */
    assert_memory_equal(pixel(out, 10, 21), line, 3);
    assert_memory_equal(pixel(out, 29, 30), line, 3);
    assert_memory_equal(pixel(out, 20, 20), line, 3);
    assert_memory_equal(pixel(out, 20, 34), line, 3);
    assert_memory_equal(pixel(out, 20, 28), pixel(picture, 20, 28), 3);
    assert_memory_equal(pixel(out, 9, 30), pixel(picture, 9, 30), 3);
    assert_memory_equal(pixel(out, 10, 10), line, 3); /* the label's plate */
}

static void the_picture_that_came_in_is_left_as_it_is(void **state)
{
    static const float rows[][6] = {{0, 0, 40, 30, 0.9F, 0}};
    cleanup(operator_closep) struct operator_instance *draw = RIG_OPEN("draw");
    cleanup(frame_unrefp) struct frame *picture = rig_picture(50, 50);
    cleanup(frame_unrefp) struct frame *same = rig_picture(50, 50);
    cleanup(frame_unrefp) struct frame *boxes = rig_boxes(1, rows, "dog\n");
    cleanup(frame_unrefp) struct frame *out =
        rig_process(draw, 0, (struct frame *[]){picture, boxes});
    (void)state;

    assert_memory_equal(picture->tensors[0]->data, same->tensors[0]->data,
                        same->tensors[0]->size);
    assert_memory_not_equal(out->tensors[0]->data, same->tensors[0]->data,
                            same->tensors[0]->size);
}

/* Start of image, and a comment that never ends. */
static void a_jpeg_that_ends_before_its_picture_has_no_pixels(void **state)
{
    static const uint8_t start[] = {0xFF, 0xD8, 0xFF, 0xFE, 0xFF, 0xFF, 'x', 'x'};
    cleanup(operator_closep) struct operator_instance *decode = RIG_OPEN("decode");
    cleanup(frame_unrefp) struct frame *file = rig_bytes(start, sizeof(start));
    struct error err;
    (void)state;

    assert_true(rig_try(decode, 0, &file, &err) < 0);
    assert_string_equal(
        err.text, "decode: a picture without pixels: the file ends too early, or is damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jpeg_that_ends_before_its_picture_has_no_pixels),
        cmocka_unit_test(a_png_comes_back_as_it_was),
        cmocka_unit_test(a_jpeg_comes_back_nearly_as_it_was),
        cmocka_unit_test(a_jpeg_can_be_decoded_smaller_and_the_view_tells),
        cmocka_unit_test(a_damaged_file_costs_its_frame_and_says_why),
        cmocka_unit_test(a_picture_that_claims_to_be_huge_is_refused),
        cmocka_unit_test(letterbox_keeps_proportions_and_the_view_knows_where),
        cmocka_unit_test(letterbox_can_put_the_picture_into_the_corner),
        cmocka_unit_test(a_picture_of_the_right_size_passes_unchanged),
        cmocka_unit_test(views_add_up_over_several_steps),
        cmocka_unit_test(a_single_pixel_can_be_stretched),
        cmocka_unit_test(what_is_no_picture_is_refused),
        cmocka_unit_test(boxes_are_drawn_where_the_view_puts_them),
        cmocka_unit_test(the_picture_that_came_in_is_left_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
