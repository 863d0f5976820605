/* What a node of a cluster is to brume: a device, with what others left of it, and whether it
 * can be used now. Pure: objects of the Kubernetes API in, descriptions out.
 *
 * Labels say what the API does not know: brume.dev/type (nodes alike share profiles),
 * brume.dev/has ("camera_gps"), brume.dev/link ("100M", as --link takes it but for its end,
 * which a label cannot have).
 */
#ifndef FABRIC_KUBERNETES_NODE_H
#define FABRIC_KUBERNETES_NODE_H

#include "base/json.h"
#include "fabric/fabric.h"

/* A node with less left of it is no device. */
#define KUBERNETES_CORES_LEAST  0.05
#define KUBERNETES_MEMORY_LEAST ((uint64_t)32 << 20)

/* What pods ask for, or a node has. */
struct kubernetes_room {
    double cores;
    uint64_t memory; /* bytes */
};

/* What a pod takes of its node: what its containers ask for together, or the greediest of those
 * that run before them. One that has ended takes nothing. */
struct kubernetes_room kubernetes_pod_room(const json_t *pod);

/* What a node has for pods. */
struct kubernetes_room kubernetes_node_room(const json_t *node);

/* What is left of it. */
struct kubernetes_room kubernetes_room_left(const struct kubernetes_room *room,
                                            const struct kubernetes_room *taken);

/* Whether pods of ours may be put on it. `ret_why`: a sentence without a subject, "is not
 * ready: Kubelet stopped posting node status". */
enum { KUBERNETES_WHY = 200 };
bool kubernetes_node_is_usable(const json_t *node, char ret_why[KUBERNETES_WHY]);
/* Whether its kubelet is heard: else it ends nothing. */
bool kubernetes_node_is_heard(const json_t *node);

/* The device that it is, to be ended with device_finish(). `ret_note`, malloc'ed, says what
 * of its labels cannot be read; else it is NULL. */
void kubernetes_node_describe(const json_t *node, const struct kubernetes_room *taken,
                              struct fabric_device *ret_device, char **ret_note);

#endif
