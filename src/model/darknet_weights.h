/* The numbers of a Darknet network, from a weights file or from a seed, with batch
 * normalisation folded into the convolutions.
 *
 * The file: major, minor, revision (int32), the pictures seen in training (64 bits from version
 * 0.2 on, else 32), then float32, layer by layer: biases, with batch normalisation scales,
 * means and variances, then the filters (a fully connected layer has its filters before the
 * scales). It must have exactly the bytes that the network needs.
 *
 * Folded as Darknet normalises, y = (x - mean) / (sqrt(variance) + 0.000001) * scale + bias.
 *
 * Seeded numbers serve for timing, never for detection. They come from splitmix64 (Steele, Lea,
 * Flood, "Fast splittable pseudorandom number generators", 2014), one step each, its upper 24
 * bits as a number in [-1, 1), times sqrt(6 / (1 + 0.1^2) / fan-in) (He et al., "Delving deep
 * into rectifiers", 2015), or sqrt(3 / fan-in) where no activation follows; what a shortcut
 * adds is made smaller by the square root of the number of shortcuts, so that their sums do not
 * grow. Biases are zero. The same seed gives the same bits on every machine.
 */
#ifndef MODEL_DARKNET_WEIGHTS_H
#define MODEL_DARKNET_WEIGHTS_H

#include "model/darknet_network.h"
#include "model/onnx_writer.h"

struct darknet_weights;

/* Opens a weights file and checks its size. */
int darknet_weights_open(const char *path, const struct darknet_network *network,
                         struct darknet_weights **ret_weights, struct error *err);
struct darknet_weights *darknet_weights_seed(uint64_t seed,
                                             const struct darknet_network *network);
void darknet_weights_close(struct darknet_weights *weights);
void darknet_weights_closep(struct darknet_weights **weights);

/* Writes the numbers of all convolutions, as darknet_graph_tell() announced them. A number that
 * is not finite is refused. */
int darknet_weights_write(struct darknet_weights *weights, struct onnx_writer *writer,
                          struct error *err);

#endif
