#include <argp.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/quantity.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/render.h"
#include "cli/request.h"

enum { OPTION_DURATION = 512, OPTION_FRAMES, OPTION_STATE, OPTION_EXPLAIN };

static const struct argp_option options[] = {
    {"duration", OPTION_DURATION, "TIME", 0, "Stop after that long, as 30s", 0},
    {"frames", OPTION_FRAMES, "N", 0, "Stop after N frames", 0},
    {"state", OPTION_STATE, "FOLDER", 0,
     "Remember there how far it got, and go on from there next time", 0},
    {"explain", OPTION_EXPLAIN, NULL, 0, "Tell why the plan is as it is, with each cut", 0},
    {0},
};

struct arguments {
    struct request_options request;
    bool explain;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    json_t *request = arguments->request.request;
    int64_t frames;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->request;
        return 0;
    case OPTION_DURATION:
        json_object_set_new(request, "duration", json_string(argument));
        return 0;
    case OPTION_FRAMES:
        if (quantity_integer(argument, &frames) < 0 || frames < 1) {
            argp_error(state, "--frames takes a whole number from 1, not '%s'", argument);
        }
        json_object_set_new(request, "frames", json_integer((json_int_t)frames));
        return 0;
    case OPTION_STATE:
        json_object_set_new(request, "state", json_string(argument));
        return 0;
    case OPTION_EXPLAIN:
        arguments->explain = true;
        json_object_set_new(request, "explain", json_true());
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&request_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "APP",
    "Runs an application: plans it for the devices, starts its stages, shows progress, and "
    "reports. APP is its manifest. Devices are emulated on this machine (--devices, "
    "--testbed) or the nodes of a cluster (--fabric kubernetes); without any it runs on this "
    "machine as it is. Ctrl-C lets the frames under way arrive, then stops.",
    children,
    NULL,
    NULL};

static int run(int argc, char **argv)
{
    struct arguments arguments = {.request.request = json_pack("{ss}", "command", "run")};

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct render render = {.json = arguments.request.json,
                            .explain = arguments.explain,
                            .terminal = isatty(STDERR_FILENO) && !arguments.request.json};
    return client_run(arguments.request.request, render_answer, &render);
}

const struct command command_run = {
    "run", "Run an application, here or in a cluster, and report", run};
