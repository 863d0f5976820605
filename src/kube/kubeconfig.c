#include "kube/kubeconfig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/yaml.h"

enum { ARGUMENTS_MAX = 256, BASE64_MOST = 1 << 20 };

/* Entries of one kind: a list, the key under which each has its contents. */
struct kind {
    const char *list, *key;
};

static const struct kind contexts = {"contexts", "context"};
static const struct kind clusters = {"clusters", "cluster"};
static const struct kind users = {"users", "user"};

struct files {
    const struct yaml_document *const *documents;
    size_t n;
    const char *names;
};

static const char *text_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *value = yaml_get(map, key);

    return value != NULL && value->kind == YAML_TEXT && *value->text != '\0' ? value->text
                                                                             : NULL;
}

static bool is_true(const struct yaml_node *map, const char *key)
{
    const char *text = text_of(map, key);

    return text != NULL && strcmp(text, "true") == 0;
}

static char *copy_of(const struct yaml_node *map, const char *key)
{
    return memory_text(text_of(map, key));
}

/* A path, from the folder of the file in which it stands. */
static char *path_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *value = yaml_get(map, key);
    const char *path = text_of(map, key);

    if (value == NULL || path == NULL) {
        return NULL;
    }
    const char *end = *path == '/' ? NULL : strrchr(value->file, '/');
    return end == NULL ? memory_text(path)
                       : memory_format("%.*s/%s", (int)(end - value->file), value->file, path);
}

char *kube_decode(const char *base64)
{
    size_t size = 0;
    char *text = strlen(base64) > BASE64_MOST ? NULL : base64_decode(base64, &size);

    if (text != NULL && strlen(text) != size) {
        memory_wipe(&text);
    }
    return text;
}

static int read_data(const struct yaml_node *map, const char *key, char **ret_text,
                     struct error *err)
{
    const char *base64 = text_of(map, key);

    if (base64 == NULL) {
        return 0;
    }
    *ret_text = kube_decode(base64);
    return *ret_text != NULL
               ? 0
               : yaml_fail(yaml_get(map, key), err, -EINVAL, "%s is not a text in base64", key);
}

static int find_entry(const struct files *files, const struct kind *kind, const char *name,
                      const struct yaml_node **ret_entry, struct error *err)
{
    for (size_t i = 0; i < files->n; i++) {
        const struct yaml_node *list = yaml_get(yaml_root(files->documents[i]), kind->list);
        for (size_t k = 0; list != NULL && list->kind == YAML_LIST && k < list->n; k++) {
            const char *its = text_of(list->pairs[k].value, "name");
            const struct yaml_node *entry = yaml_get(list->pairs[k].value, kind->key);
            if (its != NULL && strcmp(its, name) == 0 && entry != NULL) {
                *ret_entry = entry;
                return 0;
            }
        }
    }
    return error_set(err, -EINVAL, "%s: there is no %s '%.64s'", files->names, kind->key, name);
}

static int read_cluster(const struct yaml_node *cluster, struct kube_identity *identity,
                        struct error *err)
{
    identity->server = copy_of(cluster, "server");
    identity->server_name = copy_of(cluster, "tls-server-name");
    identity->proxy = copy_of(cluster, "proxy-url");
    identity->authority = path_of(cluster, "certificate-authority");
    identity->insecure = is_true(cluster, "insecure-skip-tls-verify");
    if (identity->server == NULL) {
        return yaml_fail(cluster, err, -EINVAL, "the cluster has no 'server'");
    }
    if (strncmp(identity->server, "https://", 8) != 0 &&
        strncmp(identity->server, "http://", 7) != 0) {
        return yaml_fail(yaml_get(cluster, "server"), err, -EINVAL,
                         "the server must be an address with https://");
    }
    size_t n = strlen(identity->server);
    while (identity->server[n - 1] == '/') {
        identity->server[--n] = '\0';
    }
    return read_data(cluster, "certificate-authority-data", &identity->authority_pem, err);
}

static int read_args(const struct yaml_node *exec, struct kube_plugin *plugin,
                     struct error *err)
{
    const struct yaml_node *args = yaml_get(exec, "args"), *env = yaml_get(exec, "env");

    if ((args != NULL && (args->kind != YAML_LIST || args->n > ARGUMENTS_MAX)) ||
        (env != NULL && (env->kind != YAML_LIST || env->n > ARGUMENTS_MAX))) {
        return yaml_fail(exec, err, -EINVAL, "'args' and 'env' must be lists of at most %d",
                         ARGUMENTS_MAX);
    }
    for (size_t i = 0; args != NULL && i < args->n; i++) {
        if (args->pairs[i].value->kind != YAML_TEXT) {
            return yaml_fail(args->pairs[i].value, err, -EINVAL, "an argument must be a text");
        }
        plugin->args = memory_grow(plugin->args, plugin->n_args, sizeof(*plugin->args));
        plugin->args[plugin->n_args++] = memory_text(args->pairs[i].value->text);
    }
    for (size_t i = 0; env != NULL && i < env->n; i++) {
        const char *name = text_of(env->pairs[i].value, "name");
        const char *value = text_of(env->pairs[i].value, "value");
        if (name == NULL || strchr(name, '=') != NULL) {
            return yaml_fail(env->pairs[i].value, err, -EINVAL, "a variable needs a 'name'");
        }
        plugin->env = memory_grow(plugin->env, plugin->n_env, sizeof(*plugin->env));
        plugin->env[plugin->n_env++] =
            (struct kube_variable){memory_text(name), memory_text(value != NULL ? value : "")};
    }
    return 0;
}

