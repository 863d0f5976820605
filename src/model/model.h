/* A neural network as brume sees it: layers in the file's (topological) order, the tensors
 * between them, and where it may be cut.
 *
 * A cut is an integer k, 0 <= k <= n_layers: the layers before k run on one side, the others on
 * the other side. What crosses it is the set of live tensors at k:
 *
 *     (graph inputs + outputs of layers before k) & (inputs of layers from k on + model outputs)
 *
 * without constants. Layers whose inputs are all constants count as constants themselves and go
 * along into each segment that needs them. See docs/adr for what makes a cut illegal.
 *
 * The file stays mapped while the model is open; weights are paged in only by who reads them.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "tensor/tensor.h"

struct error;

enum {
    MODEL_LAYERS_MAX = 1 << 16,
    MODEL_TENSORS_MAX = 1 << 18,
};

struct model_tensor {
    char *name;
    struct tensor_shape shape; /* a dimension of 0 is not known (dynamic) */
    size_t size;               /* bytes; 0 when the shape is not known */
    bool constant;             /* a weight, or made from weights alone */
    int producer;              /* layer, or -1: a graph input or a constant of the file */
    int last_use;              /* last layer that reads it; n_layers: a model output; -1: none */
};

struct model_layer {
    char *name;
    char *kind;          /* "Conv", "CONV_2D": the format's own word */
    unsigned n_inputs;   /* tensor ids; optional inputs that are absent are left out */
    int *inputs;
    unsigned n_outputs;
    int *outputs;
    bool constant;       /* all inputs are constants */
    uint64_t weight_size; /* bytes of its constants */
    double operations;   /* multiply-adds x 2, or elements for the light kinds */
};

struct model {
    char *path;
    uint64_t hash; /* XXH3 of the file's bytes: the identity of the model on every device */
    const char *format; /* "onnx", "tflite": also the name of the suffix without its dot */
    size_t n_tensors;
    struct model_tensor *tensors;
    size_t n_layers;
    struct model_layer *layers;
    size_t n_inputs, n_outputs; /* of the graph, in the file's order; constants left out */
    int *inputs, *outputs;      /* tensor ids */
    bool *legal;                /* n_layers + 1 entries; 0 and n_layers are always legal */
    /* private */
    const struct model_format *reader;
    const uint8_t *bytes;
    size_t size;
    void *detail;
};

/* Opens a model file; the format is told from its content. Every offset and length in the file
 * is checked: a truncated or hostile file gives one sentence that names it. */
int model_open(const char *path, struct model **ret_model, struct error *err);
/* The same for bytes in memory, which must live as long as the model (fuzz targets, tests). */
int model_read(const char *name, const void *bytes, size_t size, struct model **ret_model,
               struct error *err);
void model_close(struct model *model);
void model_closep(struct model **model);

/* Tensor ids live at cut k, in rising order; *ret_ids is malloc'ed. k must be 0..n_layers. */
size_t model_live(const struct model *model, size_t k, int **ret_ids);
/* Bytes that cross cut k for one frame; 0 when a shape is not known. */
uint64_t model_live_size(const struct model *model, size_t k);

/* The layers from..to as a model of its own. Its inputs are the live tensors at `from`, less
 * those that only pass around it; `inputs` and `outputs` say for each of the segment's ports, in
 * the order in which the engine sees them, which tensor id it is. */
struct model_segment {
    struct engine_model image; /* what to hand to the engine */
    size_t n_inputs, n_outputs;
    int *inputs, *outputs;
    /* private */
    void *memory;
    size_t memory_size;
    struct engine_weight *weights;
};

/* Both cuts must be legal and from < to. The model must stay open as long as the segment. */
int model_segment(const struct model *model, size_t from, size_t to,
                  struct model_segment **ret_segment, struct error *err);
void model_segment_destroy(struct model_segment *segment);
void model_segment_destroyp(struct model_segment **segment);

/* What a reader of a file format does; one file each (onnx.c, tflite.c), a line in model.c. */
struct model_format {
    const char *name;
    bool (*probe)(const uint8_t *bytes, size_t size);
    /* Fills layers, tensors, inputs, outputs and `detail`; model.c derives the rest. */
    int (*read)(struct model *model, struct error *err);
    /* Says which cuts the format forbids beyond the general rules: clears entries of legal. */
    void (*restrict_cuts)(struct model *model);
    int (*segment)(const struct model *model, size_t from, size_t to,
                   struct model_segment *segment, struct error *err);
    void (*close)(struct model *model);
};

#endif
