/* The reader and the segments of TensorFlow Lite files: on files written by hand, and on the
 * real models that are here (the demo's in the cache, those of BRUME_MODELS). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "model/flat.h"
#include "model/model.h"
#include "model/tflite.h"
#include "model/tflite_sample.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A file of exactly its size on the heap, so that a sanitizer sees each byte too far. */
struct opened {
    void *bytes;
    size_t size;
    struct model *model;
    struct error err;
};

static void open_sample(struct opened *opened, const struct sample *sample, int expected)
{
    opened->bytes = tflite_sample(sample, &opened->size);
    assert_int_equal(
        model_read("sample.tflite", opened->bytes, opened->size, &opened->model, &opened->err),
        expected);
}

static void close_sample(struct opened *opened)
{
    model_closep(&opened->model);
    free(opened->bytes);
}

static void assert_legal(const struct model *model, const char *expected)
{
    char text[64] = {0};

    for (size_t k = 0; k <= model->n_layers; k++) {
        text[k] = model->legal[k] ? '|' : '-';
    }
    assert_string_equal(text, expected);
}

/* x -> CONV_2D(half-precision weight) -> DEPTHWISE_CONV_2D -> ADD of both -> RESHAPE */
static const struct sample_tensor net_tensors[] = {
    {.shape = "1 8 8 3", .signature = "-1 8 8 3"},
    {.shape = "4 3 3 3", .type = 1, .n_constants = 216},
    {.shape = "4 3 3 3"},
    {.shape = "4", .n_constants = 16},
    {.shape = "1 8 8 4", .signature = "-1 8 8 4"},
    {.shape = "1 3 3 4", .n_constants = 144},
    {.shape = "1 8 8 4"},
    {.shape = "1 8 8 4"},
    {.shape = "2", .type = 2, .n_constants = 8},
    {.shape = "1 256"},
};
static const struct sample_layer net_layers[] = {
    {6, "1", "2"}, {3, "0 2 3", "4"}, {4, "4 5 -1", "6"}, {0, "6 4", "7"}, {22, "7 8", "9"},
};
static const struct sample net = {
    .n_tensors = COUNT(net_tensors),
    .tensors = net_tensors,
    .n_layers = COUNT(net_layers),
    .layers = net_layers,
    .inputs = "0",
    .outputs = "9",
};

static void layers_have_their_kinds_shapes_and_cost(void **state)
{
    (void)state;
    struct opened opened = {0};
    char text[64];

    open_sample(&opened, &net, 0);
    const struct model *model = opened.model;
    assert_string_equal(model->format, "tflite");
    assert_int_equal(model->n_layers, 5);
    assert_string_equal(model->layers[1].kind, "CONV_2D");
    assert_string_equal(model->layers[1].name, "t4");
    assert_int_equal(model->layers[1].weight_size, 4 * 108 + 16);
    assert_true(model->layers[1].operations == 2.0 * 64 * 108);
    assert_int_equal(model->layers[2].n_inputs, 2);
    assert_true(model->layers[2].operations == 2.0 * 256 * 9);
    assert_true(model->layers[3].operations == 256);
    tensor_shape_text(&model->tensors[1].shape, sizeof(text), text);
    assert_string_equal(text, "float16[4, 3, 3, 3]");
    close_sample(&opened);
}

static void weights_in_half_precision_belong_to_the_layer_that_uses_them(void **state)
{
    (void)state;
    struct opened opened = {0};

    open_sample(&opened, &net, 0);
    assert_true(opened.model->layers[0].constant);
    assert_true(opened.model->layers[0].operations == 0);
    assert_legal(opened.model, "|-||||");
    close_sample(&opened);
}

static size_t working_layers(const struct model *model, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++) {
        n += !model->layers[i].constant && !model->layers[i].idle;
    }
    return n;
}

