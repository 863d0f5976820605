#include <argp.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/rest.h"
#include "cli/status.h"

struct arguments {
    const char *socket, *name;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->socket;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one application at a time, please");
        }
        arguments->name = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which application? `brume get` lists them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&rest_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    NULL,     parse, "NAME", "Tells everything about an application that the controller has.",
    children, NULL,  NULL};

static int describe(int argc, char **argv)
{
    struct arguments arguments = {0};
    json_t *status = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = rest_call_one(arguments.socket, "GET", arguments.name, "", &status);
    if (code == 0) {
        status_describe(status);
    }
    json_decref(status);
    return code;
}

const struct command command_describe = {"describe", "Tell everything about an application",
                                         describe};
