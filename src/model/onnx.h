/* ONNX files, within this folder only. An open file is a set of spans of its bytes: a segment
 * is put together from the very bytes of its nodes, and big weights stay where they are.
 *
 *   onnx.c          the format's table, and the cuts it forbids
 *   onnx_read.c     graph -> tensors, inputs, outputs
 *   onnx_layer.c    node -> layer
 *   onnx_names.c    names of tensors -> ids
 *   onnx_value.c    what a ValueInfoProto says: names and shapes
 *   onnx_weight.c   what a TensorProto says
 *   onnx_outside.c  weights in files of their own
 *   onnx_cost.c     operations of a layer
 *   onnx_segment.c  layers from..to -> a model of its own
 *   onnx_shapes.c   asks the engine for shapes that the file leaves out, and keeps them
 *
 * Source: onnx/onnx.proto3 and docs/IR.md of the ONNX project.
 */
#ifndef MODEL_ONNX_H
#define MODEL_ONNX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/protobuf.h"
#include "model/reader.h"

struct error;

/* Field numbers of onnx.proto3. */
enum {
    ONNX_MODEL_IR_VERSION = 1,
    ONNX_MODEL_GRAPH = 7,
    ONNX_MODEL_OPSET = 8,
    ONNX_MODEL_PROPERTY = 14,
    ONNX_MODEL_FUNCTION = 25,
    ONNX_OPSET_VERSION = 2,
    ONNX_GRAPH_NODE = 1,
    ONNX_GRAPH_NAME = 2,
    ONNX_GRAPH_INITIALIZER = 5,
    ONNX_GRAPH_INPUT = 11,
    ONNX_GRAPH_OUTPUT = 12,
    ONNX_GRAPH_VALUE_INFO = 13,
    ONNX_GRAPH_SPARSE = 15,
    ONNX_NODE_INPUT = 1,
    ONNX_NODE_OUTPUT = 2,
    ONNX_NODE_NAME = 3,
    ONNX_NODE_OP_TYPE = 4,
    ONNX_NODE_ATTRIBUTE = 5,
    ONNX_ATTRIBUTE_TENSOR = 5,
    ONNX_ATTRIBUTE_GRAPH = 6,
    ONNX_ATTRIBUTE_GRAPHS = 11,
    ONNX_TENSOR_DIMS = 1,
    ONNX_TENSOR_TYPE = 2,
    ONNX_TENSOR_NAME = 8,
    ONNX_TENSOR_RAW = 9,
    ONNX_TENSOR_EXTERNAL = 13,
    ONNX_TENSOR_LOCATION = 14,
    ONNX_ENTRY_KEY = 1,
    ONNX_ENTRY_VALUE = 2,
    ONNX_VALUE_NAME = 1,
    ONNX_VALUE_TYPE = 2,
    ONNX_TYPE_TENSOR = 1,
    ONNX_TYPE_TENSOR_ELEMENT = 1,
    ONNX_TYPE_TENSOR_SHAPE = 2,
    ONNX_SHAPE_DIMENSION = 1,
    ONNX_DIMENSION_VALUE = 1,
    ONNX_DIMENSION_NAME = 2,
};

/* Names -> ids. The names lie in the file. */
struct onnx_names {
    struct onnx_name *slots;
    size_t n_slots, n_used;
};

void onnx_names_put(struct onnx_names *names, struct protobuf_span name, int id);
int onnx_names_get(const struct onnx_names *names, struct protobuf_span name); /* or -1 */
void onnx_names_finish(struct onnx_names *names);

bool onnx_span_equal(struct protobuf_span a, struct protobuf_span b);
bool onnx_span_is(struct protobuf_span span, const char *text);
char *onnx_span_text(struct protobuf_span span); /* malloc'ed */

