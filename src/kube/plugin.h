/* Exec plug-ins of a kubeconfig: programs that say who we are, as
 * https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ has it. What is
 * asked and how the answer is read is pure; kube_plugin_run() is the shell.
 */
#ifndef KUBE_PLUGIN_H
#define KUBE_PLUGIN_H

#include <stdint.h>

struct error;
struct kube_identity;

enum { KUBE_PLUGIN_MS = 10000 };

/* What the plug-in said; malloc'ed texts. */
struct kube_credential {
    char *token;
    char *certificate_pem, *key_pem;
    uint64_t expires_ms; /* since 1970; 0: it does not say */
};

/* Of the variable KUBERNETES_EXEC_INFO; malloc'ed. */
char *kube_plugin_question(const struct kube_identity *identity);

/* -EINVAL: it is no answer, of that version, that helps. */
int kube_plugin_read(const struct kube_identity *identity, const char *answer,
                     struct kube_credential *ret_credential, struct error *err);

/* Blocks until it has ended; after `timeout_ms` it is killed: -ETIMEDOUT. Its complaints are in
 * the error. */
int kube_plugin_run(const struct kube_identity *identity, uint64_t timeout_ms,
                    struct kube_credential *ret_credential, struct error *err);

void kube_credential_finish(struct kube_credential *credential);

#endif
