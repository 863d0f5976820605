#include "model/darknet_network.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

const struct darknet_shape *darknet_network_shape(const struct darknet_network *network,
                                                  int layer)
{
    return layer == DARKNET_DATA ? &network->input : &network->layers[layer].out;
}

uint64_t darknet_filter_size(const struct darknet_layer *layer)
{
    return (uint64_t)layer->kernel.channels * (uint64_t)layer->kernel.height *
           (uint64_t)layer->kernel.width;
}

static int parse_input(struct darknet_network *network, const struct darknet_section *section,
                       struct error *err)
{
    const struct darknet_range side = {0, 1, DARKNET_SIDE_MAX};
    struct darknet_shape *input = &network->input;
    int r = 0;

    if (strcmp(section->name, "net") != 0 && strcmp(section->name, "network") != 0) {
        return darknet_fail(section, NULL, err, "the first section must be [net], not [%.40s]",
                            section->name);
    }
    if ((r = darknet_integer(section, "width", &side, &input->width, err)) < 0 ||
        (r = darknet_integer(section, "height", &side, &input->height, err)) < 0 ||
        (r = darknet_integer(section, "channels", &side, &input->channels, err)) < 0) {
        return r;
    }
    if (input->width == 0 || input->height == 0 || input->channels == 0) {
        return darknet_fail(section, NULL, err, "[net] needs width=, height= and channels=");
    }
    return 0;
}

static int check_layer(const struct darknet_network *network, const struct darknet_layer *layer,
                       struct error *err)
{
    const struct darknet_shape *in = &layer->in, *out = &layer->out;

    for (size_t i = 0; i < layer->n_sources; i++) {
        int source = layer->sources[i];

        if (source != DARKNET_DATA && network->layers[source].kind == DARKNET_HEAD) {
            return darknet_fail(layer->section, NULL, err,
                                "[%s] reads [%s] of line %u, where the network ends",
                                layer->section->name, network->layers[source].section->name,
                                network->layers[source].section->line);
        }
    }
    if (out->channels < 1 || out->height < 1 || out->width < 1) {
        return darknet_fail(layer->section, NULL, err,
                            "[%s] leaves nothing of its input of %dx%dx%d",
                            layer->section->name, in->channels, in->height, in->width);
    }
    if (out->channels > DARKNET_CHANNELS_MAX || out->height > DARKNET_SIDE_MAX ||
        out->width > DARKNET_SIDE_MAX ||
        (uint64_t)out->channels * (uint64_t)out->height * (uint64_t)out->width >
            DARKNET_ELEMENTS_MAX) {
        return darknet_fail(layer->section, NULL, err, "an output of %dx%dx%d is too large",
                            out->channels, out->height, out->width);
    }
    return 0;
}

static int parse_layer(struct darknet_network *network, const struct darknet_section *section,
                       struct error *err)
{
    struct darknet_layer *layer = &network->layers[network->n_layers];
    int previous = (int)network->n_layers - 1;

    *layer = (struct darknet_layer){
        .section = section,
        .n_sources = 1,
        .sources = {previous},
        .in = *darknet_network_shape(network, previous),
        .out = *darknet_network_shape(network, previous),
        .activation = "linear",
        .stride = 1,
        .groups = 1,
    };
    int r = darknet_layer_parse(network, layer, err);
    if (r == 0) {
        r = check_layer(network, layer, err);
    }
    network->n_layers++;
    return r;
}

int darknet_network_parse(const char *path, const void *bytes, size_t size,
                          struct darknet_network **ret_network, struct error *err)
{
    cleanup(darknet_network_destroyp) struct darknet_network *network =
        memory_new(1, sizeof(*network));
    int r = darknet_config_parse(path, bytes, size, &network->config, err);

    if (r < 0) {
        return r;
    }
    const struct darknet_config *config = network->config;
    network->layers = memory_new(config->n_sections, sizeof(*network->layers));
    r = parse_input(network, &config->sections[0], err);
    for (size_t i = 1; i < config->n_sections && r == 0; i++) {
        r = parse_layer(network, &config->sections[i], err);
    }
    if (r < 0) {
        return r;
    }
    if (network->n_convolutions == 0) {
        return darknet_fail(&config->sections[0], NULL, err, "the network has no convolution");
    }
    *ret_network = STEAL(network);
    return 0;
}

void darknet_network_destroy(struct darknet_network *network)
{
    if (network == NULL) {
        return;
    }
    for (size_t i = 0; i < network->n_layers; i++) {
        free(network->layers[i].head);
    }
    free(network->layers);
    darknet_config_destroy(network->config);
    free(network);
}

void darknet_network_destroyp(struct darknet_network **network)
{
    darknet_network_destroy(*network);
    *network = NULL;
}
