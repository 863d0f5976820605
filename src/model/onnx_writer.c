#include "model/onnx_writer.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/protobuf.h"

enum {
    OPSET = 13,
    IR_VERSION = 7,
    TYPE_FLOAT = 1,
    TYPE_INT64 = 7,
    BLOCK = 4096, /* numbers */
};

static const uint64_t model_size_max = INT32_MAX;

/* Field numbers of onnx.proto. */
enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER_NAME = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_PROPERTY = 14,
    OPSET_DOMAIN = 1,
    OPSET_VERSION = 2,
    PROPERTY_KEY = 1,
    PROPERTY_VALUE = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_KIND = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_FLOAT = 2,
    ATTRIBUTE_INT = 3,
    ATTRIBUTE_STRING = 4,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20,
    TENSOR_DIMS = 1,
    TENSOR_DATA_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW_DATA = 9,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_ELEMENT = 1,
    TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
};

/* What stands in the file before a weight's numbers, and how many bytes those have. */
struct weight {
    struct protobuf_writer head;
    uint64_t size;
};

struct onnx_writer {
    struct protobuf_writer graph; /* less its weights */
    struct protobuf_writer properties;
    size_t n_weights, current;
    struct weight *weights;
    uint64_t left; /* bytes that the current weight still lacks */
    char *path, *partial;
    FILE *file;
};

struct onnx_writer *onnx_writer_create(const char *graph_name)
{
    struct onnx_writer *writer = memory_new(1, sizeof(*writer));

    protobuf_write_text(&writer->graph, GRAPH_NAME, graph_name);
    return writer;
}

void onnx_writer_destroy(struct onnx_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->file != NULL) {
        fclose(writer->file);
        unlink(writer->partial);
    }
    for (size_t i = 0; i < writer->n_weights; i++) {
        protobuf_writer_finish(&writer->weights[i].head);
    }
    protobuf_writer_finish(&writer->graph);
    protobuf_writer_finish(&writer->properties);
    free(writer->weights);
    free(writer->path);
    free(writer->partial);
    free(writer);
}

void onnx_writer_destroyp(struct onnx_writer **writer)
{
    onnx_writer_destroy(*writer);
    *writer = NULL;
}

static void write_tag(struct protobuf_writer *to, uint32_t number, enum protobuf_wire wire)
{
    uint8_t tag = (uint8_t)(number << 3 | wire);

    assert(number < 16);
    protobuf_write_raw(to, (struct protobuf_span){&tag, 1});
}

/* The head of a field whose bytes follow from elsewhere. */
static void write_length(struct protobuf_writer *to, uint32_t number, uint64_t size)
{
    uint8_t bytes[10];
    size_t n = 0;

    write_tag(to, number, PROTOBUF_BYTES);
    for (; size >= 0x80; size >>= 7) {
        bytes[n++] = (uint8_t)(size | 0x80);
    }
    bytes[n++] = (uint8_t)size;
    protobuf_write_raw(to, (struct protobuf_span){bytes, n});
}

static void write_float(struct protobuf_writer *to, uint32_t number, float value)
{
    uint32_t bits = 0;

    memcpy(&bits, &value, sizeof(bits));
    bits = htole32(bits);
    write_tag(to, number, PROTOBUF_FIXED32);
    protobuf_write_raw(to, (struct protobuf_span){(const uint8_t *)&bits, sizeof(bits)});
}

static void write_attribute(struct protobuf_writer *to, const struct onnx_attribute *attribute)
{
    size_t begun = protobuf_begin(to, NODE_ATTRIBUTE);

    protobuf_write_text(to, ATTRIBUTE_NAME, attribute->name);
    if (attribute->type == ONNX_FLOAT) {
        write_float(to, ATTRIBUTE_FLOAT, attribute->number);
    } else if (attribute->type == ONNX_STRING) {
        protobuf_write_text(to, ATTRIBUTE_STRING, attribute->text);
    } else {
        for (size_t i = 0; i < attribute->n_integers; i++) {
            protobuf_write_number(to,
                                  attribute->type == ONNX_INT ? ATTRIBUTE_INT : ATTRIBUTE_INTS,
                                  (uint64_t)attribute->integers[i]);
        }
    }
    protobuf_write_number(to, ATTRIBUTE_TYPE, (uint64_t)attribute->type);
    protobuf_end(to, begun);
}

