/* brume-stage: all that a device needs. The fabric starts it with a name and the controller's
 * address, and hands it its credentials on standard input or in a file; everything else comes
 * from the controller.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/credentials.h"
#include "net/tls.h"
#include "stage/shell.h"

const char *argp_program_version = "brume-stage " BRUME_VERSION;

enum { OPTION_IDLE = 256, OPTION_CREDENTIALS, OPTION_FILES };

static const struct argp_option options[] = {
    {"name", 'n', "NAME", 0, "Name of the stage, as in the deployment", 0},
    {"controller", 'c', "ADDRESS", 0, "Where the controller listens, as 10.99.0.1:7000", 0},
    {"credentials", OPTION_CREDENTIALS, "FILE", 0,
     "Where the credentials are; else they come on standard input", 0},
    {"files", OPTION_FILES, "FOLDER", 0,
     "Below this, what operators read is fetched from the controller; else it is there", 0},
    {"idle", OPTION_IDLE, NULL, 0, "Run no stage: wait, and hold what others share", 0},
    {"log", 'l', "LEVEL", 0, "error, warn (the default), info or debug", 0},
    {0},
};

struct arguments {
    const char *name, *controller;
    const char *credentials, *files; /* or NULL */
    bool idle;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    enum log_level level;

    switch (key) {
    case 'n':
        arguments->name = argument;
        return 0;
    case 'c':
        arguments->controller = argument;
        return 0;
    case OPTION_CREDENTIALS:
        arguments->credentials = argument;
        return 0;
    case OPTION_FILES:
        if (argument[0] != '/') {
            argp_error(state, "--files takes a path from the root on, not '%s'", argument);
        }
        arguments->files = argument;
        return 0;
    case OPTION_IDLE:
        arguments->idle = true;
        return 0;
    case 'l':
        if (log_parse_level(argument, &level) < 0) {
            argp_error(state, "--log takes error, warn, info or debug, not '%s'", argument);
        }
        log_set_level(level);
        return 0;
    case ARGP_KEY_END:
        if (arguments->idle) {
            return 0;
        }
        if (arguments->name == NULL || arguments->controller == NULL) {
            argp_error(state, "--name and --controller must be given");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Runs one stage of an application. Started by a fabric, which hands it the stage's "
    "credentials; not meant to be started by hand.",
    NULL,
    NULL,
    NULL};

/* The first process of a container, whose network others join: it has no default actions. */
static int idle(void)
{
    sigset_t ends;
    int number;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    sigwait(&ends, &number);
    return EX_OK;
}

static void asked_to_end(uv_signal_t *signal, int number)
{
    (void)number;
    shell_stop(signal->data);
    uv_signal_stop(signal);
}

/* Leaves the token, and a context of the rest where there is one. */
static int read_credentials(const char *path, struct shell_options *with, char **ret_token,
                            struct error *err)
{
    cleanup(file_closep) int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct credentials credentials = {0};

    if (path != NULL && file < 0) {
        return error_set(err, -errno, "cannot read %s: %s", path, strerrordesc_np(errno));
    }
    int r = credentials_read(path != NULL ? file : STDIN_FILENO, &credentials, err);

    if (r == 0 && credentials.key != NULL) {
        r = tls_context_create(&credentials, &with->tls, err);
    }
    if (r == 0) {
        with->token = *ret_token = STEAL(credentials.token);
    }
    credentials_finish(&credentials);
    return r;
}

static int run(const struct shell_options *with)
{
    struct shell *shell = NULL;
    uv_signal_t terminate;
    uv_loop_t loop;
    struct error err;

    uv_loop_init(&loop);
    int r = shell_create(&loop, with, &shell, &err);
    if (r < 0) {
        fprintf(stderr, "brume-stage: %s\n", err.text);
        shell_stop(shell);
    }
    uv_signal_init(&loop, &terminate);
    terminate.data = shell;
    uv_signal_start(&terminate, asked_to_end, SIGTERM);
    uv_unref((uv_handle_t *)&terminate);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&terminate, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    int code = shell_destroy(shell);
    return r < 0 ? EX_UNAVAILABLE : code;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    cleanup(memory_wipe) char *token = NULL;
    struct error err;

    file_ensure_standard();
    argp_err_exit_status = EX_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.idle) {
        return idle();
    }
    signal(SIGPIPE, SIG_IGN);
    struct shell_options with = {
        .name = arguments.name, .controller = arguments.controller, .files = arguments.files};
    if (read_credentials(arguments.credentials, &with, &token, &err) < 0) {
        fprintf(stderr, "brume-stage: %s\n", err.text);
        return EX_USAGE;
    }
    int code = run(&with);
    tls_context_unref(with.tls);
    return code;
}
