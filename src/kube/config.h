/* Where a cluster's API server is, and who we are to it.
 *
 * $KUBECONFIG if it is set: kubeconfig files, colon-separated; the first that says something
 * about a thing wins. Else, in a pod, the service account's files (KUBERNETES_SERVICE_HOST and
 * _PORT, the token and authority in /var/run/secrets/kubernetes.io/serviceaccount). Else the
 * kubeconfig ~/.kube/config. A kubeconfig may have client certificates (files or data), tokens
 * (also in files, which are read anew when they change), and exec plug-ins
 * (client.authentication.k8s.io/v1beta1 and v1) that need no terminal.
 *
 * A token is never logged, shown, or on a command line.
 */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include <stdbool.h>

#include "http/http.h"

struct error;
struct kube_config;

/* -ENOENT: there is neither; -EINVAL: it cannot be used; each with the file, and what to do. */
int kube_config_load(struct kube_config **ret_config, struct error *err);
void kube_config_destroy(struct kube_config *config); /* accepts NULL */

/* As it is now: runs the plug-in, or reads the token's file, if what we have is stale. Blocks
 * for as long as a plug-in takes (10 s at most); one that fails is not run again for 5 s. Valid
 * until the next call. */
int kube_config_place(struct kube_config *config, const struct http_place **ret_place,
                      struct error *err);
/* The server refused the token (401): the next kube_config_place() gets another, if it can. */
void kube_config_stale(struct kube_config *config);

/* The namespace that is meant when none is said: of the context, or of the pod. */
const char *kube_config_namespace(const struct kube_config *config);
bool kube_config_in_cluster(const struct kube_config *config);

/* What kube_config_load() looks at, for tests. All may be NULL. */
struct kube_surroundings {
    const char *kubeconfig; /* $KUBECONFIG */
    const char *home;
    const char *host, *port; /* $KUBERNETES_SERVICE_… */
    const char *account;     /* the folder of the service account's files */
};
int kube_config_load_from(const struct kube_surroundings *around,
                          struct kube_config **ret_config, struct error *err);

#endif
