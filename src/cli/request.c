#include "cli/request.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "cli/command.h"
#include "graph/codec.h"

enum {
    OPTION_FABRIC = 256,
    OPTION_CPU,
    OPTION_MEMORY,
    OPTION_LINK,
    OPTION_LATENCY,
    OPTION_CUT,
    OPTION_CODEC,
    OPTION_REPLICAS,
    OPTION_PLACE,
    OPTION_WINDOW,
    OPTION_TLS,
    OPTION_JSON,
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Devices:", 1},
    {"devices", 'd', "N", 0, "Emulate N equal devices on this machine", 1},
    {"cpu", OPTION_CPU, "CORES", 0,
     "CPU of each device: 0.3 (the default) is three tenths of a core", 1},
    {"memory", OPTION_MEMORY, "SIZE", 0, "Memory of each device, as 512M; 1G by default", 1},
    {"link", OPTION_LINK, "RATE", 0, "Rate of each device's link; 100Mbit/s by default", 1},
    {"latency", OPTION_LATENCY, "TIME", 0,
     "Latency of each device's link, one way; 0.3ms by default", 1},
    {"testbed", 't', "FILE", 0, "Emulate the devices of a Testbed manifest", 1},
    {"fabric", OPTION_FABRIC, "local|docker|kubernetes", 0,
     "Run stages as processes (the default), in containers, or in a cluster", 1},
    {"namespace", 'n', "NAMESPACE", 0,
     "Where a cluster's stages run; else in the namespace of the context", 1},
    {NULL, 0, NULL, 0, "Pinning the plan:", 2},
    {"cut", OPTION_CUT, "K,...", 0,
     "Cut models before layers K and nowhere else; none: not at all", 2},
    {"replicas", OPTION_REPLICAS, "off|N", 0, "No replicas, or at most N of a group", 2},
    {"place", OPTION_PLACE, "OPERATOR=DEVICE", 0, "Run an operator there; may be repeated", 2},
    {"window", OPTION_WINDOW, "N", 0,
     "At most N frames under way between a source and its sinks; 1: one after the other", 2},
    {"codec", OPTION_CODEC, "CODEC", 0,
     "Pack tensors on links like this and in no other way: none, zstd, f16, f16+zstd, u8 or "
     "u8+zstd; with no more loss than the manifest allows",
     2},
    {NULL, 0, NULL, 0, "Links:", 3},
    {"tls", OPTION_TLS, "on|off|auto", 0,
     "Encrypt what stages and the controller say to each other; auto (the default): where "
     "others are on their network",
     3},
    {NULL, 0, NULL, 0, "Output:", 4},
    {"json", OPTION_JSON, NULL, 0, "One JSON object on standard output, and nothing else", 4},
    {0},
};

static void set_text(struct request_options *input, const char *key, const char *value)
{
    json_object_set_new(input->request, key, json_string(value));
}

static void parse_count(struct request_options *input, const char *key, const char *or_else,
                        const char *text, struct argp_state *state)
{
    int64_t n;

    if (quantity_integer(text, &n) < 0 || n < 1) {
        argp_error(state, "--%s takes %sa whole number from 1, not '%s'", key, or_else, text);
    }
    json_object_set_new(input->request, key, json_integer((json_int_t)n));
}

static void parse_cuts(struct request_options *input, const char *text,
                       struct argp_state *state)
{
    json_t *array = json_array();
    unsigned *cuts = NULL;
    size_t n = 0;

    json_object_set_new(input->request, "cut", array);
    if (strcmp(text, "none") != 0 && command_parse_cuts(text, &cuts, &n) < 0) {
        argp_error(state, "--cut takes rising layer numbers like 4,9 or none, not '%s'", text);
    }
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_integer((json_int_t)cuts[i]));
    }
    free(cuts);
}

static void parse_place(struct request_options *input, const char *text,
                        struct argp_state *state)
{
    const char *equals = strchr(text, '=');
    json_t *places = json_object_get(input->request, "places");

