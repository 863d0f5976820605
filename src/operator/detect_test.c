/* Real networks on a real photograph, from the file's bytes to boxes; each also cut in the
 * middle. Needs the models (BRUME_MODELS, the cache) and the pictures of Debian's `darknet`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "model/darknet.h"
#include "model/model.h"
#include "operator/boxes.h"
#include "operator/rig.h"

#define PHOTO      "/usr/share/darknet/data/dog.jpg"
#define COCO_NAMES "/usr/share/darknet/data/coco.names"
#define VOC_NAMES  "/usr/share/darknet/data/voc.names"

/* Where things are on the photograph, by eye: centre in pixels of the original. */
struct thing {
    const char *label;
    float x, y;
    float score, slack; /* as independent programs found it, and how near we come */
};

static struct frame *pass(struct operator_instance *instance, struct frame *input)
{
    struct frame *output = rig_pass(instance, input);

    operator_close(instance);
    return output;
}

static struct frame *photograph(void)
{
    if (access(PHOTO, R_OK) != 0) {
        print_message("%s is not there: skipped\n", PHOTO);
        skip();
    }
    return pass(RIG_OPEN("decode"), rig_file(PHOTO));
}

static const char *name_of(const struct frame *boxes, size_t row, char *buffer, size_t size)
{
    const struct tensor *text = boxes->tensors[1];
    unsigned line = (unsigned)((const float *)boxes->tensors[0]->data)[row * BOXES_ROW + 5];
    const char *at = text->data;
    const char *end = at + text->size;

    while (line-- > 0 && at != NULL) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    assert_non_null(at);
    at = at != NULL ? at : "";
    snprintf(buffer, size, "%.*s", (int)strcspn(at, "\n"), at);
    return buffer;
}

/* The thing is the best box of its label, with the score expected, and its centre is near. */
static void expect(const struct frame *boxes, const struct thing *thing)
{
    const float *rows = boxes->tensors[0]->data;
    char name[64];

    for (uint32_t i = 0; i < boxes->tensors[0]->shape.dims[0]; i++) {
        const float *row = rows + (size_t)i * BOXES_ROW;

        if (strcmp(name_of(boxes, i, name, sizeof(name)), thing->label) == 0) {
            if (fabsf(row[0] + row[2] / 2 - thing->x) > 60 ||
                fabsf(row[1] + row[3] / 2 - thing->y) > 60 ||
                fabsf(row[4] - thing->score) > thing->slack) {
                fail_msg("%s %.3f at %.0f %.0f, %.0fx%.0f", name, (double)row[4],
                         (double)row[0], (double)row[1], (double)row[2], (double)row[3]);
            }
            return;
        }
    }
    fail_msg("no %s among %u boxes", thing->label, boxes->tensors[0]->shape.dims[0]);
}

static void save(struct frame *photo, struct frame *boxes, const char *name)
{
    const char *folder = secure_getenv("BRUME_TEST_PICTURES");

    if (folder != NULL) {
        cleanup(operator_closep) struct operator_instance *draw = RIG_OPEN("draw");
        cleanup(memory_free) char *path = memory_format("%s/%s", folder, name);
        struct frame *drawn = rig_process(draw, 0, (struct frame *[]){photo, boxes});

        assert_null(pass(RIG_OPEN("image-sink", "path", path, "format", "png"), drawn));
    }
}

static void expect_all(struct frame *photo, struct frame *boxes, const char *name,
                       const struct thing *things)
{
    save(photo, boxes, name);
    for (; things->label != NULL; things++) {
        expect(boxes, things);
    }
}

/* A cut in the middle of the layers, where it is legal. */
static size_t middle(const char *path, size_t *ret_end)
{
    struct model *model = NULL;
    struct error err;

    if (model_open(path, &model, &err) < 0) {
        fail_msg("%s", err.text);
        return 0;
    }
    size_t cut = model->n_layers / 2;
    while (!model->legal[cut]) {
        cut++;
    }
    *ret_end = model->n_layers;
    model_close(model);
    return cut;
}

/* The network, whole and in two parts, with exact arithmetic: the same bits. */
static struct frame *detect(const char *path, const char *range, const char *channels,
                            struct frame *fit)
{
    size_t end = 0;
    size_t cut = middle(path, &end);
    cleanup(memory_free) char *first = memory_format("0:%zu", cut);
    cleanup(memory_free) char *second = memory_format("%zu:%zu", cut, end);
    struct frame *whole = pass(RIG_OPEN("model", "file", path, "range", range, "channels",
                                        channels, "numerics", "exact"),
                               frame_ref(fit));
    struct frame *front = pass(RIG_OPEN("model", "file", path, "range", range, "channels",
                                        channels, "numerics", "exact", "segment", first),
                               fit);
    cleanup(frame_unrefp) struct frame *both =
        pass(RIG_OPEN("model", "file", path, "range", range, "channels", channels, "numerics",
                      "exact", "segment", second),
             front);

    assert_int_equal(whole->n_tensors, both->n_tensors);
    for (unsigned i = 0; i < whole->n_tensors; i++) {
        assert_int_equal(whole->tensors[i]->size, both->tensors[i]->size);
        assert_memory_equal(whole->tensors[i]->data, both->tensors[i]->data,
                            whole->tensors[i]->size);
    }
    return whole;
}