/* A segment is a model of its own again: reads it and compares ports and layers. */
static void assert_segment_reads(const struct model *model, size_t from, size_t to)
{
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    cleanup(model_closep) struct model *again = NULL;
    struct error err = {0};

    assert_int_equal(model_segment(model, from, to, &segment, &err), 0);
    assert_int_equal(
        model_read("segment", segment->image.bytes, segment->image.size, &again, &err), 0);
    assert_int_equal(again->n_inputs, segment->n_inputs);
    assert_int_equal(again->n_outputs, segment->n_outputs);
    assert_memory_equal(again->inputs, segment->inputs, segment->n_inputs * sizeof(int));
    assert_memory_equal(again->outputs, segment->outputs, segment->n_outputs * sizeof(int));
    assert_int_equal(working_layers(again, 0, again->n_layers),
                     working_layers(model, from, to));
    for (size_t i = 0; i < again->n_layers; i++) {
        assert_false(again->layers[i].idle);
    }
}

static void a_segment_is_a_model_again_and_leaves_the_file_alone(void **state)
{
    (void)state;
    struct opened opened = {0};

    open_sample(&opened, &net, 0);
    cleanup(memory_free) void *before = malloc(opened.size);
    memcpy(before, opened.bytes, opened.size);
    for (size_t from = 0; from < 5; from++) {
        for (size_t to = from + 1; to <= 5; to++) {
            if (opened.model->legal[from] && opened.model->legal[to]) {
                assert_segment_reads(opened.model, from, to);
            }
        }
    }
    assert_memory_equal(opened.bytes, before, opened.size);
    close_sample(&opened);
}

static void a_segment_of_an_illegal_cut_is_refused(void **state)
{
    (void)state;
    struct model_segment *segment;
    struct opened opened = {0};

    open_sample(&opened, &net, 0);
    assert_int_equal(model_segment(opened.model, 1, 5, &segment, &opened.err), -EINVAL);
    assert_string_equal(opened.err.text, "sample.tflite: cut 1 is not legal");
    assert_int_equal(model_segment(opened.model, 3, 3, &segment, &opened.err), -EINVAL);
    assert_int_equal(model_segment(opened.model, 3, 6, &segment, &opened.err), -EINVAL);
    close_sample(&opened);
}

/* Each tensor of a chain differs from the last by its shape's text only. */
static void open_chain(struct opened *opened, const struct sample_tensor *tensors, size_t n,
                       const struct sample_layer *layers)
{
    open_sample(opened,
                &(struct sample){
                    .n_tensors = n,
                    .tensors = tensors,
                    .n_layers = n - 1,
                    .layers = layers,
                    .inputs = "0",
                    .outputs = n == 4 ? "3" : "4",
                },
                0);
}

static const struct sample_layer chain[] = {
    {19, "0", "1"},
    {19, "1", "2"},
    {19, "2", "3"},
    {19, "3", "4"},
};

static void an_open_batch_size_is_one_frame(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4", .signature = "-1 4"},
        {.shape = "1 4", .signature = "-1 4"},
        {.shape = "1 4"},
        {.shape = "1 4"},
    };
    struct opened opened = {0};

    open_chain(&opened, tensors, 4, chain);
    assert_legal(opened.model, "||||");
    assert_int_equal(model_live_size(opened.model, 1), 16);
    close_sample(&opened);
}

static void what_depends_on_the_data_has_no_size(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4", .signature = "-1 4"},
        {.shape = "1 4"},
        {.shape = "1 2", .signature = "-1 2"},
        {.shape = "1 2", .signature = "-1 2"},
        {.shape = "3 3"},
    };
    static const struct sample_layer layers[] = {
        {19, "0", "1"},
        {TFLITE_WHERE, "1", "2"},
        {19, "2", "3"},
        {19, "3", "4"},
    };
    struct opened opened = {0};

    open_chain(&opened, tensors, 5, layers);
    assert_legal(opened.model, "||--|");
    close_sample(&opened);
}

static void an_open_size_without_an_open_batch_is_not_known(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4"},
        {.shape = "1 4", .signature = "-1 4"},
        {.shape = "1 1", .signature = "1 -1"},
        {.shape = NULL},
        {.shape = "2 2 2 2 2 2 2 2 2"},
    };
    struct opened opened = {0};

    open_chain(&opened, tensors, 5, chain);
    assert_legal(opened.model, "|---|");
    close_sample(&opened);
}

