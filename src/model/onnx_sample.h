/* Small ONNX files for tests, put together field by field, in the order of the calls, as
 * exporters do. The graph under way and the file made last live in one place; sample_finish()
 * frees both. */
#ifndef MODEL_ONNX_SAMPLE_H
#define MODEL_ONNX_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "model/protobuf.h"

/* For fields that only one test wants. */
struct protobuf_writer *sample_graph(void);

/* `inputs` are names with a space between. `attributes`, which may be NULL, likewise:
 * "pads=1,1,1,1" is a list of whole numbers, "axis:1" is one. */
void sample_node(const char *kind, const char *inputs, const char *output,
                 const char *attributes);
/* An If whose branches are one node each, Relu and Neg, which read `inner`. */
void sample_branch(const char *condition, const char *inner, const char *output);

/* A value of float32; a dimension of 0 is written by the name "N". */
void sample_value(uint32_t number, const char *name, size_t rank, const uint32_t *dims);
#define SAMPLE_VALUE(number, name, ...)                                              \
    sample_value(number, name, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
                 (uint32_t[]){__VA_ARGS__})

/* float32[n, 4, 1, 1] as raw data; `size` bytes, whatever the shape says: 0.25, -0.5, 0.75 ...
 */
void sample_weight(const char *name, uint32_t n, size_t size);

/* Of float32: a scalar, and a vector of 4 that starts with `value` and rises by a third of it;
 * a scalar of uint8, which is 0. */
void sample_scalar(const char *name, float value);
void sample_vector(const char *name, float value);
void sample_zero(const char *name);

/* A file of operator set 13 from the graph, which is empty again. It has the property "made
 * for": "tests". */
struct protobuf_span sample_file(void);
void sample_finish(void);

#endif
