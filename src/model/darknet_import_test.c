/* Imported networks against plain loops: what Darknet computes, layer by layer, written down a
 * second time without a matrix product, a folded batch normalisation or a graph. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "engine/engine.h"
#include "model/darknet.h"
#include "model/model.h"

enum { SIDE = 12, VALUES = 64 * SIDE * SIDE, NUMBERS = 4096 };

struct picture {
    int channels, height, width;
    double values[VALUES];
};

/* The weights file, drawn as the reference asks for its numbers, in the order of the file. */
struct numbers {
    uint32_t state;
    size_t n;
    float values[NUMBERS];
};

static char *folder;

static int set_up(void **state)
{
    char template[] = "/tmp/brume-darknet-import.XXXXXX";

    (void)state;
    folder = memory_text(mkdtemp(template));
    return folder == NULL ? -1 : 0;
}

static char *in_folder(const char *name)
{
    return memory_format("%s/%s", folder, name);
}

static int tear_down(void **state)
{
    static const char *const names[] = {"a.cfg", "a.weights", "a.onnx"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cleanup(memory_free) char *path = in_folder(names[i]);
        unlink(path);
    }
    int r = rmdir(folder);
    free(folder);
    return r;
}

static double at(const struct picture *p, int c, int y, int x)
{
    return y < 0 || y >= p->height || x < 0 || x >= p->width
               ? 0
               : p->values[(c * p->height + y) * p->width + x];
}

static void resize(struct picture *p, int channels, int height, int width)
{
    assert_true(channels * height * width <= VALUES);
    p->channels = channels;
    p->height = height;
    p->width = width;
}

static double leaky(double x)
{
    return x > 0 ? x : 0.1 * x;
}

static double elu(double x)
{
    return x >= 0 ? x : expm1(x);
}

static double linear(double x)
{
    return x;
}

static double mish(double x)
{
    return x * tanh(log1p(exp(x)));
}

static double swish(double x)
{
    return x / (1 + exp(-x));
}

typedef double (*activation_fn)(double x);

static void activate(struct picture *p, activation_fn activation)
{
    for (int i = 0; i < p->channels * p->height * p->width; i++) {
        p->values[i] = activation(p->values[i]);
    }
}

struct kernel {
    int filters, size, stride, padding, groups;
    bool normalize;
};

static float draw(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (float)(*state >> 8) / (1 << 24);
}

/* n numbers from least to least + 1. */
static const float *take(struct numbers *numbers, int n, float least)
{
    const float *from = numbers->values + numbers->n;

    assert_true(numbers->n + (size_t)n <= NUMBERS);
    for (int i = 0; i < n; i++) {
        numbers->values[numbers->n++] = least + draw(&numbers->state);
    }
    return from;
}

/* Scales, means and variances. */
static const float *take_normal(struct numbers *numbers, int n)
{
    const float *from = take(numbers, 2 * n, -0.5f);

    take(numbers, n, 0.1f);
    return from;
}

static void convolve(const struct picture *in, const struct kernel *k, struct numbers *numbers,
                     activation_fn activation, struct picture *out)
{
    int depth = in->channels / k->groups, size = k->size;
    const float *bias = take(numbers, k->filters, -0.5f);
    const float *normal = k->normalize ? take_normal(numbers, k->filters) : NULL;
    const float *weights = take(numbers, k->filters * depth * size * size, -0.5f);

    resize(out, k->filters, (in->height + 2 * k->padding - size) / k->stride + 1,
           (in->width + 2 * k->padding - size) / k->stride + 1);
    for (int i = 0; i < out->channels * out->height * out->width; i++) {
        int f = i / (out->height * out->width), x = i % out->width;
        int y = i / out->width % out->height, first = f / (k->filters / k->groups) * depth;
        double sum = 0;

        for (int j = 0; j < depth * size * size; j++) {
            sum +=
                weights[f * depth * size * size + j] *
                at(in, first + j / (size * size), y * k->stride - k->padding + j / size % size,
                   x * k->stride - k->padding + j % size);
        }
        if (normal != NULL) {
            sum = (sum - normal[k->filters + f]) /
                  (sqrt((double)normal[2 * k->filters + f]) + .000001);
            sum *= normal[f];
        }
        out->values[i] = sum + bias[f];
    }
    activate(out, activation);
}

