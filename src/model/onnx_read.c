/* The graph of a file becomes layers and tensors in walks over its fields: weights, inputs
 * (whose open batch dimensions must all be known before any shape is read), nodes, what the
 * file says of shapes, and outputs.
 *
 * Weights may be listed among the graph's inputs, as old files do: they stay weights. An open
 * batch dimension - the first of an input - is 1 from here on: a frame holds one sample.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/onnx.h"

enum { BATCHES_MAX = 16 };

typedef int (*visit_fn)(struct model *model, struct protobuf_span body, struct error *err);

static int each(struct model *model, uint32_t number, visit_fn visit, struct error *err)
{
    const struct onnx_detail *detail = model->detail;
    struct protobuf_reader reader = protobuf_read(detail->graph);
    struct protobuf_field field;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == number && (r = visit(model, field.body, err)) < 0) {
            return r;
        }
    }
    return r < 0 ? onnx_broken(err) : 0;
}

int onnx_tensor_add(struct model *model, struct protobuf_span name, int *ret_id,
                    struct error *err)
{
    struct onnx_detail *detail = model->detail;
    const size_t n = model->n_tensors;

    if (onnx_names_get(&detail->names, name) >= 0) {
        return error_set(err, -EBADMSG, "tensor '%.*s' is made twice", ONNX_SHOWN(name));
    }
    if (n == MODEL_TENSORS_MAX) {
        return error_set(err, -E2BIG, "more than %d tensors", MODEL_TENSORS_MAX);
    }
    if (name.size == 0 || !protobuf_is_text(name)) {
        return onnx_broken(err);
    }
    model->tensors = memory_grow(model->tensors, n, sizeof(*model->tensors));
    detail->tensors = memory_grow(detail->tensors, n, sizeof(*detail->tensors));
    model->tensors[n] =
        (struct model_tensor){.name = onnx_span_text(name), .producer = -1, .last_use = -1};
    detail->tensors[n] = (struct onnx_tensor){.seen_by = -1};
    onnx_names_put(&detail->names, name, (int)n);
    model->n_tensors++;
    *ret_id = (int)n;
    return 0;
}

static int visit_initializer(struct model *model, struct protobuf_span body, struct error *err)
{
    struct onnx_detail *detail = model->detail;
    struct onnx_weight weight;
    int id = 0;

    int r = onnx_weight_read(body, &weight, err);
    if (r < 0) {
        return r;
    }
    r = weight.outside ? onnx_outside_find(model, &weight, err) : 0;
    r = r < 0 ? r : onnx_tensor_add(model, weight.name, &id, err);
    if (r < 0) {
        return r;
    }
    model->tensors[id].shape = weight.shape;
    model->tensors[id].size = weight.size;
    model->tensors[id].constant = true;
    detail->tensors[id].initializer = body;
    detail->tensors[id].raw = weight.raw;
    detail->tensors[id].outside = weight.outside;
    return 0;
}

static int visit_sparse(struct model *model, struct protobuf_span body, struct error *err)
{
    (void)model;
    (void)body;
    return error_set(err, -ENOTSUP, "the model has sparse weights; save it with dense ones");
}

static bool is_batch(const struct onnx_detail *detail, struct protobuf_span symbol)
{
    for (size_t i = 0; i < detail->n_batches && symbol.size > 0; i++) {
        if (onnx_span_equal(detail->batches[i], symbol)) {
            return true;
        }
    }
    return false;
}

static void add_batch(struct onnx_detail *detail, struct protobuf_span symbol)
{
    if (symbol.size > 0 && detail->n_batches < BATCHES_MAX && !is_batch(detail, symbol)) {
        detail->batches =
            memory_grow(detail->batches, detail->n_batches, sizeof(*detail->batches));
        detail->batches[detail->n_batches++] = symbol;
    }
}

static int visit_input(struct model *model, struct protobuf_span body, struct error *err)
{
    struct onnx_detail *detail = model->detail;
    struct onnx_value value;

    if (onnx_value_read(body, &value) < 0) {
        return onnx_broken(err);
    }
    int id = onnx_names_get(&detail->names, value.name);
    if (id >= 0 && model->tensors[id].constant) {
        return 0;
    }
    int r = onnx_tensor_add(model, value.name, &id, err);
    if (r < 0) {
        return r;
    }
    model->inputs = memory_grow(model->inputs, model->n_inputs, sizeof(*model->inputs));
    model->inputs[model->n_inputs++] = id;
    if (value.shape.rank > 0 && value.shape.dims[0] == 0) {
        add_batch(detail, value.symbols[0]);
    }
    return 0;
}

/* What the file says of the shape of a tensor; weights know their own. */
static int visit_value(struct model *model, struct protobuf_span body, struct error *err)
{
    struct onnx_detail *detail = model->detail;
    struct onnx_value value;

    if (onnx_value_read(body, &value) < 0) {
        return onnx_broken(err);
    }
    int id = onnx_names_get(&detail->names, value.name);
    if (id < 0 || detail->tensors[id].initializer.size > 0) {
        return 0;
    }
    for (uint32_t i = 0; i < value.shape.rank; i++) {
        if (value.shape.dims[i] == 0 && is_batch(detail, value.symbols[i])) {
            value.shape.dims[i] = 1;
        }
    }
    detail->tensors[id].info = body;
    if ((unsigned)value.shape.type != 0) {
        model->tensors[id].shape = value.shape;
    }
    return 0;
}