static void types_that_brume_does_not_carry_never_cross(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4"},
        {.shape = "1 4", .type = 7},
        {.shape = "1 4", .type = 9},
        {.shape = "1 4"},
    };
    struct opened opened = {0};

    open_chain(&opened, tensors, 4, chain);
    assert_legal(opened.model, "|-||");
    assert_int_equal(model_live_size(opened.model, 2), 4);
    close_sample(&opened);
}

static void constants_may_be_of_any_type(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4"},
        {.shape = "4", .type = 7, .n_constants = 8},
        {.shape = "1 4"},
        {.shape = "0", .type = 2},
    };
    static const struct sample_layer layers[] = {{9, "0 1 3", "2"}};
    struct opened opened = {0};

    open_sample(&opened, &(struct sample){4, 1, tensors, layers, "0", "2", false}, 0);
    assert_int_equal(opened.model->layers[0].weight_size, 8);
    close_sample(&opened);
}

static void layers_that_share_a_variable_stay_together(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4"},
        {.shape = "1 4"},
        {.shape = "1 4"},
        {.shape = "1 4"},
        {.shape = "1 4"},
        {.shape = "1 4"},
        {.shape = "1 4", .variable = true},
    };
    static const struct sample_layer layers[] = {
        {19, "0", "1"}, {27, "1 6", "2"}, {19, "2", "3"}, {27, "3 6", "4"}, {19, "4", "5"},
    };
    struct opened opened = {0};

    open_sample(&opened, &(struct sample){7, 5, tensors, layers, "0", "5", false}, 0);
    assert_true(opened.model->stateful);
    assert_legal(opened.model, "||--||");
    close_sample(&opened);
}

static void layers_that_use_resources_stay_together(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4"}, {.shape = "1 4"}, {.shape = "1", .type = 13},
        {.shape = "1 4"}, {.shape = "1 4"}, {.shape = "1 4"},
    };
    static const struct sample_layer layers[] = {
        {19, "0", "1"},  {TFLITE_VAR_HANDLE, "", "2"},        {143, "2", "3"},
        {0, "1 3", "4"}, {TFLITE_ASSIGN_VARIABLE, "2 4", ""}, {19, "4", "5"},
    };
    struct opened opened = {0};

    open_sample(&opened, &(struct sample){6, 6, tensors, layers, "0", "5", false}, 0);
    assert_true(opened.model->stateful);
    assert_legal(opened.model, "||---||");
    close_sample(&opened);
}

static void operations_are_counted_from_the_weights(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 8"},       {.shape = "16 8", .n_constants = 512},
        {.shape = "1 16"},      {.shape = "4 2 2 16", .n_constants = 1024},
        {.shape = "1 1 1 16"},  {.shape = "1 2 2 4"},
        {.shape = "1 1 2 2 4"}, {.shape = "1 3 3 4 8", .n_constants = 1152},
        {.shape = "1 1 2 2 8"},
    };
    static const struct sample_layer layers[] = {
        {TFLITE_FULLY_CONNECTED, "0 1", "2"},  {22, "2", "4"},
        {TFLITE_TRANSPOSE_CONV, "3 3 4", "5"}, {22, "5", "6"},
        {TFLITE_CONV_3D, "6 7", "8"},
    };
    struct opened opened = {0};

    open_sample(&opened, &(struct sample){9, 5, tensors, layers, "0", "8", false}, 0);
    assert_true(opened.model->layers[0].operations == 2.0 * 8 * 16);
    assert_true(opened.model->layers[1].operations == 16);
    assert_true(opened.model->layers[2].operations == 2.0 * 16 * 16);
    assert_true(opened.model->layers[4].operations == 2.0 * 32 * 36);
    close_sample(&opened);
}

static void control_flow_is_a_state_when_its_body_keeps_one(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {{.shape = "1 4"}, {.shape = "1 4"}};
    static const struct sample_layer pure[] = {{TFLITE_WHILE, "0", "1"}};
    static const struct sample_layer keeping[] = {{TFLITE_WHILE, "0", "1"},
                                                  {TFLITE_CALL_ONCE, "", ""}};
    struct opened opened = {0};

    open_sample(&opened, &(struct sample){2, 1, tensors, pure, "0", "1", true}, 0);
    assert_false(opened.model->layers[0].stateful);
    close_sample(&opened);
    opened = (struct opened){0};
    open_sample(&opened, &(struct sample){2, 2, tensors, keeping, "0", "1", true}, 0);
    assert_true(opened.model->layers[0].stateful);
    close_sample(&opened);
}

