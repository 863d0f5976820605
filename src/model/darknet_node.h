/* One layer of a Darknet network as ONNX nodes. */
#ifndef MODEL_DARKNET_NODE_H
#define MODEL_DARKNET_NODE_H

#include "model/darknet_network.h"
#include "model/onnx_writer.h"

enum { DARKNET_CHAIN_MAX = 2 };

struct darknet_builder {
    const struct darknet_network *network;
    struct onnx_writer *writer;
    int *targets; /* of each layer: the layer (or DARKNET_DATA) whose output is this one's */
    char **names; /* of each layer: its output */
};

/* The tensor that is a layer's output; the input's for DARKNET_DATA. */
const char *darknet_builder_name(const struct darknet_builder *builder, int layer);

/* Tells the nodes, constants and weights of a layer that is its own target and no head. */
int darknet_node_add(const struct darknet_builder *builder, int layer, struct error *err);

/* A node with one input, and an attribute or none; with two inputs. It has its output's name.
 */
void darknet_node_one(const struct darknet_builder *builder, const char *kind,
                      const char *input, const char *output,
                      const struct onnx_attribute *attribute);
void darknet_node_two(const struct darknet_builder *builder, const char *kind, const char *left,
                      const char *right, const char *output);

/* One of Darknet's activations as a chain of ONNX operators (none: linear); a gate multiplies
 * its input by the chain's output. */
struct darknet_activation {
    const char *name;
    const char *chain[DARKNET_CHAIN_MAX + 1];
    float alpha; /* of the first; 0: it has none */
    bool gate;
};

int darknet_activation_find(const struct darknet_layer *layer,
                            const struct darknet_activation **ret_activation,
                            struct error *err);
/* Tells the nodes that turn `input` into `output`; none when linear, for they are the same. */
void darknet_activation_add(const struct darknet_builder *builder,
                            const struct darknet_activation *activation, const char *input,
                            const char *output);

#endif
