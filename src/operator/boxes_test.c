/* Heads on outputs written by hand, where every number can be checked on paper. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/boxes.h"
#include "operator/rig.h"

static char *write_labels(const char *folder, const char *text)
{
    char *path = memory_format("%s/labels", folder);
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    return path;
}

static const float *row(const struct frame *boxes, uint32_t i)
{
    assert_true(i < boxes->tensors[0]->shape.dims[0]);
    return (const float *)boxes->tensors[0]->data + (size_t)i * BOXES_ROW;
}

static void expect_row(const struct frame *boxes, uint32_t i, const float (*wanted)[BOXES_ROW])
{
    for (int k = 0; k < BOXES_ROW; k++) {
        if (fabsf(row(boxes, i)[k] - (*wanted)[k]) > 0.001F * (1 + fabsf((*wanted)[k]))) {
            fail_msg("row %u, number %d: %g, not %g", i, k, (double)row(boxes, i)[k],
                     (double)(*wanted)[k]);
        }
    }
}

static void of_two_that_overlap_the_better_stays(void **state)
{
    cleanup(boxes_finishp) struct boxes boxes = {0};
    (void)state;

    boxes_add(&boxes, &(struct box){0, 0, 10, 10, 0.5F, 1});
    boxes_add(&boxes, &(struct box){1, 0, 10, 10, 0.9F, 1});
    boxes_add(&boxes, &(struct box){1, 0, 10, 10, 0.8F, 2}); /* another class */
    boxes_add(&boxes, &(struct box){8, 0, 10, 10, 0.3F, 1}); /* shares 3 of 17 */
    boxes_add(&boxes, &(struct box){NAN, 0, 10, 10, 0.99F, 1});
    boxes_suppress(&boxes, 0.45F, 100);
    assert_int_equal(boxes.n, 3);
    assert_true(boxes.list[0].score == 0.9F && boxes.list[1].score == 0.8F &&
                boxes.list[2].score == 0.3F);
}

static void of_too_many_the_best_stay(void **state)
{
    cleanup(boxes_finishp) struct boxes boxes = {0};
    (void)state;

    for (unsigned i = 0; i < 20000; i++) {
        boxes_add(&boxes, &(struct box){(float)(i * 20), 0, 10, 10, (float)i / 20000, 0});
    }
    boxes_suppress(&boxes, 0.5F, 3);
    assert_int_equal(boxes.n, 3);
    assert_true(boxes.list[0].score == 19999.0F / 20000);
    assert_true(boxes.list[2].score == 19997.0F / 20000);
}

/* One anchor, two classes, a grid of 2 x 2 on 64 x 64 pixels: cell (1, 0) has something. */
static struct frame *region_output(bool planar)
{
    struct tensor *tensor = planar ? rig_tensor(TENSOR_F32, 4, (uint32_t[]){1, 7, 2, 2}, NULL)
                                   : rig_tensor(TENSOR_F32, 4, (uint32_t[]){1, 2, 2, 7}, NULL);
    const float cell[] = {0, 0, logf(1.5F), logf(0.5F), 3, 1, 4};
    float *to = tensor->data;

    for (int k = 0; k < 7; k++) {
        for (int at = 0; at < 4; at++) {
            to[planar ? k * 4 + at : at * 7 + k] = at == 1 ? cell[k] : -9;
        }
    }
    return rig_frame(0, 1, &tensor);
}

static void a_region_head_is_read_in_either_order(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *labels = write_labels(folder, "cat\ndog\n");
    cleanup(operator_closep) struct operator_instance *yolo =
        RIG_OPEN("yolo", "labels", labels, "head", "region", "size", "64x64", "anchors", "1,1");
    /* Centre of cell (1, 0), 48 x 16 pixels; 1/(1+e^-3) times 1/(1+e^-3). */
    static const float wanted[BOXES_ROW] = {24, 8, 48, 16, 0.907397F, 1};
    (void)state;

    for (int planar = 0; planar < 2; planar++) {
        cleanup(frame_unrefp) struct frame *boxes = rig_pass(yolo, region_output(planar != 0));

        assert_int_equal(boxes->tensors[0]->shape.dims[0], 1);
        expect_row(boxes, 0, &wanted);
        assert_memory_equal(boxes->tensors[1]->data, "cat\ndog\n", 8);
    }
    rig_remove(folder);
}

