#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/request.h"
#include "cli/rest.h"
#include "cli/source.h"
#include "cli/status.h"

enum { OPTION_STATE = 512, OPTION_WAIT, POLL_US = 200000 };

static const struct argp_option options[] = {
    {"state", OPTION_STATE, "FOLDER", 0,
     "Remember there how far it got, and go on from there when it is started anew", 0},
    {"wait", OPTION_WAIT, NULL, 0, "Return when it runs as it should now, or cannot", 0},
    {0},
};

struct arguments {
    struct request_options request;
    const char *socket;
    bool wait;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->request;
        state->child_inputs[1] = &arguments->socket;
        return 0;
    case OPTION_STATE:
        json_object_set_new(arguments->request.request, "state", json_string(argument));
        return 0;
    case OPTION_WAIT:
        arguments->wait = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    {&request_argp, 0, NULL, 0}, {&rest_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "APP",
    "Gives an application to a controller or a cluster, or changes one: where only parameters "
    "of operators differ, the stages that have them are replaced while all others go on; else "
    "the frames under way arrive, and it is started anew. APP is its manifest.",
    children,
    NULL,
    NULL};

/* The reason, if it does not run as it should; what stands there becomes the exit code. */
static bool is_waited_for(void *owner, const json_t *items)
{
    const json_t *status = json_array_get(items, 0);
    enum status_outcome outcome = status_outcome(status);
    int *code = owner;

    if (outcome == STATUS_OPEN) {
        return true;
    }
    if (outcome != STATUS_GOOD) {
        fprintf(stderr, "brume: %s\n", status_reason(status));
        *code = outcome == STATUS_REFUSED ? EX_DATAERR : EX_UNAVAILABLE;
    }
    return false;
}

static int wait_for(struct source *source, const char *name)
{
    int outcome = EX_OK;
    const struct source_watching watching = {
        .name = name, .every_us = POLL_US, .told = is_waited_for, .owner = &outcome};
    int code = source->ops->watch(source, &watching);

    return code != EX_OK ? code : outcome;
}

static int give(struct source *source, const struct arguments *arguments)
{
    cleanup(json_decrefp) json_t *answer = NULL;
    int code = source->ops->apply(source, arguments->request.request, &answer);

    if (code != EX_OK) {
        return code;
    }
    const char *name = json_string_value(json_object_get(answer, "name"));
    const char *result = json_string_value(json_object_get(answer, "result"));
    if (arguments->request.json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        printf("%s/%s %s\n", source->ops->noun, name, result);
    }
    fflush(stdout);
    return arguments->wait ? wait_for(source, name) : EX_OK;
}

static const char *text(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static int apply(int argc, char **argv)
{
    struct arguments arguments = {.request.request = json_pack("{ss}", "command", "run")};
    cleanup(source_closep) struct source *source = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    cleanup(json_decrefp) json_t *request = arguments.request.request;
    const struct source_options whom = {.server = arguments.socket,
                                        .fabric = text(request, "fabric"),
                                        .space = text(request, "namespace")};
    int code = source_open(&whom, &source);
    return code == EX_OK ? give(source, &arguments) : code;
}

const struct command command_apply = {
    "apply", "Give an application to a controller or a cluster, or change it", apply};
