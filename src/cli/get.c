#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/rest.h"
#include "cli/status.h"

enum { WATCH_US = 1000000 };

static const struct argp_option options[] = {
    {"output", 'o', "FORM", 0, "json, yaml or wide", 0},
    {"watch", 'w', NULL, 0, "Print again whenever something changed", 0},
    {0},
};

struct arguments {
    const char *socket, *name;
    enum status_form form;
    bool watch;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->socket;
        return 0;
    case 'o':
        if (status_parse_form(argument, &arguments->form) < 0) {
            argp_error(state, "--output takes json, yaml or wide, not '%s'", argument);
        }
        return 0;
    case 'w':
        arguments->watch = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one application at a time, please");
        }
        arguments->name = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&rest_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,  parse,
    "[NAME]", "Lists the applications that the controller has, or one of them.",
    children, NULL,
    NULL};

static int ask(const struct arguments *arguments, json_t **ret_items)
{
    json_t *got = NULL;
    int code = arguments->name != NULL
                   ? rest_call_one(arguments->socket, "GET", arguments->name, "", &got)
                   : rest_call(arguments->socket, "GET", "/v1alpha1/applications", NULL, &got);

    if (code == 0 && arguments->name != NULL) {
        *ret_items = json_pack("[o]", got);
    } else if (code == 0) {
        *ret_items = json_incref(json_object_get(got, "items"));
        json_decref(got);
    }
    return code;
}

static int get(int argc, char **argv)
{
    struct arguments arguments = {.form = STATUS_TABLE};
    bool first = true;
    int code;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    do {
        json_t *items = NULL;

        code = ask(&arguments, &items);
        if (code == 0) {
            status_print(items, arguments.form, first, arguments.name != NULL);
            first = false;
        }
        json_decref(items);
        if (arguments.watch) {
            usleep(WATCH_US);
        }
    } while (arguments.watch && code == 0);
    return code;
}

const struct command command_get = {"get", "List the applications that the controller has",
                                    get};
