/* A neural network as brume sees it: layers in the file's (topological) order, the tensors
 * between them, and where it may be cut.
 *
 * A cut is an integer k, 0 <= k <= n_layers: the layers before k run on one side, the others on
 * the other side. What crosses it is the set of live tensors at k:
 *
 *     (graph inputs + outputs of layers before k) & (inputs of layers from k on + model
 * outputs)
 *
 * without constants. Layers whose inputs are all constants count as constants themselves and go
 * along into each segment that needs them; idle layers go nowhere. docs/adr/0002-cuts.md says
 * what makes a cut illegal, and why each division of the layers has one legal number only.
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
struct model_format;

enum {
    MODEL_LAYERS_MAX = 1 << 16,
    MODEL_TENSORS_MAX = 1 << 18,
    MODEL_PORTS_MAX = 1 << 20, /* inputs and outputs of all layers together */
};

struct model_tensor {
    char *name;
    struct tensor_shape shape; /* a dimension of 0 is not known (dynamic) */
    size_t size;               /* bytes; 0: not known, or of a type that brume does not carry */
    bool constant;             /* a weight, or made from weights alone: never crosses a cut */
    int producer;              /* layer, or -1: a graph input or a constant of the file */
    int last_use; /* last layer that reads it; n_layers: a model output; -1: none */
};

struct model_layer {
    char *name;
    char *kind;        /* "Conv", "CONV_2D": the format's own word */
    unsigned n_inputs; /* tensor ids; absent optional ones left out, those captured by a
                        * subgraph included */
    int *inputs;
    unsigned n_outputs;
    int *outputs;
    bool stateful; /* depends on more than its inputs (variables, randomness): never constant */
    bool constant; /* all inputs are constants */
    bool idle;     /* makes nothing that an output of the model depends on */
    uint64_t weight_size; /* bytes of its constants */
    double operations;    /* per frame: multiply-adds x 2, or elements of the result for light
                           * kinds; 0 for constant and idle layers */
};

struct model {
    char *path;
    uint64_t hash; /* XXH3 of the file's bytes, and of the files that hold its weights, if any:
                    * the identity of the model on every device */
    const char *format; /* "onnx", "tflite": also the name of the suffix without its dot */
    size_t n_tensors;
    struct model_tensor *tensors;
    size_t n_layers;
    struct model_layer *layers;
    size_t n_inputs, n_outputs; /* of the graph, in the file's order; constants left out */
    int *inputs, *outputs;      /* tensor ids */
    bool *legal;                /* n_layers + 1 entries; 0 and n_layers are always legal */
    bool stateful;              /* a layer remembers earlier frames: do not replicate it */
    char *note; /* NULL, or a sentence: why it can be cut in fewer places than it should */
    /* private */
    const struct model_format *reader;
    const uint8_t *bytes;
    size_t size;
    int file;     /* -1: the bytes are somebody else's */
    void *detail; /* the reader's */
};

/* Opens a model file; the format is told from its content. Every offset and length in the file
 * is checked: a truncated or hostile file gives one sentence that names it. */
int model_open(const char *path, struct model **ret_model, struct error *err);
/* The same for bytes in memory, which must live as long as the model (fuzz targets, tests). */
int model_read(const char *name, const void *bytes, size_t size, struct model **ret_model,
               struct error *err);
void model_close(struct model *model);
void model_closep(struct model **model);

/* What the file says of itself under `key` (ONNX: metadata_props), malloc'ed; NULL: nothing. */
char *model_property(const struct model *model, const char *key);

/* Tensor ids live at cut k, in rising order; *ret_ids is malloc'ed. k must be 0..n_layers. */
size_t model_live(const struct model *model, size_t k, int **ret_ids);
/* Bytes that cross cut k for one frame; 0 when a shape is not known. */
uint64_t model_live_size(const struct model *model, size_t k);
/* Of these, what tensors of float32 have: the part that can be packed for a slow link. */
uint64_t model_live_floats(const struct model *model, size_t k);

/* What lies between two cuts, as ids in rising order. The frame at a cut carries model_live()
 * of that cut; so who turns a frame at `from` into one at `to` takes `outputs` from the segment
 * and `around` from the frame. A tensor may be both an input and passed around (a skip
 * connection). */
struct model_part {
    size_t n_layers, n_inputs, n_outputs, n_around;
    int *layers;  /* idle ones left out; with the constant layers, of any place, they need */
    int *inputs;  /* live at `from` and used by one of the layers */
    int *outputs; /* made by one of the layers and live at `to` */
    int *around;  /* live at `from` and at `to` */
};

/* 0 <= from <= to <= n_layers; the cuts need not be legal. */
void model_part_init(struct model_part *part, const struct model *model, size_t from,
                     size_t to);
void model_part_finish(struct model_part *part);

/* The part from..to as a model of its own. `inputs` and `outputs` say for each of the segment's
 * ports, in the order in which the engine sees them, which tensor id it is. */
struct model_segment {
    struct engine_model image; /* what to hand to the engine */
    size_t n_inputs, n_outputs;
    int *inputs, *outputs;
    /* private */
    void *memory;
    size_t memory_size;
    struct engine_weight *weights;
    bool mapped;   /* memory is unmapped, not freed */
    bool complete; /* asked for: no weights outside the bytes */
};

/* Both cuts must be legal and from < to (-EINVAL). The model must stay open as long as the
 * segment. */
int model_segment(const struct model *model, size_t from, size_t to,
                  struct model_segment **ret_segment, struct error *err);
/* The same with all weights inside the image's bytes: a file that stands for itself. */
int model_segment_complete(const struct model *model, size_t from, size_t to,
                           struct model_segment **ret_segment, struct error *err);
void model_segment_destroy(struct model_segment *segment);
void model_segment_destroyp(struct model_segment **segment);

#endif
