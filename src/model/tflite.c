/* Reads TensorFlow Lite models (schema v3) from the FlatBuffer itself. Layers are the operators
 * of the first subgraph; other subgraphs are bodies of its control flow and stay whole.
 *
 * Tables and fields are named after schema.fbs of TensorFlow Lite. Memory stays in proportion
 * to the file, though many offsets of a hostile one may lead to the same bytes: names are cut,
 * and what can be counted is limited.
 */
#include "model/tflite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/flat.h"
#include "model/reader.h"

enum { NAME_MAX_SIZE = 255, SCHEMA_VERSION = 3 };

enum model_field { MODEL_VERSION, MODEL_OPERATOR_CODES, MODEL_SUBGRAPHS, MODEL_BUFFERS = 4 };
enum code_field { CODE_DEPRECATED, CODE_CUSTOM, CODE_BUILTIN = 3 };
enum graph_field { GRAPH_TENSORS, GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_OPERATORS };
enum operator_field { OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS };
enum buffer_field { BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE };
enum tensor_field {
    TENSOR_FIELD_SHAPE,
    TENSOR_FIELD_TYPE,
    TENSOR_FIELD_BUFFER,
    TENSOR_FIELD_NAME,
    TENSOR_FIELD_IS_VARIABLE = 5,
    TENSOR_FIELD_SIGNATURE = 7,
    TENSOR_FIELD_HAS_RANK = 8,
};

struct reader {
    struct flat flat;
    struct model *model;
    struct tflite *tflite;
    struct flat_vector codes, graphs, buffers;
    struct flat_table graph;
    bool bodies_keep_state; /* the other subgraphs */
    size_t n_ports;
    struct error *err;
};

/* TensorType of the schema; 0: brume does not carry it. */
static enum tensor_type type_of(uint64_t number)
{
    static const enum tensor_type types[] = {
        [0] = TENSOR_F32, [1] = TENSOR_F16,  [2] = TENSOR_I32, [3] = TENSOR_U8,
        [4] = TENSOR_I64, [6] = TENSOR_BOOL, [9] = TENSOR_I8,  [10] = TENSOR_F64,
    };
    return number < sizeof(types) / sizeof(*types) ? types[number] : (enum tensor_type)0;
}

static bool tflite_probe(const uint8_t *bytes, size_t size)
{
    return size >= 8 && memcmp(bytes + 4, "TFL3", 4) == 0;
}

static uint8_t read_shape(struct flat *flat, const struct flat_table *table,
                          struct tensor_shape *shape)
{
    struct flat_vector dims = flat_vector(flat, table, TENSOR_FIELD_SHAPE, sizeof(int32_t));
    struct flat_vector signature =
        flat_vector(flat, table, TENSOR_FIELD_SIGNATURE, sizeof(int32_t));
    bool ranked = dims.n > 0 || flat_number(flat, table, TENSOR_FIELD_HAS_RANK, 1) != 0;
    uint8_t open = ranked && dims.n <= TENSOR_RANK_MAX ? 0 : TFLITE_OPEN_OTHER;

    shape->rank = dims.n <= TENSOR_RANK_MAX ? dims.n : TENSOR_RANK_MAX;
    for (uint32_t i = 0; i < shape->rank; i++) {
        int32_t dim = flat_int_at(flat, &dims, i);

        shape->dims[i] = dim > 0 ? (uint32_t)dim : 0;
        if (dim < 0 || flat_int_at(flat, &signature, i) < 0) {
            open |= i == 0 ? TFLITE_OPEN_BATCH : TFLITE_OPEN_OTHER;
        }
    }
    return open;
}

/* Bytes of the constant data of a tensor; 0: it has none. */
static size_t data_size(struct reader *reader, const struct flat_table *table)
{
    struct flat *flat = &reader->flat;
    uint64_t index = flat_number(flat, table, TENSOR_FIELD_BUFFER, sizeof(uint32_t));

    if (index >= reader->buffers.n && flat->failed == 0) {
        return 0;
    }
    struct flat_table buffer = flat_table_at(flat, &reader->buffers, (uint32_t)index);
    struct flat_vector data = flat_vector(flat, &buffer, BUFFER_DATA, 1);
    uint64_t outside = flat_number(flat, &buffer, BUFFER_SIZE, sizeof(uint64_t));
    return data.n > 0 ? data.n : (size_t)outside;
}

