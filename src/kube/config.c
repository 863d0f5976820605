#include "kube/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "kube/kubeconfig.h"
#include "kube/plugin.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum {
    FILES_MAX = 32,
    TOKEN_MOST = 64 << 10,
    EARLY_MS = 10000, /* before it expires a credential is stale */
    AGAIN_MS = 5000,  /* and a plug-in is not run more often */
};

struct kube_config {
    struct kube_identity identity;
    bool in_cluster;
    struct http_place place; /* its texts are the identity's, the credential's and `token` */
    char *token;             /* what is in the token's file */
    struct stat token_file;  /* when it was read */
    struct kube_credential credential;
    bool stale;
    uint64_t run_ms; /* when the plug-in was; monotonic, 0: never */
    struct error failure;
};

static bool is_token(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == '\x7f') {
            return false;
        }
    }
    return *text != '\0';
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A token that was read stays when its file is being replaced: it cannot be read, or there is
 * none in it yet. */
static int renew_token(struct kube_config *config, struct error *err)
{
    const char *path = config->identity.token_file;
    cleanup(memory_wipe) char *text = NULL;
    void *bytes = NULL;
    struct stat status = {0};
    size_t size = 0;

    bool there = stat(path, &status) == 0;
    if (config->token != NULL && !config->stale &&
        (!there || is_same_file(&status, &config->token_file))) {
        return 0;
    }
    int r = file_read(path, TOKEN_MOST, &bytes, &size, err);
    if (r < 0) {
        return config->token != NULL ? 0 : r;
    }
    text = bytes;
    text[strcspn(text, "\r\n")] = '\0';
    if (!is_token(text)) {
        return config->token != NULL
                   ? 0
                   : error_set(err, -EINVAL, "%s: there is no token in it", path);
    }
    memory_wipe(&config->token);
    config->token = STEAL(text);
    config->token_file = status;
    config->stale = false;
    return 0;
}

/* One that did not expire is good until it is refused; for `more_ms` at least. */
static bool is_good(const struct kube_config *config, uint64_t more_ms)
{
    const struct kube_credential *credential = &config->credential;

    return (credential->token != NULL || credential->key_pem != NULL) && !config->stale &&
           (credential->expires_ms == 0 || clock_wall_ms() + more_ms < credential->expires_ms);
}

static int renew_credential(struct kube_config *config, struct error *err)
{
    struct kube_credential credential = {0};
    bool just_run = config->run_ms != 0 && clock_ms() - config->run_ms < AGAIN_MS;

    if (is_good(config, EARLY_MS)) {
        return 0;
    }
    if (!just_run) {
        config->failure.code = 0;
        int r =
            kube_plugin_run(&config->identity, KUBE_PLUGIN_MS, &credential, &config->failure);
        config->run_ms = clock_ms();
        if (r == 0) {
            kube_credential_finish(&config->credential);
            config->credential = credential;
            config->stale = false;
        }
    }
    if (config->failure.code < 0 && !is_good(config, 0)) {
        *err = config->failure;
        return err->code;
    }
    return 0;
}

int kube_config_place(struct kube_config *config, const struct http_place **ret_place,
                      struct error *err)
{
    const struct kube_identity *identity = &config->identity;
    const struct kube_credential *credential = &config->credential;
    int r = 0;

    if (identity->plugin.command != NULL) {
        r = renew_credential(config, err);
    } else if (identity->token_file != NULL) {
        r = renew_token(config, err);
    }
    if (r < 0) {
        return r;
    }
    config->place = (struct http_place){
        .name = "the API server",
        .url = identity->server,
        .proxy = identity->proxy,
        .server_name = identity->server_name,
        .token = identity->token,
        .authority = identity->authority,
        .authority_pem = identity->authority_pem,
        .certificate = identity->certificate,
        .certificate_pem = identity->certificate_pem,
        .key = identity->key,
        .key_pem = identity->key_pem,
        .insecure = identity->insecure,
    };
    config->place.token = config->token != NULL ? config->token : config->place.token;
    config->place.token = credential->token != NULL ? credential->token : config->place.token;
    if (credential->key_pem != NULL) {
        config->place.certificate_pem = credential->certificate_pem;
        config->place.key_pem = credential->key_pem;
    }
    *ret_place = &config->place;
    return 0;
}

void kube_config_stale(struct kube_config *config)
{
    config->stale = true;
}

const char *kube_config_namespace(const struct kube_config *config)
{
    return config->identity.space != NULL ? config->identity.space : "default";
}

bool kube_config_in_cluster(const struct kube_config *config)
{
    return config->in_cluster;
}

