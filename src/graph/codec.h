/* How tensors may be packed when they cross a link: the codecs of the operator `pack`, and what
 * each of them loses. */
#ifndef GRAPH_CODEC_H
#define GRAPH_CODEC_H

#include <stdbool.h>

#include "graph/graph.h"

enum graph_codec {
    GRAPH_CODEC_NONE,
    GRAPH_CODEC_ZSTD,
    GRAPH_CODEC_F16,
    GRAPH_CODEC_F16_ZSTD,
    GRAPH_CODEC_U8,
    GRAPH_CODEC_U8_ZSTD,
    GRAPH_CODEC_END,
};

enum { GRAPH_CODEC_LEAST = 16384 }; /* bytes; what is smaller is not worth packing */

/* "none", or as `pack` calls it: "f16+zstd". */
const char *graph_codec_name(enum graph_codec codec);
/* GRAPH_CODEC_END: there is no such codec. */
enum graph_codec graph_codec_of(const char *name);
/* What numbers lose by it. */
enum graph_link graph_codec_link(enum graph_codec codec);
bool graph_codec_squeezes(enum graph_codec codec); /* with zstd */
enum graph_codec graph_codec_from(enum graph_link link, bool squeezes);

#endif
