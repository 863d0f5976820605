#include "operator/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tensor/frame.h"

static int read_cut(const char **text, char stop, size_t *ret_cut)
{
    char *end;

    if (**text < '0' || **text > '9') {
        return -EINVAL;
    }
    unsigned long cut = strtoul(*text, &end, 10);
    if (*end != stop) {
        return -EINVAL;
    }
    *text = end + (stop != '\0');
    *ret_cut = cut;
    return 0;
}

static int read_segment(struct network *network, const char *segment, struct error *err)
{
    const struct model *model = network->model;
    const char *at = segment;

    network->to = model->n_layers;
    if (segment == NULL || *segment == '\0') {
        return 0;
    }
    if (read_cut(&at, ':', &network->from) < 0 || read_cut(&at, '\0', &network->to) < 0 ||
        network->from >= network->to || network->to > model->n_layers) {
        return error_set(err, -EINVAL, "%s has no segment '%s': it has %zu layers", model->path,
                         segment, model->n_layers);
    }
    return 0;
}

static int check_hash(const struct model *model, const char *hash, struct error *err)
{
    char own[17];

    snprintf(own, sizeof(own), "%016llx", (unsigned long long)model->hash);
    if (hash != NULL && *hash != '\0' && strcmp(hash, own) != 0) {
        return error_set(err, -EINVAL,
                         "%s is another file here (%s) than where the plan was "
                         "made (%s)",
                         model->path, own, hash);
    }
    return 0;
}

/* The model's outputs in the file's order, or what is live where another segment goes on. */
static void find_out(struct network *network)
{
    const struct model *model = network->model;

    if (network->to < model->n_layers) {
        network->n_out = model_live(model, network->to, &network->out);
        return;
    }
    network->n_out = model->n_outputs;
    network->out = memory_new(model->n_outputs + 1, sizeof(*network->out));
    for (size_t i = 0; i < model->n_outputs; i++) {
        network->out[i] = model->outputs[i];
    }
}

int network_open(const char *file, const char *segment, const char *hash,
                 struct network **ret_network, struct error *err)
{
    cleanup(network_closep) struct network *network = memory_new(1, sizeof(*network));
    int ret = model_open(file, &network->model, err);

    ret = ret < 0 ? ret : check_hash(network->model, hash, err);
    ret = ret < 0 ? ret : read_segment(network, segment, err);
    if (ret < 0) {
        return ret;
    }
    network->n_in = model_live(network->model, network->from, &network->in);
    find_out(network);
    if (network->n_in > FRAME_TENSORS_MAX || network->n_out > FRAME_TENSORS_MAX) {
        return error_set(err, -E2BIG, "%s: %zu tensors cross a cut, over the limit of %d", file,
                         network->n_in > network->n_out ? network->n_in : network->n_out,
                         FRAME_TENSORS_MAX);
    }
    *ret_network = STEAL(network);
    return 0;
}

int network_start(struct network *network, const struct engine_options *options,
                  struct error *err)
{
    const struct model *model = network->model;
    cleanup(memory_free) char *suffix = memory_format(".%s", model->format);
    int ret = engine_find(suffix, &network->engine, err);

    ret = ret < 0 ? ret
                  : model_segment(model, network->from, network->to, &network->segment, err);
    if (ret < 0) {
        return ret;
    }
    ret = network->engine->open(&network->segment->image, options, &network->session, err);
    return ret < 0 ? error_wrap(err, "%s", model->path) : 0;
}

void network_close(struct network *network)
{
    if (network != NULL) {
        if (network->session != NULL) {
            network->engine->close(network->session);
        }
        model_segment_destroy(network->segment);
        model_close(network->model);
        free(network->in);
        free(network->out);
        free(network);
    }
}

void network_closep(struct network **network)
{
    network_close(*network);
}

const struct tensor_shape *network_in(const struct network *network, size_t i)
{
    return &network->model->tensors[network->in[i]].shape;
}

const struct tensor_shape *network_out(const struct network *network, size_t i)
{
    return &network->model->tensors[network->out[i]].shape;
}

int network_check(const struct network *network, size_t i, const struct tensor_shape *shape,
                  struct error *err)
{
    const struct tensor_shape *wanted = network_in(network, i);
    bool fits = shape->type == wanted->type && shape->rank == wanted->rank;
    char want[160];
    char have[160];

    for (uint32_t k = 0; fits && k < shape->rank; k++) {
        fits = shape->dims[k] == wanted->dims[k] || shape->dims[k] == 0 || wanted->dims[k] == 0;
    }
    if (fits) {
        return 0;
    }
    tensor_shape_text(wanted, sizeof(want), want);
    tensor_shape_text(shape, sizeof(have), have);
    return error_set(err, -EINVAL, "%s wants %s for '%s', not %s", network->model->path, want,
                     network->model->tensors[network->in[i]].name, have);
}

static size_t place(const int *ids, size_t n, int id)
{
    size_t i = 0;

    while (i < n && ids[i] != id) {
        i++;
    }
    return i;
}

static int run_session(struct network *network, struct tensor *const *in, struct tensor **made,
                       struct error *err)
{
    const struct model_segment *segment = network->segment;
    struct tensor *inputs[FRAME_TENSORS_MAX];

    for (size_t i = 0; i < segment->n_inputs; i++) {
        size_t at = place(network->in, network->n_in, segment->inputs[i]);

        if (at == network->n_in) {
            return error_set(err, -EPROTO, "%s: tensor %d is not in the frame",
                             network->model->path, segment->inputs[i]);
        }
        inputs[i] = in[at];
    }
    return network->engine->run(network->session, inputs, made, err);
}

int network_run(struct network *network, struct tensor *const *in, struct tensor **ret_out,
                struct error *err)
{
    const struct model_segment *segment = network->segment;
    struct tensor *made[FRAME_TENSORS_MAX] = {NULL};

    if (segment->n_inputs > FRAME_TENSORS_MAX || segment->n_outputs > FRAME_TENSORS_MAX) {
        return error_set(err, -E2BIG, "%s: too many tensors", network->model->path);
    }
    int ret = run_session(network, in, made, err);
    for (size_t i = 0; ret == 0 && i < network->n_out; i++) {
        size_t by = place(segment->outputs, segment->n_outputs, network->out[i]);
        size_t around = place(network->in, network->n_in, network->out[i]);

        if (by == segment->n_outputs && around == network->n_in) {
            for (size_t k = 0; k < i; k++) {
                ret_out[k] = tensor_unref(ret_out[k]);
            }
            ret = error_set(err, -EPROTO, "%s: nobody gives tensor %d", network->model->path,
                            network->out[i]);
        } else {
            ret_out[i] = tensor_ref(by < segment->n_outputs ? made[by] : in[around]);
        }
    }
    for (size_t i = 0; i < segment->n_outputs; i++) {
        tensor_unref(made[i]);
    }
    return ret;
}
