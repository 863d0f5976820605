#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/rest.h"

enum { OPTION_NOW = 512, POLL_US = 100000 };

static const struct argp_option options[] = {
    {"now", OPTION_NOW, NULL, 0, "Do not wait for the frames under way", 0},
    {0},
};

struct arguments {
    const char *socket;
    bool now;
    int first; /* of the names in argv */
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->socket;
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

static const struct argp_child children[] = {{&rest_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "NAME...",
    "Ends applications that the controller has: their frames under "
    "way arrive, then they are gone.",
    children,
    NULL,
    NULL};

static bool is_there(const char *socket, const char *name)
{
    json_t *list = NULL, *item;
    bool there = false;
    size_t i;

    if (rest_call(socket, "GET", "/v1alpha1/applications", NULL, &list) == 0) {
        json_array_foreach(json_object_get(list, "items"), i, item)
        {
            const char *other = json_string_value(json_object_get(item, "name"));
            there = there || (other != NULL && strcmp(other, name) == 0);
        }
    }
    json_decref(list);
    return there;
}

static int delete_one(const struct arguments *arguments, const char *name)
{
    json_t *answer = NULL;
    int code = rest_call_one(arguments->socket, "DELETE", name,
                             arguments->now ? "?now=true" : "", &answer);

    json_decref(answer);
    if (code != 0) {
        return code;
    }
    while (is_there(arguments->socket, name)) {
        usleep(POLL_US);
    }
    printf("application/%s deleted\n", name);
    fflush(stdout);
    return EX_OK;
}

static int delete (int argc, char **argv)
{
    struct arguments arguments = {0};
    int code = EX_OK;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    for (int i = arguments.first; i < argc; i++) {
        int one = delete_one(&arguments, argv[i]);
        code = code == EX_OK ? one : code;
    }
    return code;
}

const struct command command_delete = {"delete", "End an application that the controller has",
                                       delete};
