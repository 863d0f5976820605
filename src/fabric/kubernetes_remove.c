/* What a run has in the cluster, removed without a loop: by its fabric when it closes, by its
 * keeper, or by the next run. Everything bears the run's label.
 *
 * What was asked for a moment ago may not be there yet when the pods are listed: only when
 * nothing is found twice is it gone.
 */
#include "fabric/kubernetes_remove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/kubernetes_object.h"
#include "http/http.h"
#include "kube/api.h"
#include "kube/config.h"

#define ASK_MS   10000
#define GREET_MS 3000
#define GRACE_MS 6000  /* for kubelets to end containers; then by force */
#define MOST_MS  20000 /* in all */

int kubernetes_ask(const struct kubernetes_asker *asker, const char *method, const char *path,
                   json_t **ret_answer, struct error *err)
{
    const struct kube_call call = {.method = method, .path = path, .timeout_ms = ASK_MS};

    return asker->api != NULL ? kube_api_ask_now(asker->api, &call, ret_answer, err)
                              : kube_ask_now(asker->config, &call, ret_answer, err);
}

int kubernetes_remove(const struct kubernetes_asker *asker, const char *space, const char *kind,
                      const char *name, bool force, struct error *err)
{
    cleanup(memory_free) char *path =
        memory_format("/api/v1/namespaces/%s/%s/%s%s", space, kind, name,
                      force ? "?gracePeriodSeconds=0" : "");
    struct error trouble;
    int r = kubernetes_ask(asker, "DELETE", path, NULL, &trouble);

    if (r < 0 && r != -ENOENT) {
        *err = trouble;
        return r;
    }
    return 0;
}

static char *list_of(const char *kind, const char *space, const char *run)
{
    cleanup(memory_free) char *selector =
        memory_format("%s=brume,%s=%s", KUBERNETES_MANAGED, KUBERNETES_RUN, run);
    cleanup(memory_free) char *escaped = http_escape(selector);

    return memory_format("/api/v1/namespaces/%s/%s?labelSelector=%s", space, kind, escaped);
}

/* Deletes each, and says how many there are. The secret of a pod has its name: who may not list
 * them finds it so. */
static int remove_pods(const struct kubernetes_asker *asker, const char *space,
                       const char *list, bool force, size_t *ret_n, struct error *err)
{
    json_t *found = NULL;
    const json_t *items, *item;
    int result = kubernetes_ask(asker, "GET", list, &found, err);
    size_t i;

    items = json_object_get(found, "items");
    json_array_foreach(items, i, item)
    {
        const char *name = kubernetes_text(item, "metadata", "name");
        if (name == NULL || result < 0 ||
            (!force && kubernetes_text(item, "metadata", "deletionTimestamp") != NULL)) {
            continue;
        }
        result = kubernetes_remove(asker, space, "pods", name, force, err);
        if (result == 0) {
            result = kubernetes_remove(asker, space, "secrets", name, false, err);
        }
    }
    *ret_n = json_array_size(items);
    json_decref(found);
    return result;
}

/* Of pods that never were, or went otherwise. They go together, by their label, if whoever
 * removes them may do that, which is as much as to read them all: the account of a controller
 * may not, and its applications own their secrets, which go with them. */
static int remove_secrets(const struct kubernetes_asker *asker, const char *list,
                          struct error *err)
{
    struct error refusal;
    int r = kubernetes_ask(asker, "DELETE", list, NULL, &refusal);

    if (r < 0 && r != -EACCES) {
        *err = refusal;
        return r;
    }
    return 0;
}

