/* Real TensorFlow Lite networks, cut at every legal place and run against the whole file: the
 * demo's from the cache, another from BRUME_MODELS. Skipped when they or the engine are not
 * here. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "model/check.h"

static int open_if_here(const char *name, struct model **ret_model, struct error *err)
{
    cleanup(memory_free) char *path = file_search(NULL, name);
    const struct engine *engine;

    if (path == NULL) {
        return error_set(err, -ENOENT, "%s is neither in the cache nor in BRUME_MODELS", name);
    }
    int r = engine_find(".tflite", &engine, err);
    return r < 0 ? r : model_open(path, ret_model, err);
}

static struct model *open_model(const char *name)
{
    struct model *model = NULL;
    struct error err;
    int r = open_if_here(name, &model, &err);

    if (r == -ENOENT) {
        print_message("# skipped: %s\n", err.text);
        skip();
    }
    if (r < 0) {
        fail_msg("%s", err.text);
    }
    return model;
}

/* Every `step`th legal cut. */
static void compare_cuts(const char *name, size_t step, size_t least)
{
    const struct engine_options options = {.exact = true};
    cleanup(model_closep) struct model *model = open_model(name);
    cleanup(model_check_closep) struct model_check *check = NULL;
    struct error err;
    size_t n_cuts = 0;

    if (model == NULL) {
        return;
    }
    if (model_check_open(model, &options, NULL, &check, &err) < 0) {
        fail_msg("%s", err.text);
    }
    for (size_t k = 1; k < model->n_layers; k++) {
        struct model_difference difference = {INFINITY, INFINITY};

        if (!model->legal[k] || n_cuts++ % step != 0) {
            continue;
        }
        if (model_check_cut(check, k, &difference, &err) < 0) {
            fail_msg("%s", err.text);
        }
        if (difference.absolute != 0) {
            fail_msg("%s cut at %zu is off by %g", name, k, difference.absolute);
        }
    }
    assert_true(n_cuts >= least);
}

static void the_demo_model_cut_anywhere_gives_the_same_bits(void **state)
{
    (void)state;
    compare_cuts("ssd_mobilenet_v2_oi.tflite", 1, 96);
}

/* It holds signatures, which name ports that a segment does not have. */
static void yolox_cut_at_every_twentieth_place_gives_the_same_bits(void **state)
{
    (void)state;
    compare_cuts("yolox_nano_float16_quantize.tflite", 20, 614);
}

static void a_face_detector_cut_anywhere_gives_the_same_bits(void **state)
{
    (void)state;
    compare_cuts("face_detection_short_range.tflite", 1, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_demo_model_cut_anywhere_gives_the_same_bits),
        cmocka_unit_test(yolox_cut_at_every_twentieth_place_gives_the_same_bits),
        cmocka_unit_test(a_face_detector_cut_anywhere_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
