/* What a run has in a cluster, asked for and removed without a loop. */
#ifndef FABRIC_KUBERNETES_REMOVE_H
#define FABRIC_KUBERNETES_REMOVE_H

#include <stdbool.h>

#include "base/json.h"

struct error;
struct kube_api;
struct kube_config;

struct kubernetes_asker {
    struct kube_api *api;       /* or */
    struct kube_config *config; /* that one */
};
/* Blocks, for some seconds at most. `ret_answer` may be NULL. */
int kubernetes_ask(const struct kubernetes_asker *asker, const char *method, const char *path,
                   json_t **ret_answer, struct error *err);

/* Deletes one; one that is not there is gone. */
int kubernetes_remove(const struct kubernetes_asker *asker, const char *space, const char *kind,
                      const char *name, bool force, struct error *err);

/* Deletes pods and secrets of a run, and waits until they are gone; what does not end within
 * seconds is deleted by force. Who may not list secrets deletes those of the pods that are
 * there. */
int kubernetes_remove_run(const struct kubernetes_asker *asker, const char *space,
                          const char *run, struct error *err);

/* What the ledger knows: "RUN SPACE SERVER KUBECONFIG"; see ledger.h. The entry for who we are
 * now, malloc'ed, and what undoes it; its error says what stays and what to do. */
char *kubernetes_entry(const char *run, const char *space, const char *server);
int kubernetes_undo(const char *entry, struct error *err);

#endif
