/* What nodes and pods use. A kubelet tells it through the API server; they are asked one after
 * the other, so that in a large cluster the server never gets all questions at once, and only
 * as long as somebody wants to know. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "fabric/cluster_state.h"
#include "fabric/kubernetes_node.h"
#include "fabric/kubernetes_object.h"
#include "kube/resource_metrics.h"

#define ROUND_MS   5000U /* from asking a kubelet to asking it again */
#define TURN_LEAST 50U   /* ms */
#define TURN_NONE  200U
#define LATELY_MS  30000
#define ANSWER_MS  4000

static struct cluster_kubelet *find_kubelet(struct cluster *cluster, const char *node)
{
    struct cluster_kubelet *at = cluster->kubelets;

    while (at != NULL && !kubernetes_is(node, at->node)) {
        at = at->next;
    }
    return at;
}

static struct cluster_pod *find_pod(const struct cluster *cluster, const char *space,
                                    const char *name)
{
    struct cluster_pod *at = cluster->metered;

    while (at != NULL && (!kubernetes_is(space, at->space) || !kubernetes_is(name, at->name))) {
        at = at->next;
    }
    return at;
}

/* Of others' pods nothing is kept. */
static struct cluster_pod *meet_pod(struct cluster *cluster, const char *space,
                                    const char *name)
{
    struct cluster_pod *pod = find_pod(cluster, space, name);
    const json_t *object = pod != NULL ? NULL : cluster_find_pod(cluster, space, name);

    if (object != NULL &&
        kubernetes_is(kubernetes_label(object, KUBERNETES_MANAGED), "brume")) {
        pod = memory_new(1, sizeof(*pod));
        pod->space = memory_text(space);
        pod->name = memory_text(name);
        pod->meter.rate = -1;
        pod->next = cluster->metered;
        cluster->metered = pod;
    }
    return pod;
}

static void on_metric(void *owner, const struct resource_metric *metric)
{
    struct cluster_kubelet *kubelet = owner;
    struct kubernetes_meter *meter = &kubelet->meter;

    if (metric->pod != NULL) {
        struct cluster_pod *pod = meet_pod(kubelet->cluster, metric->space, metric->pod);
        meter = pod != NULL ? &pod->meter : NULL;
    }
    if (meter == NULL) {
        return;
    }
    if (metric->cpu) {
        kubernetes_meter_count(meter, metric->value,
                               metric->when_ms > 0 ? metric->when_ms : clock_wall_ms());
    } else {
        meter->memory = (uint64_t)metric->value;
    }
}

static void on_answer(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct cluster_kubelet *kubelet = owner;
    struct cluster *cluster = kubelet->cluster;

    kubelet->request = NULL;
    if (err == NULL && answer->text != NULL) {
        memory_free(&cluster->refusal);
        resource_metrics_read(answer->text, on_metric, kubelet);
        return;
    }
    kubelet->meter.known = false;
    if (err != NULL && err->code == -EACCES && cluster->refusal == NULL) {
        cluster->refusal = memory_text(err->text);
    }
}

static void ask(struct cluster_kubelet *kubelet)
{
    cleanup(memory_free) char *path =
        memory_format("/api/v1/nodes/%s/proxy/metrics/resource", kubelet->node);
    const struct kube_call call = {
        .method = "GET", .path = path, .timeout_ms = ANSWER_MS, .urgency = KUBE_IDLE};

    kubelet->request = kube_ask(kubelet->cluster->api, &call, on_answer, kubelet);
}

static void meet_node(void *owner, const json_t *node)
{
    struct cluster *cluster = owner;
    const char *name = kubernetes_text(node, "metadata", "name");

    if (name != NULL && find_kubelet(cluster, name) == NULL) {
        struct cluster_kubelet *kubelet = memory_new(1, sizeof(*kubelet));
        kubelet->cluster = cluster;
        kubelet->node = memory_text(name);
        kubelet->meter.rate = -1;
        kubelet->next = cluster->kubelets;
        cluster->kubelets = kubelet;
    }
}

