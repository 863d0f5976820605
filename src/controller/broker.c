#include "controller/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "fabric/launch.h"
#include "graph/deployment.h"

#define EMBEDDED "embedded"
enum { RESTART_MS = 200, LINE_MOST = 64 };

static const char *const programs[] = {"/usr/sbin/mosquitto", "/usr/bin/mosquitto",
                                       "/usr/local/sbin/mosquitto"};

struct broker {
    uv_loop_t *loop;
    const char *program;
    char *address; /* host:port */
    char *config;  /* its file */
    pid_t pid;     /* 0: it does not run */
    int pidfd;
    uv_poll_t watch;
    uv_timer_t again;
    unsigned n_open; /* handles */
};

static bool is_embedded(const struct deployment_param *param)
{
    return strcmp(param->name, "broker") == 0 && strcmp(param->value, EMBEDDED) == 0;
}

/* Names the address wherever the manifest said `embedded`; returns in how many places. */
static size_t name_address(struct deployment *deployment, const char *address)
{
    size_t n = 0;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *step = &deployment->operators[i];

        for (size_t j = 0; j < step->n_params; j++) {
            if (!is_embedded(&step->params[j])) {
                continue;
            }
            n++;
            if (address != NULL) {
                free(step->params[j].value);
                step->params[j].value = memory_text(address);
            }
        }
    }
    return n;
}

/* The port itself if it is free on the host; of 0 any that is. */
static int probe_port(const char *host, unsigned port, unsigned *ret_port, struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof(address);
    int on = 1;
    cleanup(file_closep) int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (probe < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(probe, (struct sockaddr *)&address, size) < 0 || listen(probe, 1) < 0 ||
        getsockname(probe, (struct sockaddr *)&address, &size) < 0) {
        return error_set(err, -EADDRNOTAVAIL, "the broker finds no free port on %s", host);
    }
    *ret_port = ntohs(address.sin_port);
    return 0;
}

/* What the last run with this folder wrote down; 0: there was none. */
static unsigned last_port(const char *path)
{
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    int64_t port;
    size_t size;

    if (access(path, F_OK) < 0 || file_read(path, LINE_MOST, &bytes, &size, &err) < 0) {
        return 0;
    }
    ((char *)bytes)[strcspn(bytes, "\n")] = '\0';
    return quantity_integer(bytes, &port) == 0 && port > 0 && port <= UINT16_MAX
               ? (unsigned)port
               : 0;
}

/* The port of the last run, if there was one and nobody has it now: sensors know it. */
static int choose_port(const struct broker_setup *setup, unsigned *ret_port, struct error *err)
{
    cleanup(memory_free) char *path = memory_format("%s/broker-port", setup->folder);
    unsigned last = last_port(path);

    if (last > 0 && probe_port(setup->host, last, ret_port, err) == 0) {
        return 0;
    }
    int r = probe_port(setup->host, 0, ret_port, err);
    if (r < 0) {
        return r;
    }
    cleanup(memory_free) char *line = memory_format("%u\n", *ret_port);
    return file_write(path, line, strlen(line), err);
}

static int write_config(const struct broker *broker, const char *host, unsigned port,
                        const char *folder, struct error *err)
{
    cleanup(memory_free) char *text =
        memory_format("listener %u %s\n"
                      "allow_anonymous true\n"
                      "persistence true\n"
                      "persistence_location %s/\n"
                      "autosave_on_changes true\n"
                      "autosave_interval 1000\n"
                      "max_inflight_messages 0\n"
                      "max_queued_messages 0\n"
                      "set_tcp_nodelay true\n"
                      "log_dest none\n"
                      "%s",
                      port, host, folder, geteuid() == 0 ? "user root\n" : "");

    return file_write(broker->config, text, strlen(text), err);
}

static int launch(struct broker *broker, struct error *err);