static void random_numbers_are_no_constants(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1 4"},
        {.shape = "2", .type = 2, .n_constants = 8},
        {.shape = "1 4"},
        {.shape = "1 4"},
    };
    static const struct sample_layer layers[] = {
        {TFLITE_RANDOM_UNIFORM, "1", "2"},
        {0, "0 2", "3"},
    };
    struct opened opened = {0};

    open_sample(&opened, &(struct sample){4, 2, tensors, layers, "0", "3", false}, 0);
    assert_false(opened.model->layers[0].constant);
    assert_legal(opened.model, "|||");
    close_sample(&opened);
}

static void operators_that_are_not_built_in_have_a_name(void **state)
{
    (void)state;
    static const struct sample_tensor tensors[] = {
        {.shape = "1"}, {.shape = "1"}, {.shape = "1"}};
    static const struct sample_layer layers[] = {{TFLITE_CUSTOM, "0", "1"}, {9999, "1", "2"}};
    struct opened opened = {0};

    open_sample(&opened, &(struct sample){3, 2, tensors, layers, "0", "2", false}, 0);
    assert_string_equal(opened.model->layers[0].kind, "Custom");
    assert_string_equal(opened.model->layers[1].kind, "BUILTIN_9999");
    close_sample(&opened);
}

/* Reads the bytes and, when that works, every cut and a segment in the middle. */
static int survive(const void *bytes, size_t size)
{
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    cleanup(model_closep) struct model *model = NULL;
    struct error err = {0};
    int r = model_read("damaged.tflite", bytes, size, &model, &err);

    if (r < 0) {
        assert_memory_equal(err.text, "damaged.tflite: ", 16);
        assert_null(strchr(err.text, '\n'));
        return r;
    }
    for (size_t k = 0; k <= model->n_layers; k++) {
        cleanup(memory_free) int *ids = NULL;
        model_live(model, k, &ids);
    }
    for (size_t k = model->n_layers / 2; k < model->n_layers; k++) {
        if (model->legal[k]) {
            (void)!model_segment(model, k, model->n_layers, &segment, &err);
            break;
        }
    }
    return 0;
}

/* The first n bytes, on their own, so that a sanitizer sees the first one too many. */
static int survive_start(const void *bytes, size_t n)
{
    void *part = memory_new(n, 1);

    memcpy(part, bytes, n);
    int r = survive(part, n);
    free(part);
    return r;
}

static void a_file_cut_short_anywhere_is_refused(void **state)
{
    (void)state;
    size_t size;
    cleanup(memory_free) uint8_t *bytes = tflite_sample(&net, &size);

    for (size_t n = 0; n < size; n++) {
        assert_int_equal(survive_start(bytes, n), -EBADMSG);
    }
}

static void a_file_over_two_gigabytes_is_refused(void **state)
{
    (void)state;
    size_t size = (size_t)3 << 30;
    int mode = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, mode, -1, 0);
    struct flat flat;
    struct error err;

    assert_true(bytes != MAP_FAILED);
    flat = flat_open(bytes, size, &err);
    assert_int_equal(flat.failed, -E2BIG);
    assert_int_equal(flat_root(&flat).at, 0);
    munmap(bytes, size);
}

/* The path of a real model; skips the test when it is not here. */
static char *real_model(const char *name)
{
    char *path = file_search(NULL, name);

    if (path == NULL) {
        print_message("# skipped: %s is neither in the cache nor in BRUME_MODELS\n", name);
        skip();
    }
    return path;
}

