#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "model/darknet.h"
#include "model/darknet_graph.h"

#define NET "[net]\nwidth=8\nheight=6\nchannels=3\n"

static struct darknet_network *parse(const char *text)
{
    struct darknet_network *network = NULL;
    struct error err = {.text = ""};

    if (darknet_network_parse("a.cfg", text, strlen(text), &network, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return network;
}

static void assert_shape(const struct darknet_network *network, int layer, int channels,
                         int height, int width)
{
    const struct darknet_shape *shape = darknet_network_shape(network, layer);

    assert_int_equal(shape->channels, channels);
    assert_int_equal(shape->height, height);
    assert_int_equal(shape->width, width);
}

static void layers_have_the_shapes_that_darknet_gives_them(void **state)
{
    (void)state;
    cleanup(darknet_network_destroyp) struct darknet_network *network =
        parse(NET "[conv]\nfilters=4\nsize=3\nstride=2\npad=1\n" /* 0: 3x8 -> 3x4 */
                  "[max]\nsize=2\nstride=1\n"                    /* 1: stays, padded behind */
                  "[maxpool]\nstride=2\n"  /* 2: size 2, odd sides round up */
                  "[upsample]\n"           /* 3: stride 2 */
                  "[reorg]\nstride=2\n"    /* 4 */
                  "[route]\nlayers=-1,2\n" /* 5 */
                  "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n"   /* 6 */
                  "[dropout]\n"                                  /* 7 */
                  "[avgpool]\n"                                  /* 8 */
                  "[connected]\noutput=7\n[softmax]\n[cost]\n"); /* 9, 10, 11 */

    assert_int_equal(network->n_layers, 12);
    assert_shape(network, DARKNET_DATA, 3, 6, 8);
    assert_shape(network, 0, 4, 3, 4);
    assert_shape(network, 1, 4, 3, 4);
    assert_shape(network, 2, 4, 2, 2);
    assert_shape(network, 3, 4, 4, 4);
    assert_shape(network, 4, 16, 2, 2);
    assert_shape(network, 5, 20, 2, 2);
    assert_shape(network, 6, 10, 2, 2);
    assert_shape(network, 7, 10, 2, 2);
    assert_shape(network, 8, 10, 1, 1);
    assert_shape(network, 9, 7, 1, 1);
    assert_shape(network, 11, 7, 1, 1);
    assert_int_equal(network->n_convolutions, 2);
    assert_int_equal(network->n_weights, 4 * (27 + 1) + 7 * (10 + 1));
    assert_true(network->operations == 2.0 * 27 * 4 * 12 + 2.0 * 10 * 7);
}

static void a_cfg_is_read_as_darknet_reads_it(void **state)
{
    (void)state;
    cleanup(darknet_network_destroyp) struct darknet_network *network =
        parse("# first\n; second\n\n [ n e t ] \r\n width = 8 # of the picture\r\nheight=6\n"
              "channels=3\nlearning_rate=0.1\n[convolutional]\nfilters = 1 2\nfilters=5\n"
              "size=\n");

    assert_shape(network, 0, 12, 6, 8);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "a.cfg: has no [section]: not a Darknet cfg file"},
        {"width=4\n", "a.cfg:1: 'width=4' stands before the first [section]"},
        {"[net\n", "a.cfg:1: '[net' is no [section]"},
        {"[net]\nhello\n", "a.cfg:2: 'hello' is neither a [section] nor key=value"},
        {"[yolo]\n", "a.cfg:1: the first section must be [net], not [yolo]"},
        {"[net]\nwidth=8\n", "a.cfg:1: [net] needs width=, height= and channels="},
        {"[net]\nwidth=99999999999999999999\n",
         "a.cfg:2: width=99999999999999999999 must be a whole number from 1 to 16384"},
        {NET, "a.cfg:1: the network has no convolution"},
        {NET "[conv]\nfilters=x\n",
         "a.cfg:6: filters=x must be a whole number from 1 to 65536"},
        {NET "[conv]\nsize=9\n", "a.cfg:5: [conv] leaves nothing of its input of 3x6x8"},
        {NET "[conv]\nfilters=4\ngroups=2\n",
         "a.cfg:7: groups=2 does not divide 3 input channels and 4 filters"},
        {NET "[conv]\ndilation=2\n", "a.cfg:6: dilation=2 cannot be imported"},
        {NET "[conv]\n[route]\n", "a.cfg:6: a route needs layers="},
        {NET "[conv]\n[route]\nlayers=-2\n",
         "a.cfg:7: layers=-2 names no layer before this one (number 1)"},
        {NET "[conv]\n[route]\nlayers=1\n",
         "a.cfg:7: layers=1 names no layer before this one (number 1)"},
        {NET "[conv]\n[route]\nlayers=0,,0\n",
         "a.cfg:7: layers=0,,0 must be a list of numbers"},
        {NET "[conv]\n[max]\nstride=2\n[route]\nlayers=0,1\n",
         "a.cfg:9: cannot join a layer of 8x6 pixels with one of 4x3"},
        {NET "[conv]\n[upsample]\n[shortcut]\nfrom=0\n",
         "a.cfg:8: cannot add a layer of 8x6 pixels to 16x12"},
        {NET "[conv]\n[reorg]\nstride=2\n",
         "a.cfg:7: stride=2 does not divide the input of 1x6x8"},
        {NET "[conv]\n[softmax]\n",
         "a.cfg:6: a softmax over 8x6 pixels cannot be imported (only spatial=1)"},
        {NET "[conv]\nfilters=7\n[yolo]\nclasses=2\nanchors=1,2\nnum=2\n",
         "a.cfg:9: num=2 needs 4 numbers in anchors=, not 2"},
        {NET "[conv]\nfilters=7\n[yolo]\nclasses=3\nanchors=1,2\n",
         "a.cfg:7: 1 boxes of 3 classes need 8 channels, but the input has 7"},
        {NET "[conv]\nfilters=7\n[yolo]\nclasses=2\nanchors=1,2\nmask=1\n",
         "a.cfg:10: mask has 1, but num=1 anchors"},
        {NET "[conv]\nfilters=7\n[yolo]\nclasses=2\nanchors=1,2\n[conv]\n",
         "a.cfg:10: [conv] reads [yolo] of line 7, where the network ends"},
        {NET "[sam]\nfrom=1\n",
         "a.cfg:5: [sam] cannot be imported (only avgpool, connected, convolutional, cost, "
         "dropout, maxpool, region, reorg, route, shortcut, softmax, upsample, yolo)"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct darknet_network *network = NULL;
        struct error err = {.text = ""};
        size_t size = strlen(cases[i].text);

        assert_int_equal(darknet_network_parse("a.cfg", cases[i].text, size, &network, &err),
                         -EINVAL);
        assert_string_equal(err.text, cases[i].error);
        assert_null(network);
    }
}

static void no_file_can_ask_for_the_whole_memory(void **state)
{
    (void)state;
    static const char *const greedy[] = {
        "[net]\nwidth=16384\nheight=16384\nchannels=64\n[conv]\nsize=255\nfilters=65536\n",
        "[net]\nwidth=16384\nheight=16384\nchannels=1\n[conv]\nfilters=2\n",
        NET "[conv]\n[upsample]\nstride=255\n[upsample]\nstride=255\n[upsample]\nstride=255\n",
        NET "[conv]\nfilters=65536\n[route]\nlayers=0,0\n",
        NET "[connected]\noutput=65536\n[connected]\noutput=65536\n",
    };

    for (size_t i = 0; i < sizeof(greedy) / sizeof(greedy[0]); i++) {
        struct darknet_network *network = NULL;
        struct error err = {.text = ""};

        assert_int_equal(
            darknet_network_parse("a.cfg", greedy[i], strlen(greedy[i]), &network, &err),
            -EINVAL);
        assert_true(strstr(err.text, "too large") != NULL || strstr(err.text, "pass") != NULL);
    }
}

static void an_unknown_activation_is_refused(void **state)
{
    (void)state;
    cleanup(darknet_network_destroyp) struct darknet_network *network =
        parse(NET "[conv]\nactivation=plse\n");
    cleanup(onnx_writer_destroyp) struct onnx_writer *writer = onnx_writer_create("a");
    struct error err = {.text = ""};

    assert_int_equal(darknet_graph_tell(network, writer, &err), -EINVAL);
    assert_string_equal(err.text, "a.cfg:6: activation=plse cannot be imported (only linear, "
                                  "leaky, relu, logistic, tanh, elu, swish, mish)");
}

static void a_head_says_how_it_is_decoded(void **state)
{
    (void)state;
    cleanup(darknet_network_destroyp) struct darknet_network *network =
        parse(NET "[conv]\nfilters=14\n[yolo]\nclasses=2\nnum=3\nmask = 1, 2\n"
                  "anchors = 1,2, 3.5,4, 5,6\nscale_x_y=1.05\n"
                  "[route]\nlayers=0\n[region]\nclasses=2\nnum=2\nanchors=1.08,2,3,4\n"
                  "softmax=1\n");

    assert_string_equal(
        network->layers[1].head,
        "{\"head\": \"yolo\", \"classes\": 2, \"anchors\": [1, 2, 3.5, 4, 5, 6], "
        "\"mask\": [1, 2], \"scale_x_y\": 1.05}");
    assert_string_equal(network->layers[3].head,
                        "{\"head\": \"region\", \"classes\": 2, \"anchors\": [1.08, 2, 3, 4], "
                        "\"softmax\": true}");
}

/* A folder with a cfg file of one convolution, 2 filters of 3x1x1. */
static char *folder;

static char *in_folder(const char *name)
{
    return memory_format("%s/%s", folder, name);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    cleanup(memory_free) char *path = in_folder(name);
    struct error err = {.text = ""};

    if (file_write(path, bytes, size, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

static int set_up(void **state)
{
    static const char one[] = NET "[conv]\nfilters=2\nactivation=leaky\n";
    char template[] = "/tmp/brume-darknet.XXXXXX";

    (void)state;
    folder = memory_text(mkdtemp(template));
    if (folder == NULL) {
        return -1;
    }
    write_file("one.cfg", one, strlen(one));
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"one.cfg", "one.weights", "one.onnx"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cleanup(memory_free) char *path = in_folder(names[i]);
        unlink(path);
    }
    int r = rmdir(folder); /* fails when a half-written file was left */
    free(folder);
    return r;
}

static int import(const char *weights, uint64_t seed, struct darknet_summary *ret_summary,
                  struct error *err)
{
    cleanup(memory_free) char *config = in_folder("one.cfg");
    cleanup(memory_free) char *path = weights == NULL ? NULL : in_folder(weights);
    cleanup(memory_free) char *output = in_folder("one.onnx");

    return darknet_import(
        &(struct darknet_options){
            .config = config, .weights = path, .seed = seed, .output = output},
        ret_summary, err);
}

static void assert_tail(const void *tail, size_t size)
{
    cleanup(memory_free) char *path = in_folder("one.onnx");
    cleanup(memory_free) void *bytes = NULL;
    struct error err = {.text = ""};
    size_t total = 0;

    assert_int_equal(file_read(path, 1 << 20, &bytes, &total, &err), 0);
    assert_true(total > size);
    assert_memory_equal((char *)bytes + total - size, tail, size);
}

static void a_seed_gives_the_same_weights_everywhere(void **state)
{
    (void)state;
    struct darknet_summary summary;
    struct error err = {.text = ""};
    /* The first six steps of splitmix64 from 7, in units of 2^-23 of the reach sqrt(6/1.01/3).
     */
    static const int32_t steps[] = {-1848351, -8106948, 6723648, 1391339, -797893, -4203842};
    float expected[6];

    for (size_t i = 0; i < 6; i++) {
        expected[i] = (float)steps[i] / (1 << 23) * 1.407195089f;
    }
    assert_int_equal(import(NULL, 7, &summary, &err), 0);
    assert_int_equal(summary.n_convolutions, 1);
    assert_int_equal(summary.weight_size, 8 * sizeof(float));
    assert_true(summary.operations == 2.0 * 6 * 48);
    assert_tail(expected, sizeof(expected));
}

static void weights_of_another_network_leave_the_output_alone(void **state)
{
    (void)state;
    static const int32_t head[] = {0, 2, 0, 7, 0};
    char bytes[64] = {0};
    struct darknet_summary summary;
    struct error err = {.text = ""};

    memcpy(bytes, head, sizeof(head));
    write_file("one.onnx", "x before", 8);
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        if (size == sizeof(head) + 32) {
            continue;
        }
        write_file("one.weights", bytes, size);
        assert_int_equal(import("one.weights", 0, &summary, &err), -EINVAL);
        assert_non_null(strstr(err.text, "one.weights: "));
    }
    assert_non_null(strstr(err.text, "one.cfg needs 52: not the weights of this network"));
    assert_tail(" before", 7);
}

static void the_version_says_how_long_the_head_is(void **state)
{
    (void)state;
    static const struct {
        int32_t major, minor;
        size_t head;
    } versions[] = {{0, 1, 16}, {0, 2, 20}, {1, 0, 20}, {0, 1001, 16}, {-5, 0, 16}};
    struct darknet_summary summary;
    struct error err = {.text = ""};

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        char bytes[52] = {0};
        const float numbers[] = {7, 8, 1, 2, 3, 4, 5, 6}; /* two biases, two filters */

        memcpy(bytes, &versions[i].major, 4);
        memcpy(bytes + 4, &versions[i].minor, 4);
        memcpy(bytes + versions[i].head, numbers, sizeof(numbers));
        write_file("one.weights", bytes, versions[i].head + sizeof(numbers));
        assert_int_equal(import("one.weights", 0, &summary, &err), 0);
        assert_tail(numbers + 2, 6 * sizeof(float));
    }
}

static void a_weight_that_is_no_number_is_refused(void **state)
{
    (void)state;
    const uint32_t nan = 0x7fc00000;
    struct darknet_summary summary;
    struct error err = {.text = ""};

    for (size_t i = 0; i < 8; i++) {
        char bytes[48] = {0};

        memcpy(bytes + 16 + 4 * i, &nan, sizeof(nan));
        write_file("one.weights", bytes, sizeof(bytes));
        assert_int_equal(import("one.weights", 0, &summary, &err), -EINVAL);
        assert_non_null(strstr(err.text, "one.cfg:5 are not finite"));
    }
}

static void a_negative_variance_is_refused(void **state)
{
    (void)state;
    static const char cfg[] = NET "[conv]\nbatch_normalize=1\n";
    const float numbers[] = {0, 1, 0, -1, 1, 1, 1}; /* bias, scale, mean, variance, filter */
    char bytes[16 + sizeof(numbers)] = {0};
    struct darknet_summary summary;
    struct error err = {.text = ""};

    memcpy(bytes + 16, numbers, sizeof(numbers));
    write_file("one.cfg", cfg, strlen(cfg));
    write_file("one.weights", bytes, sizeof(bytes));
    assert_int_equal(import("one.weights", 0, &summary, &err), -EINVAL);
    assert_non_null(strstr(err.text, "a variance is negative"));
}

static void an_output_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    cleanup(memory_free) char *config = in_folder("one.cfg");
    struct darknet_summary summary;
    struct error err = {.text = ""};

    assert_int_equal(darknet_import(&(struct darknet_options){.config = config,
                                                              .output = "/nonexistent/a.onnx"},
                                    &summary, &err),
                     -ENOENT);
    assert_string_equal(err.text,
                        "/nonexistent/a.onnx: cannot be written: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_have_the_shapes_that_darknet_gives_them),
        cmocka_unit_test(a_cfg_is_read_as_darknet_reads_it),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(no_file_can_ask_for_the_whole_memory),
        cmocka_unit_test(an_unknown_activation_is_refused),
        cmocka_unit_test(a_head_says_how_it_is_decoded),
        cmocka_unit_test_setup_teardown(a_seed_gives_the_same_weights_everywhere, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(weights_of_another_network_leave_the_output_alone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_version_says_how_long_the_head_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_weight_that_is_no_number_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_negative_variance_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_output_that_cannot_be_written_is_named, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("model/darknet", tests, NULL, NULL);
}
