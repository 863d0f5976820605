/* Writes an ONNX model (opset 13) whose weights never are in memory all at once.
 *
 * First everything but the weights is told: nodes in topological order, ports, properties, and
 * which weights there will be. Then onnx_writer_start() opens the file, and the weights'
 * numbers follow, in the order in which they were announced. Only onnx_writer_finish() makes
 * the file appear under its name; until then nothing is to be seen of it, and after a failure
 * nothing is left. A model that passes the 2 GB of a protocol buffer is refused.
 *
 * Source: onnx.proto of ONNX 1.8 (intermediate representation 7).
 */
#ifndef MODEL_ONNX_WRITER_H
#define MODEL_ONNX_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct error;

struct onnx_attribute {
    const char *name;
    enum { ONNX_FLOAT = 1, ONNX_INT = 2, ONNX_STRING = 3, ONNX_INTS = 7 } type;
    float number;
    const char *text;
    size_t n_integers; /* one for ONNX_INT */
    const int64_t *integers;
};

struct onnx_node {
    const char *kind, *name;
    size_t n_inputs;
    const char *const *inputs; /* "": an optional input that is not given */
    const char *output;
    size_t n_attributes;
    const struct onnx_attribute *attributes;
};

struct onnx_writer *onnx_writer_create(const char *graph_name);
void onnx_writer_destroy(struct onnx_writer *writer);
void onnx_writer_destroyp(struct onnx_writer **writer);

/* All texts are copied, and must be UTF-8. Ports are float32; so are weights. */
void onnx_writer_node(struct onnx_writer *writer, const struct onnx_node *node);
void onnx_writer_input(struct onnx_writer *writer, const char *name, size_t rank,
                       const int64_t *dims);
void onnx_writer_output(struct onnx_writer *writer, const char *name, size_t rank,
                        const int64_t *dims);
void onnx_writer_property(struct onnx_writer *writer, const char *key, const char *value);
/* A constant list of int64: shapes, axes. */
void onnx_writer_integers(struct onnx_writer *writer, const char *name, size_t n,
                          const int64_t *integers);
void onnx_writer_weight(struct onnx_writer *writer, const char *name, size_t rank,
                        const int64_t *dims);

int onnx_writer_start(struct onnx_writer *writer, const char *path, struct error *err);
/* The next numbers of the announced weights; a call may end within one weight and in the next.
 */
int onnx_writer_numbers(struct onnx_writer *writer, size_t n, const float *numbers,
                        struct error *err);
/* All announced numbers must have been written. */
int onnx_writer_finish(struct onnx_writer *writer, struct error *err);

#endif
