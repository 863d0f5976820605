/* Opens and ends the kubernetes fabric. For a controller in a cluster, which watches it anyway,
 * nothing is waited for but what an earlier controller kept. A run alone first looks at the
 * cluster, so that one that does not answer is told before anything is made; then come what
 * site.h says, with one line in the ledger for all that bears the run's label, and a watch of
 * its own.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/device.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_address.h"
#include "fabric/kubernetes_devices.h"
#include "fabric/kubernetes_object.h"
#include "fabric/testbed.h"
#include "kube/api.h"
#include "kube/config.h"

void kubernetes_note(struct kubernetes *kubernetes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cleanup(memory_free) char *text = memory_format_list(format, args);
    va_end(args);
    if (kubernetes->events.noted != NULL) {
        kubernetes->events.noted(kubernetes->events.owner, text);
    }
}

/* The cluster as it is now, and what an earlier run left in it. */
static int list_devices(struct kubernetes *kubernetes, const json_t *nodes, const json_t *pods,
                        struct error *err)
{
    const struct kubernetes_choice choice = {
        .nodes = nodes, .pods = pods, .space = kubernetes->space, .run = kubernetes->run};
    struct site *site = &kubernetes->site;
    char *note = NULL;
    int r = kubernetes_choose(&choice, &site->n_devices, &site->devices, &note, err);

    if (note != NULL) {
        site_note(site, note);
    }
    return r;
}

static void look_at_places(struct kubernetes *kubernetes, const json_t *nodes)
{
    const json_t *node;
    struct error ignored;
    size_t i;

    kubernetes->places = memory_new(kubernetes->site.n_devices, sizeof(*kubernetes->places));
    json_array_foreach(nodes, i, node)
    {
        const char *name = kubernetes_text(node, "metadata", "name");
        size_t index = 0;
        if (name != NULL && site_find_device(&kubernetes->site, name, &index, &ignored) == 0) {
            struct kubernetes_place *place = &kubernetes->places[index];
            place->usable = kubernetes_node_is_usable(node, place->why);
            place->heard = kubernetes_node_is_heard(node);
            place->told = true;
        }
    }
}

/* Pods of which nothing was kept nobody can take up. */
static void adopt(struct kubernetes *kubernetes, const json_t *pods)
{
    const json_t *pod;
    size_t i;

    json_array_foreach(pods, i, pod)
    {
        const char *name = kubernetes_text(pod, "metadata", "name");
        if (!kubernetes_has(kubernetes, pod) || name == NULL) {
            continue;
        }
        if (kubernetes->saved != NULL) {
            kubernetes_stage_adopt(kubernetes, pod);
        } else {
            kubernetes_delete(kubernetes, "pods", name, true);
            kubernetes_delete(kubernetes, "secrets", name, false);
        }
    }
}

static int join_cluster(struct kubernetes *kubernetes, const struct fabric_config *config,
                        struct error *err)
{
    const char *uid = kubernetes_text(config->resource, "metadata", "uid");

    if (!cluster_is_complete(config->cluster)) {
        return error_set(err, -EAGAIN, "the cluster has not told of all its nodes yet");
    }
    kubernetes->cluster = config->cluster;
    kubernetes->api = config->cluster->api;
    kubernetes->space = memory_text(
        config->space != NULL ? config->space : kube_api_namespace(kubernetes->api));
    kubernetes->run = memory_text(uid != NULL ? uid : kubernetes->application);
    json_t *nodes = cluster_nodes(kubernetes->cluster);
    json_t *pods = cluster_pods(kubernetes->cluster);
    int r = list_devices(kubernetes, nodes, pods, err);
    r = r < 0 ? r : kubernetes_load(kubernetes, config->kept, err);
    if (r == 0) {
        look_at_places(kubernetes, nodes);
        adopt(kubernetes, pods);
        kubernetes_listen(kubernetes);
    }
    json_decref(nodes);
    json_decref(pods);
    return r;
}

/* Whether there is one that listens to us. */
static int greet(struct kubernetes *kubernetes, const char *space, struct error *err)
{
    const struct kube_call version = {.method = "GET", .path = "/version", .timeout_ms = 10000};
    struct kube_config *config = NULL;

    if (kube_config_load(&config, err) < 0 ||
        kube_api_open(kubernetes->site.loop, config, &kubernetes->api, err) < 0) {
        return err->code;
    }
    kubernetes->space =
        memory_text(space != NULL ? space : kube_api_namespace(kubernetes->api));
    if (kube_api_ask_now(kubernetes->api, &version, NULL, err) < 0) {
        return error_wrap(err, "the cluster cannot be used (kubectl cluster-info says more)");
    }
    return 0;
}

