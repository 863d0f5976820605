/* Runs a neural network, or one segment of it.
 *
 * At its beginning it takes a picture and does what the network's authors did with theirs:
 * casts it, brings it into range, puts the channels in order. So the plan may send the small u8
 * picture over a link. What a byte becomes is looked up in a table of 256 entries: exact, and
 * as fast as the memory. Where the network begins with something else than a picture, tensors
 * of its inputs' shapes are handed to it as they are.
 *
 * The planner cuts a model by the parameter `segment`, "from:to" (see network.h), and pins the
 * file with `hash`; neither is in the table, for nobody writes them into a manifest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/cast.h"
#include "operator/instance.h"
#include "operator/network.h"

static const struct brume_param params[] = {
    {"file", BRUME_FILE, NULL, "the network, .onnx or .tflite", NULL, 0, 0},
    {"range", BRUME_CHOICE, "0..255", "what black and white become, in float32 networks",
     "0..255|0..1|-1..1", 0, 0},
    {"mean", BRUME_NUMBERS, "0", "taken off then: one number, or one per channel", NULL, 0, 0},
    {"deviation", BRUME_NUMBERS, "1", "divided by then: one number, or one per channel", NULL,
     0, 0},
    {"channels", BRUME_CHOICE, "rgb", "order in which the network has them", "rgb|bgr", 0, 0},
    {"numerics", BRUME_CHOICE, "fast",
     "exact: the same bits wherever it is cut; fast: as fast as the engine can", "fast|exact",
     0, 0},
    {"threads", BRUME_INTEGER, "1", "of the engine", NULL, 1, 64},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_ANY, "a picture of the network's size, or its input tensors"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_TENSORS, "the network's outputs, in the file's order"},
    {0},
};

struct state {
    struct network *network;
    bool takes_pictures;
    struct cast cast;
};

static void close_model(void *state)
{
    struct state *own = state;

    network_close(own->network);
    free(own);
}

static void close_modelp(struct state **state)
{
    if (*state != NULL) {
        close_model(*state);
    }
}

static int read_channels(struct brume_call *call, const char *name, double *ret_numbers)
{
    unsigned n = brume_param_numbers(call, name, 3, ret_numbers);

    if (n == 1) {
        ret_numbers[1] = ret_numbers[0];
        ret_numbers[2] = ret_numbers[0];
    } else if (n != 3) {
        return brume_fail(call, "'%s' must be one number or three", name);
    }
    return 0;
}

static int make_tables(struct brume_call *call, struct cast *cast)
{
    const char *range = brume_param(call, "range");
    double low = range[0] == '-' ? -1 : 0;
    double high = strcmp(range, "0..255") == 0 ? 255 : 1;
    double mean[3] = {0};
    double deviation[3] = {0};
    int ret = read_channels(call, "mean", mean);

    ret = ret < 0 ? ret : read_channels(call, "deviation", deviation);
    for (int c = 0; ret == 0 && c < 3; c++) {
        if (deviation[c] == 0) {
            return brume_fail(call, "'deviation' must not be 0");
        }
        for (int byte = 0; byte < 256; byte++) {
            double value = low + byte / 255.0 * (high - low);

            cast->tables[c][byte] = (float)((value - mean[c]) / deviation[c]);
        }
    }
    cast->swap = strcmp(brume_param(call, "channels"), "bgr") == 0;
    return ret;
}

/* NULL after brume_fail(). */
static struct state *make(struct brume_call *call)
{
    cleanup(close_modelp) struct state *state = memory_new(1, sizeof(*state));
    struct error err;

    if (network_open(brume_param(call, "file"), brume_param(call, "segment"),
                     brume_param(call, "hash"), &state->network, &err) < 0) {
        brume_fail(call, "%s", err.text);
        return NULL;
    }
    if (make_tables(call, &state->cast) < 0) {
        return NULL;
    }
    state->takes_pictures = state->network->from == 0 && state->network->n_in == 1 &&
                            network_in(state->network, 0)->rank == 4 &&
                            cast_init(network_in(state->network, 0), &state->cast, &err) == 0;
    return STEAL(state);
}

static bool is_picture(const struct state *state, const struct brume_tensor *tensor)
{
    return state->takes_pictures && tensor->type == BRUME_U8 && tensor->rank == 3 &&
           tensor->shape[2] == 3;
}

