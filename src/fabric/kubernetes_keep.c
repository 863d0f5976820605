/* What a controller that comes back has to know, in a secret of the Application's. One write is
 * under way at a time; of what is to be kept meanwhile the last counts. One that failed is
 * tried again, later and later, with what is the latest then.
 *
 * A write bears the version that was read or written last. So one who acts no more, and does
 * not know it yet, cannot undo what the next one wrote: it is refused, and writes no more. A
 * write of our own whose answer was lost looks the same; that is why it says who wrote it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "kube/api.h"
#include "kube/kubeconfig.h"
#include "kube/pace.h"

#define KEPT_MOST ((size_t)700 << 10) /* bytes; the API takes 1 MiB, as base64 */
#define KEPT_KEY  "state"
/* Others on the same loop wait as long: one whose lease is at stake has 4 s in all. */
#define LOAD_MS 2000
#define SAVE_MS 1000
/* And all fabrics of a controller that ends, together. */
#define LEAVE_MS       2500
#define AGAIN_FIRST_MS 1000
#define AGAIN_MOST_MS  60000

char *cluster_kept_path(const char *space, const char *application)
{
    return memory_format("/api/v1/namespaces/%s/secrets/brume-run-%s", space, application);
}

/* Of what is there, or of where it is made. */
static char *path_of(const struct kubernetes *kubernetes)
{
    return kubernetes->version == NULL
               ? memory_format("/api/v1/namespaces/%s/secrets", kubernetes->space)
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
    json_t *metadata = json_pack(
        "{sssssoso*s{ss}ss*}", "name", name, "namespace", kubernetes->space, "labels",
        kubernetes_pod_labels(kubernetes->application, kubernetes->run, NULL),
        "ownerReferences", kubernetes_pod_owners(kubernetes->resource), "annotations",
        KUBERNETES_WRITER, kubernetes->writer, "resourceVersion", kubernetes->version);

    return json_pack("{ssss soss s{ss}}", "apiVersion", "v1", "kind", "Secret", "metadata",
                     metadata, "type", "Opaque", "data", KEPT_KEY, coded);
}

static void take_version(struct kubernetes *kubernetes, const json_t *secret)
{
    memory_free(&kubernetes->version);
    kubernetes->version = memory_text(kubernetes_text(secret, "metadata", "resourceVersion"));
}

/* What is there though it was not expected: a write of our own, or what an Application left
 * that bore the name before. */
static bool is_ours(const struct kubernetes *kubernetes, const json_t *secret)
{
    bool made_by_us =
        kubernetes_is(kubernetes_annotation(secret, KUBERNETES_WRITER), kubernetes->writer);

    return made_by_us ||
           (kubernetes->version == NULL &&
            !kubernetes_is(kubernetes_label(secret, KUBERNETES_RUN), kubernetes->run));
}

static void disown(struct kubernetes *kubernetes)
{
    kubernetes->disowned = true;
    memory_wipe(&kubernetes->unsaved);
    kubernetes_note(kubernetes, "another controller keeps the state of the run: this one does "
                                "so no more");
}

static void write_soon(struct kubernetes *kubernetes);

static void on_time(uv_timer_t *timer)
{
    write_soon(timer->data);
}

/* It is told once, and tried until it is done. */
static void write_later(struct kubernetes *kubernetes, const struct error *err)
{
    if (kubernetes->n_failures == 0) {
        complain(kubernetes, err->text);
    }
    kubernetes->n_failures++;
    if (kubernetes->again == NULL) {
        kubernetes->again = memory_new(1, sizeof(*kubernetes->again));
        kubernetes->again->data = kubernetes;
        uv_timer_init(kubernetes->site.loop, kubernetes->again);
    }
    uv_timer_start(kubernetes->again, on_time,
                   pace_backoff(kubernetes->n_failures, AGAIN_FIRST_MS, AGAIN_MOST_MS, 1), 0);
}

static bool waits(const struct kubernetes *kubernetes)
{
    return kubernetes->again != NULL && uv_is_active((const uv_handle_t *)kubernetes->again);
}

static void done(struct kubernetes *kubernetes, const json_t *secret)
{
    kubernetes->n_failures = 0;
    take_version(kubernetes, secret);
    if (kubernetes->changed) {
        write_soon(kubernetes);
    } else {
        memory_wipe(&kubernetes->unsaved);
    }
}

static void on_looked(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubernetes *kubernetes = owner;

    kubernetes->saving = NULL;
    if (err != NULL && err->code != -ENOENT) {
        write_later(kubernetes, err);
    } else if (err == NULL && !is_ours(kubernetes, answer->json)) {
        disown(kubernetes);
    } else {
        take_version(kubernetes, answer->json);
        write_soon(kubernetes);
    }
}

/* Whose it is that is there. */
static void look_soon(struct kubernetes *kubernetes)
{
    cleanup(memory_free) char *path =
        cluster_kept_path(kubernetes->space, kubernetes->application);
    const struct kube_call call = {.method = "GET", .path = path, .urgency = KUBE_URGENT};

    kubernetes->saving = kube_ask(kubernetes->api, &call, on_looked, kubernetes);
}

static void on_written(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubernetes *kubernetes = owner;

    kubernetes->saving = NULL;
    if (err != NULL && err->code == -ENOENT && kubernetes->version != NULL) {
        memory_free(&kubernetes->version); /* somebody removed it */
        write_soon(kubernetes);
        return;
    }
    if (err != NULL && err->code == -EBUSY) {
        look_soon(kubernetes);
    } else if (err != NULL) {
        write_later(kubernetes, err);
    } else {
        done(kubernetes, answer->json);
    }
}

