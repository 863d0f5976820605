/* brume-controller: plans, starts and watches applications. `brume run` starts a private one
 * for one application, and talks to it over standard input and output (front.h); with --serve
 * it holds many, and is talked to by REST (rest.h); with --fabric kubernetes it runs the
 * Application objects of a cluster (leader.h). */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "controller/leader.h"
#include "controller/metrics.h"
#include "controller/rest.h"
#include "controller/server.h"
#include "controller/session.h"
#include "controller/web.h"

const char *argp_program_version = "brume-controller " BRUME_VERSION;

enum { OPTION_NAMESPACE = 0x100, OPTION_HTTP, OPTION_FILES };

static const struct argp_option options[] = {
    {"serve", 's', "SOCKET", OPTION_ARG_OPTIONAL,
     "Hold applications until told to end, for `brume apply` and its like; without SOCKET at "
     "brume/controller.sock in the folder for run-time files",
     0},
    {"fabric", 'f', "FABRIC", 0,
     "kubernetes: run the Application objects of the cluster that this is a pod of, or that "
     "KUBECONFIG names",
     0},
    {"namespace", OPTION_NAMESPACE, "NAME", 0, "Only those of this namespace", 0},
    {"files", OPTION_FILES, "FOLDER", 0,
     "Where the models and other files are that they name; " LEADER_FILES
     " when nothing is said",
     0},
    {"http", OPTION_HTTP, "ADDRESS", 0,
     "Answer /healthz, /readyz and /metrics there; in a cluster at " WEB_ADDRESS
     " when nothing is said",
     0},
    {"log", 'l', "LEVEL", 0, "error, warn (the default), info or debug", 0},
    {0},
};

struct arguments {
    bool serve;
    const char *socket; /* NULL: the usual one */
    bool cluster;
    const char *space, *files, *http; /* NULL: nothing was said */
};

