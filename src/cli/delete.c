#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/source.h"

enum { OPTION_NOW = 512 };

static const struct argp_option options[] = {
    {"now", OPTION_NOW, NULL, 0, "Do not wait for the frames under way", 0},
    {0},
};

struct arguments {
    struct source_options options;
    bool now;
    int first; /* of the names in argv */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->options;
        return 0;
    case OPTION_NOW:
        arguments->now = true;
        return 0;
    case ARGP_KEY_ARGS:
        arguments->first = state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which application? `brume get` lists them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&source_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "NAME...",
    "Ends applications that a controller or a cluster holds: their frames under "
    "way arrive, then they are gone.",
    children,
    NULL,
    NULL};

static int delete_one(struct source *source, const char *name, bool now)
{
    int code = source->ops->remove(source, name, now);

    if (code == EX_OK) {
        printf("%s/%s deleted\n", source->ops->noun, name);
        fflush(stdout);
    }
    return code;
}

static int delete (int argc, char **argv)
{
    struct arguments arguments = {0};
    cleanup(source_closep) struct source *source = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = source_open(&arguments.options, &source);
    for (int i = arguments.first; source != NULL && i < argc; i++) {
        int one = delete_one(source, argv[i], arguments.now);
        code = code == EX_OK ? one : code;
    }
    return code;
}

const struct command command_delete = {
    "delete", "End an application that a controller or a cluster holds", delete};