    if (equals == NULL || equals == text || equals[1] == '\0') {
        argp_error(state, "--place takes OPERATOR=DEVICE, not '%s'", text);
        return;
    }
    if (places == NULL) {
        places = json_object();
        json_object_set_new(input->request, "places", places);
    }
    char *name = strndup(text, (size_t)(equals - text));
    json_object_set_new(places, name, json_string(equals + 1));
    free(name);
}

static void parse_replicas(struct request_options *input, const char *text,
                           struct argp_state *state)
{
    if (strcmp(text, "off") == 0) {
        set_text(input, "replicas", "off");
    } else {
        parse_count(input, "replicas", "off or ", text, state);
    }
}

static void parse_codec(struct request_options *input, const char *text,
                        struct argp_state *state)
{
    if (graph_codec_of(text) == GRAPH_CODEC_END) {
        argp_error(state, "--codec takes none, zstd, f16, f16+zstd, u8 or u8+zstd, not '%s'",
                   text);
    }
    set_text(input, "codec", text);
}

static void parse_tls(struct request_options *input, const char *text, struct argp_state *state)
{
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0 && strcmp(text, "auto") != 0) {
        argp_error(state, "--tls takes on, off or auto, not '%s'", text);
    }
    set_text(input, "tls", text);
}

static void parse_application(struct request_options *input, const char *text,
                              struct argp_state *state)
{
    if (state->arg_num > 0) {
        argp_error(state, "one application at a time, please");
    }
    if (strcmp(text, "-") == 0) {
        argp_error(state, "the manifest must be a file; standard input is not read");
    }
    set_text(input, "application", text);
}

/* What was given must go together. */
static void check(const struct request_options *input, struct argp_state *state)
{
    static const char *const limits[] = {"cpu", "memory", "link", "latency"};
    const char *fabric = json_string_value(json_object_get(input->request, "fabric"));
    bool equal = json_object_get(input->request, "devices") != NULL;

    if (json_object_get(input->request, "application") == NULL) {
        argp_error(state, "which application? Name its manifest");
    }
    if (equal && json_object_get(input->request, "testbed") != NULL) {
        argp_error(state, "--devices and --testbed do not go together");
    }
    if (json_object_get(input->request, "namespace") != NULL &&
        (fabric == NULL || strcmp(fabric, "kubernetes") != 0)) {
        argp_error(state, "--namespace goes with --fabric kubernetes");
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        if (!equal && json_object_get(input->request, limits[i]) != NULL) {
            argp_error(state, "--%s goes with --devices", limits[i]);
        }
    }
}

/* Options that are handed on as they were written; who reads the request knows their forms. */
static const char *text_option(int key)
{
    static const struct {
        int key;
        const char *name;
    } texts[] = {{OPTION_FABRIC, "fabric"}, {'n', "namespace"},    {OPTION_CPU, "cpu"},
                 {OPTION_MEMORY, "memory"}, {OPTION_LINK, "link"}, {OPTION_LATENCY, "latency"},
                 {'t', "testbed"}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (texts[i].key == key) {
            return texts[i].name;
        }
    }
    return NULL;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct request_options *input = state->input;

    if (text_option(key) != NULL) {
        set_text(input, text_option(key), argument);
        return 0;
    }
    switch (key) {
    case 'd':
        parse_count(input, "devices", "", argument, state);
        return 0;
    case OPTION_CUT:
        parse_cuts(input, argument, state);
        return 0;
    case OPTION_CODEC:
        parse_codec(input, argument, state);
        return 0;
    case OPTION_REPLICAS:
        parse_replicas(input, argument, state);
        return 0;
    case OPTION_PLACE:
        parse_place(input, argument, state);
        return 0;
    case OPTION_WINDOW:
        parse_count(input, "window", "", argument, state);
        return 0;
    case OPTION_TLS:
        parse_tls(input, argument, state);
        return 0;
    case OPTION_JSON:
        input->json = true;
        return 0;
    case ARGP_KEY_ARG:
        parse_application(input, argument, state);
        return 0;
    case ARGP_KEY_END:
        check(input, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp request_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};
