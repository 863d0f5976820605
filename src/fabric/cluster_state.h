/* What the parts of the cluster share, and what its fabrics hear of it. Not for others: they
 * use cluster.h.
 *
 *     cluster.c        nodes and pods, watched; who hears of them
 *     cluster_usage.c  what they use, asked of the kubelets in turn
 */
#ifndef FABRIC_CLUSTER_STATE_H
#define FABRIC_CLUSTER_STATE_H

#include <uv.h>

#include "fabric/cluster.h"
#include "fabric/fabric.h"
#include "fabric/kubernetes_meter.h"
#include "kube/api.h"
#include "kube/watch.h"

/* Hears of each node and each pod that is new, has changed, or is gone (`there`: false), from
 * inside the watch: who is told may not close the cluster. All may be NULL. */
struct cluster_listener {
    struct cluster_listener *next; /* the cluster's */
    void (*node)(void *owner, const json_t *node, bool there);
    void (*pod)(void *owner, const json_t *pod, bool there);
    void (*trouble)(void *owner, const char *why);
    void *owner;
};

/* The kubelet of one node. */
struct cluster_kubelet {
    struct cluster_kubelet *next;
    struct cluster *cluster;
    char *node;
    struct kube_request *request;
    struct kubernetes_meter meter;
};

/* A pod of ours. */
struct cluster_pod {
    struct cluster_pod *next;
    char *space, *name;
    struct kubernetes_meter meter;
};

struct cluster {
    struct kube_api *api;
    struct cluster_events events;
    struct kube_watch *nodes, *pods;
    bool told;              /* that it is complete */
    bool no_nodes, no_pods; /* are told of at the moment */
    bool yielded;           /* to another controller */
    uint64_t leave_by_ms;   /* fabrics that leave may write until then; 0: none has left */
    struct cluster_listener *listeners;
    struct cluster_kubelet *kubelets, *turn; /* `turn`: who is asked next */
    struct cluster_pod *metered;
    uv_timer_t *timer;
    uint64_t asked_ms; /* when somebody asked for usage last */
    char *refusal;     /* why nothing is known of usage; NULL: it is, or may be */
};

/* The listener stays the caller's, until cluster_ignore(). */
void cluster_listen(struct cluster *cluster, struct cluster_listener *listener);
void cluster_ignore(struct cluster *cluster, struct cluster_listener *listener);

/* NULL: there is none. */
const json_t *cluster_find_node(const struct cluster *cluster, const char *name);
const json_t *cluster_find_pod(const struct cluster *cluster, const char *space,
                               const char *name);
/* What there is now, kept: arrays. */
json_t *cluster_nodes(const struct cluster *cluster);
json_t *cluster_pods(const struct cluster *cluster);

/* The same as they are now, of a cluster that is not open: blocks until all is known, for 15 s
 * at most. */
int cluster_look(json_t **ret_nodes, json_t **ret_pods, struct error *err);

/* What the kubelet said last of a pod. False: nothing. */
bool cluster_pod_usage(const struct cluster *cluster, const char *space, const char *name,
                       uint64_t *ret_cpu_ns, uint64_t *ret_memory);

/* cluster_usage.c */
void cluster_usage_begin(struct cluster *cluster);
void cluster_usage_end(struct cluster *cluster);
void cluster_usage_forget_node(struct cluster *cluster, const char *node);
void cluster_usage_forget_pod(struct cluster *cluster, const char *space, const char *name);

#endif
