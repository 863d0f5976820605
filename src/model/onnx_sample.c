#include "model/onnx_sample.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "model/onnx.h"

enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_INT = 3, ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20 };
enum { TYPE_INT = 2, TYPE_GRAPH = 5, TYPE_INTS = 7 };

static struct protobuf_writer graph, file;

struct protobuf_writer *sample_graph(void)
{
    return &graph;
}

static void write_attribute(char *text)
{
    size_t attribute = protobuf_begin(&graph, ONNX_NODE_ATTRIBUTE);
    size_t length = strcspn(text, "=:");
    const bool list = text[length] == '=';

    protobuf_write_bytes(&graph, ATTRIBUTE_NAME, text, length);
    for (char *at = text + length; *at != '\0';) {
        protobuf_write_number(&graph, list ? ATTRIBUTE_INTS : ATTRIBUTE_INT,
                              strtoull(at + 1, &at, 10));
    }
    protobuf_write_number(&graph, ATTRIBUTE_TYPE, list ? TYPE_INTS : TYPE_INT);
    protobuf_end(&graph, attribute);
}

void sample_node(const char *kind, const char *inputs, const char *output,
                 const char *attributes)
{
    cleanup(memory_free) char *names = memory_text(inputs);
    cleanup(memory_free) char *others = memory_text(attributes == NULL ? "" : attributes);
    size_t node = protobuf_begin(&graph, ONNX_GRAPH_NODE);
    char *rest = NULL;

    for (char *name = strtok_r(names, " ", &rest); name != NULL;
         name = strtok_r(NULL, " ", &rest)) {
        protobuf_write_text(&graph, ONNX_NODE_INPUT, name);
    }
    protobuf_write_text(&graph, ONNX_NODE_OUTPUT, output);
    protobuf_write_text(&graph, ONNX_NODE_OP_TYPE, kind);
    for (char *text = strtok_r(others, " ", &rest); text != NULL;
         text = strtok_r(NULL, " ", &rest)) {
        write_attribute(text);
    }
    protobuf_end(&graph, node);
}

static void write_branch(const char *name, const char *kind, const char *inner)
{
    cleanup(memory_free) char *output = memory_format("%s of %s", name, inner);
    size_t attribute = protobuf_begin(&graph, ONNX_NODE_ATTRIBUTE);

    protobuf_write_text(&graph, ATTRIBUTE_NAME, name);
    size_t branch = protobuf_begin(&graph, ONNX_ATTRIBUTE_GRAPH);
    sample_node(kind, inner, output, NULL);
    protobuf_write_text(&graph, ONNX_GRAPH_NAME, name);
    size_t value = protobuf_begin(&graph, ONNX_GRAPH_OUTPUT);
    protobuf_write_text(&graph, ONNX_VALUE_NAME, output);
    protobuf_end(&graph, value);
    protobuf_end(&graph, branch);
    protobuf_write_number(&graph, ATTRIBUTE_TYPE, TYPE_GRAPH);
    protobuf_end(&graph, attribute);
}

void sample_branch(const char *condition, const char *inner, const char *output)
{
    size_t node = protobuf_begin(&graph, ONNX_GRAPH_NODE);

    protobuf_write_text(&graph, ONNX_NODE_INPUT, condition);
    protobuf_write_text(&graph, ONNX_NODE_OUTPUT, output);
    protobuf_write_text(&graph, ONNX_NODE_OP_TYPE, "If");
    write_branch("then_branch", "Relu", inner);
    write_branch("else_branch", "Neg", inner);
    protobuf_end(&graph, node);
}

