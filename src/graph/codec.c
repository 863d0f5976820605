#include "graph/codec.h"

#include <string.h>

static const char *const names[] = {
    [GRAPH_CODEC_NONE] = "none", [GRAPH_CODEC_ZSTD] = "zstd",
    [GRAPH_CODEC_F16] = "f16",   [GRAPH_CODEC_F16_ZSTD] = "f16+zstd",
    [GRAPH_CODEC_U8] = "u8",     [GRAPH_CODEC_U8_ZSTD] = "u8+zstd",
};

const char *graph_codec_name(enum graph_codec codec)
{
    return names[codec];
}

enum graph_codec graph_codec_of(const char *name)
{
    int codec = GRAPH_CODEC_NONE;

    while (codec < GRAPH_CODEC_END && strcmp(names[codec], name) != 0) {
        codec++;
    }
    return (enum graph_codec)codec;
}

enum graph_link graph_codec_link(enum graph_codec codec)
{
    return (enum graph_link)((unsigned)codec / 2);
}

bool graph_codec_squeezes(enum graph_codec codec)
{
    return (unsigned)codec % 2 == 1;
}

enum graph_codec graph_codec_from(enum graph_link link, bool squeezes)
{
    return (enum graph_codec)(2 * (unsigned)link + (squeezes ? 1 : 0));
}