static int read_plugin(const struct yaml_node *exec, struct kube_plugin *plugin,
                       struct error *err)
{
    const char *command = text_of(exec, "command");
    const char *mode = text_of(exec, "interactiveMode");
    const char *version = text_of(exec, "apiVersion");

    if (command == NULL) {
        return yaml_fail(exec, err, -EINVAL, "'exec' has no 'command'");
    }
    if (version == NULL || (strcmp(version, "client.authentication.k8s.io/v1beta1") != 0 &&
                            strcmp(version, "client.authentication.k8s.io/v1") != 0)) {
        return yaml_fail(exec, err, -EINVAL,
                         "'exec' must have the apiVersion client.authentication.k8s.io/v1 or "
                         "v1beta1, not '%.64s'",
                         version != NULL ? version : "");
    }
    if (mode != NULL && strcmp(mode, "Always") == 0) {
        return yaml_fail(exec, err, -EINVAL,
                         "'%.64s' wants to ask at a terminal, which is not supported; put a "
                         "token into the file",
                         command);
    }
    plugin->command =
        strchr(command, '/') != NULL ? path_of(exec, "command") : memory_text(command);
    plugin->version = memory_text(version);
    plugin->hint = copy_of(exec, "installHint");
    plugin->knows_cluster = is_true(exec, "provideClusterInfo");
    return read_args(exec, plugin, err);
}

static int read_certificate(const struct yaml_node *user, struct kube_identity *identity,
                            struct error *err)
{
    identity->certificate = path_of(user, "client-certificate");
    identity->key = path_of(user, "client-key");
    int r = read_data(user, "client-certificate-data", &identity->certificate_pem, err);
    if (r == 0) {
        r = read_data(user, "client-key-data", &identity->key_pem, err);
    }
    if (r < 0) {
        return r;
    }
    if ((identity->certificate != NULL || identity->certificate_pem != NULL) !=
        (identity->key != NULL || identity->key_pem != NULL)) {
        return yaml_fail(user, err, -EINVAL,
                         "a client certificate and its key must stand together");
    }
    return 0;
}

static int read_user(const struct yaml_node *user, struct kube_identity *identity,
                     struct error *err)
{
    const struct yaml_node *exec = yaml_get(user, "exec");

    if (yaml_get(user, "username") != NULL || yaml_get(user, "password") != NULL) {
        return yaml_fail(user, err, -EINVAL,
                         "passwords are not supported; use a token or a client certificate");
    }
    if (yaml_get(user, "auth-provider") != NULL) {
        return yaml_fail(user, err, -EINVAL, "'auth-provider' is not supported; use 'exec'");
    }
    for (const char *const *key = (const char *const[]){"as", "as-uid", "as-groups", NULL};
         *key != NULL; key++) {
        if (yaml_get(user, *key) != NULL) {
            return yaml_fail(user, err, -EINVAL, "to act as another ('%s') is not supported",
                             *key);
        }
    }
    identity->token = copy_of(user, "token");
    identity->token_file = path_of(user, "tokenFile");
    int r = read_certificate(user, identity, err);
    return r < 0 || exec == NULL ? r : read_plugin(exec, &identity->plugin, err);
}

static int read_all(const struct files *files, struct kube_identity *identity,
                    struct error *err)
{
    const struct yaml_node *context = NULL, *cluster = NULL, *user = NULL;
    const char *current = NULL;

    for (size_t i = 0; i < files->n && current == NULL; i++) {
        current = text_of(yaml_root(files->documents[i]), "current-context");
    }
    if (current == NULL) {
        return error_set(err, -EINVAL,
                         "%s: no context is the current one; choose one with 'kubectl config "
                         "use-context'",
                         files->names);
    }
    int r = find_entry(files, &contexts, current, &context, err);
    if (r < 0) {
        return r;
    }
    const char *place = text_of(context, "cluster"), *who = text_of(context, "user");
    r = find_entry(files, &clusters, place != NULL ? place : "", &cluster, err);
    if (r == 0) {
        r = read_cluster(cluster, identity, err);
    }
    if (r == 0 && who != NULL) {
        r = find_entry(files, &users, who, &user, err);
    }
    if (r == 0 && user != NULL) {
        r = read_user(user, identity, err);
    }
    identity->space = copy_of(context, "namespace");
    return r;
}

int kubeconfig_read(const struct yaml_document *const *documents, size_t n_documents,
                    const char *names, struct kube_identity *ret_identity, struct error *err)
{
    const struct files files = {documents, n_documents, names};
    struct kube_identity identity = {0};

    int r = read_all(&files, &identity, err);
    if (r < 0) {
        kube_identity_finish(&identity);
    } else {
        *ret_identity = identity;
    }
    return r;
}

static void finish_plugin(struct kube_plugin *plugin)
{
    for (size_t i = 0; i < plugin->n_args; i++) {
        free(plugin->args[i]);
    }
    for (size_t i = 0; i < plugin->n_env; i++) {
        free(plugin->env[i].name);
        memory_wipe(&plugin->env[i].value);
    }
    free(plugin->args);
    free(plugin->env);
    free(plugin->command);
    free(plugin->version);
    free(plugin->hint);
}

void kube_identity_finish(struct kube_identity *identity)
{
    free(identity->server);
    free(identity->server_name);
    free(identity->proxy);
    free(identity->authority);
    free(identity->authority_pem);
    free(identity->certificate);
    free(identity->certificate_pem);
    free(identity->key);
    memory_wipe(&identity->key_pem);
    memory_wipe(&identity->token);
    free(identity->token_file);
    free(identity->space);
    finish_plugin(&identity->plugin);
    *identity = (struct kube_identity){0};
}
