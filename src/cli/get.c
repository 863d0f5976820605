#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/source.h"
#include "cli/status.h"

enum { WATCH_US = 1000000 };

static const struct argp_option options[] = {
    {"output", 'o', "FORM", 0, "json, yaml or wide", 0},
    {"watch", 'w', NULL, 0, "Print again every second; of a cluster, what changed", 0},
    {0},
};

struct arguments {
    struct source_options options;
    const char *name;
    enum status_form form;
    bool watch;
    bool began; /* the names of the columns are there */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->options;
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

static const struct argp_child children[] = {{&source_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,  parse,
    "[NAME]", "Lists the applications that a controller or a cluster holds, or one of them.",
    children, NULL,
    NULL};

static bool print(void *owner, const json_t *items)
{
    struct arguments *arguments = owner;

    status_print(items, arguments->form, !arguments->began, arguments->name != NULL);
    arguments->began = true;
    return true;
}

static int ask(struct source *source, struct arguments *arguments)
{
    cleanup(json_decrefp) json_t *items = NULL;
    json_t *status = NULL;
    int code = arguments->name != NULL ? source->ops->get(source, arguments->name, &status)
                                       : source->ops->list(source, &items);

    if (status != NULL) {
        items = json_pack("[o]", status);
    }
    if (code == EX_OK) {
        print(arguments, items);
    }
    return code;
}

static int get(int argc, char **argv)
{
    struct arguments arguments = {.form = STATUS_TABLE};
    cleanup(source_closep) struct source *source = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = source_open(&arguments.options, &source);
    if (code != EX_OK || !arguments.watch) {
        return code != EX_OK ? code : ask(source, &arguments);
    }
    const struct source_watching watching = {
        .name = arguments.name, .every_us = WATCH_US, .told = print, .owner = &arguments};
    return source->ops->watch(source, &watching);
}

const struct command command_get = {
    "get", "List the applications that a controller or a cluster holds", get};