static bool is_empty(const struct tensor_shape *shape)
{
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] == 0) {
            return true;
        }
    }
    return false;
}

static void read_tensor(struct reader *reader, const struct flat_table *table, size_t id)
{
    struct model_tensor *tensor = &reader->model->tensors[id];
    struct flat *flat = &reader->flat;

    tensor->name = flat_text(flat, table, TENSOR_FIELD_NAME, NAME_MAX_SIZE);
    tensor->shape.type = type_of(flat_number(flat, table, TENSOR_FIELD_TYPE, 1));
    reader->tflite->open[id] = read_shape(flat, table, &tensor->shape);
    tensor->size = data_size(reader, table);
    reader->tflite->variable[id] = flat_number(flat, table, TENSOR_FIELD_IS_VARIABLE, 1) != 0;
    tensor->constant = tensor->size > 0 || reader->tflite->variable[id];
}

static int read_tensors(struct reader *reader)
{
    struct flat *flat = &reader->flat;
    struct flat_vector tensors =
        flat_vector(flat, &reader->graph, GRAPH_TENSORS, sizeof(uint32_t));
    int r = model_allocate_tensors(reader->model, tensors.n, reader->err);

    if (r < 0) {
        return r;
    }
    reader->tflite->variable = memory_new(tensors.n, sizeof(bool));
    reader->tflite->open = memory_new(tensors.n, sizeof(uint8_t));
    for (uint32_t i = 0; i < tensors.n && flat->failed == 0; i++) {
        struct flat_table table = flat_table_at(flat, &tensors, i);
        read_tensor(reader, &table, i);
    }
    return flat->failed;
}

/* Optional inputs that are absent are -1 in the file. */
static unsigned read_ids(struct reader *reader, const struct flat_table *table, unsigned field,
                         int **ret_ids)
{
    struct flat *flat = &reader->flat;
    struct flat_vector vector = flat_vector(flat, table, field, sizeof(int32_t));
    unsigned n = 0;

    reader->n_ports += vector.n;
    if (flat->failed == 0 && reader->n_ports > MODEL_PORTS_MAX) {
        flat->failed = error_set(reader->err, -E2BIG,
                                 "the layers have over %d inputs and outputs", MODEL_PORTS_MAX);
    }
    if (flat->failed < 0) {
        return 0;
    }
    *ret_ids = memory_new(vector.n, sizeof(**ret_ids));
    for (uint32_t i = 0; i < vector.n; i++) {
        int id = flat_int_at(flat, &vector, i);
        if (id != -1) {
            (*ret_ids)[n++] = id;
        }
    }
    return n;
}

static uint32_t builtin_code(struct reader *reader, const struct flat_table *node,
                             struct flat_table *ret_code)
{
    struct flat *flat = &reader->flat;
    uint64_t index = flat_number(flat, node, OPERATOR_CODE, sizeof(uint32_t));

    if (index >= reader->codes.n && flat->failed == 0) {
        flat->failed = error_set(reader->err, -EBADMSG,
                                 "an operator has code %u of %u: the file is damaged",
                                 (unsigned)index, reader->codes.n);
    }
    *ret_code = flat_table_at(flat, &reader->codes, (uint32_t)index);
    uint32_t old = (uint32_t)flat_number(flat, ret_code, CODE_DEPRECATED, 1);
    uint32_t new = (uint32_t)flat_number(flat, ret_code, CODE_BUILTIN, sizeof(uint32_t));
    return old > new ? old : new;
}

static char *kind_text(struct reader *reader, const struct flat_table *code, uint32_t builtin)
{
    const char *name = tflite_opcode_name(builtin);

    if (builtin == TFLITE_CUSTOM) {
        return flat_text(&reader->flat, code, CODE_CUSTOM, NAME_MAX_SIZE);
    }
    return name != NULL ? memory_text(name) : memory_format("BUILTIN_%u", builtin);
}

