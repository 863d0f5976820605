/* What a pod of a stage says of itself: that it waits, and what for; that it runs; how it
 * ended. Pure: objects of the Kubernetes API in, words out.
 */
#ifndef FABRIC_KUBERNETES_STATE_H
#define FABRIC_KUBERNETES_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

struct error;

enum kubernetes_phase {
    KUBERNETES_WAITING,
    KUBERNETES_RUNNING,
    KUBERNETES_ENDED,
};

/* What does not heal by waiting a moment. */
enum kubernetes_trouble {
    KUBERNETES_FINE,
    KUBERNETES_NO_IMAGE, /* the node cannot get it */
    KUBERNETES_NO_ROOM,  /* the scheduler does not put it there */
    KUBERNETES_REFUSED,  /* the node cannot make a container of it */
};

struct kubernetes_state {
    enum kubernetes_phase phase;
    bool leaving; /* it is being deleted */
    /* While it waits. */
    enum kubernetes_trouble trouble;
    const char *reason, *why; /* the cluster's words, borrowed from the pod; NULL: none */
    /* When it ended. */
    bool ran;     /* if only for a moment */
    bool starved; /* it wanted more memory than it may have, or its node has */
    char how[160];
};

void kubernetes_state_read(const json_t *pod, struct kubernetes_state *ret_state);

/* The sentence for a trouble, with what to do: "node-2 cannot get the image …". */
struct kubernetes_subject {
    const char *stage, *node, *image;
    const char *space, *pod;
};
int kubernetes_state_explain(const struct kubernetes_state *state,
                             const struct kubernetes_subject *subject, struct error *err);

#endif