static bool is_wanted(const struct cluster *cluster)
{
    return cluster->listeners != NULL ||
           (cluster->asked_ms > 0 && clock_ms() - cluster->asked_ms < LATELY_MS);
}

/* One kubelet a turn, all of them in a round. */
static void on_turn(uv_timer_t *timer)
{
    struct cluster *cluster = timer->data;
    uint64_t n = 0;

    if (cluster->turn == NULL) {
        kube_watch_each(cluster->nodes, meet_node, cluster);
        cluster->turn = cluster->kubelets;
    }
    for (const struct cluster_kubelet *at = cluster->kubelets; at != NULL; at = at->next) {
        n++;
    }
    if (cluster->turn != NULL) {
        if (cluster->turn->request == NULL && is_wanted(cluster)) {
            ask(cluster->turn);
        }
        cluster->turn = cluster->turn->next;
    }
    uint64_t wait = n > 0 ? ROUND_MS / n : TURN_NONE;
    uv_timer_start(timer, on_turn, wait > TURN_LEAST ? wait : TURN_LEAST, 0);
}

void cluster_usage_begin(struct cluster *cluster)
{
    cluster->timer = memory_new(1, sizeof(*cluster->timer));
    cluster->timer->data = cluster;
    uv_timer_init(kube_api_loop(cluster->api), cluster->timer);
    uv_timer_start(cluster->timer, on_turn, TURN_LEAST, 0);
    uv_unref((uv_handle_t *)cluster->timer);
}

static void destroy_kubelet(struct cluster_kubelet *kubelet)
{
    kube_forget(kubelet->cluster->api, kubelet->request);
    memory_free(&kubelet->node);
    free(kubelet);
}

void cluster_usage_forget_node(struct cluster *cluster, const char *node)
{
    struct cluster_kubelet **at = &cluster->kubelets;

    while (*at != NULL && !kubernetes_is(node, (*at)->node)) {
        at = &(*at)->next;
    }
    struct cluster_kubelet *gone = *at;
    if (gone != NULL) {
        cluster->turn = cluster->turn == gone ? gone->next : cluster->turn;
        *at = gone->next;
        destroy_kubelet(gone);
    }
}

void cluster_usage_forget_pod(struct cluster *cluster, const char *space, const char *name)
{
    struct cluster_pod **at = &cluster->metered;
    const struct cluster_pod *pod = find_pod(cluster, space, name);

    while (*at != NULL && *at != pod) {
        at = &(*at)->next;
    }
    struct cluster_pod *gone = *at;
    if (gone != NULL) {
        *at = gone->next;
        memory_free(&gone->space);
        memory_free(&gone->name);
        free(gone);
    }
}

static void release(uv_handle_t *handle)
{
    free(handle);
}

void cluster_usage_end(struct cluster *cluster)
{
    while (cluster->kubelets != NULL) {
        cluster_usage_forget_node(cluster, cluster->kubelets->node);
    }
    while (cluster->metered != NULL) {
        cluster_usage_forget_pod(cluster, cluster->metered->space, cluster->metered->name);
    }
    uv_close((uv_handle_t *)cluster->timer, release);
    memory_free(&cluster->refusal);
}

bool cluster_pod_usage(const struct cluster *cluster, const char *space, const char *name,
                       uint64_t *ret_cpu_ns, uint64_t *ret_memory)
{
    const struct cluster_pod *pod = find_pod(cluster, space, name);

    if (pod == NULL || !pod->meter.known) {
        return false;
    }
    *ret_cpu_ns = (uint64_t)(pod->meter.cpu_s * 1e9);
    *ret_memory = pod->meter.memory;
    return true;
}

static json_t *rate_of(const struct kubernetes_meter *meter)
{
    return meter != NULL && meter->known && meter->rate >= 0 ? json_real(meter->rate)
                                                             : json_null();
}

