/* Small ONNX files, put together field by field. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "model/onnx.h"
#include "model/onnx_sample.h"

/* A cache of its own: the user's is left alone. */
static char cache[] = "/tmp/brume-onnx-XXXXXX";

static int begin(void **state)
{
    (void)state;
    /* No thread but this one yet. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    return mkdtemp(cache) == NULL || setenv("BRUME_CACHE", cache, 1) != 0;
}

static struct protobuf_span file;

static struct model *open_file(void)
{
    struct model *model = NULL;
    struct error err;

    file = sample_file();
    if (model_read("test.onnx", file.bytes, file.size, &model, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return model;
}

static void assert_refused(int code, const char *text)
{
    struct model *model = NULL;
    struct error err;

    file = sample_file();
    assert_int_equal(model_read("test.onnx", file.bytes, file.size, &model, &err), code);
    assert_string_equal(err.text, text);
}

/* x -> Conv(big) -> c -> Relu -> r -> Conv(small) -> y */
static void add_chain(void)
{
    sample_node("Conv", "x big", "c", NULL);
    sample_node("Relu", "c", "r", NULL);
    sample_node("Conv", "r small", "y", NULL);
    sample_weight("big", 64, 1024);
    sample_weight("small", 4, 64);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 0, 4, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, "c", 0, 64, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, "r", 0, 64, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 0, 4, 8, 8);
}

static void layers_have_names_kinds_shapes_and_costs(void **state)
{
    (void)state;
    add_chain();
    cleanup(model_closep) struct model *model = open_file();

    assert_string_equal(model->format, "onnx");
    assert_int_equal(model->n_layers, 3);
    assert_string_equal(model->layers[0].name, "Conv_0");
    assert_string_equal(model->layers[1].kind, "Relu");
    assert_int_equal(model->layers[0].weight_size, 1024);
    assert_true(model->layers[0].operations == 2.0 * 64 * 8 * 8 * 4);
    assert_true(model->layers[1].operations == 64.0 * 8 * 8);
    assert_int_equal(model->n_inputs, 1);
    assert_int_equal(model->n_outputs, 1);
    assert_string_equal(model->tensors[model->outputs[0]].name, "y");
    assert_int_equal(model_live_size(model, 1), 64 * 8 * 8 * 4);
    assert_null(model->note);
}

static void a_file_says_what_it_is(void **state)
{
    (void)state;
    add_chain();
    cleanup(model_closep) struct model *model = open_file();
    cleanup(memory_free) char *known = model_property(model, "made for");

    assert_string_equal(known, "tests");
    assert_null(model_property(model, "made"));
}

static void an_open_batch_is_one(void **state)
{
    (void)state;
    add_chain();
    cleanup(model_closep) struct model *model = open_file();
    const struct tensor_shape *input = &model->tensors[model->inputs[0]].shape;
    const struct tensor_shape *output = &model->tensors[model->outputs[0]].shape;

    assert_int_equal(input->dims[0], 1);
    assert_int_equal(output->dims[0], 1);
    assert_int_equal(model_live_size(model, 0), 4 * 8 * 8 * 4);
}

static void other_open_dimensions_forbid_cuts(void **state)
{
    (void)state;
    sample_node("Relu", "x", "c", NULL);
    sample_node("Relu", "c", "r", NULL);
    sample_node("Relu", "r", "y", NULL);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 1, 0);
    SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, "c", 1, 0);
    SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, "r", 1, 4);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 1, 4);
    cleanup(model_closep) struct model *model = open_file();

    assert_true(model->legal[0]);
    assert_false(model->legal[1]);
    assert_true(model->legal[2]);
    assert_true(model->legal[3]);
}

static void a_segment_is_a_model(void **state)
{
    (void)state;
    add_chain();
    cleanup(model_closep) struct model *model = open_file();
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    cleanup(model_closep) struct model *part = NULL;
    struct error err;

    assert_int_equal(model_segment(model, 1, 3, &segment, &err), 0);
    assert_int_equal(segment->n_inputs, 1);
    assert_string_equal(model->tensors[segment->inputs[0]].name, "c");
    assert_int_equal(model_read("part", segment->image.bytes, segment->image.size, &part, &err),
                     0);
    assert_int_equal(part->n_layers, 2);
    assert_string_equal(part->layers[0].kind, "Relu");
    assert_string_equal(part->tensors[part->inputs[0]].name, "c");
    assert_string_equal(part->tensors[part->outputs[0]].name, "y");
    assert_true(tensor_shape_equal(&part->tensors[part->inputs[0]].shape,
                                   &model->tensors[segment->inputs[0]].shape));
    assert_true(tensor_shape_equal(&part->tensors[part->outputs[0]].shape,
                                   &model->tensors[segment->outputs[0]].shape));
}