static void fix_batches(struct model *model)
{
    for (size_t i = 0; i < model->n_inputs; i++) {
        struct tensor_shape *shape = &model->tensors[model->inputs[i]].shape;

        if (shape->rank > 0 && shape->dims[0] == 0) {
            shape->dims[0] = 1;
        }
    }
}

static int visit_output(struct model *model, struct protobuf_span body, struct error *err)
{
    const struct onnx_detail *detail = model->detail;
    struct onnx_value value;

    int r = visit_value(model, body, err);
    if (r < 0) {
        return r;
    }
    if (onnx_value_read(body, &value) < 0) {
        return onnx_broken(err);
    }
    int id = onnx_names_get(&detail->names, value.name);
    if (id < 0) {
        return error_set(err, -EBADMSG, "output '%.*s' is made by no layer",
                         ONNX_SHOWN(value.name));
    }
    if (!model->tensors[id].constant) {
        model->outputs = memory_grow(model->outputs, model->n_outputs, sizeof(*model->outputs));
        model->outputs[model->n_outputs++] = id;
    }
    return 0;
}

static int read_graph(struct model *model, struct error *err)
{
    static const struct {
        uint32_t number;
        visit_fn visit;
    } walks[] = {
        {ONNX_GRAPH_SPARSE, visit_sparse},  {ONNX_GRAPH_INITIALIZER, visit_initializer},
        {ONNX_GRAPH_INPUT, visit_input},    {ONNX_GRAPH_INPUT, visit_value},
        {ONNX_GRAPH_NODE, onnx_layer_read}, {ONNX_GRAPH_VALUE_INFO, visit_value},
        {ONNX_GRAPH_OUTPUT, visit_output},
    };

    for (size_t i = 0; i < sizeof(walks) / sizeof(*walks); i++) {
        int r = each(model, walks[i].number, walks[i].visit, err);
        if (r < 0) {
            return r;
        }
    }
    fix_batches(model);
    if (model->n_outputs == 0) {
        return error_set(err, -EBADMSG,
                         "the graph computes nothing: no output depends on an input");
    }
    return 0;
}

static int find_graph(struct model *model, struct error *err)
{
    struct onnx_detail *detail = model->detail;
    struct protobuf_reader reader =
        protobuf_read((struct protobuf_span){model->bytes, model->size});
    struct protobuf_field field;
    size_t n_graphs = 0;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == ONNX_MODEL_IR_VERSION) {
            detail->ir_version = field.value;
        } else if (field.number == ONNX_MODEL_GRAPH) {
            detail->graph = field.body;
            n_graphs++;
        }
    }
    if (r < 0) {
        return onnx_broken(err);
    }
    return n_graphs == 1 ? 0 : error_set(err, -EBADMSG, "the file holds %zu graphs", n_graphs);
}

/* What layers make of weights alone was marked for onnx_infer_shapes(), which need not know it;
 * a reader hands on only the constants of the file. */
static void unmark_made(struct model *model)
{
    for (size_t i = 0; i < model->n_tensors; i++) {
        model->tensors[i].constant =
            model->tensors[i].constant && model->tensors[i].producer < 0;
    }
}

int onnx_read(struct model *model, struct error *err)
{
    model->detail = memory_new(1, sizeof(struct onnx_detail));
    int r = find_graph(model, err);
    if (r < 0) {
        return r;
    }
    r = read_graph(model, err);
    if (r < 0) {
        return r;
    }
    onnx_infer_shapes(model);
    unmark_made(model);
    onnx_count_operations(model);
    return 0;
}

void onnx_close(struct model *model)
{
    struct onnx_detail *detail = model->detail;

    if (detail == NULL) {
        return;
    }
    onnx_outside_close(detail);
    onnx_names_finish(&detail->names);
    free(detail->nodes);
    free(detail->tensors);
    free(detail->batches);
    free(detail);
    model->detail = NULL;
}
