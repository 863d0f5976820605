/* What kubeconfig files say, as far as a client needs it: the current context, its cluster and
 * its user. Pure. Of several files the first that has an entry (a cluster, a user, a context)
 * of a name, or says which context is the current one, wins with all of that entry.
 *
 * Paths in a file are relative to its folder. Ways to prove who one is that are not supported
 * (passwords, auth-provider) are refused with a sentence.
 */
#ifndef KUBE_KUBECONFIG_H
#define KUBE_KUBECONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;
struct yaml_document;

struct kube_variable {
    char *name, *value;
};

/* A program that says who we are. `command` NULL: there is none. */
struct kube_plugin {
    char *command; /* with a /: a path; else to be found in PATH */
    char *version; /* "client.authentication.k8s.io/v1" */
    size_t n_args, n_env;
    char **args;
    struct kube_variable *env;
    bool knows_cluster; /* wants to */
    char *hint;         /* how to install it, in the user's words */
};

/* All malloc'ed; NULL: not said. `_pem` is the text itself; what has none is a file. */
struct kube_identity {
    char *server; /* "https://10.0.0.1:6443" */
    char *server_name, *proxy;
    char *authority, *authority_pem;
    bool insecure;
    char *certificate, *certificate_pem, *key, *key_pem;
    char *token, *token_file;
    struct kube_plugin plugin;
    char *space; /* namespace */
};

/* The documents in the order of KUBECONFIG; `names` for messages: "~/.kube/config". */
int kubeconfig_read(const struct yaml_document *const *documents, size_t n_documents,
                    const char *names, struct kube_identity *ret_identity, struct error *err);
void kube_identity_finish(struct kube_identity *identity);

/* A text out of base64, malloc'ed; NULL: it is none, or there is a zero byte in it. */
char *kube_decode(const char *base64);

#endif
