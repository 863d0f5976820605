/* Opens and ends the docker fabric: the engine is greeted first, so that a machine without one
 * is told so before anything is made; then what site.h says; then the run's network, or its
 * emulated devices, each entered in the ledger by one line for all that has the run's label.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/docker.h"
#include "fabric/testbed.h"

#define USER_UNPRIVILEGED 65532 /* "nonroot" of images without a distribution */
#define SETTLE_MS         20000

void docker_note(struct docker *docker, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cleanup(memory_free) char *text = memory_format_list(format, args);
    va_end(args);
    if (docker->events.noted != NULL) {
        docker->events.noted(docker->events.owner, text);
    }
}

/* Stages dial the controller at the network's gateway, which must be an address of ours. */
static int find_gateway(struct docker *docker, struct error *err)
{
    cleanup(memory_free) char *path = memory_format("/networks/%s", docker->network);
    cleanup(file_closep) int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address;
    json_t *network = NULL;

    if (docker_engine_ask(&docker->engine, "GET", path, NULL, &network, err) < 0) {
        return err->code;
    }
    const json_t *subnet =
        json_array_get(json_object_get(json_object_get(network, "IPAM"), "Config"), 0);
    const char *gateway = json_string_value(json_object_get(subnet, "Gateway"));
    bool readable = gateway != NULL && uv_ip4_addr(gateway, 0, &address) == 0;
    docker->controller = memory_text(readable ? gateway : NULL);
    json_decref(network);
    if (!readable) {
        return error_set(err, -ENOTSUP, "%s gives its network no gateway", docker->engine.name);
    }
    if (bind(probe, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        return error_set(err, -ENOTSUP,
                         "%s is not on this machine, or has a network of its own, in which "
                         "stages cannot reach brume at %s: use one that runs as root here",
                         docker->engine.name, docker->controller);
    }
    return 0;
}

static int make_network(struct docker *docker, struct error *err)
{
    json_t *body =
        json_pack("{ss sb ss s{ss}}", "Name", docker->network, "CheckDuplicate", 1, "Driver",
                  "bridge", "Labels", DOCKER_LABEL_RUN, docker->site.ledger.run);

    if (docker->application != NULL) {
        json_object_set_new(json_object_get(body, "Labels"), "brume.application",
                            json_string(docker->application));
    }
    if (docker_engine_ask(&docker->engine, "POST", "/networks/create", body, NULL, err) < 0) {
        return error_wrap(err, "the network of the run");
    }
    return find_gateway(docker, err);
}

static void choose_user(struct docker *docker)
{
    bool root = geteuid() == 0;

    docker->user = root ? USER_UNPRIVILEGED : geteuid();
    docker->user_group = root ? USER_UNPRIVILEGED : getegid();
}

/* A rootless engine's own networks are out of reach for brume, and brume for them: its
 * containers have this machine's. The user who runs the engine is 0 in them, and nobody else's
 * files are mounted there: without capabilities that is an unprivileged user. */
static int share_machine(struct docker *docker, const struct testbed *testbed,
                         struct error *err)
{
    if (geteuid() == 0) {
        return error_set(
            err, -ENOTSUP,
            "%s is rootless, and this is root: run brume as the user of the engine",
            docker->engine.name);
    }
    free(docker->network);
    docker->network = memory_text("host");
    docker->controller = memory_text("127.0.0.1");
    docker_note(docker, "the engine is rootless: stages share this machine's network%s",
                testbed != NULL && !testbed->plain ? ", and devices are not emulated" : "");
    return 0;
}

/* The folder is the stages' too. */
static int share_folder(struct docker *docker, struct error *err)
{
    const char *folder = docker->site.folder;

    if (chown(folder, docker->user, docker->user_group) < 0) {
        return error_set(err, -errno, "cannot give %s to the user of the containers: %s",
                         folder, strerrordesc_np(errno));
    }
    return 0;
}

int docker_enter(struct docker *docker, struct error *err)
{
    cleanup(memory_free) char *entry =
        memory_format("%s %s", docker->site.ledger.run, docker->engine.socket);

    free(docker->network);
    docker->network = memory_format("brume-%s", docker->site.ledger.run);
    if (ledger_write(&docker->site.ledger, LEDGER_ENGINE, entry, err) < 0) {
        return err->code;
    }
    return share_folder(docker, err);
}

/* The devices' emulated network, the run's own, or the machine's. */
static int join_network(struct docker *docker, const struct testbed *testbed, struct error *err)
{
    bool limited = testbed != NULL && !testbed->plain;
    int r = 0;

    if (docker->engine.rootless) {
        r = share_machine(docker, testbed, err);
    } else if (limited) {
        r = docker_emulate(docker, testbed, err);
    }
    if (r == 0 && !docker->emulated) {
        r = docker->engine.rootless ? 0 : make_network(docker, err);
        site_make_plain(&docker->site, docker->controller);
    }
    return r;
}

static int fill(struct docker *docker, const struct fabric_config *config, struct error *err)
{
    const struct testbed *testbed = config->testbed;

    if (docker_engine_find(&docker->engine, err) < 0 ||
        docker_engine_greet(&docker->engine, err) < 0 ||
        docker_engine_inquire(&docker->engine, err) < 0) {
        return err->code;
    }
    if (site_open(&docker->site, config->loop, testbed, err) < 0) {
        return err->code;
    }
    docker->past = memory_new(docker->site.n_devices, sizeof(*docker->past));
    if (docker_enter(docker, err) < 0 || join_network(docker, testbed, err) < 0) {
        return err->code;
    }
    docker->http = http_create(config->loop, &docker->engine.place);
    docker_events_watch(docker);
    return 0;
}

static void release(uv_handle_t *handle)
{
    free(handle);
}

int docker_open(const struct fabric_config *config, struct fabric **ret_fabric,
                struct error *err)
{
    struct docker *docker = memory_new(1, sizeof(*docker));

    docker->fabric.ops = &docker_ops;
    docker->events = config->events;
    docker->application = memory_text(config->application);
    docker->later = later_create(config->loop);
    docker->again = memory_new(1, sizeof(*docker->again));
    docker->again->data = docker;
    uv_timer_init(config->loop, docker->again);
    docker->emulation.network.counters = -1;
    choose_user(docker);
    if (fill(docker, config, err) < 0) {
        docker_destroy(docker);
        return err->code;
    }
    *ret_fabric = &docker->fabric;
    return 0;
}

void docker_destroy(struct docker *docker)
{
    if (docker->http != NULL) {
        http_settle(docker->http, SETTLE_MS);
    }
    for (struct docker_stage *stage = docker->stages; stage != NULL; stage = stage->next) {
        stage->exchange = NULL; /* settled */
        stage->stats = NULL;
    }
    while (docker->stages != NULL) {
        docker_stage_destroy(docker->stages);
    }
    http_destroy(docker->http);
    emulation_finish(&docker->emulation);
    for (size_t i = 0; docker->holders != NULL && i < docker->site.n_devices; i++) {
        memory_free(&docker->holders[i].id);
    }
    memory_free(&docker->holders);
    site_finish(&docker->site);
    later_destroy(docker->later);
    uv_close((uv_handle_t *)docker->again, release);
    docker_engine_finish(&docker->engine);
    memory_free(&docker->application);
    memory_free(&docker->network);
    memory_free(&docker->controller);
    memory_free(&docker->past);
    free(docker);
}
