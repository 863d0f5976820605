#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/request.h"
#include "cli/rest.h"

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
    "Gives an application to the controller, or changes one that it has: where only parameters "
    "of operators differ, the stages that have them are replaced while all others go on; else "
    "the frames under way arrive, and it is started anew. APP is its manifest.",
    children,
    NULL,
    NULL};

/* The controller works elsewhere. */
static void make_absolute(json_t *request, const char *key)
{
    const char *path = json_string_value(json_object_get(request, key));

    if (path != NULL) {
        cleanup(memory_free) char *absolute = file_absolute(path);
        json_object_set_new(request, key, json_string(absolute));
    }
}

static bool is_settled(const char *phase)
{
    return strcmp(phase, "Running") == 0 || strcmp(phase, "Finished") == 0 ||
           strcmp(phase, "Failed") == 0;
}

static int wait_for(const char *socket, const char *name)
{
    for (;;) {
        json_t *got = NULL;
        int code = rest_call_one(socket, "GET", name, "", &got);
        cleanup(json_decrefp) json_t *status = got;
        const char *phase = json_string_value(json_object_get(status, "phase"));
        const char *message = json_string_value(json_object_get(status, "message"));

        if (code != 0 || phase == NULL) {
            return code != 0 ? code : EX_PROTOCOL;
        }
        if (is_settled(phase)) {
            bool bad = message != NULL && *message != '\0';
            if (bad) {
                fprintf(stderr, "brume: %s\n", message);
            }
            return bad ? EX_UNAVAILABLE : EX_OK;
        }
        usleep(POLL_US);
    }
}

static int apply(int argc, char **argv)
{
    struct arguments arguments = {.request.request = json_pack("{ss}", "command", "run")};
    cleanup(memory_free) char *folder = file_absolute(".");
    json_t *request = arguments.request.request, *got = NULL;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    make_absolute(request, "application");
    make_absolute(request, "testbed");
    make_absolute(request, "state");
    json_object_set_new(request, "folder", json_string(folder));
    int code = rest_call(arguments.socket, "POST", "/v1alpha1/applications", request, &got);
    cleanup(json_decrefp) json_t *answer = got;
    json_decref(request);
    if (code != 0) {
        return code;
    }
    const char *name = json_string_value(json_object_get(answer, "name"));
    const char *result = json_string_value(json_object_get(answer, "result"));
    if (arguments.request.json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        printf("application/%s %s\n", name, result);
    }
    fflush(stdout);
    return arguments.wait ? wait_for(arguments.socket, name) : EX_OK;
}

const struct command command_apply = {
    "apply", "Give an application to the controller, or change it", apply};
