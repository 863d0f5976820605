/* Networks run whole and cut by ONNX Runtime: small ones made here, and real ones from the
 * folders of BRUME_MODELS; skipped when either is not here. Every legal cut is run: two
 * sessions per cut, some hundred cuts, so the real ones take half a minute. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "model/onnx.h"
#include "model/onnx_sample.h"

static void open_model(const char *name, struct model **ret_model)
{
    cleanup(memory_free) char *path = file_search(NULL, name);
    const struct engine *engine;
    struct error err;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    if (getenv("BRUME_MODELS") == NULL || path == NULL ||
        engine_find(".onnx", &engine, &err) < 0) {
        skip();
    }
    if (model_open(path, ret_model, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

/* The tensors that have been computed, by id. */
struct values {
    size_t n;
    struct tensor **tensors;
};

static void values_init(struct values *values, const struct model *model)
{
    values->n = model->n_tensors;
    values->tensors = memory_new(values->n, sizeof(struct tensor *));
}

static void values_finish(struct values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        tensor_unref(values->tensors[i]);
    }
    free(values->tensors);
}

/* The same numbers in 0..1 each time: a linear congruential generator (Knuth's MMIX). */
static void fill_inputs(const struct model *model, struct values *values)
{
    uint64_t state = 1;
    struct error err;

    for (size_t i = 0; i < model->n_inputs; i++) {
        const struct model_tensor *input = &model->tensors[model->inputs[i]];
        struct tensor **tensor = &values->tensors[model->inputs[i]];

        assert_int_equal(input->shape.type, TENSOR_F32);
        assert_int_equal(tensor_create(&input->shape, tensor, &err), 0);
        float *data = (*tensor)->data;
        for (size_t j = 0; j < input->size / sizeof(float); j++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            data[j] = (float)(state >> 40) / (float)(1 << 24);
        }
    }
}

static void run(const struct model *model, size_t from, size_t to,
                const struct engine_options *options, struct values *values)
{
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    struct engine_session *session = NULL;
    struct tensor *inputs[64], *outputs[64];
    const struct engine *engine;
    struct error err = {0};

    if (engine_find(".onnx", &engine, &err) < 0 ||
        model_segment(model, from, to, &segment, &err) < 0 ||
        engine->open(&segment->image, options, &session, &err) < 0) {
        fail_msg("%s", err.text);
        return;
    }
    assert_true(segment->n_inputs <= 64 && segment->n_outputs <= 64);
    for (size_t i = 0; i < segment->n_inputs; i++) {
        inputs[i] = values->tensors[segment->inputs[i]];
        assert_non_null(inputs[i]);
    }
    if (engine->run(session, inputs, outputs, &err) < 0) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < segment->n_outputs; i++) {
        struct tensor **value = &values->tensors[segment->outputs[i]];
        tensor_unref(*value);
        *value = outputs[i];
    }
    engine->close(session);
}

/* The largest difference to the largest value, over all outputs; infinity for what is no
 * number. */
static double difference(const struct model *model, const struct values *a,
                         const struct values *b)
{
    double worst = 0, largest = 0;

    for (size_t i = 0; i < model->n_outputs; i++) {
        const struct tensor *x = a->tensors[model->outputs[i]];
        const struct tensor *y = b->tensors[model->outputs[i]];

        assert_true(tensor_shape_equal(&x->shape, &y->shape));
        for (size_t j = 0; j < x->size / sizeof(float); j++) {
            double value = ((const float *)x->data)[j];
            double other = ((const float *)y->data)[j];

            if (!isfinite(value) || !isfinite(other)) {
                return INFINITY;
            }
            largest = fmax(largest, fabs(value));
            worst = fmax(worst, fabs(value - other));
        }
    }
    assert_true(largest > 0);
    return worst / largest;
}

