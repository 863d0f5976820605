/* What a reader of a model format implements, and what model.c gives it.
 *
 * A reader fills `path`-independent facts into a zeroed struct model: tensors (name, shape,
 * constant, and the size of constants whose shape is no tensor of ours), layers (name, kind,
 * inputs, outputs, stateful, operations), the graph's inputs and
 * outputs, its own `detail`. Everything else is derived from these in cuts.c. A reader may
 * leave a half-filled model behind when it fails: model.c cleans up.
 *
 * Adding a format is one file and one line in the table in model.c.
 */
#ifndef MODEL_READER_H
#define MODEL_READER_H

#include "model/model.h"

struct model_format {
    const char *name; /* the suffix without its dot */
    bool (*probe)(const uint8_t *bytes, size_t size);
    int (*read)(struct model *model, struct error *err);
    /* Clears entries of `legal` that the format forbids beyond the general rules; may be NULL.
     */
    void (*restrict_cuts)(struct model *model);
    /* Fills image, memory, memory_size, mapped and weights (one malloc'ed array). The ports are
     * those of the part: inputs, then outputs, in its order. */
    int (*segment)(const struct model *model, const struct model_part *part,
                   struct model_segment *segment, struct error *err);
    char *(*property)(const struct model *model,
                      const char *key); /* see model.h; may be NULL */
    void (*close)(struct model *model); /* frees `detail`; may be NULL */
};

extern const struct model_format model_onnx;
extern const struct model_format model_tflite;

/* Room for n tensors or layers, zeroed, all with no producer; -E2BIG over the limits. */
int model_allocate_tensors(struct model *model, size_t n, struct error *err);
int model_allocate_layers(struct model *model, size_t n, struct error *err);

/* All ids of layers, inputs and outputs name a tensor. model_finish() checks it too; for
 * readers that follow ids before. */
int model_check_ids(const struct model *model, struct error *err);

/* Derives sizes, producers, uses, constant and idle layers, and the legal cuts from what the
 * reader has filled in; checks every id. -EBADMSG with a sentence for a graph that is not one.
 */
int model_finish(struct model *model, struct error *err);

/* Sizes and legal cuts again, after shapes became known. */
void model_derive_cuts(struct model *model);

/* Forbids the cuts between two layers that must stay together, first < last. */
void model_forbid_between(struct model *model, size_t first, size_t last);

/* A writable copy of the model's bytes with `extra` zeroed bytes behind them, which shares all
 * unwritten pages with the file. Fills memory, memory_size and mapped. */
int model_copy(const struct model *model, size_t extra, struct model_segment *segment,
               struct error *err);

#endif
