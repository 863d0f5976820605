/* A segment is put together from the bytes of the file: the nodes of its layers and of the
 * constant layers they need, as they are, and the weights these read. A weight of
 * WEIGHT_OUTSIDE bytes or more stays in the file: the segment only names it, as ONNX names data
 * in another file, and hands its address to the engine. Smaller ones, and whole numbers of 64
 * bits, go along, because the engine wants to see shapes, axes and scales when it loads the
 * graph.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/error.h"
#include "base/memory.h"
#include "model/onnx.h"

enum {
    WEIGHT_OUTSIDE = 1024,
    IR_VERSION_LEAST = 4, /* the first in which weights need not be inputs of the graph */
};

static bool stays_outside(const struct model_tensor *tensor, struct protobuf_span raw)
{
    return raw.size >= WEIGHT_OUTSIDE && raw.size <= TENSOR_SIZE_MAX &&
           (unsigned)tensor->shape.type != 0 && tensor->shape.type != TENSOR_I64;
}

static void write_inside(struct protobuf_writer *writer, const struct onnx_tensor *tensor)
{
    if (tensor->outside) {
        onnx_weight_write(writer, tensor->initializer, tensor->raw, true);
    } else {
        protobuf_write_bytes(writer, ONNX_GRAPH_INITIALIZER, tensor->initializer.bytes,
                             tensor->initializer.size);
    }
}

static void write_weights(const struct model *model, const bool *read,
                          struct model_segment *segment, struct protobuf_writer *writer)
{
    const struct onnx_detail *detail = model->detail;
    size_t n = 0;

    for (size_t i = 0; i < model->n_tensors; i++) {
        const struct onnx_tensor *tensor = &detail->tensors[i];

        if (!read[i] || tensor->initializer.size == 0) {
            continue;
        }
        if (segment->complete || !stays_outside(&model->tensors[i], tensor->raw)) {
            write_inside(writer, tensor);
            continue;
        }
        onnx_weight_write(writer, tensor->initializer, tensor->raw, false);
        segment->weights = memory_grow(segment->weights, n, sizeof(*segment->weights));
        segment->weights[n++] = (struct engine_weight){.name = model->tensors[i].name,
                                                       .shape = model->tensors[i].shape,
                                                       .data = tensor->raw.bytes};
    }
    segment->image.weights = segment->weights;
    segment->image.n_weights = n;
}

/* The versions of operators, and functions that the model defines for itself. */
static void write_environment(const struct model *model, struct protobuf_writer *writer)
{
    const struct onnx_detail *detail = model->detail;
    struct protobuf_reader reader =
        protobuf_read((struct protobuf_span){model->bytes, model->size});
    struct protobuf_field field;
    size_t n_opsets = 0;

    protobuf_write_number(writer, ONNX_MODEL_IR_VERSION,
                          detail->ir_version < IR_VERSION_LEAST ? IR_VERSION_LEAST
                                                                : detail->ir_version);
    while (protobuf_next(&reader, &field) == 0) {
        if (field.number == ONNX_MODEL_OPSET || field.number == ONNX_MODEL_FUNCTION) {
            protobuf_write_raw(writer, field.all);
            n_opsets += field.number == ONNX_MODEL_OPSET;
        }
    }
    if (n_opsets == 0) {
        size_t opset = protobuf_begin(writer, ONNX_MODEL_OPSET);
        protobuf_write_number(writer, ONNX_OPSET_VERSION, 1);
        protobuf_end(writer, opset);
    }
}

static void write_layers(const struct model *model, const struct model_part *part, bool *read,
                         struct protobuf_writer *writer)
{
    const struct onnx_detail *detail = model->detail;

    for (size_t i = 0; i < part->n_layers; i++) {
        const struct model_layer *layer = &model->layers[part->layers[i]];
        struct protobuf_span node = detail->nodes[part->layers[i]];

        protobuf_write_bytes(writer, ONNX_GRAPH_NODE, node.bytes, node.size);
        for (unsigned j = 0; j < layer->n_inputs; j++) {
            read[layer->inputs[j]] = true;
        }
    }
}

static void write_ports(const struct model *model, uint32_t number, size_t n, const int *ids,
                        struct protobuf_writer *writer)
{
    const struct onnx_detail *detail = model->detail;

    for (size_t i = 0; i < n; i++) {
        onnx_value_write(writer, number, &model->tensors[ids[i]], detail->tensors[ids[i]].info);
    }
}

int onnx_segment(const struct model *model, const struct model_part *part,
                 struct model_segment *segment, struct error *err)
{
    cleanup(memory_free) bool *read = memory_new(model->n_tensors, sizeof(*read));
    struct protobuf_writer writer = {0};

    write_environment(model, &writer);
    size_t graph = protobuf_begin(&writer, ONNX_MODEL_GRAPH);
    write_layers(model, part, read, &writer);
    protobuf_write_text(&writer, ONNX_GRAPH_NAME, "segment");
    write_weights(model, read, segment, &writer);
    write_ports(model, ONNX_GRAPH_INPUT, part->n_inputs, part->inputs, &writer);
    write_ports(model, ONNX_GRAPH_OUTPUT, part->n_outputs, part->outputs, &writer);
    protobuf_end(&writer, graph);
    if (writer.failed) {
        protobuf_writer_finish(&writer);
        return error_set(err, -ENOMEM, "%s: no memory for a segment", model->path);
    }
    segment->memory = writer.bytes;
    segment->memory_size = writer.size;
    segment->image.bytes = writer.bytes;
    segment->image.size = writer.size;
    return 0;
}