/* What belongs to a tensor beside its struct model_tensor. */
struct onnx_tensor {
    struct protobuf_span initializer; /* its TensorProto; empty: it is no weight of the file */
    struct protobuf_span raw;  /* the weight's bytes, where they lie as such; else empty */
    bool outside;              /* in a file of their own */
    struct protobuf_span info; /* its ValueInfoProto; empty: none */
    int seen_by;               /* a mark for who walks over the layers */
};

struct onnx_detail {
    uint64_t ir_version;
    struct protobuf_span graph;
    struct onnx_names names;
    struct protobuf_span *nodes; /* n_layers, each a NodeProto */
    struct onnx_tensor *tensors; /* n_tensors */
    size_t n_files;
    struct onnx_file *files; /* that hold weights */
    size_t n_batches;
    struct protobuf_span
        *batches; /* names of dimensions that stand for the batch: they are 1 */
};

/* StringStringEntryProto; -EBADMSG. */
int onnx_entry_read(struct protobuf_span proto, struct protobuf_span *ret_key,
                    struct protobuf_span *ret_value);

/* TensorProto. `shape` has type 0 when brume's tensors cannot hold it. `raw` is where its bytes
 * lie as such; for one in a file of its own onnx_outside_find() says where. */
struct onnx_weight {
    struct protobuf_span name;
    struct protobuf_span raw;
    struct tensor_shape shape;
    size_t size; /* bytes */
    bool outside, has_length;
    struct protobuf_span location;
    size_t offset, length;
};

int onnx_weight_read(struct protobuf_span proto, struct onnx_weight *ret_weight,
                     struct error *err);
/* The same initializer with `raw` as its bytes; or, not `inside`, with its bytes elsewhere. */
void onnx_weight_write(struct protobuf_writer *writer, struct protobuf_span proto,
                       struct protobuf_span raw, bool inside);

/* Fills in `raw`, which stays as long as the model. */
int onnx_outside_find(struct model *model, struct onnx_weight *weight, struct error *err);
/* -ENOTSUP with the sentence for a weight that must not lie in another file. */
int onnx_outside_refuse(const struct onnx_weight *weight, struct error *err);
void onnx_outside_close(struct onnx_detail *detail);

/* ValueInfoProto. `shape` has type 0 when it is no tensor, or one of unknown rank; a dimension
 * of 0 is open, and may have a name. */
struct onnx_value {
    struct protobuf_span name;
    struct tensor_shape shape;
    struct protobuf_span symbols[TENSOR_RANK_MAX];
};

int onnx_value_read(struct protobuf_span proto, struct onnx_value *ret_value);
/* `shape` with type 0: `info` as it is, or the name alone when that is empty too. */
void onnx_value_write(struct protobuf_writer *writer, uint32_t number,
                      const struct model_tensor *tensor, struct protobuf_span info);

/* An element type of brume for one of TensorProto.DataType; 0: there is none. */
enum tensor_type onnx_type(uint64_t data_type);

/* Bytes of a shape; 0 when a dimension or the type is not known, or on overflow. */
size_t onnx_shape_size(const struct tensor_shape *shape);

/* -EBADMSG with the one sentence for bytes that are no message. */
int onnx_broken(struct error *err);

/* For "%.*s": a name as far as a sentence has room for it. */
#define ONNX_SHOWN(span)                        \
    (int)((span).size < 80 ? (span).size : 80), \
        (span).size == 0 ? "" : (const char *)(span).bytes

int onnx_read(struct model *model, struct error *err);
/* A tensor of a name that is not there yet. */
int onnx_tensor_add(struct model *model, struct protobuf_span name, int *ret_id,
                    struct error *err);
/* Appends a layer for a NodeProto; its inputs must be there. */
int onnx_layer_read(struct model *model, struct protobuf_span body, struct error *err);
void onnx_close(struct model *model);
void onnx_count_operations(struct model *model);
int onnx_segment(const struct model *model, const struct model_part *part,
                 struct model_segment *segment, struct error *err);
/* Fills in shapes that the file leaves out, from the user's cache or by asking the engine.
 * Without either they stay unknown. */
void onnx_infer_shapes(struct model *model);

#endif
