#include "cli/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/objects.h"
#include "cli/rest.h"

enum { OPTION_FABRIC = 1025 };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Whom to ask:", 9},
    {"fabric", OPTION_FABRIC, "kubernetes", 0,
     "The cluster that KUBECONFIG names, not a controller on this machine", 9},
    {"namespace", 'n', "NAMESPACE", 0, "Of the cluster; else the one of the context", 9},
    {0},
};

static void check(const struct source_options *input, struct argp_state *state)
{
    if (input->space != NULL && input->fabric == NULL) {
        argp_error(state, "--namespace goes with --fabric kubernetes");
    }
    if (input->server != NULL && input->fabric != NULL) {
        argp_error(state, "--server and --fabric kubernetes do not go together");
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct source_options *input = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &input->server;
        return 0;
    case OPTION_FABRIC:
        if (strcmp(argument, "kubernetes") != 0) {
            argp_error(state, "--fabric takes kubernetes here, not '%s'", argument);
        }
        input->fabric = argument;
        return 0;
    case 'n':
        input->space = argument;
        return 0;
    case ARGP_KEY_END:
        check(input, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&rest_argp, 0, NULL, 9}, {0}};
const struct argp source_argp = {options, parse, NULL, NULL, children, NULL, NULL};

static error_t parse_target(int key, char *argument, struct argp_state *state)
{
    struct source_target *target = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &target->options;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one application at a time, please");
        }
        target->name = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which application? `brume get` lists them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child target_children[] = {{&source_argp, 0, NULL, 9}, {0}};
const struct argp source_target_argp = {NULL, parse_target, NULL, NULL, target_children,
                                        NULL, NULL};

int source_open(const struct source_options *given, struct source **ret_source)
{
    if (given->fabric == NULL || strcmp(given->fabric, "kubernetes") != 0) {
        return rest_open(given->server, ret_source);
    }
    if (given->server != NULL) {
        fprintf(stderr, "brume: --server and --fabric kubernetes do not go together\n");
        return EX_USAGE;
    }
    return objects_open(given->space, ret_source);
}

void source_closep(struct source **source)
{
    if (*source != NULL) {
        (*source)->ops->close(*source);
        *source = NULL;
    }
}

int source_check_name(const char *name)
{
    struct error err;

    if (!text_is_label(name)) {
        error_set(&err, -EINVAL, "'%s' is no name of an application (a-z, 0-9, -)", name);
        return command_fail(&err);
    }
    return EX_OK;
}
