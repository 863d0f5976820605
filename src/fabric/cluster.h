/* What the Kubernetes fabrics of one process share: nodes and pods, watched once, and what the
 * kubelets measure, asked for once. */
#ifndef FABRIC_CLUSTER_H
#define FABRIC_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct cluster;
struct kube_api;

struct cluster_events {
    /* Nodes and pods are known: fabrics may be opened. Once. */
    void (*complete)(void *owner);
    /* The API server is away, or refuses; NULL: it is back. May be NULL. */
    void (*trouble)(void *owner, const char *why);
    void *owner;
};

/* `events` may be NULL. `api` must outlive it. */
struct cluster *cluster_open(struct kube_api *api, const struct cluster_events *events);
/* After the fabrics; accepts NULL. */
void cluster_close(struct cluster *cluster);
/* Another acts from now on: fabrics write nothing more. Accepts NULL. */
void cluster_yield(struct cluster *cluster);
bool cluster_is_complete(const struct cluster *cluster);

/* {"nodes": [{"name", "ready", "why" (when it is not), "cores", "memory", "free_cores",
 * "free_memory", "cpu" (cores in use), "memory_used"}, …], "pods": [{"namespace", "name",
 * "application", "stage", "node", "cpu", "memory_used"}, …]}: bytes and cores; what is not
 * known is null. Kubelets are asked through the API server
 * (/api/v1/nodes/NAME/proxy/metrics/resource) every few seconds, as long as there are fabrics
 * or somebody asked lately. */
json_t *cluster_usage(struct cluster *cluster);

/* Where in the API it is kept what a controller that comes back has to know of an Application's
 * run; malloc'ed. One that runs many applications reads it before it opens the fabric, which
 * would wait for it. */
char *cluster_kept_path(const char *space, const char *application);

/* Why a pod of ours does not run, as the kubelet or the scheduler says, is told through the
 * fabric's `noted`: "no node has room for detect-1: …", "node-2 cannot get the image …". */

#endif
