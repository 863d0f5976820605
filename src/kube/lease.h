/* Leader election by a Lease (coordination.k8s.io/v1), as client-go does it: who holds it
 * renews it; who does not takes it when it was not renewed for its duration, by the local
 * clock; writes carry the resource version, so that of two only one wins.
 *
 * The rules are a pure core (kube/election.h); this is the shell around it.
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include <stdbool.h>

struct kube_api;
struct kube_lease;

enum { KUBE_LEASE_SECONDS = 6, KUBE_LEASE_RENEW_MS = 2000, KUBE_LEASE_GIVE_UP_MS = 4000 };

struct kube_lease_events {
    void (*won)(void *owner);
    /* It was not renewed in time, or another has it: stop at once. May be won again. */
    void (*lost)(void *owner, const char *why);
    /* The server cannot be reached, or refuses: `why` is a sentence; NULL: it is back. May be
     * NULL. */
    void (*trouble)(void *owner, const char *why);
    void *owner;
};

/* `identity` must be of this process alone, also after a restart: a pod's name and some dice. A
 * copy of `events` is kept; they come from the loop, and none comes from a closing. */
struct kube_lease *kube_lease_open(struct kube_api *api, const char *space, const char *name,
                                   const char *identity,
                                   const struct kube_lease_events *events);
/* Gives it up, so that another need not wait; blocks for a second at most. Accepts NULL. */
void kube_lease_close(struct kube_lease *lease);
bool kube_lease_holds(const struct kube_lease *lease);

#endif