static void big_weights_stay_in_the_file(void **state)
{
    (void)state;
    add_chain();
    cleanup(model_closep) struct model *model = open_file();
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    struct error err;

    cleanup(model_segment_destroyp) struct model_segment *complete = NULL;
    assert_int_equal(model_segment_complete(model, 0, 3, &complete, &err), 0);
    assert_int_equal(complete->image.n_weights, 0);
    assert_true(complete->image.size > 1024);

    assert_int_equal(model_segment(model, 0, 3, &segment, &err), 0);
    assert_int_equal(segment->image.n_weights, 1);
    const struct engine_weight *weight = &segment->image.weights[0];
    assert_string_equal(weight->name, "big");
    assert_int_equal(weight->shape.dims[0], 64);
    assert_true((const uint8_t *)weight->data > file.bytes);
    assert_true((const uint8_t *)weight->data + 1024 <= file.bytes + file.size);
    assert_true(segment->image.size < 1024);
}

static void weights_listed_as_inputs_stay_weights(void **state)
{
    (void)state;
    add_chain();
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "big", 64, 4, 1, 1);
    cleanup(model_closep) struct model *model = open_file();

    assert_int_equal(model->n_inputs, 1);
    assert_string_equal(model->tensors[model->inputs[0]].name, "x");
}

static void what_is_made_of_weights_goes_along(void **state)
{
    (void)state;
    sample_node("Neg", "small", "k", NULL);
    sample_node("Relu", "x", "c", NULL);
    sample_node("Conv", "c k", "y", NULL);
    sample_weight("small", 4, 64);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 1, 4, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, "c", 1, 4, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 1, 4, 8, 8);
    cleanup(model_closep) struct model *model = open_file();
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    cleanup(model_closep) struct model *part = NULL;
    struct error err;

    assert_true(model->layers[0].constant);
    assert_int_equal(model_segment(model, 2, 3, &segment, &err), 0);
    assert_int_equal(segment->n_inputs, 1);
    assert_int_equal(model_read("part", segment->image.bytes, segment->image.size, &part, &err),
                     0);
    assert_int_equal(part->n_layers, 2);
    assert_string_equal(part->layers[0].kind, "Neg");
    assert_string_equal(part->layers[1].kind, "Conv");
}

static void a_subgraph_reads_from_around_it(void **state)
{
    (void)state;
    sample_node("Relu", "x", "a", NULL);
    sample_node("Relu", "x", "b", NULL);
    sample_branch("a", "b", "y");
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 1, 4);
    SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, "a", 1, 4);
    SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, "b", 1, 4);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 1, 4);
    cleanup(model_closep) struct model *model = open_file();
    cleanup(memory_free) int *live = NULL;

    assert_int_equal(model->layers[2].n_inputs, 2);
    assert_int_equal(model_live(model, 2, &live), 2);
    assert_string_equal(model->tensors[live[1]].name, "b");
}

static void quantized_layers_stay_whole(void **state)
{
    (void)state;
    static const char *const made[] = {"q", "d", "c", "r", "e"};

    sample_node("QuantizeLinear", "x small", "q", NULL);
    sample_node("DequantizeLinear", "q small", "d", NULL);
    sample_node("Conv", "d small", "c", NULL);
    sample_node("Relu", "c", "r", NULL);
    sample_node("QuantizeLinear", "r small", "e", NULL);
    sample_node("DequantizeLinear", "e small", "y", NULL);
    sample_weight("small", 4, 64);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 1, 4, 8, 8);
    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
        SAMPLE_VALUE(ONNX_GRAPH_VALUE_INFO, made[i], 1, 4, 8, 8);
    }
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 1, 4, 8, 8);
    cleanup(model_closep) struct model *model = open_file();
    char text[8] = {0};

    for (size_t k = 0; k <= model->n_layers; k++) {
        text[k] = model->legal[k] ? '|' : '-';
    }
    assert_string_equal(text, "||---||");
}

/* x -> Relu -> c -> Relu -> y, where the file does not say what c looks like. */
static struct model *open_vague(void)
{
    sample_node("Relu", "x", "c", NULL);
    sample_node("Relu", "c", "y", NULL);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 1, 0);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 1, 4);
    return open_file();
}