static void the_demo_model_is_read_as_its_layers(void **state)
{
    (void)state;
    cleanup(memory_free) char *path = real_model("ssd_mobilenet_v2_oi.tflite");
    cleanup(model_closep) struct model *model = NULL;
    struct error err;
    char text[64];
    double operations = 0;

    assert_int_equal(model_open(path, &model, &err), 0);
    assert_int_equal(model->n_layers, 241);
    assert_int_equal(working_layers(model, 0, 241), 97);
    assert_int_equal(model->n_inputs, 1);
    tensor_shape_text(&model->tensors[model->inputs[0]].shape, sizeof(text), text);
    assert_string_equal(text, "float32[1, 300, 300, 3]");
    assert_int_equal(model->n_outputs, 2);
    assert_string_equal(model->tensors[model->outputs[0]].name, "raw_outputs/box_encodings");
    for (size_t i = 0; i < model->n_layers; i++) {
        operations += model->layers[i].operations;
    }
    assert_true(operations > 1.2e9 && operations < 1.5e9);
}

static void neighbouring_cuts_of_the_demo_model_hold_one_layer(void **state)
{
    (void)state;
    cleanup(memory_free) char *path = real_model("ssd_mobilenet_v2_oi.tflite");
    cleanup(model_closep) struct model *model = NULL;
    struct error err;
    size_t from = 0;

    assert_int_equal(model_open(path, &model, &err), 0);
    for (size_t to = 1; to <= model->n_layers; to++) {
        if (model->legal[to]) {
            assert_int_equal(working_layers(model, from, to), 1);
            if (to % 5 == 0) {
                assert_segment_reads(model, from, to);
            }
            from = to;
        }
    }
}

static void a_real_file_cut_short_is_refused(void **state)
{
    (void)state;
    cleanup(memory_free) char *path = real_model("ssd_mobilenet_v2_oi.tflite");
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size;

    assert_int_equal(file_read(path, 1 << 26, &bytes, &size, &err), 0);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(survive_start(bytes, size * i / 50), -EBADMSG);
    }
}

static void a_real_file_with_damage_anywhere_crashes_nothing(void **state)
{
    (void)state;
    cleanup(memory_free) char *path = real_model("ssd_mobilenet_v2_oi.tflite");
    cleanup(memory_free) void *read = NULL;
    struct error err;
    size_t size;

    assert_int_equal(file_read(path, 1 << 26, &read, &size, &err), 0);
    uint8_t *bytes = read;
    for (size_t i = 0; i < 50; i++) {
        uint8_t saved[64];
        uint8_t *at = bytes + (size - sizeof(saved)) * i / 50;

        memcpy(saved, at, sizeof(saved));
        memset(at, i % 2 == 0 ? 0xff : 0x01, sizeof(saved));
        int r = survive(bytes, size);
        assert_true(r == 0 || r == -EBADMSG || r == -E2BIG);
        memcpy(at, saved, sizeof(saved));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_have_their_kinds_shapes_and_cost),
        cmocka_unit_test(weights_in_half_precision_belong_to_the_layer_that_uses_them),
        cmocka_unit_test(a_segment_is_a_model_again_and_leaves_the_file_alone),
        cmocka_unit_test(a_segment_of_an_illegal_cut_is_refused),
        cmocka_unit_test(an_open_batch_size_is_one_frame),
        cmocka_unit_test(what_depends_on_the_data_has_no_size),
        cmocka_unit_test(an_open_size_without_an_open_batch_is_not_known),
        cmocka_unit_test(types_that_brume_does_not_carry_never_cross),
        cmocka_unit_test(constants_may_be_of_any_type),
        cmocka_unit_test(layers_that_share_a_variable_stay_together),
        cmocka_unit_test(layers_that_use_resources_stay_together),
        cmocka_unit_test(operations_are_counted_from_the_weights),
        cmocka_unit_test(control_flow_is_a_state_when_its_body_keeps_one),
        cmocka_unit_test(random_numbers_are_no_constants),
        cmocka_unit_test(operators_that_are_not_built_in_have_a_name),
        cmocka_unit_test(a_file_cut_short_anywhere_is_refused),
        cmocka_unit_test(a_file_over_two_gigabytes_is_refused),
        cmocka_unit_test(the_demo_model_is_read_as_its_layers),
        cmocka_unit_test(neighbouring_cuts_of_the_demo_model_hold_one_layer),
        cmocka_unit_test(a_real_file_cut_short_is_refused),
        cmocka_unit_test(a_real_file_with_damage_anywhere_crashes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