static void read_layer(struct reader *reader, const struct flat_table *node, size_t index)
{
    struct model_layer *layer = &reader->model->layers[index];
    struct tflite *tflite = reader->tflite;
    struct flat_table code;
    uint32_t builtin = builtin_code(reader, node, &code);

    layer->kind = kind_text(reader, &code, builtin);
    layer->n_inputs = read_ids(reader, node, OPERATOR_INPUTS, &layer->inputs);
    layer->n_outputs = read_ids(reader, node, OPERATOR_OUTPUTS, &layer->outputs);
    tflite->codes[index] = builtin;
    tflite->resource[index] = tflite_is_resource(builtin) ||
                              (tflite_calls_body(builtin) && reader->bodies_keep_state);
    layer->stateful = tflite->resource[index] || tflite_is_random(builtin);
    for (unsigned i = 0; i < layer->n_inputs; i++) {
        int id = layer->inputs[i];
        if (id >= 0 && (size_t)id < reader->model->n_tensors && tflite->variable[id]) {
            layer->stateful = true;
        }
    }
    bool named = layer->n_outputs > 0 && layer->outputs[0] >= 0 &&
                 (size_t)layer->outputs[0] < reader->model->n_tensors;
    layer->name = memory_text(named ? reader->model->tensors[layer->outputs[0]].name : "");
}

static int read_layers(struct reader *reader)
{
    struct flat *flat = &reader->flat;
    struct flat_vector operators =
        flat_vector(flat, &reader->graph, GRAPH_OPERATORS, sizeof(uint32_t));
    int r = model_allocate_layers(reader->model, operators.n, reader->err);

    if (r < 0) {
        return r;
    }
    reader->tflite->operators = operators.at;
    reader->tflite->codes = memory_new(operators.n, sizeof(uint32_t));
    reader->tflite->resource = memory_new(operators.n, sizeof(bool));
    for (uint32_t i = 0; i < operators.n && flat->failed == 0; i++) {
        struct flat_table node = flat_table_at(flat, &operators, i);
        read_layer(reader, &node, i);
    }
    return flat->failed;
}

/* Whether a subgraph other than the first has variables or tables. */
static bool body_keeps_state(struct reader *reader, const struct flat_table *body,
                             size_t *n_seen)
{
    struct flat *flat = &reader->flat;
    struct flat_vector operators = flat_vector(flat, body, GRAPH_OPERATORS, sizeof(uint32_t));
    struct flat_vector tensors = flat_vector(flat, body, GRAPH_TENSORS, sizeof(uint32_t));
    bool keeps = false;

    *n_seen += (size_t)operators.n + tensors.n;
    if (flat->failed == 0 && *n_seen > MODEL_TENSORS_MAX) {
        flat->failed = error_set(reader->err, -E2BIG, "the subgraphs have over %d tensors",
                                 MODEL_TENSORS_MAX);
    }
    for (uint32_t i = 0; i < operators.n && flat->failed == 0; i++) {
        struct flat_table node = flat_table_at(flat, &operators, i);
        struct flat_table code;
        keeps = tflite_is_resource(builtin_code(reader, &node, &code)) || keeps;
    }
    for (uint32_t i = 0; i < tensors.n && flat->failed == 0; i++) {
        struct flat_table tensor = flat_table_at(flat, &tensors, i);
        keeps = flat_number(flat, &tensor, TENSOR_FIELD_IS_VARIABLE, 1) != 0 || keeps;
    }
    return keeps;
}

static void read_bodies(struct reader *reader)
{
    size_t n_seen = 0;

    for (uint32_t i = 1; i < reader->graphs.n && reader->flat.failed == 0; i++) {
        struct flat_table body = flat_table_at(&reader->flat, &reader->graphs, i);
        n_seen++;
        if (body_keeps_state(reader, &body, &n_seen)) {
            reader->bodies_keep_state = true;
        }
    }
}

/* All of them, used or not, so that a file cut short is noticed. */
static void check_buffers(struct reader *reader)
{
    for (uint32_t i = 0; i < reader->buffers.n && reader->flat.failed == 0; i++) {
        struct flat_table buffer = flat_table_at(&reader->flat, &reader->buffers, i);
        flat_vector(&reader->flat, &buffer, BUFFER_DATA, 1);
    }
}

