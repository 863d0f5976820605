/* One section of a network understood as a layer: a function per kind, and the table of kinds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/darknet_network.h"

enum { KERNEL_MAX = 255 };

static int add_convolution(struct darknet_network *network, struct darknet_layer *layer,
                           struct error *err)
{
    int filters = layer->out.channels;
    uint64_t filter_size = darknet_filter_size(layer);

    layer->kind = DARKNET_CONVOLUTION;
    network->n_convolutions++;
    network->n_weights += (uint64_t)filters * (filter_size + (layer->batch_normalize ? 4 : 1));
    network->operations +=
        2.0 * (double)filter_size * filters * layer->out.height * layer->out.width;
    if (network->n_weights > DARKNET_WEIGHTS_MAX) {
        return darknet_fail(layer->section, NULL, err,
                            "the weights up to here pass %llu numbers",
                            (unsigned long long)DARKNET_WEIGHTS_MAX);
    }
    return 0;
}

/* Outputs along one side, as Darknet counts them. */
static int slide(const struct darknet_layer *layer, int side, int padding)
{
    int room = side + padding - layer->kernel.height;

    return room < 0 ? 0 : room / layer->stride + 1;
}

static int read_switch(const struct darknet_section *section, const char *name, bool *ret_on,
                       struct error *err)
{
    int value = 0;
    int r =
        darknet_integer(section, name, &(struct darknet_range){0, 0, KERNEL_MAX}, &value, err);

    *ret_on = value != 0;
    return r;
}

static int read_kernel(struct darknet_layer *layer, bool pool, struct error *err)
{
    const struct darknet_section *section = layer->section;
    int size = 0;
    int r = darknet_integer(section, "stride", &(struct darknet_range){1, 1, KERNEL_MAX},
                            &layer->stride, err);

    if (r == 0) {
        struct darknet_range range = {pool ? layer->stride : 1, 1, KERNEL_MAX};
        r = darknet_integer(section, "size", &range, &size, err);
    }
    if (r == 0) {
        struct darknet_range range = {pool ? size - 1 : 0, 0,
                                      pool ? 2 * (size - 1) : KERNEL_MAX};
        r = darknet_integer(section, "padding", &range, &layer->padding, err);
    }
    layer->kernel = (struct darknet_shape){1, size, size};
    return r;
}

static int parse_convolutional(struct darknet_network *network, struct darknet_layer *layer,
                               struct error *err)
{
    static const struct darknet_refused refused[] = {
        {"dilation", "1"},
        {"antialiasing", "0"},
        {"flipped", "0"},
        {"binary", "0"},
        {"xnor", "0"},
        {"cbn", "0"},
        {"dontload", "0"},
        {"dontloadscales", "0"},
        {"numload", "0"},
        {"deform", "0"},
        {"assisted_excitation", "0"},
        {"sway", "0"},
        {"rotate", "0"},
        {"stretch", "0"},
        {"stretch_sway", "0"},
        {"share_index", ""},
        {"stride_x", ""},
        {"stride_y", ""},
        {NULL, NULL},
    };
    const struct darknet_section *section = layer->section;
    const struct darknet_range count = {1, 1, DARKNET_CHANNELS_MAX};
    const char *activation = darknet_text(section, "activation");
    bool pad = false;
    int filters = 0;
    int r = darknet_refuse(section, refused, err);

    if (r < 0 || (r = read_kernel(layer, false, err)) < 0 ||
        (r = read_switch(section, "pad", &pad, err)) < 0 ||
        (r = read_switch(section, "batch_normalize", &layer->batch_normalize, err)) < 0 ||
        (r = darknet_integer(section, "filters", &count, &filters, err)) < 0 ||
        (r = darknet_integer(section, "groups", &count, &layer->groups, err)) < 0) {
        return r;
    }
    if (layer->in.channels % layer->groups != 0 || filters % layer->groups != 0) {
        return darknet_fail(section, "groups", err,
                            "groups=%d does not divide %d input channels and %d filters",
                            layer->groups, layer->in.channels, filters);
    }
    layer->activation = activation == NULL ? "logistic" : activation;
    layer->padding = pad ? layer->kernel.height / 2 : layer->padding;
    layer->kernel.channels = layer->in.channels / layer->groups;
    layer->out =
        (struct darknet_shape){filters, slide(layer, layer->in.height, 2 * layer->padding),
                               slide(layer, layer->in.width, 2 * layer->padding)};
    return add_convolution(network, layer, err);
}

static int parse_connected(struct darknet_network *network, struct darknet_layer *layer,
                           struct error *err)
{
    const struct darknet_section *section = layer->section;
    const char *activation = darknet_text(section, "activation");
    const struct darknet_range count = {1, 1, DARKNET_CHANNELS_MAX};
    int r = darknet_integer(section, "output", &count, &layer->out.channels, err);

    if (r < 0 ||
        (r = read_switch(section, "batch_normalize", &layer->batch_normalize, err)) < 0) {
        return r;
    }
    layer->activation = activation == NULL ? "logistic" : activation;
    layer->connected = true;
    layer->kernel = layer->in;
    layer->out.height = layer->out.width = 1;
    return add_convolution(network, layer, err);
}

static int parse_maxpool(struct darknet_network *network, struct darknet_layer *layer,
                         struct error *err)
{
    static const struct darknet_refused refused[] = {
        {"maxpool_depth", "0"}, {"antialiasing", "0"}, {"stride_x", ""}, {"stride_y", ""}, {0}};
    int r = darknet_refuse(layer->section, refused, err);

