/* Which legal cuts of a model are worth a look.
 *
 * A model may have hundreds of legal cuts, and each that is considered costs a measurement.
 * Between two cuts that are close in work, only the one with fewer bytes across can be part of
 * a better plan by more than that little work; so of each equal share of the work one is kept.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "model/model.h"
#include "planner/planner.h"

static size_t count_legal(const struct model *model)
{
    size_t n = 0;

    for (size_t k = 1; k < model->n_layers; k++) {
        n += model->legal[k];
    }
    return n;
}

size_t planner_cuts(const struct model *model, size_t most, unsigned **ret_cuts)
{
    size_t inner = most > 2 ? most - 2 : 0, n = 0;
    bool all = count_legal(model) <= inner;
    double total = 0, done = 0;
    unsigned *cuts = NULL;

    for (size_t i = 0; i < model->n_layers; i++) {
        total += model->layers[i].operations + 1;
    }
    size_t share = 0;
    uint64_t least = 0;

    cuts = memory_grow(cuts, n, sizeof(*cuts));
    cuts[n++] = 0;
    for (size_t k = 1; k < model->n_layers && inner > 0; k++) {
        done += model->layers[k - 1].operations + 1;
        if (!model->legal[k]) {
            continue;
        }
        size_t here = (size_t)(done / total * (double)inner);
        uint64_t size = model_live_size(model, k);

        if (!all && n > 1 && here == share && size >= least) {
            continue;
        }
        if (all || n == 1 || here != share) {
            cuts = memory_grow(cuts, n, sizeof(*cuts));
            n++;
        }
        cuts[n - 1] = (unsigned)k;
        share = here;
        least = size;
    }
    cuts = memory_grow(cuts, n, sizeof(*cuts));
    cuts[n++] = (unsigned)model->n_layers;
    *ret_cuts = cuts;
    return n;
}
