/* brume-controller: plans, starts and watches an application. `brume run` starts a private one
 * and talks to it over standard input and output (front.h). */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "controller/session.h"

const char *argp_program_version = "brume-controller " BRUME_VERSION;

static const struct argp_option options[] = {
    {"log", 'l', "LEVEL", 0, "error, warn (the default), info or debug", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    enum log_level level;

    if (key != 'l') {
        return ARGP_ERR_UNKNOWN;
    }
    if (log_parse_level(argument, &level) < 0) {
        argp_error(state, "--log takes error, warn, info or debug, not '%s'", argument);
    }
    log_set_level(level);
    return 0;
}

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Plans, starts and watches one application. Started by `brume run`, which talks to it over "
    "standard input and output; not meant to be started by hand.",
    NULL,
    NULL,
    NULL};

static void asked_to_end(uv_signal_t *signal, int number)
{
    (void)number;
    session_close(signal->data, EX_SOFTWARE);
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    uv_signal_t terminate;

    file_ensure_standard();
    argp_err_exit_status = EX_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is the command's to understand, */
    signal(SIGHUP, SIG_IGN); /* and so is whether a terminal's end matters */
    uv_handle_type input = uv_guess_handle(STDIN_FILENO);
    if (input == UV_FILE || input == UV_UNKNOWN_HANDLE) { /* a loop cannot wait for these */
        fprintf(stderr, "brume-controller: standard input is not what `brume run` gives it\n");
        return EX_USAGE;
    }
    uv_loop_init(&loop);
    struct session *session = session_create(&loop);
    uv_signal_init(&loop, &terminate);
    terminate.data = session;
    uv_signal_start(&terminate, asked_to_end, SIGTERM);
    uv_unref((uv_handle_t *)&terminate);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&terminate, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    int code = session_destroy(session);
    uv_loop_close(&loop);
    return code;
}
