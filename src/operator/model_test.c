/* The model operator on a small network made on the spot: casting, cutting, refusing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "model/darknet.h"
#include "model/model.h"
#include "operator/cast.h"
#include "operator/rig.h"

/* Three convolutions, one of which is passed around another. */
static const char network[] = "[net]\nwidth=16\nheight=16\nchannels=3\n"
                              "[convolutional]\nfilters=4\nsize=3\nstride=2\npad=1\n"
                              "activation=leaky\n"
                              "[convolutional]\nfilters=4\nsize=3\nstride=1\npad=1\n"
                              "activation=relu\n"
                              "[shortcut]\nfrom=-2\nactivation=linear\n"
                              "[convolutional]\nfilters=14\nsize=1\nstride=1\npad=1\n"
                              "activation=linear\n"
                              "[region]\nanchors=1,1,2,2\nclasses=2\ncoords=4\nnum=2\n";

/* Writes the network into `folder` and returns its path; skips where no engine runs it. */
static char *make_network(const char *folder)
{
    cleanup(memory_free) char *config = memory_format("%s/small.cfg", folder);
    char *path = memory_format("%s/small.onnx", folder);
    const struct darknet_options options = {.config = config, .seed = 5, .output = path};
    const struct engine *engine;
    struct darknet_summary summary;
    struct error err;

    if (engine_find(".onnx", &engine, &err) < 0) {
        print_message("%s: skipped\n", err.text);
        skip();
    }
    assert_int_equal(file_write(config, network, strlen(network), &err), 0);
    if (darknet_import(&options, &summary, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return path;
}

static struct frame *run(const char *path, const char *segment, struct frame *input)
{
    cleanup(operator_closep) struct operator_instance *model = RIG_OPEN(
        "model", "file", path, "range", "0..1", "numerics", "exact", "segment", segment);

    return rig_pass(model, input);
}

static void every_cut_gives_the_bits_of_the_whole(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = make_network(folder);
    cleanup(frame_unrefp) struct frame *whole = run(path, "", rig_picture(16, 16));
    struct model *model = NULL;
    struct error err;
    size_t cuts = 0;
    (void)state;

    assert_int_equal(model_open(path, &model, &err), 0);
    for (size_t k = 1; k < model->n_layers; k++) {
        cleanup(memory_free) char *front = memory_format("0:%zu", k);
        cleanup(memory_free) char *back = memory_format("%zu:%zu", k, model->n_layers);

        if (model->legal[k]) {
            cleanup(frame_unrefp) struct frame *both =
                run(path, back, run(path, front, rig_picture(16, 16)));

            assert_true(
                tensor_shape_equal(&both->tensors[0]->shape, &whole->tensors[0]->shape));
            assert_memory_equal(both->tensors[0]->data, whole->tensors[0]->data,
                                whole->tensors[0]->size);
            cuts++;
        }
    }
    assert_true(cuts >= 3);
    model_close(model);
    rig_remove(folder);
}

static void a_picture_is_what_its_cast_tensor_is(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = make_network(folder);
    struct frame *picture = rig_picture(16, 16);
    const uint8_t *pixels = picture->tensors[0]->data;
    struct tensor *cast = rig_tensor(TENSOR_F32, 4, (uint32_t[]){1, 3, 16, 16}, NULL);
    (void)state;

    for (int i = 0; i < 3 * 256; i++) {
        int channel = i / 256;

        ((float *)cast->data)[i] = (float)(pixels[i % 256 * 3 + channel] / 255.0);
    }
    cleanup(frame_unrefp) struct frame *one = run(path, "", picture);
    cleanup(frame_unrefp) struct frame *other = run(path, "", rig_frame(0, 1, &cast));
    assert_memory_equal(one->tensors[0]->data, other->tensors[0]->data, one->tensors[0]->size);
    rig_remove(folder);
}

static void what_cannot_run_is_said_before_it_does(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = make_network(folder);
    cleanup(memory_free) char *missing = memory_format("%s/none.onnx", folder);
    struct operator_shapes in = {
        .n = 1, .shapes = {{.type = TENSOR_U8, .rank = 3, .dims = {0, 20, 3}}}};
    struct operator_shapes out;
    struct error err = {0};
    (void)state;

    assert_true(RIG_INFER(&in, &out, &err, "model", "file", path) < 0);
    assert_string_equal(err.text, "model: the network wants pictures of 16x16 pixels "
                                  "(float32[1, 3, 16, 16]), not 20x0: put `letterbox` or "
                                  "`resize` before it");
    in.shapes[0].dims[1] = 0;
    assert_int_equal(RIG_INFER(&in, &out, &err, "model", "file", path), 0);
    assert_int_equal(out.shapes[0].dims[1], 14);
    RIG_REFUSE(&err, "model", "file", path, "segment", "3:2");
    assert_non_null(strstr(err.text, "has no segment '3:2'"));
    RIG_REFUSE(&err, "model", "file", path, "segment", "0:9999");
    RIG_REFUSE(&err, "model", "file", path, "segment", "0:");
    RIG_REFUSE(&err, "model", "file", path, "hash", "0000000000000001");
    assert_non_null(strstr(err.text, "is another file here"));
    RIG_REFUSE(&err, "model", "file", path, "mean", "1,2");
    assert_string_equal(err.text, "model: 'mean' must be one number or three");
    RIG_REFUSE(&err, "model", "file", path, "deviation", "1,0,1");
    assert_string_equal(err.text, "model: 'deviation' must not be 0");
    RIG_REFUSE(&err, "model", "file", missing);
    rig_remove(folder);
}

static void a_frame_that_does_not_fit_costs_itself_only(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = make_network(folder);
    cleanup(operator_closep) struct operator_instance *model = RIG_OPEN("model", "file", path);
    cleanup(frame_unrefp) struct frame *small = rig_picture(8, 16);
    cleanup(frame_unrefp) struct frame *bytes = rig_bytes("abc", 3);
    cleanup(frame_unrefp) struct frame *good = rig_picture(16, 16);
    struct error err = {0};
    (void)state;

    assert_true(rig_try(model, 0, &small, &err) < 0);
    assert_true(rig_try(model, 1, &bytes, &err) < 0);
    assert_non_null(strstr(err.text, "wants float32[1, 3, 16, 16]"));
    assert_int_equal(rig_try(model, 2, &good, &err), 0);
    rig_remove(folder);
}

static void a_cast_orders_channels_and_planes(void **state)
{
    const struct tensor_shape planar = {.type = TENSOR_F32, .rank = 4, .dims = {1, 3, 1, 2}};
    const struct tensor_shape packed = {.type = TENSOR_U8, .rank = 4, .dims = {1, 1, 2, 3}};
    uint8_t pixels[] = {10, 20, 30, 40, 50, 60};
    const struct picture picture = {pixels, 2, 1, 6};
    struct cast cast = {.swap = true};
    uint8_t bytes[6];
    float floats[6];
    struct error err;
    (void)state;

    for (int i = 0; i < 3 * 256; i++) {
        int channel = i / 256;

        cast.tables[channel][i % 256] = (float)(i % 256 + 1000 * channel);
    }
    assert_int_equal(cast_init(&planar, &cast, &err), 0);
    cast_run(&cast, &picture, floats);
    assert_memory_equal(floats, ((float[]){30, 60, 1020, 1050, 2010, 2040}), sizeof(floats));
    assert_int_equal(cast_init(&packed, &cast, &err), 0);
    cast_run(&cast, &picture, bytes);
    assert_memory_equal(bytes, ((uint8_t[]){30, 20, 10, 60, 50, 40}), sizeof(bytes));
    const struct tensor_shape flat = {.type = TENSOR_F32, .rank = 2, .dims = {1, 12}};
    assert_true(cast_init(&flat, &cast, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_bits_of_the_whole),
        cmocka_unit_test(a_picture_is_what_its_cast_tensor_is),
        cmocka_unit_test(what_cannot_run_is_said_before_it_does),
        cmocka_unit_test(a_frame_that_does_not_fit_costs_itself_only),
        cmocka_unit_test(a_cast_orders_channels_and_planes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
