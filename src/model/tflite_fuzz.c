/* Arbitrary bytes as a TensorFlow Lite file. What can be read has live sets at every cut and
 * segments; a segment of it stays inside its memory and has the ports that were asked for. */
#include <stdlib.h>

#include "base/error.h"
#include "model/model.h"

enum { CUTS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct model *model, size_t k)
{
    int *ids = NULL;
    uint64_t size = 0;
    bool known = true;
    size_t n = model_live(model, k, &ids);

    for (size_t i = 0; i < n; i++) {
        known = known && model->tensors[ids[i]].size > 0;
        size += model->tensors[ids[i]].size;
    }
    if (model_live_size(model, k) != (known ? size : 0)) {
        abort();
    }
    if (model->legal[k] && k > 0 && k < model->n_layers && !known) {
        abort();
    }
    free(ids);
}

static void cut(const struct model *model, size_t from, size_t to)
{
    struct model_segment *segment = NULL;
    struct model *part = NULL;
    struct error err;

    if (model_segment(model, from, to, &segment, &err) < 0) {
        return;
    }
    if (segment->image.size > segment->memory_size) {
        abort();
    }
    /* Tables that overlap in a hostile file may be damaged by the edits: refused, or read. */
    if (model_read("part", segment->image.bytes, segment->image.size, &part, &err) == 0) {
        model_close(part);
    }
    model_segment_destroy(segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *model = NULL;
    struct error err;
    size_t from = 0;

    if (model_read("fuzz", data, size, &model, &err) < 0) {
        return 0;
    }
    for (size_t k = 0; k <= model->n_layers && k <= CUTS_MAX; k++) {
        look(model, k);
        if (k > 0 && model->legal[k]) {
            cut(model, from, k);
            from = k;
        }
    }
    cut(model, 0, model->n_layers);
    model_close(model);
    return 0;
}