static void connect(const struct picture *in, int n, struct numbers *numbers,
                    activation_fn activation, struct picture *out)
{
    int size = in->channels * in->height * in->width;
    const float *bias = take(numbers, n, -0.5f), *weights = take(numbers, n * size, -0.5f);
    const float *normal = take_normal(numbers, n);

    resize(out, n, 1, 1);
    for (int f = 0; f < n; f++) {
        double sum = 0;

        for (int j = 0; j < size; j++) {
            sum += weights[f * size + j] * in->values[j];
        }
        out->values[f] =
            (sum - normal[n + f]) / (sqrt((double)normal[2 * n + f]) + .000001) * normal[f] +
            bias[f];
    }
    activate(out, activation);
}

/* Darknet's default padding, size - 1 in all, less of it before than behind. */
static void pool(const struct picture *in, int size, int stride, struct picture *out)
{
    resize(out, in->channels, (in->height - 1) / stride + 1, (in->width - 1) / stride + 1);
    for (int i = 0; i < out->channels * out->height * out->width; i++) {
        int c = i / (out->height * out->width);
        int top = i / out->width % out->height * stride - (size - 1) / 2;
        int left = i % out->width * stride - (size - 1) / 2;
        double most = -INFINITY;

        for (int y = top < 0 ? 0 : top; y < top + size && y < in->height; y++) {
            for (int x = left < 0 ? 0 : left; x < left + size && x < in->width; x++) {
                most = fmax(most, at(in, c, y, x));
            }
        }
        out->values[i] = most;
    }
}

static void add(const struct picture *from, activation_fn activation, struct picture *to)
{
    int stride = from->width / to->width;

    for (int i = 0; i < to->channels * to->height * to->width; i++) {
        int c = i / (to->height * to->width);

        if (c < from->channels) {
            to->values[i] +=
                at(from, c, i / to->width % to->height * stride, i % to->width * stride);
        }
    }
    activate(to, activation);
}

static void upsample(const struct picture *in, int stride, struct picture *out)
{
    resize(out, in->channels, in->height * stride, in->width * stride);
    for (int i = 0; i < out->channels * out->height * out->width; i++) {
        out->values[i] = at(in, i / (out->height * out->width),
                            i / out->width % out->height / stride, i % out->width / stride);
    }
}

/* As Darknet does it: the input counts as a picture of fewer channels and larger sides. */
static void reorganize(const struct picture *in, int stride, struct picture *out)
{
    int fewer = in->channels / (stride * stride);
    int height = in->height * stride, width = in->width * stride;

    resize(out, in->channels * stride * stride, in->height / stride, in->width / stride);
    for (int i = 0; i < in->channels * in->height * in->width; i++) {
        int k = i / (in->height * in->width), offset = k / fewer;
        int y = i / in->width % in->height * stride + offset / stride;
        int x = i % in->width * stride + offset % stride;

        out->values[i] = in->values[(k % fewer * height + y) * width + x];
    }
}

static void append(const struct picture *from, int first, int n, struct picture *to)
{
    size_t area = (size_t)from->height * (size_t)from->width;

    memcpy(to->values + (size_t)to->channels * area, from->values + (size_t)first * area,
           (size_t)n * area * sizeof(double));
    resize(to, to->channels + n, from->height, from->width);
}

static void save(const char *cfg, const struct numbers *numbers)
{
    static const int32_t head[] = {0, 2, 0, 0, 0};
    cleanup(memory_free) char *config = in_folder("a.cfg"), *weights = in_folder("a.weights");
    char bytes[sizeof(head) + sizeof(numbers->values)];
    struct error err;

    memcpy(bytes, head, sizeof(head));
    memcpy(bytes + sizeof(head), numbers->values, numbers->n * sizeof(float));
    assert_int_equal(file_write(config, cfg, strlen(cfg), &err), 0);
    assert_int_equal(
        file_write(weights, bytes, sizeof(head) + numbers->n * sizeof(float), &err), 0);
}