static int read_root(struct reader *reader)
{
    struct flat *flat = &reader->flat;
    struct flat_table root = flat_root(flat);
    uint64_t version = flat_number(flat, &root, MODEL_VERSION, sizeof(uint32_t));

    reader->codes = flat_vector(flat, &root, MODEL_OPERATOR_CODES, sizeof(uint32_t));
    reader->graphs = flat_vector(flat, &root, MODEL_SUBGRAPHS, sizeof(uint32_t));
    reader->buffers = flat_vector(flat, &root, MODEL_BUFFERS, sizeof(uint32_t));
    if (flat->failed < 0) {
        return flat->failed;
    }
    if (version != SCHEMA_VERSION) {
        return error_set(reader->err, -EBADMSG, "schema version %u instead of %d",
                         (unsigned)version, SCHEMA_VERSION);
    }
    if (reader->graphs.n == 0) {
        return error_set(reader->err, -EBADMSG, "the file has no graph in it");
    }
    reader->graph = flat_table_at(flat, &reader->graphs, 0);
    reader->tflite->inputs_field =
        flat_field(flat, &reader->graph, GRAPH_INPUTS, sizeof(uint32_t));
    reader->tflite->outputs_field =
        flat_field(flat, &reader->graph, GRAPH_OUTPUTS, sizeof(uint32_t));
    if (flat->failed == 0 &&
        (reader->tflite->inputs_field == 0 || reader->tflite->outputs_field == 0)) {
        return error_set(reader->err, -EBADMSG, "the graph has no inputs or no outputs");
    }
    check_buffers(reader);
    read_bodies(reader);
    return flat->failed;
}

/* Tensors without data, producer or a place among the inputs are the empty constants of
 * converters, if they have no elements; else model_finish() will ask who makes them. */
static void settle_empty_tensors(struct model *model)
{
    cleanup(memory_free) bool *made = memory_new(model->n_tensors, sizeof(*made));

    for (size_t i = 0; i < model->n_inputs; i++) {
        made[model->inputs[i]] = true;
    }
    for (size_t i = 0; i < model->n_layers; i++) {
        for (unsigned j = 0; j < model->layers[i].n_outputs; j++) {
            made[model->layers[i].outputs[j]] = true;
        }
    }
    for (size_t id = 0; id < model->n_tensors; id++) {
        struct model_tensor *tensor = &model->tensors[id];
        tensor->constant = tensor->constant || (!made[id] && is_empty(&tensor->shape));
    }
}

static int tflite_read(struct model *model, struct error *err)
{
    struct reader reader = {
        .flat = flat_open(model->bytes, model->size, err),
        .model = model,
        .tflite = memory_new(1, sizeof(struct tflite)),
        .err = err,
    };
    int r;

    model->detail = reader.tflite;
    r = reader.flat.failed < 0 ? reader.flat.failed : read_root(&reader);
    r = r < 0 ? r : read_tensors(&reader);
    r = r < 0 ? r : read_layers(&reader);
    if (r < 0) {
        return r;
    }
    model->n_inputs = read_ids(&reader, &reader.graph, GRAPH_INPUTS, &model->inputs);
    model->n_outputs = read_ids(&reader, &reader.graph, GRAPH_OUTPUTS, &model->outputs);
    r = reader.flat.failed < 0 ? reader.flat.failed : model_check_ids(model, err);
    if (r < 0) {
        return r;
    }
    settle_empty_tensors(model);
    tflite_settle_shapes(model);
    for (size_t i = 0; i < model->n_layers; i++) {
        model->layers[i].operations = tflite_operations(model, i);
    }
    return 0;
}

static void tflite_close(struct model *model)
{
    struct tflite *tflite = model->detail;

    if (tflite != NULL) {
        free(tflite->variable);
        free(tflite->open);
        free(tflite->codes);
        free(tflite->resource);
        free(tflite);
    }
}

const struct model_format model_tflite = {
    .name = "tflite",
    .probe = tflite_probe,
    .read = tflite_read,
    .restrict_cuts = tflite_restrict_cuts,
    .segment = tflite_segment,
    .close = tflite_close,
};
