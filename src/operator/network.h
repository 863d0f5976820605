/* A segment of a model, ready to run: which tensors of a frame go where.
 *
 * The frame at cut k carries the live tensors at k in rising order of their ids; what only
 * passes around the segment is handed on as it is. The frame behind the last layer carries the
 * model's outputs in the file's order.
 */
#ifndef OPERATOR_NETWORK_H
#define OPERATOR_NETWORK_H

#include "engine/engine.h"
#include "model/model.h"

struct network {
    struct model *model;
    size_t from, to;    /* cuts */
    size_t n_in, n_out; /* tensors of the frames */
    int *in, *out;      /* their ids */
    struct model_segment *segment;
    const struct engine *engine;
    struct engine_session *session;
};

/* Opens the model and understands `segment`, "from:to"; NULL or "": the whole. `hash`: what the
 * model's hash must be, in hexadecimal; NULL: anything. */
int network_open(const char *file, const char *segment, const char *hash,
                 struct network **ret_network, struct error *err);
/* Loads the engine and hands it the segment. */
int network_start(struct network *network, const struct engine_options *options,
                  struct error *err);
void network_close(struct network *network); /* accepts NULL */
void network_closep(struct network **network);

/* The shape of tensor `i` of the incoming or outgoing frame. */
const struct tensor_shape *network_in(const struct network *network, size_t i);
const struct tensor_shape *network_out(const struct network *network, size_t i);

/* Checks `shape` against tensor `i` of the incoming frame; dimensions of 0 on either side fit
 * anything. */
int network_check(const struct network *network, size_t i, const struct tensor_shape *shape,
                  struct error *err);

/* Runs it: n_in tensors in, n_out references to tensors out. */
int network_run(struct network *network, struct tensor *const *in, struct tensor **ret_out,
                struct error *err);

#endif