static void check_together(const struct arguments *arguments, struct argp_state *state)
{
    if (arguments->serve && arguments->cluster) {
        argp_error(state, "--serve and --fabric kubernetes are two ways to live: choose one");
    }
    if (!arguments->cluster && (arguments->space != NULL || arguments->files != NULL)) {
        argp_error(state, "--namespace and --files go with --fabric kubernetes");
    }
    if (!arguments->cluster && !arguments->serve && arguments->http != NULL) {
        argp_error(state, "--http goes with --serve or --fabric kubernetes");
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    enum log_level level;

    switch (key) {
    case 's':
        arguments->serve = true;
        arguments->socket = argument;
        return 0;
    case 'f':
        if (strcmp(argument, "kubernetes") != 0) {
            argp_error(state, "--fabric takes kubernetes here, not '%s'", argument);
        }
        arguments->cluster = true;
        return 0;
    case OPTION_NAMESPACE:
        if (!text_is_label(argument)) {
            argp_error(state, "--namespace %s: that is no name of one", argument);
        }
        arguments->space = argument;
        return 0;
    case OPTION_FILES:
        arguments->files = argument;
        return 0;
    case OPTION_HTTP:
        arguments->http = argument;
        return 0;
    case ARGP_KEY_END:
        check_together(arguments, state);
        return 0;
    case 'l':
        if (log_parse_level(argument, &level) < 0) {
            argp_error(state, "--log takes error, warn, info or debug, not '%s'", argument);
        }
        log_set_level(level);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Plans, starts and watches applications. `brume run` starts one for itself and talks to it "
    "over standard input and output; with --serve it holds applications for `brume apply`; "
    "with --fabric kubernetes it runs those of a cluster.",
    NULL,
    NULL,
    NULL};

static void session_asked_to_end(uv_signal_t *signal, int number)
{
    (void)number;
    session_close(signal->data, EX_SOFTWARE);
}

static int run_one(uv_loop_t *loop)
{
    uv_signal_t terminate;

    signal(SIGINT, SIG_IGN); /* Ctrl-C is the command's to understand, */
    signal(SIGHUP, SIG_IGN); /* and so is whether a terminal's end matters */
    uv_handle_type input = uv_guess_handle(STDIN_FILENO);
    if (input == UV_FILE || input == UV_UNKNOWN_HANDLE) { /* a loop cannot wait for these */
        fprintf(stderr, "brume-controller: standard input is not what `brume run` gives it; "
                        "a controller that holds applications is started with --serve\n");
        return EX_USAGE;
    }
    struct session *session = session_create(loop, NULL);
    uv_signal_init(loop, &terminate);
    terminate.data = session;
    uv_signal_start(&terminate, session_asked_to_end, SIGTERM);
    uv_unref((uv_handle_t *)&terminate);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&terminate, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    return session_destroy(session);
}

static const int ending_signals[] = {SIGTERM, SIGINT};
enum { N_ENDING = sizeof(ending_signals) / sizeof(*ending_signals) };

struct service {
    struct server *server;
    struct rest *rest;
    struct web *web; /* or NULL */
    double started;
    uv_signal_t signals[N_ENDING];
};

static void service_asked_to_end(uv_signal_t *signal, int number)
{
    struct service *service = signal->data;

    (void)number;
    rest_close(STEAL(service->rest));
    web_close(STEAL(service->web));
    server_close(service->server);
    for (size_t i = 0; i < N_ENDING; i++) {
        if (!uv_is_closing((uv_handle_t *)&service->signals[i])) {
            uv_close((uv_handle_t *)&service->signals[i], NULL);
        }
    }
}

static int open_door(uv_loop_t *loop, struct service *service, const char *given,
                     struct error *err)
{
    cleanup(memory_free) char *folder = given == NULL ? file_run_folder(err) : NULL;

    if (given == NULL && folder == NULL) {
        return err->code;
    }
    cleanup(memory_free) char *path =
        given != NULL ? memory_text(given) : memory_format("%s/controller.sock", folder);
    int r = rest_open(loop, path, service->server, &service->rest, err);
    if (r == 0) {
        log_event(LOG_WARN, "controller.serving", "socket=%s", path);
    }
    return r;
}

static const char *never_unready(void *owner)
{
    (void)owner;
    return NULL;
}

static char *service_metrics(void *owner)
{
    const struct service *service = owner;
    cleanup(json_decrefp) json_t *statuses = server_list(service->server);
    cleanup(json_decrefp) json_t *applications = json_array();
    size_t i;
    json_t *status;

    json_array_foreach(statuses, i, status)
    {
        json_array_append_new(
            applications,
            json_pack("{sOsO}", "name", json_object_get(status, "name"), "status", status));
    }
    const struct metrics metrics = {.applications = applications,
                                    .resident = memory_resident(),
                                    .cpu_seconds = (double)clock_process_ns() / 1e9,
                                    .started = service->started};
    return metrics_render(&metrics);
}

static int open_web(uv_loop_t *loop, struct service *service, const char *address,
                    struct error *err)
{
    const struct web_setup setup = {.loop = loop,
                                    .address = address,
                                    .unready = never_unready,
                                    .metrics = service_metrics,
                                    .owner = service};

    service->started = (double)clock_wall_ms() / 1000;
    return address == NULL ? 0 : web_open(&setup, &service->web, err);
}

static int serve(uv_loop_t *loop, const struct arguments *arguments)
{
    const struct server_setup setup = {.loop = loop};
    struct service service = {.server = server_create(&setup)};
    struct error err;
    int r = open_web(loop, &service, arguments->http, &err);

    r = r < 0 ? r : open_door(loop, &service, arguments->socket, &err);
    if (r < 0) {
        web_close(service.web);
        fprintf(stderr, "brume-controller: %s\n", err.text);
    } else {
        for (size_t i = 0; i < N_ENDING; i++) {
            uv_signal_init(loop, &service.signals[i]);
            service.signals[i].data = &service;
            uv_signal_start(&service.signals[i], service_asked_to_end, ending_signals[i]);
        }
        uv_run(loop, UV_RUN_DEFAULT);
    }
    server_destroy(service.server);
    return r < 0 ? error_exit_code(&err, EX_UNAVAILABLE) : EX_OK;
}

static int lead(uv_loop_t *loop, const struct arguments *arguments)
{
    const struct leader_setup setup = {
        .space = arguments->space,
        .http = arguments->http != NULL ? arguments->http : WEB_ADDRESS,
        .files = arguments->files != NULL ? arguments->files : LEADER_FILES};

    return leader_run(loop, &setup);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    uv_loop_t loop;

    file_ensure_standard();
    argp_err_exit_status = EX_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&loop);
    int code = arguments.cluster ? lead(&loop, &arguments)
               : arguments.serve ? serve(&loop, &arguments)
                                 : run_one(&loop);
    uv_loop_close(&loop);
    return code;
}