static void import(bool seeded, struct darknet_summary *ret_summary)
{
    cleanup(memory_free) char *config = in_folder("a.cfg"), *weights = in_folder("a.weights");
    cleanup(memory_free) char *output = in_folder("a.onnx");
    struct darknet_options options = {
        .config = config, .weights = seeded ? NULL : weights, .output = output};
    struct error err;

    if (darknet_import(&options, ret_summary, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

/* Runs the imported model; skips the test where there is no engine. */
static struct tensor *run(const struct picture *input)
{
    const struct tensor_shape shape = {.type = TENSOR_F32,
                                       .rank = 4,
                                       .dims = {1, (uint32_t)input->channels,
                                                (uint32_t)input->height,
                                                (uint32_t)input->width}};
    cleanup(memory_free) char *path = in_folder("a.onnx");
    cleanup(memory_free) void *bytes = NULL;
    cleanup(tensor_unrefp) struct tensor *tensor = NULL;
    const struct engine *engine = NULL;
    struct engine_session *session = NULL;
    struct engine_model model = {0};
    struct tensor *output = NULL;
    struct error err = {.text = ""};

    if (engine_find(".onnx", &engine, &err) == -ENOPKG) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    assert_int_equal(file_read(path, 1 << 20, &bytes, &model.size, &err), 0);
    model.bytes = bytes;
    if (engine->open(&model, &(struct engine_options){.exact = true}, &session, &err) < 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    for (size_t i = 0; i < tensor->size / sizeof(float); i++) {
        ((float *)tensor->data)[i] = (float)input->values[i];
    }
    assert_int_equal(engine->run(session, &tensor, &output, &err), 0);
    engine->close(session);
    return output;
}

static void assert_runs_to(const struct picture *input, const struct picture *expected)
{
    cleanup(tensor_unrefp) struct tensor *output = run(input);
    const float *values = output->data;

    assert_int_equal(output->shape.dims[1], expected->channels);
    assert_int_equal(output->shape.dims[2], expected->height);
    assert_int_equal(output->shape.dims[3], expected->width);
    for (size_t i = 0; i < output->size / sizeof(float); i++) {
        assert_float_equal(values[i], expected->values[i], 1e-4);
    }
}

static void draw_input(struct picture *p, int channels, int height, int width)
{
    uint32_t state = 1;

    resize(p, channels, height, width);
    for (int i = 0; i < channels * height * width; i++) {
        p->values[i] = draw(&state);
    }
}

static const char detector[] =
    "[net]\nwidth=11\nheight=9\nchannels=3\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
    "[maxpool]\nsize=2\nstride=1\n"
    "[convolutional]\nfilters=6\nsize=1\ngroups=2\nactivation=swish\n"
    "[dropout]\n"
    "[shortcut]\nfrom=0\nactivation=linear\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\npadding=1\nactivation=mish\n"
    "[shortcut]\nfrom=-2\nactivation=leaky\n"
    "[upsample]\nstride=2\n"
    "[reorg]\nstride=2\n"
    "[route]\nlayers=-1,6\n"
    "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n"
    "[maxpool]\nsize=3\nstride=2\n"
    "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n"
    "[yolo]\nclasses=2\nnum=3\nmask=0,1\nanchors=1,2,3,4,5,6\n";

static void a_detector_computes_what_darknet_computes(void **state)
{
    (void)state;
    static struct picture input, first, pooled, second, third, larger, deep, joined, half, out;
    static struct numbers numbers;
    struct darknet_summary summary;

    draw_input(&input, 3, 9, 11);
    convolve(&input, &(struct kernel){4, 3, 2, 1, 1, true}, &numbers, leaky, &first);
    pool(&first, 2, 1, &pooled);
    convolve(&pooled, &(struct kernel){6, 1, 1, 0, 2, false}, &numbers, swish, &second);
    add(&first, linear, &second);
    convolve(&second, &(struct kernel){4, 3, 1, 1, 1, true}, &numbers, mish, &third);
    add(&second, leaky, &third);
    upsample(&third, 2, &larger);
    reorganize(&larger, 2, &deep);
    append(&deep, 0, deep.channels, &joined);
    append(&third, 0, third.channels, &joined);
    append(&joined, joined.channels / 2, joined.channels / 2, &half);
    pool(&half, 3, 2, &pooled);
    convolve(&pooled, &(struct kernel){14, 1, 1, 0, 1, false}, &numbers, linear, &out);
    save(detector, &numbers);
    import(false, &summary);
    assert_int_equal(summary.n_layers, 14);
    assert_int_equal(summary.n_convolutions, 4);
    assert_int_equal(summary.n_outputs, 1);
    assert_runs_to(&input, &out);
}

static void a_classifier_computes_what_darknet_computes(void **state)
{
    (void)state;
    static struct picture input, first, pooled, out;
    static struct numbers numbers;
    struct darknet_summary summary;
    double sum = 0;

    draw_input(&input, 2, 6, 4);
    convolve(&input, &(struct kernel){3, 1, 1, 0, 1, true}, &numbers, tanh, &first);
    pool(&first, 2, 2, &pooled);
    add(&first, linear, &pooled); /* every second pixel of the larger one */
    connect(&pooled, 5, &numbers, elu, &out);
    for (int i = 0; i < 5; i++) {
        sum += out.values[i] = exp(out.values[i]);
    }
    for (int i = 0; i < 5; i++) {
        out.values[i] /= sum;
    }
    save("[net]\nwidth=4\nheight=6\nchannels=2\n"
         "[convolutional]\nbatch_normalize=1\nfilters=3\nactivation=tanh\n"
         "[maxpool]\nstride=2\n"
         "[shortcut]\nfrom=0\n"
         "[connected]\nbatch_normalize=1\noutput=5\nactivation=elu\n"
         "[softmax]\n[cost]\n",
         &numbers);
    import(false, &summary);
    assert_runs_to(&input, &out);
}

static void a_published_network_finds_its_weights(void **state)
{
    (void)state;
    cleanup(memory_free) char *config = file_search(NULL, "yolo-fastest-1.1-xl.cfg");
    cleanup(memory_free) char *weights = file_search(NULL, "yolo-fastest-1.1-xl.weights");
    cleanup(memory_free) char *output = in_folder("a.onnx");
    cleanup(model_closep) struct model *model = NULL;
    struct darknet_options options = {.config = config, .weights = weights, .output = output};
    struct darknet_summary summary;
    struct error err = {.text = ""};

    if (config == NULL || weights == NULL) {
        print_message("skipped: BRUME_MODELS leads to no yolo-fastest-1.1-xl\n");
        skip();
    }
    if (darknet_import(&options, &summary, &err) < 0 || model_open(output, &model, &err) < 0) {
        fail_msg("%s", err.text);
        return;
    }
    assert_int_equal(summary.n_convolutions, 84);
    assert_int_equal(model->n_outputs, 2);
    assert_string_equal(model->tensors[model->outputs[0]].name, "yolo_121");
    assert_int_equal(model->tensors[model->outputs[0]].size, sizeof(float[255 * 10 * 10]));
    assert_string_equal(model->tensors[model->outputs[1]].name, "yolo_130");
    assert_int_equal(model->tensors[model->outputs[1]].size, sizeof(float[255 * 20 * 20]));
}

static void an_import_is_a_model_that_can_be_cut(void **state)
{
    (void)state;
    static struct numbers numbers;
    cleanup(memory_free) char *path = in_folder("a.onnx");
    cleanup(model_closep) struct model *model = NULL;
    struct darknet_summary summary;
    struct error err = {.text = ""};
    size_t n_legal = 0;
    double operations = 0;

    save(detector, &numbers);
    import(true, &summary);
    if (model_open(path, &model, &err) < 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(model->n_inputs, 1);
    assert_string_equal(model->tensors[model->inputs[0]].name, "data");
    assert_int_equal(model->n_outputs, 1);
    assert_string_equal(model->tensors[model->outputs[0]].name, "yolo_13");
    assert_int_equal(model->tensors[model->outputs[0]].size, sizeof(float[14 * 3 * 3]));
    for (size_t k = 0; k <= model->n_layers; k++) {
        n_legal += model->legal[k];
    }
    assert_int_equal(n_legal, model->n_layers + 1);
    for (size_t i = 0; i < model->n_layers; i++) {
        if (strcmp(model->layers[i].kind, "Conv") == 0) {
            operations += model->layers[i].operations;
        }
    }
    assert_true(operations == summary.operations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_detector_computes_what_darknet_computes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_classifier_computes_what_darknet_computes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_published_network_finds_its_weights, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_import_is_a_model_that_can_be_cut, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("model/darknet_import", tests, NULL, NULL);
}
