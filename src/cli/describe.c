#include <argp.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/source.h"
#include "cli/status.h"

static error_t parse(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = state->input;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&source_target_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    NULL,     parse,
    "NAME",   "Tells everything about an application that a controller or a cluster holds.",
    children, NULL,
    NULL};

static int describe(int argc, char **argv)
{
    struct source_target target = {0};
    cleanup(source_closep) struct source *source = NULL;
    cleanup(json_decrefp) json_t *status = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &target);
    int code = source_open(&target.options, &source);
    if (code == EX_OK) {
        code = source->ops->describe(source, target.name, &status);
    }
    if (code == EX_OK) {
        status_describe(status);
    }
    return code;
}

const struct command command_describe = {"describe", "Tell everything about an application",
                                         describe};
