#include "engine/fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/ports.h"

struct engine_session {
    struct fake_network network;
    struct engine_port *inputs, *outputs;
};

static const char *fake_version(void)
{
    return "1";
}

static struct engine_port *make_ports(const struct fake_network *network, const size_t *tensors,
                                      size_t n)
{
    struct engine_port *ports = memory_new(n, sizeof(*ports));

    for (size_t i = 0; i < n; i++) {
        ports[i].name = network->tensors[tensors[i]].name;
        ports[i].shape = network->tensors[tensors[i]].shape;
    }
    return ports;
}

static void fake_close(struct engine_session *session)
{
    if (session != NULL) {
        fake_network_finish(&session->network);
        free(session->inputs);
        free(session->outputs);
        free(session);
    }
}

static int fake_open(const struct engine_model *model, const struct engine_options *options,
                     struct engine_session **ret_session, struct error *err)
{
    struct engine_session *session = memory_new(1, sizeof(*session));
    struct fake_network *network = &session->network;
    int r = fake_parse(model, network, err);

    (void)options; /* already exact, already as fast as it gets */
    if (r < 0) {
        fake_close(session);
        return r;
    }
    session->inputs = make_ports(network, network->inputs, network->n_inputs);
    session->outputs = make_ports(network, network->outputs, network->n_outputs);
    *ret_session = session;
    return 0;
}

static size_t fake_inputs(const struct engine_session *session,
                          const struct engine_port **ret_ports)
{
    *ret_ports = session->inputs;
    return session->network.n_inputs;
}

static size_t fake_outputs(const struct engine_session *session,
                           const struct engine_port **ret_ports)
{
    *ret_ports = session->outputs;
    return session->network.n_outputs;
}

static void be_busy(double rounds)
{
    volatile uint64_t state = 1;

    for (uint64_t i = 0; i < (uint64_t)rounds; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
    }
}

static void compute(const struct fake_layer *layer, const struct tensor *a,
                    const struct tensor *b, struct tensor *output)
{
    const float *x = a->data;
    float *y = output->data;
    size_t n = a->size / sizeof(*x);

    switch (layer->kind) {
    case FAKE_SCALE:
        for (size_t i = 0; i < n; i++) {
            y[i] = (float)layer->number * x[i];
        }
        break;
    case FAKE_ADD:
        for (size_t i = 0; i < n; i++) {
            y[i] = x[i] + ((const float *)b->data)[i];
        }
        break;
    case FAKE_SUM:
        y[0] = 0;
        for (size_t i = 0; i < n; i++) {
            y[0] += x[i];
        }
        break;
    case FAKE_BUSY:
        be_busy(layer->number);
        memcpy(y, x, a->size);
        break;
    }
}

static int run_layer(const struct fake_layer *layer, struct tensor **values, struct error *err)
{
    const struct tensor *a = values[layer->a], *b = values[layer->b];
    struct tensor_shape shape = a->shape;

    if (layer->kind == FAKE_ADD && !tensor_shape_equal(&shape, &b->shape)) {
        return error_set(err, -EINVAL, "the shapes to be added differ");
    }
    if (layer->kind == FAKE_SUM) {
        shape = (struct tensor_shape){.type = TENSOR_F32, .rank = 1, .dims = {1}};
    }
    int r = tensor_create(&shape, &values[layer->output], err);
    if (r == 0) {
        compute(layer, a, b, values[layer->output]);
    }
    return r;
}

/* The inputs and weights in their places; the rest is made by the layers. */
static int bring_values(const struct engine_session *session, struct tensor *const *inputs,
                        struct tensor **values, struct error *err)
{
    const struct fake_network *network = &session->network;
    int r = engine_check_inputs(session->inputs, network->n_inputs, inputs, err);

    for (size_t i = 0; i < network->n_inputs && r == 0; i++) {
        values[network->inputs[i]] = tensor_ref(inputs[i]);
    }
    for (size_t i = 0; i < network->n_tensors && r == 0; i++) {
        if (network->tensors[i].weight != NULL) {
            r = tensor_wrap(&network->tensors[i].shape, (void *)network->tensors[i].weight,
                            NULL, NULL, &values[i], err);
        }
    }
    return r;
}

/* An output that is an input or a weight is copied: its memory is somebody else's. */
static int take_output(const struct fake_network *network, size_t tensor,
                       struct tensor *const *values, struct tensor **ret_output,
                       struct error *err)
{
    for (size_t i = 0; i < network->n_layers; i++) {
        if (network->layers[i].output == tensor) {
            *ret_output = tensor_ref(values[tensor]);
            return 0;
        }
    }
    int r = tensor_create(&values[tensor]->shape, ret_output, err);
    if (r == 0) {
        memcpy((*ret_output)->data, values[tensor]->data, values[tensor]->size);
    }
    return r;
}

static int fake_run(struct engine_session *session, struct tensor *const *inputs,
                    struct tensor **ret_outputs, struct error *err)
{
    const struct fake_network *network = &session->network;
    struct tensor **values = memory_new(network->n_tensors, sizeof(*values));
    struct tensor **outputs = memory_new(network->n_outputs, sizeof(*outputs));
    int r = bring_values(session, inputs, values, err);

    for (size_t i = 0; i < network->n_layers && r == 0; i++) {
        r = run_layer(&network->layers[i], values, err);
    }
    for (size_t i = 0; i < network->n_outputs && r == 0; i++) {
        r = take_output(network, network->outputs[i], values, &outputs[i], err);
    }
    for (size_t i = 0; i < network->n_tensors; i++) {
        tensor_unref(values[i]);
    }
    for (size_t i = 0; i < network->n_outputs; i++) {
        if (r == 0) {
            ret_outputs[i] = outputs[i];
        } else {
            tensor_unref(outputs[i]);
        }
    }
    free(values);
    free(outputs);
    return r;
}

const struct engine engine_fake = {
    .abi = ENGINE_ABI,
    .name = "fake",
    .suffix = ".fake",
    .version = fake_version,
    .open = fake_open,
    .inputs = fake_inputs,
    .outputs = fake_outputs,
    .run = fake_run,
    .close = fake_close,
};