void onnx_writer_node(struct onnx_writer *writer, const struct onnx_node *node)
{
    struct protobuf_writer *to = &writer->graph;
    size_t begun = protobuf_begin(to, GRAPH_NODE);

    for (size_t i = 0; i < node->n_inputs; i++) {
        protobuf_write_text(to, NODE_INPUT, node->inputs[i]);
    }
    protobuf_write_text(to, NODE_OUTPUT, node->output);
    protobuf_write_text(to, NODE_NAME, node->name);
    protobuf_write_text(to, NODE_KIND, node->kind);
    for (size_t i = 0; i < node->n_attributes; i++) {
        write_attribute(to, &node->attributes[i]);
    }
    protobuf_end(to, begun);
}

static void write_port(struct protobuf_writer *to, uint32_t number, const char *name,
                       size_t rank, const int64_t *dims)
{
    size_t port = protobuf_begin(to, number);
    protobuf_write_text(to, VALUE_NAME, name);
    size_t type = protobuf_begin(to, VALUE_TYPE);
    size_t tensor = protobuf_begin(to, TYPE_TENSOR);
    protobuf_write_number(to, TYPE_ELEMENT, TYPE_FLOAT);
    size_t shape = protobuf_begin(to, TYPE_SHAPE);
    for (size_t i = 0; i < rank; i++) {
        size_t dim = protobuf_begin(to, SHAPE_DIM);
        protobuf_write_number(to, DIM_VALUE, (uint64_t)dims[i]);
        protobuf_end(to, dim);
    }
    protobuf_end(to, shape);
    protobuf_end(to, tensor);
    protobuf_end(to, type);
    protobuf_end(to, port);
}

void onnx_writer_input(struct onnx_writer *writer, const char *name, size_t rank,
                       const int64_t *dims)
{
    write_port(&writer->graph, GRAPH_INPUT, name, rank, dims);
}

void onnx_writer_output(struct onnx_writer *writer, const char *name, size_t rank,
                        const int64_t *dims)
{
    write_port(&writer->graph, GRAPH_OUTPUT, name, rank, dims);
}

void onnx_writer_property(struct onnx_writer *writer, const char *key, const char *value)
{
    size_t begun = protobuf_begin(&writer->properties, MODEL_PROPERTY);

    protobuf_write_text(&writer->properties, PROPERTY_KEY, key);
    protobuf_write_text(&writer->properties, PROPERTY_VALUE, value);
    protobuf_end(&writer->properties, begun);
}

void onnx_writer_integers(struct onnx_writer *writer, const char *name, size_t n,
                          const int64_t *integers)
{
    struct protobuf_writer *to = &writer->graph;
    size_t begun = protobuf_begin(to, GRAPH_INITIALIZER);

    protobuf_write_number(to, TENSOR_DIMS, n);
    protobuf_write_number(to, TENSOR_DATA_TYPE, TYPE_INT64);
    protobuf_write_text(to, TENSOR_NAME, name);
    size_t data = protobuf_begin(to, TENSOR_RAW_DATA);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = htole64((uint64_t)integers[i]);
        protobuf_write_raw(to, (struct protobuf_span){(const uint8_t *)&bits, sizeof(bits)});
    }
    protobuf_end(to, data);
    protobuf_end(to, begun);
}

void onnx_writer_weight(struct onnx_writer *writer, const char *name, size_t rank,
                        const int64_t *dims)
{
    cleanup(protobuf_writer_finish) struct protobuf_writer body = {0};
    struct weight weight = {.size = sizeof(float)};

    for (size_t i = 0; i < rank; i++) {
        assert(dims[i] > 0 && (uint64_t)dims[i] <= UINT64_MAX / weight.size);
        weight.size *= (uint64_t)dims[i];
        protobuf_write_number(&body, TENSOR_DIMS, (uint64_t)dims[i]);
    }
    protobuf_write_number(&body, TENSOR_DATA_TYPE, TYPE_FLOAT);
    protobuf_write_text(&body, TENSOR_NAME, name);
    write_length(&body, TENSOR_RAW_DATA, weight.size);

    write_length(&weight.head, GRAPH_INITIALIZER, body.size + weight.size);
    protobuf_write_raw(&weight.head, (struct protobuf_span){body.bytes, body.size});
    weight.head.failed |= body.failed;
    writer->weights = memory_grow(writer->weights, writer->n_weights, sizeof(weight));
    writer->weights[writer->n_weights++] = weight;
}

static int failed(struct onnx_writer *writer, struct error *err)
{
    int code = errno > 0 ? errno : EIO;

    return error_set(err, -code, "%s: cannot be written: %s", writer->path,
                     strerrordesc_np(code));
}

