/* What every engine promises, whichever it is. The same small network is there in each format
 * (tests/data/engine), and real ones where the machine has them. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "engine/engine.h"

struct subject {
    const char *engine, *file;
};

static const struct subject subjects[] = {
    {"fake", "tiny.fake"},
    {"onnxruntime", "tiny.onnx"},
    {"tflite", "tiny.tflite"},
};

/* The same with the first dimension of x left open; fake_test.c has fake's. */
static const struct subject open_ended[] = {
    {"onnxruntime", "open.onnx"},
    {"tflite", "open.tflite"},
};

/* Real networks, of packages or of BRUME_MODELS. */
static const struct subject real[] = {
    {"tflite", "ssd_mobilenet_v2_oi.tflite"},
    {"tflite", "face_detection_short_range.tflite"},
    {"onnxruntime", "yolox_nano.onnx"},
};

static const float weights[4] = {10, 20, 30, 40};
static const struct engine_weight weight = {
    .name = "w",
    .shape = {.type = TENSOR_F32, .rank = 2, .dims = {1, 4}},
    .data = weights,
};

struct opened {
    const struct engine *engine;
    struct engine_session *session;
    void *bytes;
    size_t size;
};

static const struct engine *find(const char *name)
{
    const struct engine *engine = NULL;
    struct error err;
    int r = engine_find(name, &engine, &err);

    if (r == -ENOPKG) {
        print_message("# skipped: %s\n", err.text);
        skip();
    }
    if (r < 0) {
        fail_msg("%s", err.text);
    }
    return engine;
}

