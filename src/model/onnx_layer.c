/* A node of the graph becomes a layer. Names that its subgraphs (of If, Loop, Scan) use and
 * that the graph around them knows count as its inputs: ONNX lets no inner name hide an outer
 * one, so it is enough to look at every name used inside, at any depth.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/onnx.h"

static void append_id(int **ids, unsigned *n, int id)
{
    *ids = memory_grow(*ids, *n, sizeof(**ids));
    (*ids)[(*n)++] = id;
}

static bool is_own_output(const struct model *model, int id)
{
    return id >= 0 && model->tensors[id].producer == (int)model->n_layers - 1;
}

static int add_input(struct model *model, struct model_layer *layer, struct protobuf_span name,
                     struct error *err)
{
    const struct onnx_detail *detail = model->detail;
    int id = onnx_names_get(&detail->names, name);

    if ((id < 0 && name.size > 0) || is_own_output(model, id)) {
        return error_set(err, -EBADMSG,
                         "layer '%.80s' reads '%.*s', which nothing before it makes",
                         layer->name, ONNX_SHOWN(name));
    }
    if (id >= 0) {
        append_id(&layer->inputs, &layer->n_inputs, id);
    }
    return 0;
}

static void add_outer_input(struct model *model, struct protobuf_span name)
{
    struct onnx_detail *detail = model->detail;
    struct model_layer *layer = &model->layers[model->n_layers - 1];
    int id = onnx_names_get(&detail->names, name);

    if (id >= 0 && !is_own_output(model, id) &&
        detail->tensors[id].seen_by != (int)model->n_layers) {
        detail->tensors[id].seen_by = (int)model->n_layers;
        append_id(&layer->inputs, &layer->n_inputs, id);
    }
}

enum nested_kind { NESTED_NONE, NESTED_GRAPH, NESTED_NODE, NESTED_ATTRIBUTE };

/* Messages inside a node that are still to be looked into. */
struct nested {
    enum nested_kind kind;
    struct protobuf_span body;
};

struct nested_list {
    struct nested *items;
    size_t n;
};

static void nested_list_finish(struct nested_list *list)
{
    free(list->items);
}

static void nested_push(struct nested_list *list, enum nested_kind kind,
                        struct protobuf_span body)
{
    list->items = memory_grow(list->items, list->n, sizeof(*list->items));
    list->items[list->n++] = (struct nested){kind, body};
}

/* What kind of message a field of a message holds. */
static enum nested_kind kind_of(enum nested_kind outer, uint32_t number)
{
    if (outer == NESTED_GRAPH && number == ONNX_GRAPH_NODE) {
        return NESTED_NODE;
    }
    if (outer == NESTED_NODE && number == ONNX_NODE_ATTRIBUTE) {
        return NESTED_ATTRIBUTE;
    }
    if (outer == NESTED_ATTRIBUTE &&
        (number == ONNX_ATTRIBUTE_GRAPH || number == ONNX_ATTRIBUTE_GRAPHS)) {
        return NESTED_GRAPH;
    }
    return NESTED_NONE;
}

static int visit_nested(struct model *model, enum nested_kind kind,
                        const struct protobuf_field *field, struct error *err)
{
    struct onnx_weight weight;
    struct onnx_value value;

    if (kind == NESTED_NODE && field->number == ONNX_NODE_INPUT) {
        add_outer_input(model, field->body);
    } else if (kind == NESTED_GRAPH && field->number == ONNX_GRAPH_OUTPUT) {
        if (onnx_value_read(field->body, &value) < 0) {
            return onnx_broken(err);
        }
        add_outer_input(model, value.name);
    } else if ((kind == NESTED_GRAPH && field->number == ONNX_GRAPH_INITIALIZER) ||
               (kind == NESTED_ATTRIBUTE && field->number == ONNX_ATTRIBUTE_TENSOR)) {
        int r = onnx_weight_read(field->body, &weight, err);
        return r == 0 && weight.outside ? onnx_outside_refuse(&weight, err) : r;
    }
    return 0;
}

static int read_attribute(struct model *model, struct protobuf_span attribute,
                          struct error *err)
{
    cleanup(nested_list_finish) struct nested_list list = {0};

    nested_push(&list, NESTED_ATTRIBUTE, attribute);
    while (list.n > 0) {
        const struct nested nested = list.items[--list.n];
        struct protobuf_reader reader = protobuf_read(nested.body);
        struct protobuf_field field;
        int r;

        while ((r = protobuf_next(&reader, &field)) == 0) {
            enum nested_kind kind = kind_of(nested.kind, field.number);
            if (kind != NESTED_NONE) {
                nested_push(&list, kind, field.body);
            }
            r = visit_nested(model, nested.kind, &field, err);
            if (r < 0) {
                return r;
            }
        }
        if (r < 0) {
            return onnx_broken(err);
        }
    }
    return 0;
}