/* Returns how many cuts there are. */
static size_t compare_cuts(const struct model *model, bool exact, double most)
{
    const struct engine_options options = {.threads = 1, .exact = exact};
    cleanup(values_finish) struct values whole = {0};
    size_t n_cuts = 0;

    values_init(&whole, model);
    fill_inputs(model, &whole);
    run(model, 0, model->n_layers, &options, &whole);
    for (size_t k = 1; k < model->n_layers; k++) {
        cleanup(values_finish) struct values parts = {0};

        if (!model->legal[k]) {
            continue;
        }
        values_init(&parts, model);
        fill_inputs(model, &parts);
        run(model, 0, k, &options, &parts);
        run(model, k, model->n_layers, &options, &parts);
        double worst = difference(model, &whole, &parts);
        if (worst > most) {
            fail_msg("%s cut at %zu is off by %g", model->path, k, worst);
        }
        n_cuts++;
    }
    return n_cuts;
}

static void compare_all_cuts(const char *name, bool exact, double most)
{
    cleanup(model_closep) struct model *model = NULL;

    open_model(name, &model);
    assert_true(compare_cuts(model, exact, most) > 20);
}

/* Cuts the sample under way; the file does not say what lies between its layers. */
static void compare_sample(size_t n_cuts, size_t n_legal)
{
    const struct protobuf_span file = sample_file();
    cleanup(model_closep) struct model *model = NULL;
    const struct engine *engine;
    struct error err;

    if (engine_find(".onnx", &engine, &err) < 0) {
        skip();
    }
    if (model_read("sample.onnx", file.bytes, file.size, &model, &err) < 0) {
        fail_msg("%s", err.text);
        return;
    }
    assert_null(model->note);
    assert_int_equal(model->n_layers - 1, n_cuts);
    assert_int_equal(compare_cuts(model, true, 0), n_legal);
    assert_int_equal(compare_cuts(model, false, 1e-5), n_legal);
}

static void a_quantized_network_cut_anywhere_gives_the_same_bits(void **state)
{
    (void)state;
    sample_node("QuantizeLinear", "w s z", "wq", NULL);
    sample_node("DequantizeLinear", "wq s z", "wd", NULL);
    sample_node("QuantizeLinear", "x s z", "q1", NULL);
    sample_node("DequantizeLinear", "q1 s z", "d1", NULL);
    sample_node("Conv", "d1 wd", "c1", NULL);
    sample_node("Relu", "c1", "r1", NULL);
    sample_node("QuantizeLinear", "r1 t z", "q2", NULL);
    sample_node("DequantizeLinear", "q2 t z", "d2", NULL);
    sample_node("Conv", "d2 wd", "c2", NULL);
    sample_node("QuantizeLinear", "c2 t z", "q3", NULL);
    sample_node("DequantizeLinear", "q3 t z", "d3", NULL);
    sample_node("MaxPool", "d3", "p", "kernel_shape=2,2 strides=2,2");
    sample_node("QuantizeLinear", "p t z", "q4", NULL);
    sample_node("DequantizeLinear", "q4 t z", "y", NULL);
    sample_weight("w", 4, 64);
    sample_scalar("s", 0.01F);
    sample_scalar("t", 0.05F);
    sample_zero("z");
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 0, 4, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 0, 4, 4, 4);
    compare_sample(13, 4);
}

/* The engine folds them into the convolution's weights, which rounds differently. */
static void what_folds_into_a_convolution_stays_with_it(void **state)
{
    (void)state;
    sample_node("Conv", "x w", "c1", NULL);
    sample_node("BatchNormalization", "c1 m b a v", "n1", NULL);
    sample_node("Relu", "n1", "r1", NULL);
    sample_node("Conv", "r1 w", "c2", NULL);
    sample_node("Mul", "c2 t", "m2", NULL);
    sample_node("Add", "m2 s", "a2", NULL);
    sample_node("Relu", "a2", "y", NULL);
    sample_weight("w", 4, 64);
    sample_vector("m", 0.3F);
    sample_vector("b", 0.7F);
    sample_vector("a", 0.1F);
    sample_vector("v", 1.9F);
    sample_scalar("s", 0.01F);
    sample_scalar("t", 0.37F);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 0, 4, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 0, 4, 8, 8);
    compare_sample(6, 3);
}

static void branches_may_read_what_crosses_a_cut(void **state)
{
    (void)state;
    sample_node("Relu", "x", "a", NULL);
    sample_node("ReduceMax", "x", "m", "keepdims:0");
    sample_node("Greater", "m z", "b", NULL);
    sample_branch("b", "w", "v");
    sample_branch("b", "a", "u");
    sample_node("Add", "v u", "y", NULL);
    sample_weight("w", 64, 1024);
    sample_scalar("z", 0.5F);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 0, 4, 1, 1);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 64, 4, 1, 1);
    compare_sample(5, 5);
}