int kubernetes_remove_run(const struct kubernetes_asker *asker, const char *space,
                          const char *run, struct error *err)
{
    const struct timespec moment = {.tv_nsec = 100000000};
    cleanup(memory_free) char *pods = list_of("pods", space, run);
    cleanup(memory_free) char *secrets = list_of("secrets", space, run);
    uint64_t began = clock_ms();
    unsigned n_empty = 0;
    size_t n = 0;

    while (n_empty < 2) {
        uint64_t spent = clock_ms() - began;
        if (spent > MOST_MS) {
            return error_set(err, -EBUSY, "%zu pods of run %s in namespace %s do not go", n,
                             run, space);
        }
        if (remove_pods(asker, space, pods, spent > GRACE_MS, &n, err) < 0) {
            return err->code;
        }
        n_empty = n == 0 ? n_empty + 1 : 0;
        nanosleep(&moment, NULL);
    }
    return remove_secrets(asker, secrets, err);
}

/* KUBECONFIG has paths with colons between; whoever undoes works elsewhere. */
static char *absolute_paths(const char *paths)
{
    cleanup(memory_free) char *copy = memory_text(paths);
    char *rest = copy, *path, *all = NULL;

    while ((path = strsep(&rest, ":")) != NULL) {
        if (*path == '\0') {
            continue;
        }
        cleanup(memory_free) char *absolute = file_absolute(path);
        char *more =
            all == NULL ? memory_text(absolute) : memory_format("%s:%s", all, absolute);
        memory_free(&all);
        all = more;
    }
    return all;
}

/* What kube_config_load() looked at; "-": a pod's account. */
char *kubernetes_entry(const char *run, const char *space, const char *server)
{
    const char *given = getenv("KUBECONFIG");             /* NOLINT(concurrency-mt-unsafe) */
    const char *home = getenv("HOME");                    /* NOLINT(concurrency-mt-unsafe) */
    const char *host = getenv("KUBERNETES_SERVICE_HOST"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(memory_free) char *paths = NULL;

    if (given != NULL && *given != '\0') {
        paths = absolute_paths(given);
    } else if (host == NULL && home != NULL) {
        paths = memory_format("%s/.kube/config", home);
    }
    return memory_format("%s %s %s %s", run, space, server, paths != NULL ? paths : "-");
}

static int load_config(const char *paths, struct kube_config **ret_config, struct error *err)
{
    const struct kube_surroundings around = {.kubeconfig = paths};

    return strcmp(paths, "-") == 0 ? kube_config_load(ret_config, err)
                                   : kube_config_load_from(&around, ret_config, err);
}

/* Another context may be the current one by now; and one that is away is not waited for, since
 * every start of a run comes by here. */
static int check_server(struct kube_config *config, const char *server, struct error *err)
{
    const struct kube_call version = {
        .method = "GET", .path = "/version", .timeout_ms = GREET_MS, .once = true};
    const struct http_place *place = NULL;

    if (kube_config_place(config, &place, err) < 0) {
        return err->code;
    }
    if (strcmp(place->url, server) != 0) {
        return error_set(err, -ENOTCONN, "the current context is of %s", place->url);
    }
    return kube_ask_now(config, &version, NULL, err);
}

int kubernetes_undo(const char *entry, struct error *err)
{
    cleanup(memory_free) char *copy = memory_text(entry);
    char *rest = copy;
    const char *run = strsep(&rest, " "), *space = strsep(&rest, " ");
    const char *server = strsep(&rest, " ");
    struct kube_config *config = NULL;
    struct error why;
    cleanup(memory_free) char *folder = file_run_folder(&why);

    if (rest == NULL) {
        return error_set(err, -EBADMSG, "'%s' names no run in a cluster", entry);
    }
    int r = load_config(rest, &config, &why);
    const struct kubernetes_asker asker = {.config = config};
    r = r < 0 ? r : check_server(config, server, &why);
    r = r < 0 ? r : kubernetes_remove_run(&asker, space, run, &why);
    kube_config_destroy(config);
    if (r < 0) {
        return error_set(
            err, why.code,
            "pods of run %s are left at %s (%s): brume doctor removes them when it "
            "answers; if it is gone for good, rm %s/%s",
            run, server, why.text, folder != NULL ? folder : "/run/brume", run);
    }
    return 0;
}
