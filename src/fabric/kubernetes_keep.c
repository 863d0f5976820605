/* What a controller that comes back has to know, in a secret of the Application's. One write is
 * under way at a time; of what is to be kept meanwhile the last counts. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "kube/api.h"
#include "kube/kubeconfig.h"

#define KEPT_MOST ((size_t)700 << 10) /* bytes; the API takes 1 MiB, as base64 */
#define KEPT_KEY  "state"

static char *path_of(const struct kubernetes *kubernetes, const char *query)
{
    return memory_format("/api/v1/namespaces/%s/secrets/brume-run-%s%s", kubernetes->space,
                         kubernetes->application, query);
}

static void complain(struct kubernetes *kubernetes, const char *why)
{
    kubernetes_note(kubernetes,
                    "the state of the run is not kept, so that a controller that comes back "
                    "would begin anew: %s",
                    why);
}

/* Applied, as one says: made, or made to be so. */
static json_t *describe(const struct kubernetes *kubernetes)
{
    cleanup(memory_wipe) char *coded = kube_encode(kubernetes->unsaved);
    json_t *metadata =
        json_pack("{sssoso*}", "namespace", kubernetes->space, "labels",
                  kubernetes_pod_labels(kubernetes->application, kubernetes->run, NULL),
                  "ownerReferences", kubernetes_pod_owners(kubernetes->resource));

    return json_pack("{ssss soss s{ss}}", "apiVersion", "v1", "kind", "Secret", "metadata",
                     metadata, "type", "Opaque", "data", KEPT_KEY, coded);
}

static void write_soon(struct kubernetes *kubernetes);

static void on_written(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubernetes *kubernetes = owner;

    (void)answer;
    kubernetes->saving = NULL;
    if (err != NULL) {
        complain(kubernetes, err->text);
    }
    if (kubernetes->changed) {
        write_soon(kubernetes);
    } else {
        memory_wipe(&kubernetes->unsaved);
    }
}

static void fill_call(const struct kubernetes *kubernetes, char **ret_path, json_t **ret_body,
                      struct kube_call *ret_call)
{
    *ret_path = path_of(kubernetes, "?fieldManager=brume-controller&force=true");
    *ret_body = describe(kubernetes);
    *ret_call = (struct kube_call){.method = "PATCH",
                                   .path = *ret_path,
                                   .body = *ret_body,
                                   .type = "application/apply-patch+yaml"};
}

static void write_soon(struct kubernetes *kubernetes)
{
    cleanup(memory_free) char *path = NULL;
    struct kube_call call;
    json_t *body;

    fill_call(kubernetes, &path, &body, &call);
    kubernetes->changed = false;
    kubernetes->saving = kube_ask(kubernetes->api, &call, on_written, kubernetes);
    json_decref(body);
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
        write_soon(kubernetes);
    }
}

void kubernetes_save_now(struct kubernetes *kubernetes)
{
    cleanup(memory_free) char *path = NULL;
    struct kube_call call;
    struct error err;
    json_t *body;

    if (kubernetes->unsaved == NULL) {
        return;
    }
    kube_forget(kubernetes->api, STEAL(kubernetes->saving));
    fill_call(kubernetes, &path, &body, &call);
    if (kube_api_ask_now(kubernetes->api, &call, NULL, &err) < 0) {
        complain(kubernetes, err.text);
    }
    json_decref(body);
}

/* That of an Application which bore the name before is not ours. */
int kubernetes_load(struct kubernetes *kubernetes, struct error *err)
{
    cleanup(memory_free) char *path = path_of(kubernetes, "");
    const struct kube_call call = {.method = "GET", .path = path};
    json_t *secret = NULL;
    int r = kube_api_ask_now(kubernetes->api, &call, &secret, err);

    if (r == -ENOENT) {
        return 0;
    }
    if (r < 0) {
        return error_wrap(err, "what an earlier controller kept");
    }
    const char *kept = kubernetes_text(secret, "data", KEPT_KEY);
    if (kept != NULL &&
        kubernetes_is(kubernetes_label(secret, KUBERNETES_RUN), kubernetes->run)) {
        kubernetes->saved = kube_decode(kept);
    }
    json_decref(secret);
    return 0;
}