static json_t *memory_of(const struct kubernetes_meter *meter)
{
    return meter != NULL && meter->known ? json_integer((json_int_t)meter->memory)
                                         : json_null();
}

/* What pods take of each node, by its index in `nodes`: there may be thousands of both, and the
 * loop waits meanwhile. */
static struct kubernetes_room *take_rooms(const json_t *nodes, const json_t *pods)
{
    struct kubernetes_room *taken = memory_new(json_array_size(nodes) + 1, sizeof(*taken));
    cleanup(json_decrefp) json_t *indices = json_object();
    const json_t *object;
    size_t i;

    json_array_foreach(nodes, i, object)
    {
        json_object_set_new(indices, kubernetes_text(object, "metadata", "name"),
                            json_integer((json_int_t)i));
    }
    json_array_foreach(pods, i, object)
    {
        const char *node = kubernetes_text(object, "spec", "nodeName");
        const json_t *index = node != NULL ? json_object_get(indices, node) : NULL;
        if (index != NULL) {
            struct kubernetes_room more = kubernetes_pod_room(object);
            struct kubernetes_room *sum = &taken[json_integer_value(index)];
            sum->cores += more.cores;
            sum->memory += more.memory;
        }
    }
    return taken;
}

static json_t *describe_node(struct cluster *cluster, const json_t *node,
                             const struct kubernetes_room *taken)
{
    const char *name = kubernetes_text(node, "metadata", "name");
    const struct cluster_kubelet *kubelet = find_kubelet(cluster, name);
    const struct kubernetes_meter *meter = kubelet != NULL ? &kubelet->meter : NULL;
    struct kubernetes_room room = kubernetes_node_room(node);
    char why[KUBERNETES_WHY] = "";
    bool usable = kubernetes_node_is_usable(node, why);
    struct kubernetes_room left = kubernetes_room_left(&room, taken);
    return json_pack("{ss* sb ss* sf sI sf sI so so}", "name", name, "ready", (int)usable,
                     "why", usable ? NULL : why, "cores", room.cores, "memory",
                     (json_int_t)room.memory, "free_cores", left.cores, "free_memory",
                     (json_int_t)left.memory, "cpu", rate_of(meter), "memory_used",
                     memory_of(meter));
}

static json_t *describe_pod(const struct cluster *cluster, const json_t *pod)
{
    const char *space = kubernetes_text(pod, "metadata", "namespace");
    const char *name = kubernetes_text(pod, "metadata", "name");
    const struct cluster_pod *metered = find_pod(cluster, space, name);
    const struct kubernetes_meter *meter = metered != NULL ? &metered->meter : NULL;

    return json_pack("{ss? ss? ss? ss? ss? so so}", "namespace", space, "name", name,
                     "application", kubernetes_label(pod, KUBERNETES_APPLICATION), "stage",
                     kubernetes_label(pod, KUBERNETES_STAGE), "node",
                     kubernetes_text(pod, "spec", "nodeName"), "cpu", rate_of(meter),
                     "memory_used", memory_of(meter));
}

json_t *cluster_usage(struct cluster *cluster)
{
    json_t *nodes = cluster_nodes(cluster), *pods = cluster_pods(cluster);
    json_t *told_nodes = json_array(), *told_pods = json_array();
    cleanup(memory_free) struct kubernetes_room *taken = take_rooms(nodes, pods);
    const json_t *object;
    size_t i;

    cluster->asked_ms = clock_ms();
    json_array_foreach(nodes, i, object)
    {
        json_array_append_new(told_nodes, describe_node(cluster, object, &taken[i]));
    }
    json_array_foreach(pods, i, object)
    {
        if (kubernetes_is(kubernetes_label(object, KUBERNETES_MANAGED), "brume") &&
            kubernetes_label(object, KUBERNETES_STAGE) != NULL) {
            json_array_append_new(told_pods, describe_pod(cluster, object));
        }
    }
    json_decref(nodes);
    json_decref(pods);
    return json_pack("{soso}", "nodes", told_nodes, "pods", told_pods);
}