static void load(const struct subject *subject, void **ret_bytes, size_t *ret_size)
{
    cleanup(memory_free) char *path =
        memory_format("%s/engine/%s", secure_getenv("BRUME_TEST_DATA"), subject->file);
    struct error err;

    if (file_read(path, 1 << 20, ret_bytes, ret_size, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

static struct opened open_with(const struct subject *subject, struct engine_options options)
{
    struct opened opened = {.engine = find(subject->engine)};
    struct engine_model model = {.n_weights = 1, .weights = &weight};
    struct error err;

    load(subject, &opened.bytes, &opened.size);
    model.bytes = opened.bytes;
    model.size = opened.size;
    if (opened.engine->open(&model, &options, &opened.session, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return opened;
}

static void close_opened(struct opened *opened)
{
    opened->engine->close(opened->session);
    free(opened->bytes);
}

static struct tensor *make_tensor(const struct tensor_shape *shape, float first)
{
    struct tensor *tensor;
    struct error err;

    assert_int_equal(tensor_create(shape, &tensor, &err), 0);
    memset(tensor->data, 0, tensor->size);
    for (size_t i = 0; shape->type == TENSOR_F32 && i < tensor->size / sizeof(float); i++) {
        ((float *)tensor->data)[i] = first + (float)(i % 251) / 64;
    }
    return tensor;
}

static void its_ports_are_those_of_the_file(void **state)
{
    cleanup(close_opened) struct opened opened = open_with(*state, (struct engine_options){0});
    const struct engine_port *ports;

    assert_int_equal(opened.engine->inputs(opened.session, &ports), 1);
    assert_string_equal(ports[0].name, "x");
    assert_true(tensor_shape_equal(&ports[0].shape, &weight.shape));
    assert_int_equal(opened.engine->outputs(opened.session, &ports), 2);
    assert_string_equal(ports[0].name, "all");
    assert_string_equal(ports[1].name, "half");
    assert_true(tensor_shape_equal(&ports[1].shape, &weight.shape));
}

static void run_and_compare(const struct opened *opened, float first)
{
    cleanup(tensor_unrefp) struct tensor *x = make_tensor(&weight.shape, first);
    struct tensor *outputs[2];
    struct error err;

    if (opened->engine->run(opened->session, &x, outputs, &err) < 0) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < 4; i++) {
        const float half = 0.5f * (first + (float)i / 64);

        assert_true(((float *)outputs[0]->data)[i] == half + weights[i]);
        assert_true(((float *)outputs[1]->data)[i] == half);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_true(tensor_shape_equal(&outputs[i]->shape, &weight.shape));
        assert_int_equal((uintptr_t)outputs[i]->data % TENSOR_ALIGNMENT, 0);
        tensor_unref(outputs[i]);
    }
}

static void it_computes_what_the_file_says(void **state)
{
    const struct engine_options options[] = {
        {.threads = 1}, {.threads = 2}, {.exact = true}, {.infer_only = true}};

    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        cleanup(close_opened) struct opened opened = open_with(*state, options[i]);

        run_and_compare(&opened, 1);
        run_and_compare(&opened, -3);
    }
}

static void an_input_of_another_shape_or_type_is_refused(void **state)
{
    cleanup(close_opened) struct opened opened = open_with(*state, (struct engine_options){0});
    const struct tensor_shape wrong[] = {
        {.type = TENSOR_F32, .rank = 2, .dims = {1, 5}},
        {.type = TENSOR_F32, .rank = 1, .dims = {4}},
        {.type = TENSOR_I32, .rank = 2, .dims = {1, 4}},
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        cleanup(tensor_unrefp) struct tensor *x = make_tensor(&wrong[i], 0);
        struct tensor *outputs[2] = {NULL, NULL};
        struct error err;

        assert_int_equal(opened.engine->run(opened.session, &x, outputs, &err), -EINVAL);
        assert_non_null(strstr(err.text, "input 'x' is float32[1, 4], not "));
        assert_null(outputs[0]);
    }
    run_and_compare(&opened, 2);
}

/* Either it opens and closes, or one line says why not. */
static void try_to_open(const struct engine *engine, const void *bytes, size_t size,
                        bool may_open)
{
    const struct engine_model model = {bytes, size, 1, &weight};
    const struct engine_options options = {0};
    struct engine_session *session = NULL;
    struct error err = {0};
    int r = engine->open(&model, &options, &session, &err);

    if (r == 0) {
        assert_true(may_open);
        engine->close(session);
        return;
    }
    assert_null(session);
    assert_int_equal(err.code, r);
    assert_true(strlen(err.text) > 10);
    assert_null(strchr(err.text, '\n'));
}

static void what_is_no_model_is_refused_with_a_sentence(void **state)
{
    const struct subject *subject = *state;
    const struct engine *engine = find(subject->engine);
    cleanup(memory_free) void *bytes = NULL;
    size_t size;

    load(subject, &bytes, &size);
    try_to_open(engine, "", 0, false);
    try_to_open(engine, "a letter to a friend, not a network", 35, false);
    for (size_t end = 1; end < size; end += size / 16) {
        cleanup(memory_free) void *part = memory_new(end, 1);

        memcpy(part, bytes, end);
        try_to_open(engine, part, end, true);
    }
    engine->close(NULL);
}

static void outputs_outlive_their_session(void **state)
{
    struct opened opened = open_with(*state, (struct engine_options){0});
    cleanup(tensor_unrefp) struct tensor *x = make_tensor(&weight.shape, 6);
    struct tensor *outputs[2];
    struct error err;

    assert_int_equal(opened.engine->run(opened.session, &x, outputs, &err), 0);
    x = tensor_unref(x);
    close_opened(&opened);
    assert_true(((float *)outputs[0]->data)[0] == 13);
    assert_true(((float *)outputs[1]->data)[0] == 3);
    tensor_unref(outputs[0]);
    tensor_unref(outputs[1]);
}

static void a_dimension_left_open_takes_any_size(void **state)
{
    cleanup(close_opened) struct opened opened = open_with(*state, (struct engine_options){0});
    const struct engine_port *ports;

    opened.engine->inputs(opened.session, &ports);
    assert_int_equal(ports[0].shape.dims[0], 0);
    opened.engine->outputs(opened.session, &ports);
    assert_int_equal(ports[0].shape.dims[0], 0);
    for (uint32_t n = 3; n > 0; n--) {
        const struct tensor_shape shape = {.type = TENSOR_F32, .rank = 2, .dims = {n, 4}};
        cleanup(tensor_unrefp) struct tensor *x = make_tensor(&shape, 1);
        struct tensor *outputs[2];
        struct error err;

        if (opened.engine->run(opened.session, &x, outputs, &err) < 0) {
            fail_msg("%s", err.text);
        }
        assert_true(tensor_shape_equal(&outputs[0]->shape, &shape));
        for (size_t i = 0; i < 4 * (size_t)n; i++) {
            const float half = ((float *)x->data)[i] / 2;

            assert_true(((float *)outputs[0]->data)[i] == half + weights[i % 4]);
            assert_true(((float *)outputs[1]->data)[i] == half);
        }
        tensor_unref(outputs[0]);
        tensor_unref(outputs[1]);
    }
}

static void *run_often(void *opened)
{
    for (int i = 0; i < 200; i++) {
        run_and_compare(opened, (float)i);
    }
    return NULL;
}

static void two_sessions_run_at_once(void **state)
{
    cleanup(close_opened) struct opened one = open_with(*state, (struct engine_options){0});
    cleanup(close_opened) struct opened two = open_with(*state, (struct engine_options){0});
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_often, &one), 0);
    run_often(&two);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void compare_runs(const struct opened *opened, struct tensor *const *inputs)
{
    const struct engine_port *ports;
    size_t n = opened->engine->outputs(opened->session, &ports);
    struct tensor **once = memory_new(n, sizeof(*once));
    struct tensor **again = memory_new(n, sizeof(*again));
    struct error err;

    assert_int_equal(opened->engine->run(opened->session, inputs, once, &err), 0);
    assert_int_equal(opened->engine->run(opened->session, inputs, again, &err), 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(tensor_shape_equal(&once[i]->shape, &ports[i].shape));
        assert_memory_equal(once[i]->data, again[i]->data, once[i]->size);
        tensor_unref(once[i]);
        tensor_unref(again[i]);
    }
    free(once);
    free(again);
}

static void a_real_network_gives_the_same_bits_twice(void **state)
{
    const struct subject *subject = *state;
    const struct engine *engine = find(subject->engine);
    cleanup(memory_free) char *path = file_search(NULL, subject->file);
    struct engine_model model = {0};
    struct opened opened = {.engine = engine};
    void *bytes = NULL;
    struct error err;

    if (path == NULL) {
        print_message("# skipped: %s is not here\n", subject->file);
        skip();
    }
    assert_int_equal(file_map(path, &bytes, &model.size, &err), 0);
    model.bytes = bytes;
    for (int exact = 0; exact < 2; exact++) {
        const struct engine_options options = {.exact = exact};
        const struct engine_port *ports;

        assert_int_equal(engine->open(&model, &options, &opened.session, &err), 0);
        assert_int_equal(engine->inputs(opened.session, &ports), 1);
        cleanup(tensor_unrefp) struct tensor *x = make_tensor(&ports[0].shape, -1);
        compare_runs(&opened, &x);
        engine->close(opened.session);
    }
    file_unmap(bytes, model.size);
}

static void an_engine_that_is_not_there_is_named(void **state)
{
    (void)state;
    const struct engine *engine = NULL;
    struct error err;

    assert_int_equal(engine_find("steam", &engine, &err), -ENOPKG);
    assert_non_null(strstr(err.text, "the engine 'steam' is not here"));
    assert_int_equal(engine_find(".pt", &engine, &err), -EINVAL);
    assert_string_equal(err.text, "no engine runs .pt files; .onnx and .tflite are known");
    assert_int_equal(engine_find("../tflite", &engine, &err), -EINVAL);
    assert_null(engine);
}

static void a_suffix_finds_its_engine(void **state)
{
    (void)state;
    const struct engine *engine = NULL;
    struct error err;

    assert_int_equal(engine_find(".fake", &engine, &err), 0);
    assert_string_equal(engine->name, "fake");
    assert_string_equal(engine->suffix, ".fake");
}

static const struct CMUnitTest conformance[] = {
    cmocka_unit_test(its_ports_are_those_of_the_file),
    cmocka_unit_test(it_computes_what_the_file_says),
    cmocka_unit_test(an_input_of_another_shape_or_type_is_refused),
    cmocka_unit_test(what_is_no_model_is_refused_with_a_sentence),
    cmocka_unit_test(outputs_outlive_their_session),
    cmocka_unit_test(two_sessions_run_at_once),
};

enum {
    N_SUBJECTS = sizeof(subjects) / sizeof(*subjects),
    N_CONFORMANCE = sizeof(conformance) / sizeof(*conformance),
    N_OPEN_ENDED = sizeof(open_ended) / sizeof(*open_ended),
    N_REAL = sizeof(real) / sizeof(*real),
};

/* The test with its subject's name before its own. */
static struct CMUnitTest with_subject(struct CMUnitTest test, const struct subject *subject,
                                      const char *name)
{
    test.name = memory_format("%s: %s", name, test.name);
    test.initial_state = (void *)subject;
    return test;
}

int main(void)
{
    struct CMUnitTest tests[N_SUBJECTS * N_CONFORMANCE + N_OPEN_ENDED + N_REAL + 2] = {
        cmocka_unit_test(an_engine_that_is_not_there_is_named),
        cmocka_unit_test(a_suffix_finds_its_engine),
    };
    size_t n = 2;

    for (size_t i = 0; i < N_SUBJECTS; i++) {
        for (size_t k = 0; k < N_CONFORMANCE; k++) {
            tests[n++] = with_subject(conformance[k], &subjects[i], subjects[i].engine);
        }
    }
    for (size_t i = 0; i < N_OPEN_ENDED; i++) {
        const struct CMUnitTest test = cmocka_unit_test(a_dimension_left_open_takes_any_size);

        tests[n++] = with_subject(test, &open_ended[i], open_ended[i].engine);
    }
    for (size_t i = 0; i < N_REAL; i++) {
        const struct CMUnitTest test =
            cmocka_unit_test(a_real_network_gives_the_same_bits_twice);

        tests[n++] = with_subject(test, &real[i], real[i].file);
    }
    int failed = cmocka_run_group_tests_name("engine", tests, NULL, NULL);
    while (n > 2) {
        free((char *)tests[--n].name);
    }
    return failed;
}
