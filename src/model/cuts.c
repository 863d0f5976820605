/* The algebra of cuts: from layers that name the tensors they read and write to what is live
 * where, which layers are constant or idle, and which cuts are legal. Knows no file format.
 *
 * Order: link() walks forward once (producers, constants, topological order), walk_back() walks
 * backward once (last uses, idle layers), model_derive_cuts() marks intervals in a difference
 * array. All of it is linear in the size of the graph, hostile files included.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/reader.h"
#include "tensor/frame.h"

static bool ids_valid(const struct model *model, const int *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= model->n_tensors) {
            return false;
        }
    }
    return true;
}

int model_check_ids(const struct model *model, struct error *err)
{
    if (!ids_valid(model, model->inputs, model->n_inputs) ||
        !ids_valid(model, model->outputs, model->n_outputs)) {
        return error_set(err, -EBADMSG,
                         "the model's inputs or outputs name tensors that do "
                         "not exist");
    }
    for (size_t i = 0; i < model->n_layers; i++) {
        const struct model_layer *layer = &model->layers[i];

        if (!ids_valid(model, layer->inputs, layer->n_inputs) ||
            !ids_valid(model, layer->outputs, layer->n_outputs)) {
            return error_set(err, -EBADMSG, "layer %zu (%s) names tensors that do not exist", i,
                             layer->kind);
        }
    }
    return 0;
}

/* Drops the constants from the graph's inputs or outputs. */
static size_t drop_constants(const struct model *model, int *ids, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (!model->tensors[ids[i]].constant) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

static void link_inputs(struct model *model, bool *known)
{
    for (size_t i = 0; i < model->n_tensors; i++) {
        model->tensors[i].producer = -1;
        model->tensors[i].last_use = -1;
        known[i] = model->tensors[i].constant;
    }
    for (size_t i = 0; i < model->n_inputs; i++) {
        known[model->inputs[i]] = true;
    }
    model->n_inputs = drop_constants(model, model->inputs, model->n_inputs);
}

static int link_layer(struct model *model, size_t index, bool *known, struct error *err)
{
    struct model_layer *layer = &model->layers[index];

    layer->constant = !layer->stateful;
    layer->weight_size = 0;
    for (unsigned j = 0; j < layer->n_inputs; j++) {
        int id = layer->inputs[j];
        const struct model_tensor *tensor = &model->tensors[id];

        if (!known[id]) {
            return error_set(
                err, -EBADMSG,
                "layer %zu (%s) reads tensor %d (%s), which no layer before it makes", index,
                layer->kind, id, tensor->name);
        }
        layer->constant = layer->constant && tensor->constant;
        layer->weight_size += tensor->constant ? tensor->size : 0;
    }
    for (unsigned j = 0; j < layer->n_outputs; j++) {
        int id = layer->outputs[j];

        if (known[id]) {
            return error_set(err, -EBADMSG,
                             "layer %zu (%s) makes tensor %d (%s), which exists already", index,
                             layer->kind, id, model->tensors[id].name);
        }
        known[id] = true;
        model->tensors[id].producer = (int)index;
        model->tensors[id].constant = layer->constant;
    }
    return 0;
}

static int link_outputs(struct model *model, const bool *known, struct error *err)
{
    for (size_t i = 0; i < model->n_outputs; i++) {
        if (!known[model->outputs[i]]) {
            return error_set(err, -EBADMSG, "output %zu of the model is made by no layer", i);
        }
    }
    model->n_outputs = drop_constants(model, model->outputs, model->n_outputs);
    if (model->n_outputs == 0) {
        return error_set(err, -EBADMSG, "the model has no output that depends on anything");
    }
    return 0;
}

static bool working(const struct model_layer *layer)
{
    return !layer->constant && !layer->idle;
}

/* A layer is needed when it keeps state or makes a tensor that is used; what an idle layer
 * reads is no use. */
static void walk_back(struct model *model)
{
    for (size_t i = 0; i < model->n_outputs; i++) {
        model->tensors[model->outputs[i]].last_use = (int)model->n_layers;
    }
    for (size_t i = model->n_layers; i-- > 0;) {
        struct model_layer *layer = &model->layers[i];

        layer->idle = !layer->stateful;
        for (unsigned j = 0; j < layer->n_outputs; j++) {
            layer->idle = layer->idle && model->tensors[layer->outputs[j]].last_use < 0;
        }
        for (unsigned j = 0; j < layer->n_inputs && !layer->idle; j++) {
            struct model_tensor *tensor = &model->tensors[layer->inputs[j]];
            tensor->last_use = tensor->last_use < (int)i ? (int)i : tensor->last_use;
        }
    }
}

static void derive_sizes(struct model *model)
{
    struct error ignored;

    for (size_t i = 0; i < model->n_tensors; i++) {
        struct model_tensor *tensor = &model->tensors[i];
        size_t size;

        if (tensor_shape_size(&tensor->shape, &size, &ignored) == 0) {
            tensor->size = size;
        } else if (!tensor->constant) {
            tensor->size = 0;
        }
    }
}

/* Of all cuts that divide the working layers alike, only the one right before a working layer
 * keeps its number; and none is equal to 0 or n_layers. */
static void keep_canonical(struct model *model)
{
    bool seen = false;

    for (size_t k = 0; k < model->n_layers; k++) {
        model->legal[k] = seen && working(&model->layers[k]);
        seen = seen || working(&model->layers[k]);
    }
}

/* A tensor is live at the cuts producer + 1 to last_use. A frame carries tensors of known size,
 * and no more than FRAME_TENSORS_MAX. */
static void forbid_what_no_frame_carries(struct model *model)
{
    struct change {
        int live, unknown;
    };
    cleanup(memory_free) struct change *changes =
        memory_new(model->n_layers + 2, sizeof(*changes));
    struct change now = {0};

    for (size_t i = 0; i < model->n_tensors; i++) {
        const struct model_tensor *tensor = &model->tensors[i];
        if (!tensor->constant && tensor->last_use > tensor->producer) {
            struct change *begin = &changes[tensor->producer + 1];
            struct change *end = &changes[tensor->last_use + 1];

            begin->live++;
            end->live--;
            begin->unknown += tensor->size == 0;
            end->unknown -= tensor->size == 0;
        }
    }
    for (size_t k = 0; k < model->n_layers; k++) {
        now.live += changes[k].live;
        now.unknown += changes[k].unknown;
        model->legal[k] = model->legal[k] && now.unknown == 0 && now.live <= FRAME_TENSORS_MAX;
    }
}

void model_derive_cuts(struct model *model)
{
    derive_sizes(model);
    keep_canonical(model);
    forbid_what_no_frame_carries(model);
    if (model->reader != NULL && model->reader->restrict_cuts != NULL) {
        model->reader->restrict_cuts(model);
    }
    model->legal[0] = true;
    model->legal[model->n_layers] = true;
}

void model_forbid_between(struct model *model, size_t first, size_t last)
{
    for (size_t k = first + 1; k <= last; k++) {
        model->legal[k] = false;
    }
}

int model_finish(struct model *model, struct error *err)
{
    cleanup(memory_free) bool *known = memory_new(model->n_tensors, sizeof(*known));
    int r = model_check_ids(model, err);

    if (r < 0) {
        return r;
    }
    link_inputs(model, known);
    derive_sizes(model);
    for (size_t i = 0; i < model->n_layers && r == 0; i++) {
        r = link_layer(model, i, known, err);
    }
    r = r < 0 ? r : link_outputs(model, known, err);
    if (r < 0) {
        return r;
    }
    walk_back(model);
    for (size_t i = 0; i < model->n_layers; i++) {
        struct model_layer *layer = &model->layers[i];

        model->stateful = model->stateful || layer->stateful;
        layer->operations = working(layer) ? layer->operations : 0;
    }
    free(model->legal);
    model->legal = memory_new(model->n_layers + 1, sizeof(*model->legal));
    model_derive_cuts(model);
    return 0;
}

static bool live(const struct model *model, size_t id, size_t k)
{
    const struct model_tensor *tensor = &model->tensors[id];

    return !tensor->constant && tensor->producer < (int)k && tensor->last_use >= (int)k;
}

size_t model_live(const struct model *model, size_t k, int **ret_ids)
{
    int *ids = NULL;
    size_t n = 0;

    assert(k <= model->n_layers);
    for (size_t i = 0; i < model->n_tensors; i++) {
        if (live(model, i, k)) {
            ids = memory_grow(ids, n, sizeof(*ids));
            ids[n++] = (int)i;
        }
    }
    *ret_ids = ids;
    return n;
}

uint64_t model_live_size(const struct model *model, size_t k)
{
    uint64_t size = 0;

    assert(k <= model->n_layers);
    for (size_t i = 0; i < model->n_tensors; i++) {
        if (live(model, i, k)) {
            if (model->tensors[i].size == 0) {
                return 0;
            }
            size += model->tensors[i].size;
        }
    }
    return size;
}

uint64_t model_live_floats(const struct model *model, size_t k)
{
    uint64_t size = 0;

    assert(k <= model->n_layers);
    for (size_t i = 0; i < model->n_tensors; i++) {
        size += live(model, i, k) && model->tensors[i].shape.type == TENSOR_F32
                    ? model->tensors[i].size
                    : 0;
    }
    return size;
}

/* Marks the layers of the part, and the tensors that they read. Backward, so that a constant
 * layer is seen after all that need it. */
static void part_mark(const struct model *model, size_t from, size_t to, bool *taken,
                      bool *read)
{
    for (size_t i = to; i-- > 0;) {
        const struct model_layer *layer = &model->layers[i];

        taken[i] = i >= from && working(layer);
        for (unsigned j = 0; j < layer->n_outputs && layer->constant; j++) {
            taken[i] = taken[i] || read[layer->outputs[j]];
        }
        for (unsigned j = 0; j < layer->n_inputs && taken[i]; j++) {
            read[layer->inputs[j]] = true;
        }
    }
}

static void append(int **ids, size_t *n, size_t id)
{
    *ids = memory_grow(*ids, *n, sizeof(**ids));
    (*ids)[(*n)++] = (int)id;
}

void model_part_init(struct model_part *part, const struct model *model, size_t from, size_t to)
{
    cleanup(memory_free) bool *taken = memory_new(model->n_layers, sizeof(*taken));
    cleanup(memory_free) bool *read = memory_new(model->n_tensors, sizeof(*read));

    assert(from <= to && to <= model->n_layers);
    *part = (struct model_part){0};
    part_mark(model, from, to, taken, read);
    for (size_t i = 0; i < to; i++) {
        if (taken[i]) {
            append(&part->layers, &part->n_layers, i);
        }
    }
    for (size_t id = 0; id < model->n_tensors; id++) {
        bool before = live(model, id, from);
        bool after = live(model, id, to);

        if (before && read[id]) {
            append(&part->inputs, &part->n_inputs, id);
        }
        if (after && !before) {
            append(&part->outputs, &part->n_outputs, id);
        }
        if (after && before) {
            append(&part->around, &part->n_around, id);
        }
    }
}

void model_part_finish(struct model_part *part)
{
    free(part->layers);
    free(part->inputs);
    free(part->outputs);
    free(part->around);
    *part = (struct model_part){0};
}