void kube_config_destroy(struct kube_config *config)
{
    if (config == NULL) {
        return;
    }
    kube_identity_finish(&config->identity);
    kube_credential_finish(&config->credential);
    memory_wipe(&config->token);
    free(config);
}

static void destroy(struct kube_config **config)
{
    kube_config_destroy(*config);
}

static int load_account(const struct kube_surroundings *around, struct kube_config *config,
                        struct error *err)
{
    bool is_ipv6 = strchr(around->host, ':') != NULL;
    struct kube_identity *identity = &config->identity;
    cleanup(memory_free) char *space = memory_format("%s/namespace", around->account);
    cleanup(memory_free) void *text = NULL;
    struct error ignored;
    size_t size = 0;

    config->in_cluster = true;
    identity->server = memory_format(is_ipv6 ? "https://[%s]:%s" : "https://%s:%s",
                                     around->host, around->port != NULL ? around->port : "443");
    identity->authority = memory_format("%s/ca.crt", around->account);
    identity->token_file = memory_format("%s/token", around->account);
    if (file_read(space, TOKEN_MOST, &text, &size, &ignored) == 0) {
        ((char *)text)[strcspn(text, "\r\n")] = '\0';
        identity->space = memory_text(text);
    }
    return renew_token(config, err);
}

struct documents {
    struct yaml_document *list[FILES_MAX];
    size_t n;
};

static void documents_finish(struct documents *documents)
{
    for (size_t i = 0; i < documents->n; i++) {
        yaml_destroy(documents->list[i]);
    }
}

/* Files of a list may be missing, and may be empty; but not all. */
static int read_files(const char *paths, struct documents *documents, struct error *err)
{
    cleanup(memory_free) char *list = memory_text(paths);
    char *rest = list;

    for (char *path = strsep(&rest, ":"); path != NULL; path = strsep(&rest, ":")) {
        cleanup(memory_wipe) char *text = NULL;
        size_t size = 0;

        if (*path == '\0') {
            continue;
        }
        int r = file_read(path, YAML_SIZE_MAX, (void **)&text, &size, err);
        if (r == -ENOENT || (r == 0 && text[strspn(text, " \t\r\n")] == '\0')) {
            continue;
        }
        if (r == 0 && documents->n == FILES_MAX) {
            r = error_set(err, -EINVAL, "KUBECONFIG: more than %d files", FILES_MAX);
        }
        r = r < 0 ? r : yaml_parse(path, text, size, &documents->list[documents->n], err);
        if (r < 0) {
            return r;
        }
        documents->n++;
    }
    return documents->n > 0
               ? 0
               : error_set(err, -ENOENT, "%s: there is no such kubeconfig file", paths);
}

static int load_files(const char *paths, struct kube_config *config, struct error *err)
{
    cleanup(documents_finish) struct documents documents = {0};

    int r = read_files(paths, &documents, err);
    if (r < 0) {
        return r;
    }
    r = kubeconfig_read((const struct yaml_document *const *)documents.list, documents.n, paths,
                        &config->identity, err);
    if (r == 0 && config->identity.token != NULL && !is_token(config->identity.token)) {
        return error_set(err, -EINVAL, "%s: the user's token is none", paths);
    }
    return r;
}

int kube_config_load_from(const struct kube_surroundings *around,
                          struct kube_config **ret_config, struct error *err)
{
    cleanup(destroy) struct kube_config *config = memory_new(1, sizeof(*config));
    cleanup(memory_free) char *token =
        memory_format("%s/token", around->account != NULL ? around->account : "");
    cleanup(memory_free) char *usual =
        memory_format("%s/.kube/config", around->home != NULL ? around->home : "");
    int r = 0;

    if (around->kubeconfig != NULL && *around->kubeconfig != '\0') {
        r = load_files(around->kubeconfig, config, err);
    } else if (around->account != NULL && around->host != NULL && access(token, F_OK) == 0) {
        r = load_account(around, config, err);
    } else if (around->home != NULL && access(usual, F_OK) == 0) {
        r = load_files(usual, config, err);
    } else {
        r = error_set(err, -ENOENT,
                      "no cluster is known here: KUBECONFIG is not set, there is no "
                      "~/.kube/config, and this is no pod with a service account");
    }
    if (r < 0) {
        return r;
    }
    *ret_config = STEAL(config);
    return 0;
}

int kube_config_load(struct kube_config **ret_config, struct error *err)
{
    const struct kube_surroundings around = {
        .kubeconfig = secure_getenv("KUBECONFIG"),
        .home = secure_getenv("HOME"),
        .host = secure_getenv("KUBERNETES_SERVICE_HOST"),
        .port = secure_getenv("KUBERNETES_SERVICE_PORT"),
        .account = ACCOUNT,
    };

    return kube_config_load_from(&around, ret_config, err);
}