    (void)network;
    if (r < 0 || (r = read_kernel(layer, true, err)) < 0) {
        return r;
    }
    layer->out.height = slide(layer, layer->in.height, layer->padding);
    layer->out.width = slide(layer, layer->in.width, layer->padding);
    layer->padding /= 2;
    return 0;
}

static int parse_average(struct darknet_network *network, struct darknet_layer *layer,
                         struct error *err)
{
    (void)network;
    (void)err;
    layer->out.height = layer->out.width = 1;
    return 0;
}

static int parse_softmax(struct darknet_network *network, struct darknet_layer *layer,
                         struct error *err)
{
    static const struct darknet_refused refused[] = {
        {"groups", "1"}, {"temperature", "1"}, {"tree", ""}, {0}};
    bool spatial = false;
    int r = darknet_refuse(layer->section, refused, err);

    (void)network;
    if (r < 0 || (r = read_switch(layer->section, "spatial", &spatial, err)) < 0) {
        return r;
    }
    if (!spatial && (layer->in.height != 1 || layer->in.width != 1)) {
        return darknet_fail(layer->section, NULL, err,
                            "a softmax over %dx%d pixels cannot be imported (only spatial=1)",
                            layer->in.width, layer->in.height);
    }
    return 0;
}

static int parse_upsample(struct darknet_network *network, struct darknet_layer *layer,
                          struct error *err)
{
    static const struct darknet_refused refused[] = {{"scale", "1"}, {0}};
    int r = darknet_refuse(layer->section, refused, err);

    (void)network;
    if (r < 0 || (r = darknet_integer(layer->section, "stride",
                                      &(struct darknet_range){2, 1, KERNEL_MAX}, &layer->stride,
                                      err)) < 0) {
        return r;
    }
    layer->out.height *= layer->stride;
    layer->out.width *= layer->stride;
    return 0;
}

static int parse_reorg(struct darknet_network *network, struct darknet_layer *layer,
                       struct error *err)
{
    static const struct darknet_refused refused[] = {{"flatten", "0"}, {"extra", "0"}, {0}};
    struct darknet_shape *out = &layer->out;
    int r = darknet_refuse(layer->section, refused, err);

    (void)network;
    if (r < 0 || (r = read_switch(layer->section, "reverse", &layer->reverse, err)) < 0 ||
        (r = darknet_integer(layer->section, "stride",
                             &(struct darknet_range){1, 1, KERNEL_MAX}, &layer->stride, err)) <
            0) {
        return r;
    }
    int stride = layer->stride, side = layer->reverse ? 1 : stride;
    if (out->channels % (stride * stride) != 0 || out->height % side != 0 ||
        out->width % side != 0) {
        return darknet_fail(layer->section, "stride", err,
                            "stride=%d does not divide the input of %dx%dx%d", stride,
                            out->channels, out->height, out->width);
    }
    *out = layer->reverse ? (struct darknet_shape){out->channels / (stride * stride),
                                                   out->height * stride, out->width * stride}
                          : (struct darknet_shape){out->channels * stride * stride,
                                                   out->height / stride, out->width / stride};
    return 0;
}

static int parse_head(struct darknet_network *network, struct darknet_layer *layer,
                      struct error *err)
{
    network->n_heads++;
    return darknet_head_parse(layer, err);
}

static int parse_nothing(struct darknet_network *network, struct darknet_layer *layer,
                         struct error *err)
{
    (void)network;
    (void)layer;
    (void)err;
    return 0;
}

static const struct section_kind {
    const char *name, *alias;
    enum darknet_kind kind;
    int (*parse)(struct darknet_network *network, struct darknet_layer *layer,
                 struct error *err);
} kinds[] = {
    {"avgpool", "avg", DARKNET_AVERAGE, parse_average},
    {"connected", "conn", DARKNET_CONVOLUTION, parse_connected},
    {"convolutional", "conv", DARKNET_CONVOLUTION, parse_convolutional},
    {"cost", "", DARKNET_NOTHING, parse_nothing},
    {"dropout", "", DARKNET_NOTHING, parse_nothing},
    {"maxpool", "max", DARKNET_MAXPOOL, parse_maxpool},
    {"region", "", DARKNET_HEAD, parse_head},
    {"reorg", "", DARKNET_REORG, parse_reorg},
    {"route", "", DARKNET_ROUTE, darknet_route_parse},
    {"shortcut", "", DARKNET_SHORTCUT, darknet_shortcut_parse},
    {"softmax", "soft", DARKNET_SOFTMAX, parse_softmax},
    {"upsample", "", DARKNET_UPSAMPLE, parse_upsample},
    {"yolo", "", DARKNET_HEAD, parse_head},
};
static const size_t n_kinds = sizeof(kinds) / sizeof(kinds[0]);

static const struct section_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < n_kinds; i++) {
        if (strcmp(kinds[i].name, name) == 0 ||
            (kinds[i].alias[0] != '\0' && strcmp(kinds[i].alias, name) == 0)) {
            return &kinds[i];
        }
    }
    return NULL;
}

static int refuse_kind(const struct darknet_section *section, struct error *err)
{
    char names[sizeof(err->text)] = "";
    size_t used = 0;

    for (size_t i = 0; i < n_kinds && used < sizeof(names); i++) {
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "",
                                 kinds[i].name);
    }
    return darknet_fail(section, NULL, err, "[%.40s] cannot be imported (only %s)",
                        section->name, names);
}

int darknet_layer_parse(struct darknet_network *network, struct darknet_layer *layer,
                        struct error *err)
{
    const struct section_kind *kind = find_kind(layer->section->name);

    if (kind == NULL) {
        return refuse_kind(layer->section, err);
    }
    layer->kind = kind->kind;
    return kind->parse(network, layer, err);
}