static void again_due(uv_timer_t *timer)
{
    struct broker *broker = timer->data;
    struct error err;

    if (launch(broker, &err) < 0) {
        log_event(LOG_ERROR, "controller.broker-failed", "why=\"%s\"", err.text);
    }
}

static void handle_closed(uv_handle_t *handle)
{
    struct broker *broker = handle->data;

    if (--broker->n_open == 0) {
        free(broker->address);
        free(broker->config);
        free(broker);
    }
}

static void forget(struct broker *broker)
{
    char how[128];

    uv_poll_stop(&broker->watch);
    launch_reap(broker->pid, how, sizeof(how));
    close(broker->pidfd);
    broker->pid = 0;
    log_event(LOG_INFO, "controller.broker-gone", "address=%s how=\"%s\"", broker->address,
              how);
}

static void ended(uv_poll_t *watch, int status, int events)
{
    struct broker *broker = watch->data;

    (void)status;
    (void)events;
    forget(broker);
    uv_close((uv_handle_t *)watch, handle_closed);
    uv_timer_start(&broker->again, again_due, RESTART_MS, 0);
}

static int launch(struct broker *broker, struct error *err)
{
    char *argv[] = {(char *)(uintptr_t) "mosquitto", (char *)(uintptr_t) "-c", broker->config,
                    NULL};
    const struct launch what = {.program = broker->program,
                                .argv = argv,
                                .credentials = "",
                                .quiet = true,
                                .namespace = -1,
                                .cpu = -1};
    int r = launch_start(&what, &broker->pid, &broker->pidfd, err);

    if (r < 0) {
        return r;
    }
    log_event(LOG_INFO, "controller.broker", "address=%s", broker->address);
    uv_poll_init(broker->loop, &broker->watch, broker->pidfd);
    broker->watch.data = broker;
    broker->n_open++;
    uv_poll_start(&broker->watch, UV_READABLE, ended);
    return 0;
}

static const char *find_program(void)
{
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        if (access(programs[i], X_OK) == 0) {
            return programs[i];
        }
    }
    return NULL;
}

int broker_start(const struct broker_setup *setup, struct deployment *deployment,
                 struct broker **ret_broker, struct error *err)
{
    unsigned port = 0;

    *ret_broker = NULL;
    if (name_address(deployment, NULL) == 0) {
        return 0;
    }
    if (setup->folder == NULL) {
        return error_set(err, -ENOTSUP,
                         "the manifest asks for an embedded broker, which this fabric has no "
                         "room for: run one beside the application, and name its address");
    }
    const char *program = find_program();
    if (program == NULL) {
        return error_set(err, -ENOPKG,
                         "the manifest asks for an embedded broker, and there is no Mosquitto "
                         "on this machine: apt-get install mosquitto");
    }
    int r = choose_port(setup, &port, err);
    if (r < 0) {
        return r;
    }
    struct broker *broker = memory_new(1, sizeof(*broker));
    broker->loop = setup->loop;
    broker->program = program;
    broker->address = memory_format("%s:%u", setup->host, port);
    broker->config = memory_format("%s/mosquitto.conf", setup->folder);
    uv_timer_init(setup->loop, &broker->again);
    broker->again.data = broker;
    broker->n_open = 1;
    r = write_config(broker, setup->host, port, setup->folder, err);
    r = r < 0 ? r : launch(broker, err);
    if (r < 0) {
        broker_stop(broker);
        return r;
    }
    name_address(deployment, broker->address);
    *ret_broker = broker;
    return 0;
}

const char *broker_address(const struct broker *broker)
{
    return broker->address;
}

void broker_stop(struct broker *broker)
{
    if (broker == NULL) {
        return;
    }
    if (broker->pid > 0) {
        kill(broker->pid, SIGTERM);
        forget(broker);
        uv_close((uv_handle_t *)&broker->watch, handle_closed);
    }
    uv_close((uv_handle_t *)&broker->again, handle_closed);
}