static void ssd_mobilenet_finds_dog_bicycle_and_car(void **state)
{
    static const struct thing things[] = {{"Dog", 222, 380, 0.85F, 0.03F},
                                          {"Bicycle", 345, 278, 0.79F, 0.03F},
                                          {"Car", 578, 124, 0.73F, 0.03F},
                                          {0}};
    cleanup(memory_free) char *path = rig_model("ssd_mobilenet_v2_oi.tflite");
    cleanup(memory_free) char *names = rig_model("ssd_mobilenet_v2_oi.names");
    cleanup(frame_unrefp) struct frame *photo = photograph();
    struct frame *fit = pass(RIG_OPEN("resize", "size", "300x300"), frame_ref(photo));
    struct frame *out = detect(path, "-1..1", "rgb", fit);
    cleanup(frame_unrefp) struct frame *boxes = pass(RIG_OPEN("ssd", "labels", names), out);
    (void)state;

    expect_all(photo, boxes, "ssd", things);
}

static void yolox_finds_dog_bicycle_and_car(void **state)
{
    static const struct thing things[] = {{"dog", 222, 380, 0.86F, 0.03F},
                                          {"bicycle", 345, 278, 0.80F, 0.03F},
                                          {"car", 578, 124, 0.80F, 0.03F},
                                          {0}};
    cleanup(memory_free) char *path = rig_model("yolox_nano.onnx");
    cleanup(frame_unrefp) struct frame *photo = photograph();
    struct frame *fit =
        pass(RIG_OPEN("letterbox", "size", "416x416", "align", "top-left", "fill", "114"),
             frame_ref(photo));
    struct frame *out = detect(path, "0..255", "bgr", fit);
    cleanup(frame_unrefp) struct frame *boxes =
        pass(RIG_OPEN("yolo", "labels", COCO_NAMES), out);
    (void)state;

    expect_all(photo, boxes, "yolox", things);
}

static void tinier_yolo_finds_dog_bicycle_and_car(void **state)
{
    static const struct thing things[] = {{"dog", 222, 380, 0.89F, 0.03F},
                                          {"bicycle", 345, 278, 0.74F, 0.03F},
                                          {"car", 578, 124, 0.86F, 0.03F},
                                          {0}};
    cleanup(memory_free) char *path = rig_model("tinier-yolo-voc-float.onnx");
    cleanup(frame_unrefp) struct frame *photo = photograph();
    struct frame *fit = pass(RIG_OPEN("letterbox", "size", "416x416"), frame_ref(photo));
    struct frame *out = detect(path, "0..1", "rgb", fit);
    cleanup(frame_unrefp) struct frame *boxes =
        pass(RIG_OPEN("yolo", "labels", VOC_NAMES, "head", "region", "anchors",
                      "1.08,1.19,3.42,4.41,6.63,11.38,9.42,5.11,16.62,10.52"),
             out);
    (void)state;

    expect_all(photo, boxes, "tinier", things);
}

/* The scores are those of Debian's `darknet` on the same files. It samples with the corners of
 * the picture aligned, not the pixels' centres: with its sampling ours are 0.94, 0.85, 0.88. */
static void yolo_fastest_finds_what_darknet_finds(void **state)
{
    static const struct thing things[] = {{"dog", 222, 380, 0.94F, 0.07F},
                                          {"bicycle", 345, 278, 0.86F, 0.07F},
                                          {"car", 578, 124, 0.88F, 0.07F},
                                          {0}};
    cleanup(memory_free) char *config = rig_model("yolo-fastest-1.1-xl.cfg");
    cleanup(memory_free) char *weights = rig_model("yolo-fastest-1.1-xl.weights");
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/fastest.onnx", folder);
    const struct darknet_options options = {
        .config = config, .weights = weights, .output = path};
    cleanup(frame_unrefp) struct frame *photo = photograph();
    struct darknet_summary summary;
    struct error err;
    (void)state;

    if (darknet_import(&options, &summary, &err) < 0) {
        fail_msg("%s", err.text);
    }
    struct frame *fit = pass(RIG_OPEN("letterbox", "size", "320x320"), frame_ref(photo));
    struct frame *out = detect(path, "0..1", "rgb", fit);
    cleanup(frame_unrefp) struct frame *boxes = pass(
        RIG_OPEN("yolo", "labels", COCO_NAMES, "head", "yolo", "size", "320x320", "anchors",
                 "12,18,37,49,52,132,115,73,119,199,242,238", "mask", "3,4,5,0,1,2"),
        out);
    expect_all(photo, boxes, "fastest", things);
    rig_remove(folder);
}

static void a_picture_of_the_wrong_size_is_refused_by_name(void **state)
{
    cleanup(memory_free) char *path = rig_model("yolox_nano.onnx");
    struct operator_shapes in = {
        .n = 1, .shapes = {{.type = TENSOR_U8, .rank = 3, .dims = {300, 300, 3}}}};
    struct operator_shapes out;
    struct error err = {0};
    (void)state;

    assert_true(RIG_INFER(&in, &out, &err, "model", "file", path) < 0);
    assert_string_equal(
        err.text, "model: the network wants pictures of 416x416 pixels (float32[1, 3, 416, "
                  "416]), not 300x300: put `letterbox` or `resize` before it");
    in.shapes[0].dims[0] = 416;
    in.shapes[0].dims[1] = 416;
    assert_int_equal(RIG_INFER(&in, &out, &err, "model", "file", path), 0);
    assert_int_equal(out.n, 1);
    assert_int_equal(out.shapes[0].dims[1], 3549);
    assert_int_equal(RIG_INFER(&out, &in, &err, "yolo", "labels", COCO_NAMES), 0);
    assert_true(RIG_INFER(&out, &in, &err, "yolo", "labels", VOC_NAMES) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ssd_mobilenet_finds_dog_bicycle_and_car),
        cmocka_unit_test(yolox_finds_dog_bicycle_and_car),
        cmocka_unit_test(tinier_yolo_finds_dog_bicycle_and_car),
        cmocka_unit_test(yolo_fastest_finds_what_darknet_finds),
        cmocka_unit_test(a_picture_of_the_wrong_size_is_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