static int check_picture(struct brume_call *call, const struct state *state,
                         const struct brume_tensor *picture)
{
    uint32_t width;
    uint32_t height;
    char text[160];

    cast_size(&state->cast, &width, &height);
    if ((picture->shape[0] == height || height == 0 || picture->shape[0] == 0) &&
        (picture->shape[1] == width || width == 0 || picture->shape[1] == 0)) {
        return 0;
    }
    tensor_shape_text(network_in(state->network, 0), sizeof(text), text);
    return brume_fail(call,
                      "the network wants pictures of %ux%u pixels (%s), not %ux%u: put "
                      "`letterbox` or `resize` before it",
                      width, height, text, picture->shape[1], picture->shape[0]);
}

/* Whether what comes in can be run: a picture, or one tensor for each input of the network. */
static int check(struct brume_call *call, const struct state *state)
{
    const struct network *network = state->network;
    unsigned n = brume_input_count(call, 0);
    struct error err;

    if (n == 1 && is_picture(state, brume_input(call, 0, 0))) {
        return check_picture(call, state, brume_input(call, 0, 0));
    }
    if (n != network->n_in) {
        return brume_fail(call, "%s wants %zu tensors at layer %zu, not %u",
                          network->model->path, network->n_in, network->from, n);
    }
    for (unsigned i = 0; i < n; i++) {
        const struct brume_tensor *tensor = brume_input(call, 0, i);
        struct tensor_shape shape = {.type = (enum tensor_type)tensor->type,
                                     .rank = tensor->rank};

        memcpy(shape.dims, tensor->shape, sizeof(shape.dims));
        if (network_check(network, i, &shape, &err) < 0) {
            return brume_fail(call, "%s", err.text);
        }
    }
    return 0;
}

static int infer(struct brume_call *call)
{
    cleanup(close_modelp) struct state *state = make(call);

    if (state == NULL) {
        return -EINVAL;
    }
    int ret = brume_input(call, 0, 0) != NULL ? check(call, state) : 0;
    for (size_t i = 0; ret == 0 && i < state->network->n_out; i++) {
        const struct tensor_shape *shape = network_out(state->network, i);

        brume_output(call, 0, (enum brume_type)shape->type, shape->rank, shape->dims);
    }
    return ret;
}

static int open_model(struct brume_call *call, void **ret_state)
{
    struct engine_options options = {
        .threads = (unsigned)brume_param_integer(call, "threads"),
        .exact = strcmp(brume_param(call, "numerics"), "exact") == 0,
    };
    cleanup(close_modelp) struct state *state = make(call);
    struct error err;

    if (state == NULL) {
        return -EINVAL;
    }
    if (network_start(state->network, &options, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    *ret_state = STEAL(state);
    return 0;
}

static int cast_picture(struct brume_call *call, const struct state *state,
                        struct tensor **ret_tensor)
{
    const struct brume_tensor *from = brume_input(call, 0, 0);
    struct tensor_shape shape = state->cast.shape;
    struct picture picture;
    struct error err;

    int ret = picture_input(call, 0, &picture);
    if (ret < 0) {
        return ret;
    }
    shape.dims[state->cast.planar ? 2 : 1] = from->shape[0];
    shape.dims[state->cast.planar ? 3 : 2] = from->shape[1];
    if (tensor_create(&shape, ret_tensor, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    cast_run(&state->cast, &picture, (*ret_tensor)->data);
    return 0;
}

static int run(struct brume_call *call, const struct state *state, struct tensor *const *in)
{
    struct tensor *out[FRAME_TENSORS_MAX];
    struct error err;

    if (network_run(state->network, in, out, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    for (size_t i = 0; i < state->network->n_out; i++) {
        instance_output(call, 0, out[i]);
    }
    return 0;
}

static int process(struct brume_call *call, void *state)
{
    const struct state *own = state;
    cleanup(tensor_unrefp) struct tensor *picture = NULL;
    int ret = check(call, own);

    if (ret == 0 && is_picture(own, brume_input(call, 0, 0))) {
        ret = cast_picture(call, own, &picture);
        return ret < 0 ? ret : run(call, own, &picture);
    }
    return ret < 0 ? ret : run(call, own, call->inputs[0].tensors);
}

const struct brume_operator builtin_model = {
    .abi = BRUME_ABI,
    .name = "model",
    .summary = "runs a neural network; the plan may cut it",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .open = open_model,
    .process = process,
    .close = close_model,
};