void sample_value(uint32_t number, const char *name, size_t rank, const uint32_t *dims)
{
    size_t value = protobuf_begin(&graph, number);

    protobuf_write_text(&graph, ONNX_VALUE_NAME, name);
    size_t type = protobuf_begin(&graph, ONNX_VALUE_TYPE);
    size_t tensor = protobuf_begin(&graph, ONNX_TYPE_TENSOR);
    protobuf_write_number(&graph, ONNX_TYPE_TENSOR_ELEMENT, 1);
    size_t shape = protobuf_begin(&graph, ONNX_TYPE_TENSOR_SHAPE);
    for (size_t i = 0; i < rank; i++) {
        size_t dimension = protobuf_begin(&graph, ONNX_SHAPE_DIMENSION);
        if (dims[i] > 0) {
            protobuf_write_number(&graph, ONNX_DIMENSION_VALUE, dims[i]);
        } else {
            protobuf_write_text(&graph, ONNX_DIMENSION_NAME, "N");
        }
        protobuf_end(&graph, dimension);
    }
    protobuf_end(&graph, shape);
    protobuf_end(&graph, tensor);
    protobuf_end(&graph, type);
    protobuf_end(&graph, value);
}

void sample_weight(const char *name, uint32_t n, size_t size)
{
    cleanup(memory_free) float *numbers = memory_new(size + sizeof(float), 1);
    size_t weight = protobuf_begin(&graph, ONNX_GRAPH_INITIALIZER);

    for (size_t i = 0; i < size / sizeof(float); i++) {
        numbers[i] = (float)(i % 5 + 1) * (i % 2 == 0 ? 0.25F : -0.25F);
    }
    protobuf_write_number(&graph, ONNX_TENSOR_DIMS, n);
    protobuf_write_bytes(&graph, ONNX_TENSOR_DIMS, "\x04\x01\x01", 3);
    protobuf_write_number(&graph, ONNX_TENSOR_TYPE, 1);
    protobuf_write_text(&graph, ONNX_TENSOR_NAME, name);
    protobuf_write_bytes(&graph, ONNX_TENSOR_RAW, numbers, size);
    protobuf_end(&graph, weight);
}

/* `n` is 0 for a scalar. */
static void add_vector(const char *name, uint64_t type, uint32_t n, const void *bytes,
                       size_t size)
{
    size_t weight = protobuf_begin(&graph, ONNX_GRAPH_INITIALIZER);

    if (n > 0) {
        protobuf_write_number(&graph, ONNX_TENSOR_DIMS, n);
    }
    protobuf_write_number(&graph, ONNX_TENSOR_TYPE, type);
    protobuf_write_text(&graph, ONNX_TENSOR_NAME, name);
    protobuf_write_bytes(&graph, ONNX_TENSOR_RAW, bytes, size);
    protobuf_end(&graph, weight);
}

void sample_scalar(const char *name, float value)
{
    add_vector(name, 1, 0, &value, sizeof(value));
}

void sample_vector(const char *name, float value)
{
    const float third = value / 3;
    const float numbers[] = {value, value + third, value + 2 * third, value + 3 * third};

    add_vector(name, 1, 4, numbers, sizeof(numbers));
}

void sample_zero(const char *name)
{
    add_vector(name, 2, 0, "", 1);
}

struct protobuf_span sample_file(void)
{
    file.size = 0;
    protobuf_write_number(&file, ONNX_MODEL_IR_VERSION, 3);
    size_t opset = protobuf_begin(&file, ONNX_MODEL_OPSET);
    protobuf_write_number(&file, ONNX_OPSET_VERSION, 13);
    protobuf_end(&file, opset);
    size_t property = protobuf_begin(&file, ONNX_MODEL_PROPERTY);
    protobuf_write_text(&file, ONNX_ENTRY_KEY, "made for");
    protobuf_write_text(&file, ONNX_ENTRY_VALUE, "tests");
    protobuf_end(&file, property);
    protobuf_write_bytes(&file, ONNX_MODEL_GRAPH, graph.bytes, graph.size);
    assert(!file.failed && !graph.failed);
    graph.size = 0;
    return (struct protobuf_span){file.bytes, file.size};
}

void sample_finish(void)
{
    protobuf_writer_finish(&graph);
    protobuf_writer_finish(&file);
}
