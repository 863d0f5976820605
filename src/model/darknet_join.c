/* The two kinds of layers that read others than the one before them: route and shortcut. */
#include "base/error.h"
#include "model/darknet_network.h"

/* Turns Darknet's reference (negative: counted back from here) into the number of a layer. */
static int resolve(const struct darknet_network *network, const struct darknet_layer *layer,
                   const char *name, double reference, int *ret_source, struct error *err)
{
    double here = (double)network->n_layers;
    double source = reference < 0 ? here + reference : reference;

    if (source < 0 || source >= here || source != (double)(int)source) {
        return darknet_fail(layer->section, name, err,
                            "%s=%g names no layer before this one (number %zu)", name,
                            reference, network->n_layers);
    }
    *ret_source = (int)source;
    return 0;
}

static int join(const struct darknet_network *network, struct darknet_layer *layer,
                struct error *err)
{
    layer->in = *darknet_network_shape(network, layer->sources[0]);
    layer->out = (struct darknet_shape){0, layer->in.height, layer->in.width};
    for (size_t i = 0; i < layer->n_sources; i++) {
        const struct darknet_shape *shape = darknet_network_shape(network, layer->sources[i]);

        if (shape->height != layer->out.height || shape->width != layer->out.width) {
            return darknet_fail(layer->section, "layers", err,
                                "cannot join a layer of %dx%d pixels with one of %dx%d",
                                layer->out.width, layer->out.height, shape->width,
                                shape->height);
        }
        if (shape->channels % layer->groups != 0) {
            return darknet_fail(layer->section, "groups", err,
                                "groups=%d does not divide %d channels", layer->groups,
                                shape->channels);
        }
        layer->out.channels += shape->channels / layer->groups;
    }
    return 0;
}

int darknet_route_parse(struct darknet_network *network, struct darknet_layer *layer,
                        struct error *err)
{
    const struct darknet_section *section = layer->section;
    double references[DARKNET_SOURCES_MAX];
    int r = darknet_numbers(section, "layers", DARKNET_SOURCES_MAX, references,
                            &layer->n_sources, err);

    if (r < 0) {
        return r;
    }
    if (layer->n_sources == 0) {
        return darknet_fail(section, NULL, err, "a route needs layers=");
    }
    for (size_t i = 0; i < layer->n_sources; i++) {
        r = resolve(network, layer, "layers", references[i], &layer->sources[i], err);
        if (r < 0) {
            return r;
        }
    }
    if ((r = darknet_integer(section, "groups",
                             &(struct darknet_range){1, 1, DARKNET_CHANNELS_MAX},
                             &layer->groups, err)) < 0 ||
        (r = darknet_integer(section, "group_id",
                             &(struct darknet_range){0, 0, layer->groups - 1}, &layer->group,
                             err)) < 0) {
        return r;
    }
    return join(network, layer, err);
}

int darknet_shortcut_parse(struct darknet_network *network, struct darknet_layer *layer,
                           struct error *err)
{
    static const struct darknet_refused refused[] = {
        {"alpha", "1"}, {"beta", "1"}, {"weights_type", "none"}, {0}};
    const struct darknet_section *section = layer->section;
    const char *activation = darknet_text(section, "activation");
    int from = 0;
    int r = darknet_refuse(section, refused, err);

    if (r < 0 ||
        (r = darknet_integer(
             section, "from",
             &(struct darknet_range){0, -DARKNET_SECTIONS_MAX, DARKNET_SECTIONS_MAX}, &from,
             err)) < 0 ||
        (r = resolve(network, layer, "from", from, &layer->sources[1], err)) < 0) {
        return r;
    }
    layer->n_sources = 2;
    layer->activation = activation == NULL ? "linear" : activation;
    const struct darknet_shape *added = darknet_network_shape(network, layer->sources[1]);
    layer->stride = added->width / layer->in.width;
    if (layer->stride < 1 || added->height / layer->in.height != layer->stride ||
        (added->width == layer->in.width) != (added->height == layer->in.height)) {
        return darknet_fail(section, "from", err, "cannot add a layer of %dx%d pixels to %dx%d",
                            added->width, added->height, layer->in.width, layer->in.height);
    }
    network->n_shortcuts++;
    return 0;
}
