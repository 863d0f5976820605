#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/quantity.h"
#include "cli/command.h"
#include "model/darknet.h"

enum { OPTION_SEED = 256 };

static const struct argp_option options[] = {
    {"output", 'o', "OUT.onnx", 0, "The file to write", 0},
    {"seed", OPTION_SEED, "N", 0, "Of the random weights, without WEIGHTS; 1 when not given",
     0},
    {0},
};

struct arguments {
    struct darknet_options import;
    bool seeded;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    int64_t seed;

    switch (key) {
    case 'o':
        arguments->import.output = argument;
        return 0;
    case OPTION_SEED:
        if (quantity_integer(argument, &seed) < 0 || seed < 0) {
            argp_error(state, "--seed takes a whole number, not '%s'", argument);
        }
        arguments->import.seed = (uint64_t)seed;
        arguments->seeded = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) {
            argp_error(state, "'%s' is too much: a cfg file and its weights", argument);
        }
        *(state->arg_num == 0 ? &arguments->import.config : &arguments->import.weights) =
            argument;
        return 0;
    case ARGP_KEY_END:
        if (arguments->import.config == NULL) {
            argp_error(state, "which network? Name its cfg file");
        }
        if (arguments->import.output == NULL) {
            argp_error(state, "where to? Say -o OUT.onnx");
        }
        if (arguments->seeded && arguments->import.weights != NULL) {
            argp_error(state, "--seed is for networks without weights");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "CFG [WEIGHTS]",
    "Makes an ONNX file of a Darknet network, with batch normalisation folded in. Without "
    "WEIGHTS the weights are random, the same for the same seed: good for timing, never for "
    "detection. The last layers ([region], [yolo]) are left to the operator `yolo`.",
    NULL,
    NULL,
    NULL};

static int import(int argc, char **argv)
{
    struct arguments arguments = {.import.seed = 1};
    struct darknet_summary summary;
    char size[COMMAND_SIZE_TEXT];
    struct error err;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (darknet_import(&arguments.import, &summary, &err) < 0) {
        return command_fail(&err);
    }
    printf("%s: %zu layers of Darknet, %zu convolutions, input %dx%dx%d, %zu output%s, %s of "
           "weights%s, %.2f Gop per picture\n",
           arguments.import.output, summary.n_layers, summary.n_convolutions, summary.channels,
           summary.height, summary.width, summary.n_outputs, summary.n_outputs == 1 ? "" : "s",
           command_size_text((double)summary.weight_size, size),
           arguments.import.weights == NULL ? " (random)" : "", summary.operations / 1e9);
    return EX_OK;
}

const struct command command_model_import = {"import", "Make ONNX of a Darknet network",
                                             import};
