/* What a stage's pod is like, and the secret with its credentials. Pure: descriptions in, JSON
 * of the Kubernetes API out. (What a pod says of itself: kubernetes_state.h.)
 *
 * A pod is for one node and one life of a stage, and is never restarted where it is. It asks
 * for nothing that the Pod Security standard "restricted" forbids: an unprivileged user, no
 * capabilities, no way to gain any, the runtime's system call filter, a read-only root. It has
 * no token for the API server. What it writes goes to /tmp and below /var/lib/brume, which both
 * go with it, and to /var/lib/brume/out, where the application's volume is if it names one.
 */
#ifndef FABRIC_KUBERNETES_POD_H
#define FABRIC_KUBERNETES_POD_H

#include "base/json.h"
#include "fabric/fabric.h"

#define KUBERNETES_HOME  "/var/lib/brume"
#define KUBERNETES_STATE KUBERNETES_HOME "/state"

enum { KUBERNETES_NAME = 64, KUBERNETES_RANDOM = 5 };

struct kubernetes_pod {
    const char *space, *run;
    const char *application;            /* or NULL */
    const json_t *resource;             /* the Application, which owns it; or NULL */
    const struct fabric_start *start;   /* the stage */
    const struct fabric_device *device; /* the node, and what is free on it */
    const char *image;                  /* with its tag */
    const char *random;                 /* KUBERNETES_RANDOM letters and digits */
};

/* "street-detect-1-0-x7k2p": a label as DNS has them, whatever the parts are. */
void kubernetes_pod_name(const struct kubernetes_pod *pod, char ret_name[KUBERNETES_NAME]);

/* Both are called `name`. */
json_t *kubernetes_pod_describe(const struct kubernetes_pod *pod, const char *name);
json_t *kubernetes_pod_secret(const struct kubernetes_pod *pod, const char *name);

/* What the application's stages, and their secrets, bear; `stage` and `life` may be missing. */
json_t *kubernetes_pod_labels(const char *application, const char *run, const char *stage);
/* "metadata.ownerReferences" of what the resource owns: an array, or NULL. */
json_t *kubernetes_pod_owners(const json_t *resource);

/* -EACCES when a stage wants to write where nothing of it would stay. */
int kubernetes_pod_check(const struct fabric_start *start, struct error *err);

/* What it asks for, and may have at most. */
struct kubernetes_limits {
    unsigned cpu, cpu_most; /* thousandths of a core */
    uint64_t memory, memory_most;
};
struct kubernetes_limits kubernetes_pod_limits(const struct fabric_start *start,
                                               const struct fabric_device *device);

#endif