static void write_soon(struct kubernetes *kubernetes)
{
    cleanup(memory_free) char *path = path_of(kubernetes);
    json_t *body = describe(kubernetes);
    const struct kube_call call = {.method = kubernetes->version == NULL ? "POST" : "PUT",
                                   .path = path,
                                   .body = body,
                                   .urgency = KUBE_URGENT};

    kubernetes->changed = false;
    kubernetes->saving = kube_ask(kubernetes->api, &call, on_written, kubernetes);
    kubernetes_wipe(body, "data", KEPT_KEY);
    json_decref(body);
}

/* Of the time in which a controller that ends may still write. */
static int ask_now(const struct kubernetes *kubernetes, struct kube_call *call,
                   json_t **ret_answer, struct error *err)
{
    struct cluster *cluster = kubernetes->cluster;
    uint64_t now = clock_ms();

    if (cluster->leave_by_ms == 0) {
        cluster->leave_by_ms = now + LEAVE_MS;
    }
    if (now >= cluster->leave_by_ms) {
        return error_set(err, -ETIMEDOUT, "the API server is too slow for all that is kept");
    }
    uint64_t left = cluster->leave_by_ms - now;
    call->timeout_ms = left < SAVE_MS ? left : SAVE_MS;
    return kube_api_ask_now(kubernetes->api, call, ret_answer, err);
}

static int write_now(struct kubernetes *kubernetes, struct error *err)
{
    cleanup(memory_free) char *path = path_of(kubernetes);
    cleanup(json_decrefp) json_t *answer = NULL;
    json_t *body = describe(kubernetes);
    struct kube_call call = {
        .method = kubernetes->version == NULL ? "POST" : "PUT", .path = path, .body = body};
    int r = ask_now(kubernetes, &call, &answer, err);

    kubernetes_wipe(body, "data", KEPT_KEY);
    json_decref(body);
    if (r == 0) {
        take_version(kubernetes, answer);
    }
    return r;
}

/* 0: it is ours, or there is none. */
static int look_now(struct kubernetes *kubernetes, struct error *err)
{
    cleanup(memory_free) char *path =
        cluster_kept_path(kubernetes->space, kubernetes->application);
    cleanup(json_decrefp) json_t *answer = NULL;
    struct kube_call call = {.method = "GET", .path = path};
    int r = ask_now(kubernetes, &call, &answer, err);

    if (r < 0 && r != -ENOENT) {
        return r;
    }
    if (r == 0 && !is_ours(kubernetes, answer)) {
        return error_set(err, -EPERM, "another controller keeps it by now");
    }
    take_version(kubernetes, answer);
    return 0;
}

void kubernetes_save(struct kubernetes *kubernetes, const char *text)
{
    if (kubernetes->disowned || kubernetes->cluster->yielded) {
        return;
    }
    if (strlen(text) > KEPT_MOST) {
        complain(kubernetes, "it is larger than what a cluster keeps");
        return;
    }
    memory_wipe(&kubernetes->unsaved);
    kubernetes->unsaved = memory_text(text);
    kubernetes->changed = true;
    if (kubernetes->saving == NULL && !waits(kubernetes)) {
        write_soon(kubernetes);
    }
}

void kubernetes_save_now(struct kubernetes *kubernetes)
{
    struct error err;

    if (kubernetes->unsaved == NULL || kubernetes->cluster->yielded) {
        return;
    }
    kube_forget(kubernetes->api, STEAL(kubernetes->saving));
    int r = write_now(kubernetes, &err);
    if (r == -ENOENT && kubernetes->version != NULL) {
        memory_free(&kubernetes->version);
        r = write_now(kubernetes, &err);
    } else if (r == -EBUSY) { /* perhaps by the one that was forgotten */
        r = look_now(kubernetes, &err);
        r = r < 0 ? r : write_now(kubernetes, &err);
    }
    if (r < 0) {
        complain(kubernetes, err.text);
    }
}

/* That of an Application which bore the name before is not ours. */
static int read_kept(const struct kubernetes *kubernetes, json_t **ret_secret,
                     struct error *err)
{
    cleanup(memory_free) char *path =
        cluster_kept_path(kubernetes->space, kubernetes->application);
    const struct kube_call call = {.method = "GET", .path = path, .timeout_ms = LOAD_MS};
    int r = kube_api_ask_now(kubernetes->api, &call, ret_secret, err);

    if (r < 0 && r != -ENOENT) {
        return error_wrap(err, "what an earlier controller kept");
    }
    return 0;
}

static void choose_writer(struct kubernetes *kubernetes)
{
    uint64_t dice = clock_ns() ^ (uintptr_t)kubernetes;

    ssize_t ignored = getrandom(&dice, sizeof(dice), 0);
    (void)ignored;
    snprintf(kubernetes->writer, sizeof(kubernetes->writer), "%016llx",
             (unsigned long long)dice);
}

int kubernetes_load(struct kubernetes *kubernetes, const json_t *known, struct error *err)
{
    json_t *secret = known != NULL ? json_deep_copy(known) : NULL;

    if (known == NULL && read_kept(kubernetes, &secret, err) < 0) {
        return err->code;
    }
    choose_writer(kubernetes);
    take_version(kubernetes, secret);
    const char *kept = kubernetes_text(secret, "data", KEPT_KEY);
    if (kept != NULL &&
        kubernetes_is(kubernetes_label(secret, KUBERNETES_RUN), kubernetes->run)) {
        kubernetes->saved = kube_decode(kept);
    }
    kubernetes_wipe(secret, "data", KEPT_KEY);
    json_decref(secret);
    return 0;
}
