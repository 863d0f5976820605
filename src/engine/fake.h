/* A text format for networks that a person writes, and its engine: exact arithmetic on float32,
 * the same bits on every machine. It stands in for a real engine wherever a test is about
 * something else, so examples are small enough to read:
 *
 *     fake 1                     # format and version; '#' begins a comment
 *     input x float32 1 4        # a name, its element type, its dimensions ('?': left open)
 *     weight w float32 1 4       # handed over beside the file (struct engine_weight)
 *     scale y x 0.5              # y = 0.5 x
 *     add z y w                  # z = y + w, of one shape
 *     sum s z                    # s, of shape [1], is the sum over z
 *     busy t z 100000            # t = z, after so many rounds of arithmetic
 *     output s t
 *
 * One statement a line; a name is given once, before it is used, by the layer that makes it.
 */
#ifndef ENGINE_FAKE_H
#define ENGINE_FAKE_H

#include "engine/engine.h"

enum {
    FAKE_SIZE_MAX = 1 << 20, /* bytes of a file */
    FAKE_LAYERS_MAX = 4096,
    FAKE_BUSY_MAX = 1000000000,
};

enum fake_kind { FAKE_SCALE, FAKE_ADD, FAKE_SUM, FAKE_BUSY };

struct fake_tensor {
    char *name;
    struct tensor_shape shape;
    const float *weight; /* NULL: computed, or an input */
};

/* Reads tensors `a` (and `b`), makes the tensor `output`. */
struct fake_layer {
    enum fake_kind kind;
    size_t output, a, b;
    double number;
};

struct fake_network {
    size_t n_tensors, n_layers, n_inputs, n_outputs;
    struct fake_tensor *tensors;
    struct fake_layer *layers;
    size_t *inputs, *outputs; /* tensors */
};

/* Fills a zeroed network, which needs fake_network_finish() in any case. -EINVAL with the line
 * that is wrong. Weights stay borrowed. */
int fake_parse(const struct engine_model *model, struct fake_network *ret_network,
               struct error *err);
void fake_network_finish(struct fake_network *network);

extern const struct engine engine_fake;

#endif
