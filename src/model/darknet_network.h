/* A Darknet network: the sections of a cfg file understood as layers with shapes.
 *
 * Layers are numbered as Darknet numbers them (the [net] section is none), so that references
 * and messages agree with what `darknet` prints. A fully connected layer is a convolution whose
 * kernel covers its whole input: the same weights in the same order.
 */
#ifndef MODEL_DARKNET_NETWORK_H
#define MODEL_DARKNET_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/darknet_config.h"

enum {
    DARKNET_SIDE_MAX = 1 << 14, /* of a picture, in pixels */
    DARKNET_CHANNELS_MAX = 1 << 16,
    DARKNET_SOURCES_MAX = 32, /* layers that one route joins */
    DARKNET_DATA = -1,        /* the "layer" that is the network's input */
};
#define DARKNET_ELEMENTS_MAX ((uint64_t)1 << 28) /* numbers in one layer's output: 1 GB */
#define DARKNET_WEIGHTS_MAX  ((uint64_t)1 << 28) /* numbers in all weights: 1 GB */

enum darknet_kind {
    DARKNET_CONVOLUTION,
    DARKNET_MAXPOOL,
    DARKNET_AVERAGE,
    DARKNET_ROUTE,
    DARKNET_SHORTCUT,
    DARKNET_UPSAMPLE,
    DARKNET_REORG,
    DARKNET_SOFTMAX,
    DARKNET_NOTHING, /* only matters in training */
    DARKNET_HEAD,
    DARKNET_KINDS,
};

struct darknet_shape {
    int channels, height, width;
};

struct darknet_layer {
    enum darknet_kind kind;
    const struct darknet_section *section;
    size_t n_sources;
    int sources[DARKNET_SOURCES_MAX]; /* layers before this one, or DARKNET_DATA */
    struct darknet_shape in, out;     /* in: of the first source */
    const char *activation;           /* Darknet's word */
    struct darknet_shape kernel;      /* of one filter; a pool's has one channel */
    int stride, padding, groups;      /* padding: before the first row and column */
    int group;                        /* of a route with groups: which one is taken */
    bool batch_normalize, connected, reverse;
    char *head; /* JSON of the parameters that decode a head's output */
};

struct darknet_network {
    struct darknet_config *config;
    struct darknet_shape input;
    size_t n_layers;
    struct darknet_layer *layers;
    size_t n_convolutions, n_heads, n_shortcuts;
    uint64_t n_weights; /* numbers in the weights file, behind its head */
    double operations;  /* multiply-adds x 2 of the convolutions, for one picture */
};

/* Parses a cfg file's bytes; `path` is for messages, which start with "PATH:LINE: ". */
int darknet_network_parse(const char *path, const void *bytes, size_t size,
                          struct darknet_network **ret_network, struct error *err);
void darknet_network_destroy(struct darknet_network *network);
void darknet_network_destroyp(struct darknet_network **network);

/* The shape of a layer's output; of the input for DARKNET_DATA. */
const struct darknet_shape *darknet_network_shape(const struct darknet_network *network,
                                                  int layer);

/* Numbers in one filter of a convolution. */
uint64_t darknet_filter_size(const struct darknet_layer *layer);

/* Understands layer->section (darknet_layer.c). On entry the layer has one source, the layer
 * before it; `in` and `out` are the shape of that. */
int darknet_layer_parse(struct darknet_network *network, struct darknet_layer *layer,
                        struct error *err);

/* The same for [route] and [shortcut] sections (darknet_join.c). */
int darknet_route_parse(struct darknet_network *network, struct darknet_layer *layer,
                        struct error *err);
int darknet_shortcut_parse(struct darknet_network *network, struct darknet_layer *layer,
                           struct error *err);

/* Understands a [region] or [yolo] section (darknet_head.c). */
int darknet_head_parse(struct darknet_layer *layer, struct error *err);

#endif