static void two_grids_share_anchors_by_mask(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *labels = write_labels(folder, "cat\n");
    cleanup(operator_closep) struct operator_instance *yolo =
        RIG_OPEN("yolo", "labels", labels, "head", "yolo", "size", "64x64", "anchors",
                 "8,8,32,16", "mask", "1,0", "scale_x_y", "1,2");
    const float none[24] = {0, 0, 0, 0, -9, -9};
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_F32, 4, (uint32_t[]){1, 6, 1, 1}, (float[]){0, 0, 0, 0, 9, 9}),
        rig_tensor(TENSOR_F32, 4, (uint32_t[]){1, 6, 2, 2}, none),
    };
    float *second = tensors[1]->data;
    (void)state;

    for (int i = 0; i < 24; i++) {
        float start = i / 4 == 0 ? 2 : 0; /* x */

        second[i] = i == 4 * 4 + 3 || i == 5 * 4 + 3 ? 5 : i / 4 >= 4 ? -9 : start;
    }
    cleanup(frame_unrefp) struct frame *boxes = rig_pass(yolo, rig_frame(0, 2, tensors));
    assert_int_equal(boxes->tensors[0]->shape.dims[0], 2);
    /* The first grid has anchor 1 in the middle; the second anchor 0, x stretched:
     * (1 + 2/(1+e^-2) - 1/2) * 32 - 4. */
    expect_row(boxes, 0, &(const float[]){16, 24, 32, 16, 0.999753F, 0});
    expect_row(boxes, 1, &(const float[]){68.3710F, 44, 8, 8, 0.986659F, 0});
    rig_remove(folder);
}

static void yolox_rows_belong_to_the_cells_of_all_grids(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *labels = write_labels(folder, "cat\ndog");
    cleanup(operator_closep) struct operator_instance *yolo = RIG_OPEN(
        "yolo", "labels", labels, "size", "64x32", "strides", "16,32", "threshold", "0.5");
    struct tensor *tensor = rig_tensor(TENSOR_F32, 3, (uint32_t[]){1, 10, 7}, NULL);
    const float fine[] = {0.5F, 0.25F, 0, 0, 0.9F, 0.1F, 0.8F};
    (void)state;

    memcpy((float *)tensor->data + 6L * 7, fine, sizeof(fine)); /* stride 16: x 2, y 1 */
    memcpy((float *)tensor->data + 9L * 7, fine, sizeof(fine)); /* stride 32: x 1, y 0 */
    cleanup(frame_unrefp) struct frame *boxes = rig_pass(yolo, rig_frame(0, 1, &tensor));
    assert_int_equal(boxes->tensors[0]->shape.dims[0], 2);
    expect_row(boxes, 0, &(const float[]){32, -8, 32, 32, 0.72F, 1});
    expect_row(boxes, 1, &(const float[]){32, 12, 16, 16, 0.72F, 1});
    rig_remove(folder);
}

static void boxes_are_said_in_pixels_of_the_original_and_clipped(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *labels = write_labels(folder, "cat\ndog\n");
    cleanup(operator_closep) struct operator_instance *yolo =
        RIG_OPEN("yolo", "labels", labels, "head", "region", "size", "64x64", "anchors", "1,1");
    struct frame *plain = region_output(true);
    struct tensor *tensor = tensor_ref(plain->tensors[0]);
    struct frame_view view = {100, 50, 0.5F, 0.5F, 8, 16};
    (void)state;

    frame_unref(plain);
    cleanup(frame_unrefp) struct frame *boxes =
        rig_pass(yolo, frame_create(0, 0, &view, 1, &tensor));
    /* (24 - 8) / 0.5; the upper edge, (8 - 16) / 0.5, is above the picture. */
    expect_row(boxes, 0, &(const float[]){32, 0, 68, 16, 0.907397F, 1});
    rig_remove(folder);
}

