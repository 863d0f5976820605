/* Arbitrary bytes as an ONNX file. What is read is also cut, and what is cut must be a file
 * that can be read. No engine and no cache: plug-ins and cache are looked for where there are
 * none. */
#include <stdlib.h>

#include "base/error.h"
#include "model/model.h"

enum { CUTS_MAX = 32 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NOLINTNEXTLINE(readability-non-const-parameter): libFuzzer's own form */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    /* NOLINTBEGIN(concurrency-mt-unsafe): there is no other thread yet */
    return setenv("BRUME_PLUGINS", "/dev/null", 1) | setenv("BRUME_CACHE", "/dev/null", 1);
    /* NOLINTEND(concurrency-mt-unsafe) */
}

static void cut(const struct model *model, size_t from, size_t to)
{
    struct model_segment *segment = NULL;
    struct model *part = NULL;
    struct error err;

    if (model_segment(model, from, to, &segment, &err) < 0) {
        return;
    }
    for (size_t i = 0; i < segment->image.n_weights; i++) {
        const struct engine_weight *weight = &segment->image.weights[i];
        size_t size;

        if (tensor_shape_size(&weight->shape, &size, &err) < 0 ||
            (const uint8_t *)weight->data < model->bytes ||
            (const uint8_t *)weight->data + size > model->bytes + model->size) {
            abort();
        }
    }
    if (model_read("part", segment->image.bytes, segment->image.size, &part, &err) == 0) {
        model_close(part);
    } else if (segment->image.n_weights == 0) {
        abort();
    }
    model_segment_destroy(segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *model = NULL;
    struct error err;

    if (model_read("fuzz", data, size, &model, &err) < 0) {
        return 0;
    }
    size_t from = 0;
    for (size_t k = 1; k <= model->n_layers && k <= CUTS_MAX; k++) {
        if (model->legal[k]) {
            cut(model, from, k);
            from = k;
        }
    }
    cut(model, 0, model->n_layers);
    model_close(model);
    return 0;
}