static void write_shapes(uint64_t hash, const char *text)
{
    cleanup(memory_free) char *folder = memory_format("%s/models", cache);
    cleanup(memory_free) char *path = memory_format("%s/%016" PRIx64 ".shapes", folder, hash);
    struct error err;

    assert_int_equal(file_make_folder(folder, &err), 0);
    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static void what_no_one_knows_is_noted(void **state)
{
    (void)state;
    cleanup(model_closep) struct model *model = open_vague();

    assert_false(model->legal[1]);
    assert_non_null(model->note);
}

static void shapes_are_remembered(void **state)
{
    (void)state;
    cleanup(model_closep) struct model *model = open_vague();
    write_shapes(model->hash, "{\"version\": 1, \"shapes\": {\"c\": [\"float32\", 1, 4], "
                              "\"y\": [\"float32\", 9, 9], \"z\": [\"float32\", 1]}}");
    cleanup(model_closep) struct model *again = open_vague();

    assert_true(again->legal[1]);
    assert_int_equal(model_live_size(again, 1), 16);
    assert_int_equal(model_live_size(again, 2), 16);
    assert_null(again->note);
}

static void a_damaged_memory_of_shapes_is_passed_over(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"version\": 2, \"shapes\": {\"c\": [\"float32\", 1, 4]}}",
        "{\"version\": 1, \"shapes\": [\"c\"]}",
        "{\"version\": 1, \"shapes\": {\"c\": []}}",
        "{\"version\": 1, \"shapes\": {\"c\": [7, 1, 4]}}",
        "{\"version\": 1, \"shapes\": {\"c\": [\"float99\", 1, 4]}}",
        "{\"version\": 1, \"shapes\": {\"c\": [\"float32\", 1, -4]}}",
        "{\"version\": 1, \"shapes\": {\"c\": [\"float32\", 1, 4294967296]}}",
        "{\"version\": 1, \"shapes\": {\"c\": [\"float32\", 1, 1, 1, 1, 1, 1, 1, 1, 1]}}",
    };
    cleanup(model_closep) struct model *model = open_vague();

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        write_shapes(model->hash, texts[i]);
        cleanup(model_closep) struct model *again = open_vague();

        assert_false(again->legal[1]);
    }
}

static void refusals_say_what_is_wrong(void **state)
{
    (void)state;
    add_chain();
    sample_weight("odd", 4, 60);
    assert_refused(-EBADMSG,
                   "test.onnx: weight 'odd' has 60 bytes where its shape asks for 64");
    add_chain();
    sample_node("Relu", "later", "z", NULL);
    assert_refused(-EBADMSG,
                   "test.onnx: layer 'Relu_3' reads 'later', which nothing before it makes");
    add_chain();
    sample_node("Relu", "z", "z", NULL);
    assert_refused(-EBADMSG,
                   "test.onnx: layer 'Relu_3' reads 'z', which nothing before it makes");
    add_chain();
    sample_node("Relu", "c", "r", NULL);
    assert_refused(-EBADMSG, "test.onnx: tensor 'r' is made twice");
    add_chain();
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "z", 1);
    assert_refused(-EBADMSG, "test.onnx: output 'z' is made by no layer");
    add_chain();
    protobuf_write_text(sample_graph(), ONNX_GRAPH_SPARSE, "");
    assert_refused(-ENOTSUP,
                   "test.onnx: the model has sparse weights; save it with dense ones");
    add_chain();
    size_t weight = protobuf_begin(sample_graph(), ONNX_GRAPH_INITIALIZER);
    protobuf_write_text(sample_graph(), ONNX_TENSOR_NAME, "far");
    protobuf_write_number(sample_graph(), ONNX_TENSOR_LOCATION, 1);
    protobuf_end(sample_graph(), weight);
    assert_refused(-ENOTSUP, "test.onnx: weight 'far' lies in a file of its own; put it "
                             "inside with onnx.save(onnx.load(OLD), NEW)");
}

/* A model whose weight "w" is in `location` beside it, from byte 4 on; returns its path. */
static char *write_outside(const char *location)
{
    sample_node("Conv", "x w", "y", NULL);
    size_t weight = protobuf_begin(sample_graph(), ONNX_GRAPH_INITIALIZER);
    protobuf_write_bytes(sample_graph(), ONNX_TENSOR_DIMS, "\x04\x04\x01\x01", 4);
    protobuf_write_number(sample_graph(), ONNX_TENSOR_TYPE, 1);
    protobuf_write_text(sample_graph(), ONNX_TENSOR_NAME, "w");
    const char *const entries[][2] = {{"location", location}, {"offset", "4"}};
    for (size_t i = 0; i < 2; i++) {
        size_t entry = protobuf_begin(sample_graph(), ONNX_TENSOR_EXTERNAL);
        protobuf_write_text(sample_graph(), ONNX_ENTRY_KEY, entries[i][0]);
        protobuf_write_text(sample_graph(), ONNX_ENTRY_VALUE, entries[i][1]);
        protobuf_end(sample_graph(), entry);
    }
    protobuf_write_number(sample_graph(), ONNX_TENSOR_LOCATION, 1);
    protobuf_end(sample_graph(), weight);
    SAMPLE_VALUE(ONNX_GRAPH_INPUT, "x", 1, 4, 8, 8);
    SAMPLE_VALUE(ONNX_GRAPH_OUTPUT, "y", 1, 4, 8, 8);
    file = sample_file();

    char *path = memory_format("%s/outside.onnx", cache);
    struct error err;
    assert_int_equal(file_write(path, file.bytes, file.size, &err), 0);
    return path;
}