static void an_ssd_moves_and_scales_its_anchors(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *labels = write_labels(folder, "???\ncat\ndog\n");
    cleanup(operator_closep) struct operator_instance *ssd =
        RIG_OPEN("ssd", "labels", labels, "size", "100x100", "grids", "1", "score", "sigmoid");
    struct tensor *offsets = rig_tensor(TENSOR_F32, 3, (uint32_t[]){1, 3, 4}, NULL);
    struct tensor *scores = rig_tensor(TENSOR_F32, 3, (uint32_t[]){1, 3, 3},
                                       (float[]){9, -5, -5, 9, 1, 2, 9, -5, 0});
    float *second = (float *)offsets->data + 4;
    (void)state;

    second[0] = 10; /* a height down: of the anchor 0.2 sqrt(2) wide, 0.2 / sqrt(2) high */
    second[3] = 5 * logf(2);
    cleanup(frame_unrefp) struct frame *boxes =
        rig_pass(ssd, rig_frame(0, 2, (struct tensor *[]){scores, offsets}));
    assert_int_equal(boxes->tensors[0]->shape.dims[0], 2);
    expect_row(boxes, 0,
               &(const float[]){21.7157F, 57.0711F, 56.5685F, 14.1421F, 0.880797F, 2});
    expect_row(boxes, 1, &(const float[]){42.9289F, 35.8579F, 14.1421F, 28.2843F, 0.5F, 2});
    rig_remove(folder);
}

static void outputs_that_do_not_fit_the_labels_are_refused(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *labels = write_labels(folder, "cat\ndog\n");
    struct operator_shapes in = {
        .n = 1, .shapes = {{.type = TENSOR_F32, .rank = 4, .dims = {1, 125, 13, 13}}}};
    struct operator_shapes out;
    struct error err = {0};
    (void)state;

    assert_true(RIG_INFER(&in, &out, &err, "yolo", "labels", labels, "head", "region",
                          "anchors", "1,1,2,2") < 0);
    assert_string_equal(err.text,
                        "yolo: output 0 of the network is not float32[1, 14, y, x]: 2 "
                        "anchors x (5 + 2 labels)");
    assert_true(RIG_INFER(&in, &out, &err, "yolo", "labels", labels) < 0);
    assert_true(RIG_INFER(&in, &out, &err, "ssd", "labels", labels) < 0);
    assert_string_equal(err.text,
                        "ssd: wants two outputs of the network, float32[1, 1917, 4] and "
                        "float32[1, 1917, classes]: 1917 anchors by 'grids'");
    RIG_REFUSE(&err, "yolo", "labels", labels, "head", "yolo", "anchors", "1,2,3");
    assert_string_equal(err.text, "yolo: 'anchors' must be pairs of numbers, 1 to 64 of them");
    RIG_REFUSE(&err, "yolo", "labels", labels, "anchors", "1,2", "mask", "1");
    assert_string_equal(err.text, "yolo: 'mask' names anchor 1; there are 1");
    RIG_REFUSE(&err, "ssd", "labels", folder);
    rig_remove(folder);
}

static void labels_that_are_not_utf_8_are_refused_with_their_line(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *labels =
        write_labels(folder, "cat\nd\xc3\xa9j\xc3\xa0\ncaf\xe9\n");
    cleanup(memory_free) char *message = memory_format("yolo: %s: line 3 is not UTF-8", labels);
    struct error err;
    (void)state;

    RIG_REFUSE(&err, "yolo", "labels", labels, "head", "region", "size", "64x64", "anchors",
               "1,1");
    assert_string_equal(err.text, message);
    rig_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_that_are_not_utf_8_are_refused_with_their_line),
        cmocka_unit_test(of_two_that_overlap_the_better_stays),
        cmocka_unit_test(of_too_many_the_best_stay),
        cmocka_unit_test(a_region_head_is_read_in_either_order),
        cmocka_unit_test(two_grids_share_anchors_by_mask),
        cmocka_unit_test(yolox_rows_belong_to_the_cells_of_all_grids),
        cmocka_unit_test(boxes_are_said_in_pixels_of_the_original_and_clipped),
        cmocka_unit_test(an_ssd_moves_and_scales_its_anchors),
        cmocka_unit_test(outputs_that_do_not_fit_the_labels_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