static int read_node_field(struct model *model, const struct protobuf_field *field,
                           struct error *err)
{
    struct model_layer *layer = &model->layers[model->n_layers - 1];
    int id;
    int r;

    switch (field->number) {
    case ONNX_NODE_INPUT:
        return add_input(model, layer, field->body, err);
    case ONNX_NODE_ATTRIBUTE:
        return read_attribute(model, field->body, err);
    case ONNX_NODE_OUTPUT:
        if (field->body.size == 0) {
            return 0;
        }
        r = onnx_tensor_add(model, field->body, &id, err);
        if (r < 0) {
            return r;
        }
        model->tensors[id].producer = (int)model->n_layers - 1;
        append_id(&layer->outputs, &layer->n_outputs, id);
        return 0;
    default:
        return 0;
    }
}

/* Its name and kind; the name is made up when the file gives none: "Conv_12". */
static int add_layer(struct model *model, struct protobuf_span body, struct error *err)
{
    struct onnx_detail *detail = model->detail;
    struct protobuf_reader reader = protobuf_read(body);
    struct protobuf_span name = {0}, kind = {0};
    struct protobuf_field field;
    const size_t n = model->n_layers;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == ONNX_NODE_NAME) {
            name = field.body;
        } else if (field.number == ONNX_NODE_OP_TYPE) {
            kind = field.body;
        }
    }
    if (r < 0 || !protobuf_is_text(name) || !protobuf_is_text(kind) || kind.size == 0) {
        return onnx_broken(err);
    }
    if (n == MODEL_LAYERS_MAX) {
        return error_set(err, -E2BIG, "more than %d layers", MODEL_LAYERS_MAX);
    }
    model->layers = memory_grow(model->layers, n, sizeof(*model->layers));
    detail->nodes = memory_grow(detail->nodes, n, sizeof(*detail->nodes));
    detail->nodes[n] = body;
    model->layers[n] = (struct model_layer){.kind = onnx_span_text(kind)};
    model->layers[n].name = name.size > 0 ? onnx_span_text(name)
                                          : memory_format("%s_%zu", model->layers[n].kind, n);
    model->n_layers++;
    return 0;
}

static bool is_random(const char *kind)
{
    return strncmp(kind, "Random", strlen("Random")) == 0 || strcmp(kind, "Bernoulli") == 0 ||
           strcmp(kind, "Multinomial") == 0;
}

/* Constant nodes carry a tensor as an attribute. */
static int read_constant(struct model *model, struct protobuf_span attribute, struct error *err)
{
    const struct model_layer *layer = &model->layers[model->n_layers - 1];
    struct protobuf_reader reader = protobuf_read(attribute);
    struct onnx_weight weight;
    struct protobuf_field field;

    while (layer->n_outputs > 0 && protobuf_next(&reader, &field) == 0) {
        if (field.number == ONNX_ATTRIBUTE_TENSOR) {
            int r = onnx_weight_read(field.body, &weight, err);
            if (r < 0) {
                return r;
            }
            model->tensors[layer->outputs[0]].shape = weight.shape;
        }
    }
    return 0;
}

int onnx_layer_read(struct model *model, struct protobuf_span body, struct error *err)
{
    struct protobuf_reader reader = protobuf_read(body);
    struct protobuf_field field;

    int r = add_layer(model, body, err);
    if (r < 0) {
        return r;
    }
    while (protobuf_next(&reader, &field) == 0) {
        r = read_node_field(model, &field, err);
        if (r == 0 && field.number == ONNX_NODE_ATTRIBUTE &&
            strcmp(model->layers[model->n_layers - 1].kind, "Constant") == 0) {
            r = read_constant(model, field.body, err);
        }
        if (r < 0) {
            return r;
        }
    }
    struct model_layer *layer = &model->layers[model->n_layers - 1];
    layer->stateful = is_random(layer->kind);
    layer->constant = !layer->stateful;
    for (unsigned i = 0; i < layer->n_inputs; i++) {
        layer->constant = layer->constant && model->tensors[layer->inputs[i]].constant;
    }
    for (unsigned i = 0; i < layer->n_outputs; i++) {
        model->tensors[layer->outputs[i]].constant = layer->constant;
    }
    return 0;
}
