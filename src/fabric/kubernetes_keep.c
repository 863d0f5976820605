/* What a controller that comes back has to know, in a secret of the Application's. One write is
 * under way at a time; of what is to be kept meanwhile the last counts. */
#include <errno.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/memory.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "kube/api.h"
#include "kube/kubeconfig.h"

#define KEPT_MOST ((size_t)700 << 10) /* bytes; the API takes 1 MiB, as base64 */
#define KEPT_KEY  "state"
/* Others on the same loop wait as long: one whose lease is at stake has 4 s in all. */
#define LOAD_MS 2000
#define SAVE_MS 1000

char *cluster_kept_path(const char *space, const char *application)
{
    return memory_format("/api/v1/namespaces/%s/secrets/brume-run-%s", space, application);
}

/* Of what is there, or of where it is made. */
static char *path_of(const struct kubernetes *kubernetes, bool anew)
{
    return anew ? memory_format("/api/v1/namespaces/%s/secrets", kubernetes->space)
                : cluster_kept_path(kubernetes->space, kubernetes->application);
}

static void complain(struct kubernetes *kubernetes, const char *why)
{
    kubernetes_note(kubernetes,
                    "the state of the run is not kept, so that a controller that comes back "
                    "would begin anew: %s",
                    why);
}

static json_t *describe(const struct kubernetes *kubernetes)
{
    cleanup(memory_wipe) char *coded =
        base64_encode(kubernetes->unsaved, strlen(kubernetes->unsaved));
    cleanup(memory_free) char *name = memory_format("brume-run-%s", kubernetes->application);
    json_t *metadata =
        json_pack("{sssssoso*}", "name", name, "namespace", kubernetes->space, "labels",
                  kubernetes_pod_labels(kubernetes->application, kubernetes->run, NULL),
                  "ownerReferences", kubernetes_pod_owners(kubernetes->resource));

    return json_pack("{ssss soss s{ss}}", "apiVersion", "v1", "kind", "Secret", "metadata",
                     metadata, "type", "Opaque", "data", KEPT_KEY, coded);
}

/* What is there is replaced, whoever wrote it; `anew`: nothing is there. */
static void write_soon(struct kubernetes *kubernetes, bool anew);

static void on_written(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubernetes *kubernetes = owner;

    (void)answer;
    kubernetes->saving = NULL;
    if (err != NULL && err->code == -ENOENT && !kubernetes->anew) {
        write_soon(kubernetes, true);
        return;
    }
    if (err != NULL) {
        complain(kubernetes, err->text);
    }
    if (kubernetes->changed) {
        write_soon(kubernetes, false);
    } else {
        memory_wipe(&kubernetes->unsaved);
    }
}

static void write_soon(struct kubernetes *kubernetes, bool anew)
{
    cleanup(memory_free) char *path = path_of(kubernetes, anew);
    json_t *body = describe(kubernetes);
    const struct kube_call call = {.method = anew ? "POST" : "PUT", .path = path, .body = body};

    kubernetes->anew = anew;
    kubernetes->changed = false;
    kubernetes->saving = kube_ask(kubernetes->api, &call, on_written, kubernetes);
    json_decref(body);
}

static int write_now(const struct kubernetes *kubernetes, bool anew, struct error *err)
{
    cleanup(memory_free) char *path = path_of(kubernetes, anew);
    json_t *body = describe(kubernetes);
    const struct kube_call call = {
        .method = anew ? "POST" : "PUT", .path = path, .body = body, .timeout_ms = SAVE_MS};
    int r = kube_api_ask_now(kubernetes->api, &call, NULL, err);

    json_decref(body);
    return r;
}

void kubernetes_save(struct kubernetes *kubernetes, const char *text)
{
    if (strlen(text) > KEPT_MOST) {
        complain(kubernetes, "it is larger than what a cluster keeps");
        return;
    }
    memory_wipe(&kubernetes->unsaved);
    kubernetes->unsaved = memory_text(text);
    kubernetes->changed = true;
    if (kubernetes->saving == NULL) {
        write_soon(kubernetes, false);
    }
}

void kubernetes_save_now(struct kubernetes *kubernetes)
{
    struct error err;

    if (kubernetes->unsaved == NULL) {
        return;
    }
    kube_forget(kubernetes->api, STEAL(kubernetes->saving));
    int r = write_now(kubernetes, false, &err);
    r = r == -ENOENT ? write_now(kubernetes, true, &err) : r;
    /* The one that was forgotten may have been done meanwhile. */
    r = r == -EBUSY ? write_now(kubernetes, false, &err) : r;
    if (r < 0) {
        complain(kubernetes, err.text);
    }
}

/* That of an Application which bore the name before is not ours. */
static int read_kept(const struct kubernetes *kubernetes, json_t **ret_secret,
                     struct error *err)
{
    cleanup(memory_free) char *path = path_of(kubernetes, false);
    const struct kube_call call = {.method = "GET", .path = path, .timeout_ms = LOAD_MS};
    int r = kube_api_ask_now(kubernetes->api, &call, ret_secret, err);

    if (r < 0 && r != -ENOENT) {
        return error_wrap(err, "what an earlier controller kept");
    }
    return 0;
}

int kubernetes_load(struct kubernetes *kubernetes, const json_t *known, struct error *err)
{
    json_t *secret = known != NULL ? json_deep_copy(known) : NULL;

    if (known == NULL && read_kept(kubernetes, &secret, err) < 0) {
        return err->code;
    }
    const char *kept = kubernetes_text(secret, "data", KEPT_KEY);
    if (kept != NULL &&
        kubernetes_is(kubernetes_label(secret, KUBERNETES_RUN), kubernetes->run)) {
        kubernetes->saved = kube_decode(kept);
    }
    json_decref(secret);
    return 0;
}