static int open_site(struct kubernetes *kubernetes, struct error *err)
{
    struct site *site = &kubernetes->site;
    struct testbed nodes = {
        .plain = true, .n_devices = site->n_devices, .devices = site->devices};
    const struct http_place *place = NULL;

    site->devices = NULL; /* it makes a copy of its own */
    site->n_devices = 0;
    int r = site_open(site, site->loop, &nodes, err);
    for (size_t i = 0; i < nodes.n_devices; i++) {
        device_finish(&nodes.devices[i]);
    }
    memory_free(&nodes.devices);
    r = r < 0 ? r : kube_config_place(kube_api_config(kubernetes->api), &place, err);
    if (r < 0) {
        return r;
    }
    free(kubernetes->run);
    kubernetes->run = memory_text(site->ledger.run);
    cleanup(memory_free) char *entry =
        kubernetes_entry(kubernetes->run, kubernetes->space, place->url);
    return ledger_write(&site->ledger, LEDGER_CLUSTER, entry, err);
}

static int stand_alone(struct kubernetes *kubernetes, const struct fabric_config *config,
                       struct error *err)
{
    json_t *nodes = NULL, *pods = NULL;

    kubernetes->alone = true;
    kubernetes->fabric.ops = &kubernetes_alone_ops;
    kubernetes->run = memory_text(""); /* nothing is its own yet */
    int r = greet(kubernetes, config->space, err);
    r = r < 0 ? r : cluster_look(&nodes, &pods, err);
    r = r < 0 ? r : list_devices(kubernetes, nodes, pods, err);
    r = r < 0 ? r : open_site(kubernetes, err);
    if (r == 0) {
        look_at_places(kubernetes, nodes);
        kubernetes->cluster = cluster_open(kubernetes->api, NULL);
        kubernetes_listen(kubernetes);
    }
    json_decref(nodes);
    json_decref(pods);
    return r;
}

int kubernetes_open(const struct fabric_config *config, struct fabric **ret_fabric,
                    struct error *err)
{
    struct kubernetes *kubernetes = memory_new(1, sizeof(*kubernetes));

    kubernetes->fabric.ops = &kubernetes_ops;
    kubernetes->events = config->events;
    kubernetes->site.loop = config->loop;
    kubernetes->application =
        memory_text(config->application != NULL ? config->application : "application");
    kubernetes->resource = json_deep_copy(config->resource);
    kubernetes->later = later_create(config->loop);
    int r = config->testbed != NULL
                ? error_set(err, -EINVAL,
                            "the devices of a cluster are its nodes, and are not emulated: "
                            "leave out --devices and --testbed")
                : 0;
    if (r == 0) {
        r = config->cluster != NULL ? join_cluster(kubernetes, config, err)
                                    : stand_alone(kubernetes, config, err);
    }
    r = r < 0 ? r : kubernetes_find_address(kubernetes->api, &kubernetes->controller, err);
    if (r < 0) {
        kubernetes_destroy(kubernetes);
        return r;
    }
    *ret_fabric = &kubernetes->fabric;
    return 0;
}

static void release(uv_handle_t *handle)
{
    free(handle);
}

void kubernetes_destroy(struct kubernetes *kubernetes)
{
    if (kubernetes->cluster != NULL) {
        cluster_ignore(kubernetes->cluster, &kubernetes->listener);
    }
    while (kubernetes->stages != NULL) {
        kubernetes_stage_destroy(kubernetes->stages);
    }
    kube_forget(kubernetes->api, kubernetes->saving);
    if (kubernetes->again != NULL) {
        uv_close((uv_handle_t *)kubernetes->again, release);
    }
    if (kubernetes->sweep != NULL) {
        uv_close((uv_handle_t *)kubernetes->sweep, release);
    }
    if (kubernetes->alone) {
        cluster_close(kubernetes->cluster);
        kube_api_close(kubernetes->api);
    }
    site_finish(&kubernetes->site);
    later_destroy(kubernetes->later);
    json_decref(kubernetes->resource);
    memory_wipe(&kubernetes->saved);
    memory_wipe(&kubernetes->unsaved);
    memory_free(&kubernetes->version);
    memory_free(&kubernetes->space);
    memory_free(&kubernetes->application);
    memory_free(&kubernetes->run);
    memory_free(&kubernetes->controller);
    memory_free(&kubernetes->places);
    free(kubernetes);
}
