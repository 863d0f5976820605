/* Runs a model cut in two against the same model whole, on the same input: what `brume model
 * check` and the tests do with every legal cut. "Whole" is the file as it is, never a segment.
 */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "model/model.h"

struct model_check;

/* Runs the whole. `inputs` are as model->inputs, borrowed for the call; NULL:
 * model_check_fill() makes them. -ENOTSUP when the engine's outputs are not those that can be
 * compared. The model must stay open. */
int model_check_open(const struct model *model, const struct engine_options *options,
                     struct tensor *const *inputs, struct model_check **ret_check,
                     struct error *err);
void model_check_close(struct model_check *check);
void model_check_closep(struct model_check **check);

/* Fills a tensor with numbers that are the same for the same seed: real ones from -1 to 1,
 * whole ones from 0 to 99, all in range of their type. */
void model_check_fill(struct tensor *tensor, uint64_t seed);

/* The largest difference of two elements. Both are 0 for the same bits, and INFINITY for other
 * shapes, no number on one side only, or bits that differ in a type that has no arithmetic here
 * (float16). */
struct model_difference {
    double absolute;
    double relative; /* to the largest magnitude in the whole; INFINITY: that is zero */
};

struct model_difference model_check_difference(const struct tensor *whole,
                                               const struct tensor *cut);

/* Runs 0..k and k..n_layers; k must be legal, 0 < k < n_layers. Gives the largest differences
 * of all outputs. */
int model_check_cut(const struct model_check *check, size_t k,
                    struct model_difference *ret_difference, struct error *err);

#endif
