#include <argp.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/load.h"
#include "cli/source.h"

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

static const struct argp_child children[] = {{&source_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    NULL,
    parse,
    NULL,
    "Shows what each application and stage does now, and what nodes of a cluster use.",
    children,
    NULL,
    NULL};

static int top(int argc, char **argv)
{
    struct source_options options = {0};
    cleanup(source_closep) struct source *source = NULL;
    cleanup(json_decrefp) json_t *load = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    int code = source_open(&options, &source);
    if (code == EX_OK) {
        code = source->ops->load(source, &load);
    }
    if (code == EX_OK) {
        load_print(load);
    }
    return code;
}

const struct command command_top = {"top", "Show what each stage does now", top};