static void write_beside(const char *name, const void *bytes, size_t size)
{
    cleanup(memory_free) char *path = memory_format("%s/%s", cache, name);
    struct error err;

    assert_int_equal(file_write(path, bytes, size, &err), 0);
}

static void weights_may_lie_in_a_file_beside_the_model(void **state)
{
    (void)state;
    char numbers[69] = "....abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";
    cleanup(memory_free) char *path = write_outside("weights.bin");
    cleanup(model_closep) struct model *model = NULL, *other = NULL, *part = NULL;
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    struct error err;

    write_beside("weights.bin", numbers, 68);
    assert_int_equal(model_open(path, &model, &err), 0);
    assert_int_equal(model->layers[0].weight_size, 64);
    assert_int_equal(model_segment(model, 0, 1, &segment, &err), 0);
    assert_int_equal(segment->image.n_weights, 0);
    assert_int_equal(model_read("part", segment->image.bytes, segment->image.size, &part, &err),
                     0);
    assert_non_null(memmem(segment->image.bytes, segment->image.size, numbers + 4, 64));

    numbers[20] = '!';
    write_beside("weights.bin", numbers, 68);
    assert_int_equal(model_open(path, &other, &err), 0);
    assert_true(model->hash != other->hash);
}

static void weights_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const elsewhere[] = {"",          "/etc/passwd", "../passwd",
                                            "a/../../b", "a//b",        "a/.."};
    cleanup(memory_free) char *short_one = write_outside("short.bin");
    struct model *model = NULL;
    struct error err;

    write_beside("short.bin", "0123456", 7);
    assert_int_equal(model_open(short_one, &model, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "weight 'w' lies behind the end of 'short.bin'"));
    cleanup(memory_free) char *missing = write_outside("missing.bin");
    assert_int_equal(model_open(missing, &model, &err), -ENOENT);
    assert_non_null(strstr(err.text, "missing.bin"));
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++) {
        cleanup(memory_free) char *path = write_outside(elsewhere[i]);

        assert_int_equal(model_open(path, &model, &err), -EINVAL);
        assert_non_null(strstr(err.text, "which is not below its folder"));
    }
}

static void a_file_broken_off_anywhere_is_refused(void **state)
{
    (void)state;
    add_chain();
    file = sample_file();
    for (size_t n = 0; n < file.size; n++) {
        cleanup(memory_free) uint8_t *part = memory_new(n, 1);
        struct model *model = NULL;
        struct error err = {0};

        memcpy(part, file.bytes, n);
        assert_int_equal(model_read("test.onnx", part, n, &model, &err), -EBADMSG);
        assert_int_equal(strncmp(err.text, "test.onnx: ", 11), 0);
    }
}

static int finish(void **state)
{
    struct error err;

    (void)state;
    sample_finish();
    return file_remove_folder(cache, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_have_names_kinds_shapes_and_costs),
        cmocka_unit_test(a_file_says_what_it_is),
        cmocka_unit_test(an_open_batch_is_one),
        cmocka_unit_test(other_open_dimensions_forbid_cuts),
        cmocka_unit_test(a_segment_is_a_model),
        cmocka_unit_test(big_weights_stay_in_the_file),
        cmocka_unit_test(weights_listed_as_inputs_stay_weights),
        cmocka_unit_test(what_is_made_of_weights_goes_along),
        cmocka_unit_test(a_subgraph_reads_from_around_it),
        cmocka_unit_test(quantized_layers_stay_whole),
        cmocka_unit_test(what_no_one_knows_is_noted),
        cmocka_unit_test(shapes_are_remembered),
        cmocka_unit_test(a_damaged_memory_of_shapes_is_passed_over),
        cmocka_unit_test(refusals_say_what_is_wrong),
        cmocka_unit_test(weights_may_lie_in_a_file_beside_the_model),
        cmocka_unit_test(weights_elsewhere_are_refused),
        cmocka_unit_test(a_file_broken_off_anywhere_is_refused),
    };
    return cmocka_run_group_tests_name("onnx", tests, begin, finish);
}