static void tinier_yolo_cut_anywhere_gives_the_same_bits(void **state)
{
    (void)state;
    compare_all_cuts("tinier-yolo-voc-float.onnx", true, 0);
}

static void yolox_cut_anywhere_gives_the_same_bits(void **state)
{
    (void)state;
    compare_all_cuts("yolox_nano.onnx", true, 0);
}

static void tinier_yolo_cut_anywhere_is_close_when_fast(void **state)
{
    (void)state;
    compare_all_cuts("tinier-yolo-voc-float.onnx", false, 1e-5);
}

static void yolox_cut_anywhere_is_close_when_fast(void **state)
{
    (void)state;
    compare_all_cuts("yolox_nano.onnx", false, 1e-5);
}

static void the_engine_fills_in_shapes(void **state)
{
    (void)state;
    cleanup(model_closep) struct model *model = NULL;
    char text[64];

    open_model("tinier-yolo-voc-float.onnx", &model);
    assert_int_equal(model->n_layers, 23);
    for (size_t k = 0; k <= model->n_layers; k++) {
        assert_true(model->legal[k]);
        assert_true(model_live_size(model, k) > 0);
    }
    tensor_shape_text(&model->tensors[model->layers[4].outputs[0]].shape, sizeof(text), text);
    assert_string_equal(text, "float32[1, 64, 104, 104]");
    assert_string_equal(model->layers[4].kind, "MaxPool");
    assert_null(model->note);
}

static void what_the_engine_said_is_kept(void **state)
{
    (void)state;
    cleanup(model_closep) struct model *model = NULL;
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size;

    open_model("tinier-yolo-voc-float.onnx", &model);
    cleanup(memory_free) char *path =
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        memory_format("%s/models/%016" PRIx64 ".shapes", getenv("BRUME_CACHE"), model->hash);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &size, &err), 0);
    assert_non_null(strstr(bytes, "[\"float32\",1,64,104,104]"));
}

static void a_real_file_broken_off_gives_one_sentence(void **state)
{
    (void)state;
    static const char *const names[] = {"tinier-yolo-voc-float.onnx", "yolox_nano.onnx"};

    for (size_t i = 0; i < 2; i++) {
        cleanup(model_closep) struct model *model = NULL;

        open_model(names[i], &model);
        for (size_t part = 0; part < 50; part++) {
            struct model *torn = NULL;
            struct error err = {0};

            assert_true(model_read("torn.onnx", model->bytes, model->size / 50 * part, &torn,
                                   &err) < 0);
            assert_true(strncmp(err.text, "torn.onnx: ", 11) == 0);
            assert_null(strchr(err.text, '\n'));
        }
    }
}

static char cache[] = "/tmp/brume-onnx-XXXXXX";

static int begin(void **state)
{
    (void)state;
    /* No thread but this one yet. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    return mkdtemp(cache) == NULL || setenv("BRUME_CACHE", cache, 1) != 0;
}

static int finish(void **state)
{
    (void)state;
    struct error err;

    sample_finish();
    return file_remove_folder(cache, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quantized_network_cut_anywhere_gives_the_same_bits),
        cmocka_unit_test(what_folds_into_a_convolution_stays_with_it),
        cmocka_unit_test(branches_may_read_what_crosses_a_cut),
        cmocka_unit_test(the_engine_fills_in_shapes),
        cmocka_unit_test(what_the_engine_said_is_kept),
        cmocka_unit_test(a_real_file_broken_off_gives_one_sentence),
        cmocka_unit_test(tinier_yolo_cut_anywhere_gives_the_same_bits),
        cmocka_unit_test(yolox_cut_anywhere_gives_the_same_bits),
        cmocka_unit_test(tinier_yolo_cut_anywhere_is_close_when_fast),
        cmocka_unit_test(yolox_cut_anywhere_is_close_when_fast),
    };
    return cmocka_run_group_tests_name("onnx_models", tests, begin, finish);
}
