#include <argp.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/rest.h"
#include "cli/status.h"

static error_t parse(int key, char *argument, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is too much: all stages are shown", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&rest_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    NULL,     parse, NULL, "Shows what each stage of the controller's applications does now.",
    children, NULL,  NULL};

static int top(int argc, char **argv)
{
    const char *socket = NULL;
    json_t *list = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &socket);
    int code = rest_call(socket, "GET", "/v1alpha1/applications", NULL, &list);
    if (code == 0) {
        status_print_load(json_object_get(list, "items"));
    }
    json_decref(list);
    return code;
}

const struct command command_top = {"top", "Show what each stage does now", top};
