#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/rest.h"

enum { POLL_US = 200000 };

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on printing what comes, until it is deleted", 0},
    {0},
};

struct arguments {
    struct rest_target target;
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

static const struct argp_child children[] = {{&rest_target_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "NAME",
    "Prints what an application has said: its operators' words, what "
    "its stages log, failures, updates.",
    children,
    NULL,
    NULL};

static json_int_t print(const json_t *log)
{
    json_t *line;
    size_t i;

    json_array_foreach(json_object_get(log, "lines"), i, line)
    {
        const char *kind = json_string_value(json_object_get(line, "kind"));
        const char *text = json_string_value(json_object_get(line, "text"));
        bool words = strcmp(kind, "say") == 0 || strcmp(kind, "log") == 0;

        printf("%s %s%s%s\n", json_string_value(json_object_get(line, "time")),
               words ? "" : kind, words ? "" : ": ", text);
    }
    fflush(stdout);
    return json_integer_value(json_object_get(log, "next"));
}

static int logs(int argc, char **argv)
{
    struct arguments arguments = {0};
    json_int_t since = 0;
    int code;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    do {
        cleanup(memory_free) char *rest = memory_format("/logs?since=%lld", (long long)since);
        json_t *log = NULL;

        code = rest_call_one(arguments.target.socket, "GET", arguments.target.name, rest, &log);
        since = code == 0 ? print(log) : 0;
        json_decref(log);
        if (arguments.follow) {
            usleep(POLL_US);
        }
    } while (arguments.follow && code == 0);
    return code;
}

const struct command command_logs = {"logs", "Print what an application has said", logs};
