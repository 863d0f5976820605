#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli/command.h"
#include "cli/source.h"

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on printing what comes, until it is deleted", 0},
    {0},
};

struct arguments {
    struct source_target target;
    bool follow;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->target;
        return 0;
    case 'f':
        arguments->follow = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&source_target_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "NAME",
    "Prints what an application has said: its operators' words, what "
    "its stages log, failures, updates.",
    children,
    NULL,
    NULL};

/* "TIME kind: text"; what operators and stages say stands for itself, after whose it is. */
static void print(void *owner, const json_t *line)
{
    const char *kind = json_string_value(json_object_get(line, "kind"));
    const char *stage = json_string_value(json_object_get(line, "stage"));
    bool words = strcmp(kind, "say") == 0 || strcmp(kind, "log") == 0;
    const char *whose = words ? stage : kind;

    (void)owner;
    printf("%s %s%s%s\n", json_string_value(json_object_get(line, "time")),
           whose != NULL ? whose : "", whose != NULL ? ": " : "",
           json_string_value(json_object_get(line, "text")));
}

static int logs(int argc, char **argv)
{
    struct arguments arguments = {0};
    cleanup(source_closep) struct source *source = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    const struct source_reading reading = {
        .name = arguments.target.name, .follow = arguments.follow, .line = print};
    int code = source_open(&arguments.target.options, &source);
    return code == EX_OK ? source->ops->read(source, &reading) : code;
}

const struct command command_logs = {"logs", "Print what an application has said", logs};
