#include "fabric/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/cluster_state.h"
#include "fabric/kubernetes_object.h"
#include "kube/config.h"

#define LOOK_MS 15000

static void tell_trouble(struct cluster *cluster, const char *why)
{
    struct cluster_listener *next;

    if (cluster->events.trouble != NULL) {
        cluster->events.trouble(cluster->events.owner, why);
    }
    for (struct cluster_listener *at = cluster->listeners; at != NULL; at = next) {
        next = at->next;
        if (at->trouble != NULL) {
            at->trouble(at->owner, why);
        }
    }
}

/* Both watches lose a server that goes, and find it again: the first tells of its end, and the
 * last of its return. */
static void hear_trouble(struct cluster *cluster, bool *trouble, const char *why)
{
    bool before = cluster->no_nodes || cluster->no_pods;

    *trouble = why != NULL;
    if ((cluster->no_nodes || cluster->no_pods) != before) {
        tell_trouble(cluster, why);
    }
}

static void on_nodes_trouble(void *owner, const char *why)
{
    hear_trouble(owner, &((struct cluster *)owner)->no_nodes, why);
}

static void on_pods_trouble(void *owner, const char *why)
{
    hear_trouble(owner, &((struct cluster *)owner)->no_pods, why);
}

static void on_complete(void *owner)
{
    struct cluster *cluster = owner;

    if (!cluster->told && cluster_is_complete(cluster)) {
        cluster->told = true;
        if (cluster->events.complete != NULL) {
            cluster->events.complete(cluster->events.owner);
        }
    }
}

static void tell_node(struct cluster *cluster, const json_t *node, bool there)
{
    struct cluster_listener *next;

    for (struct cluster_listener *at = cluster->listeners; at != NULL; at = next) {
        next = at->next;
        if (at->node != NULL) {
            at->node(at->owner, node, there);
        }
    }
}

static void tell_pod(struct cluster *cluster, const json_t *pod, bool there)
{
    struct cluster_listener *next;

    for (struct cluster_listener *at = cluster->listeners; at != NULL; at = next) {
        next = at->next;
        if (at->pod != NULL) {
            at->pod(at->owner, pod, there);
        }
    }
}

static void on_node(void *owner, const json_t *node)
{
    tell_node(owner, node, true);
}

static void on_node_removed(void *owner, const json_t *node)
{
    cluster_usage_forget_node(owner, kubernetes_text(node, "metadata", "name"));
    tell_node(owner, node, false);
}

static void on_pod(void *owner, const json_t *pod)
{
    tell_pod(owner, pod, true);
}

static void on_pod_removed(void *owner, const json_t *pod)
{
    tell_pod(owner, pod, false);
    cluster_usage_forget_pod(owner, kubernetes_text(pod, "metadata", "namespace"),
                             kubernetes_text(pod, "metadata", "name"));
}

struct cluster *cluster_open(struct kube_api *api, const struct cluster_events *events)
{
    struct cluster *cluster = memory_new(1, sizeof(*cluster));
    const struct kube_watch_listener nodes = {.object = on_node,
                                              .removed = on_node_removed,
                                              .complete = on_complete,
                                              .trouble = on_nodes_trouble,
                                              .owner = cluster};
    const struct kube_watch_listener pods = {.object = on_pod,
                                             .removed = on_pod_removed,
                                             .complete = on_complete,
                                             .trouble = on_pods_trouble,
                                             .owner = cluster};

    cluster->api = api;
    if (events != NULL) {
        cluster->events = *events;
    }
    cluster->nodes = kube_watch_open(api, "/api/v1/nodes", &nodes);
    cluster->pods = kube_watch_open(api, "/api/v1/pods", &pods);
    cluster_usage_begin(cluster);
    return cluster;
}

void cluster_close(struct cluster *cluster)
{
    if (cluster != NULL) {
        cluster_usage_end(cluster);
        kube_watch_close(cluster->nodes);
        kube_watch_close(cluster->pods);
        free(cluster);
    }
}

void cluster_yield(struct cluster *cluster)
{
    if (cluster != NULL) {
        cluster->yielded = true;
    }
}

bool cluster_is_complete(const struct cluster *cluster)
{
    return kube_watch_is_complete(cluster->nodes) && kube_watch_is_complete(cluster->pods);
}

void cluster_listen(struct cluster *cluster, struct cluster_listener *listener)
{
    listener->next = cluster->listeners;
    cluster->listeners = listener;
}

void cluster_ignore(struct cluster *cluster, struct cluster_listener *listener)
{
    struct cluster_listener **at = &cluster->listeners;

    while (*at != NULL && *at != listener) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = listener->next;
    }
}

const json_t *cluster_find_node(const struct cluster *cluster, const char *name)
{
    return kube_watch_find(cluster->nodes, NULL, name);
}

const json_t *cluster_find_pod(const struct cluster *cluster, const char *space,
                               const char *name)
{
    return kube_watch_find(cluster->pods, space, name);
}

static void keep(void *owner, const json_t *object)
{
    json_array_append(owner, (json_t *)(uintptr_t)object);
}

json_t *cluster_nodes(const struct cluster *cluster)
{
    json_t *list = json_array();

    kube_watch_each(cluster->nodes, keep, list);
    return list;
}

json_t *cluster_pods(const struct cluster *cluster)
{
    json_t *list = json_array();

    kube_watch_each(cluster->pods, keep, list);
    return list;
}

struct look {
    bool over, late;
    struct error trouble;
};

static void on_look_complete(void *owner)
{
    ((struct look *)owner)->over = true;
}

static void on_look_trouble(void *owner, const char *why)
{
    struct look *look = owner;

    if (why != NULL && !look->over) {
        look->over = true;
        error_set(&look->trouble, -EIO, "%s", why);
    }
}

static void on_look_late(uv_timer_t *timer)
{
    struct look *look = timer->data;

    look->over = true;
    error_set(&look->trouble, -ETIMEDOUT,
              "the cluster does not tell of its nodes and pods within %d s", LOOK_MS / 1000);
}

int cluster_look(json_t **ret_nodes, json_t **ret_pods, struct error *err)
{
    struct look look = {0};
    const struct cluster_events events = {on_look_complete, on_look_trouble, &look};
    struct kube_config *config = NULL;
    struct kube_api *api = NULL;
    uv_timer_t patience = {.data = &look};
    uv_loop_t loop;

    if (kube_config_load(&config, err) < 0) {
        return err->code;
    }
    uv_loop_init(&loop);
    if (kube_api_open(&loop, config, &api, err) < 0) {
        uv_loop_close(&loop);
        return err->code;
    }
    struct cluster *cluster = cluster_open(api, &events);
    uv_timer_init(&loop, &patience);
    uv_timer_start(&patience, on_look_late, LOOK_MS, 0);
    while (!look.over) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    if (look.trouble.code == 0) {
        *ret_nodes = cluster_nodes(cluster);
        *ret_pods = cluster_pods(cluster);
    } else {
        *err = look.trouble;
    }
    cluster_close(cluster);
    kube_api_close(api);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return look.trouble.code;
}
