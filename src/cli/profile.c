#include <argp.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/render.h"
#include "cli/request.h"

static error_t parse(int key, char *argument, struct argp_state *state)
{
    (void)argument;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = state->input;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&request_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {NULL,
                                 parse,
                                 "APP",
                                 "Measures an application's operators and layers on the "
                                 "devices, even where that was done before, keeps that for "
                                 "later plans, and shows the plan that "
                                 "follows from it.",
                                 children,
                                 NULL,
                                 NULL};

static int profile(int argc, char **argv)
{
    struct request_options options = {.request = json_pack("{ss}", "command", "profile")};

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    struct render render = {
        .json = options.json, .plan = true, .terminal = isatty(STDERR_FILENO) && !options.json};
    return client_run(options.request, render_answer, &render);
}

const struct command command_profile = {"profile", "Measure an application on the devices",
                                        profile};
