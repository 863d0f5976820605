#include <argp.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/render.h"
#include "cli/request.h"

enum { OPTION_EXPLAIN = 512 };

static const struct argp_option options[] = {
    {"explain", OPTION_EXPLAIN, NULL, 0, "Also show each cut: time on both sides, bytes across",
     0},
    {0},
};

struct arguments {
    struct request_options request;
    bool explain;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->request;
        return 0;
    case OPTION_EXPLAIN:
        arguments->explain = true;
        json_object_set_new(arguments->request.request, "explain", json_true());
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&request_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {options,
                                 parse,
                                 "APP",
                                 "Plans an application for the devices, and says what would "
                                 "run where and how fast. What has "
                                 "not been measured yet is measured first, on the devices.",
                                 children,
                                 NULL,
                                 NULL};

static int plan(int argc, char **argv)
{
    struct arguments arguments = {.request.request = json_pack("{ss}", "command", "plan")};

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct render render = {.json = arguments.request.json,
                            .explain = arguments.explain,
                            .plan = true,
                            .terminal = isatty(STDERR_FILENO) && !arguments.request.json};
    return client_run(arguments.request.request, render_answer, &render);
}

const struct command command_plan = {"plan", "Say what would run where, and why", plan};