static int open_partial(struct onnx_writer *writer, const char *path, struct error *err)
{
    writer->path = memory_text(path);
    writer->partial = memory_format("%s.XXXXXX", path);
    int fd = mkostemp(writer->partial, 0);
    if (fd < 0) {
        return failed(writer, err);
    }
    writer->file = fdopen(fd, "wb");
    if (writer->file == NULL || fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) < 0) {
        int r = failed(writer, err);
        if (writer->file == NULL) {
            close(fd);
            unlink(writer->partial);
        }
        return r;
    }
    return 0;
}

static int put(struct onnx_writer *writer, const void *bytes, size_t size, struct error *err)
{
    if (size > 0 && fwrite(bytes, 1, size, writer->file) != size) {
        return failed(writer, err);
    }
    return 0;
}

/* Everything before the graph's body. */
static void write_front(const struct onnx_writer *writer, uint64_t graph_size,
                        struct protobuf_writer *to)
{
    protobuf_write_number(to, MODEL_IR_VERSION, IR_VERSION);
    protobuf_write_text(to, MODEL_PRODUCER_NAME, "brume");
    protobuf_write_text(to, MODEL_PRODUCER_VERSION, BRUME_VERSION);
    size_t opset = protobuf_begin(to, MODEL_OPSET);
    protobuf_write_text(to, OPSET_DOMAIN, "");
    protobuf_write_number(to, OPSET_VERSION, OPSET);
    protobuf_end(to, opset);
    protobuf_write_raw(
        to, (struct protobuf_span){writer->properties.bytes, writer->properties.size});
    write_length(to, MODEL_GRAPH, graph_size);
}

/* Goes to the next weight that lacks numbers, and writes the heads on the way. */
static int advance(struct onnx_writer *writer, struct error *err)
{
    while (writer->left == 0 && writer->current < writer->n_weights) {
        const struct weight *weight = &writer->weights[writer->current++];
        int r = put(writer, weight->head.bytes, weight->head.size, err);

        if (r < 0) {
            return r;
        }
        writer->left = weight->size;
    }
    return 0;
}

int onnx_writer_start(struct onnx_writer *writer, const char *path, struct error *err)
{
    cleanup(protobuf_writer_finish) struct protobuf_writer front = {0};
    bool no_memory = writer->graph.failed || writer->properties.failed;
    uint64_t size = writer->graph.size;

    assert(writer->file == NULL);
    for (size_t i = 0; i < writer->n_weights; i++) {
        no_memory |= writer->weights[i].head.failed;
        size += writer->weights[i].head.size + writer->weights[i].size;
        if (size > model_size_max) {
            return error_set(err, -E2BIG, "%s: an ONNX file cannot pass 2 GB", path);
        }
    }
    write_front(writer, size, &front);
    if (no_memory || front.failed) {
        return error_set(err, -ENOMEM, "%s: not enough memory to write it", path);
    }
    int r = open_partial(writer, path, err);
    if (r < 0 || (r = put(writer, front.bytes, front.size, err)) < 0 ||
        (r = put(writer, writer->graph.bytes, writer->graph.size, err)) < 0) {
        return r;
    }
    return advance(writer, err);
}

int onnx_writer_numbers(struct onnx_writer *writer, size_t n, const float *numbers,
                        struct error *err)
{
    uint32_t block[BLOCK];

    while (n > 0) {
        size_t now = n < BLOCK ? n : BLOCK;

        assert(writer->left > 0);
        now = now < writer->left / sizeof(float) ? now : writer->left / sizeof(float);
        memcpy(block, numbers, now * sizeof(float));
        for (size_t i = 0; i < now; i++) {
            block[i] = htole32(block[i]);
        }
        int r = put(writer, block, now * sizeof(float), err);
        writer->left -= now * sizeof(float);
        if (r < 0 || (r = advance(writer, err)) < 0) {
            return r;
        }
        numbers += now;
        n -= now;
    }
    return 0;
}

int onnx_writer_finish(struct onnx_writer *writer, struct error *err)
{
    FILE *file = writer->file;

    assert(file != NULL && writer->left == 0 && writer->current == writer->n_weights);
    if (fflush(file) != 0 || fsync(fileno(file)) < 0 ||
        rename(writer->partial, writer->path) < 0) {
        return failed(writer, err);
    }
    writer->file = NULL;
    fclose(file);
    return 0;
}
