/* How a pod ends: because it was asked to, because it could not be started, or by itself.
 * kubernetes_stage.c has the picture.
 *
 * A pod that is deleted is gone when its kubelet has ended the container and the API knows it
 * no more. A kubelet that is away never gets there: after END_MS, or at once where that is
 * known, the pod is deleted by force, which the API does without asking the kubelet; the
 * container, if there still is one, ends when the kubelet comes back, and until then nobody
 * listens to it. One that the API does not delete is asked for again, later and later: it
 * counts as gone only when it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "kube/api.h"
#include "kube/pace.h"

#define END_MS         2500
#define AGAIN_FIRST_MS 1000
#define AGAIN_MOST_MS  30000

static void release(uv_handle_t *handle)
{
    free(handle);
}

static void stop_timer(struct kubernetes_stage *stage)
{
    if (stage->timer != NULL) {
        uv_timer_stop(stage->timer);
        uv_close((uv_handle_t *)STEAL(stage->timer), release);
    }
}

void kubernetes_stage_wait(struct kubernetes_stage *stage, uv_timer_cb late, uint64_t ms)
{
    if (ms == 0) {
        stop_timer(stage);
        return;
    }
    if (stage->timer == NULL) {
        stage->timer = memory_new(1, sizeof(*stage->timer));
        stage->timer->data = stage;
        uv_timer_init(stage->kubernetes->site.loop, stage->timer);
    }
    uv_timer_start(stage->timer, late, ms, 0);
}

void kubernetes_stage_forget_secret(struct kubernetes_stage *stage)
{
    kubernetes_wipe(stage->secret, "stringData", "line");
    json_decref(STEAL(stage->secret));
}

void kubernetes_stage_destroy(struct kubernetes_stage *stage)
{
    struct kubernetes *kubernetes = stage->kubernetes;
    struct kubernetes_stage **at = &kubernetes->stages;

    while (*at != stage) {
        at = &(*at)->next;
    }
    *at = stage->next;
    kubernetes->places[stage->device].past_ns += stage->cpu_ns;
    stop_timer(stage);
    kube_forget(kubernetes->api, stage->request);
    later_forget_all(&stage->starters);
    later_forget_all(&stage->stoppers);
    kubernetes_stage_forget_secret(stage);
    json_decref(stage->body);
    memory_free(&stage->name);
    memory_free(&stage->image);
    free(stage);
}

static struct kube_request *ask_to_delete(struct kubernetes *kubernetes, const char *kind,
                                          const char *name, bool force, kube_done_fn done,
                                          void *owner)
{
    cleanup(memory_free) char *path =
        memory_format("/api/v1/namespaces/%s/%s/%s%s", kubernetes->space, kind, name,
                      force ? "?gracePeriodSeconds=0" : "");
    const struct kube_call call = {.method = "DELETE", .path = path, .urgency = KUBE_URGENT};

    return kube_ask(kubernetes->api, &call, done, owner);
}

static void on_deleted_for_nobody(void *owner, const struct kube_answer *answer,
                                  const struct error *err)
{
    (void)owner;
    (void)answer;
    (void)err; /* a pod is swept; the others go with the run */
}

void kubernetes_delete(struct kubernetes *kubernetes, const char *kind, const char *name,
                       bool force)
{
    (void)ask_to_delete(kubernetes, kind, name, force, on_deleted_for_nobody, NULL);
    if (strcmp(kind, "pods") == 0) {
        kubernetes_sweep(kubernetes);
    }
}

/* Nothing in it is waited for: it has ended, or nobody hears it. */
static void delete_both(struct kubernetes_stage *stage)
{
    if (stage->step != KUBERNETES_SECRET && stage->step != KUBERNETES_PAUSE) {
        kubernetes_delete(stage->kubernetes, "pods", stage->pod, true);
    }
    kubernetes_delete(stage->kubernetes, "secrets", stage->pod, false);
}

void kubernetes_stage_drop(struct kubernetes_stage *stage)
{
    delete_both(stage);
    kubernetes_stage_conclude(stage);
}

/* What it has used is known for as long as its pod is. */
void kubernetes_stage_meter(struct kubernetes_stage *stage, uint64_t *ret_memory)
{
    const struct kubernetes *kubernetes = stage->kubernetes;

    (void)cluster_pod_usage(kubernetes->cluster, kubernetes->space, stage->pod, &stage->cpu_ns,
                            ret_memory);
}

void kubernetes_stage_conclude(struct kubernetes_stage *stage)
{
    struct later *later = stage->kubernetes->later;

    later_call_all(later, &stage->starters, NULL);
    later_call_all(later, &stage->stoppers, NULL);
    kubernetes_stage_destroy(stage);
}

static void on_end_late(uv_timer_t *timer)
{
    struct kubernetes_stage *stage = timer->data;

    stage->abandoned = true;
    kubernetes_stage_end(stage);
}

static void on_end_again(uv_timer_t *timer)
{
    kubernetes_stage_end(timer->data);
}

/* It may still run. */
static void end_again(struct kubernetes_stage *stage, const struct error *err)
{
    if (stage->n_refusals == 0) {
        kubernetes_note(stage->kubernetes,
                        "the pod of %s cannot be deleted, which is tried again: %s",
                        stage->name, err->text);
    }
    stage->n_refusals++;
    kubernetes_stage_wait(stage, on_end_again,
                          pace_backoff(stage->n_refusals, AGAIN_FIRST_MS, AGAIN_MOST_MS, 1));
}

static void on_deleted(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubernetes_stage *stage = owner;

    (void)answer;
    stage->request = NULL;
    if (err != NULL && err->code != -ENOENT) {
        end_again(stage, err);
        return;
    }
    if (stage->forced || err != NULL) {
        kubernetes_stage_conclude(stage);
        return;
    }
    if (cluster_find_pod(stage->kubernetes->cluster, stage->kubernetes->space, stage->pod) !=
        NULL) {
        kubernetes_stage_wait(stage, on_end_late, END_MS);
        return;
    }
    kubernetes_stage_conclude(stage);
}

void kubernetes_stage_end(struct kubernetes_stage *stage)
{
    struct kubernetes *kubernetes = stage->kubernetes;
    bool stranded = !kubernetes->places[stage->device].heard;

    stage->step = KUBERNETES_ENDING;
    stage->forced = stage->abandoned || stranded;
    kubernetes_stage_wait(stage, NULL, 0);
    kube_forget(kubernetes->api, STEAL(stage->request));
    stage->request =
        ask_to_delete(kubernetes, "pods", stage->pod, stage->forced, on_deleted, stage);
    kubernetes_delete(kubernetes, "secrets", stage->pod, false);
}

void kubernetes_stage_stop(struct kubernetes_stage *stage, bool abandon, fabric_done_fn done,
                           void *owner)
{
    bool first = !stage->stopping;

    later_wait(&stage->stoppers, done, owner);
    stage->stopping = true;
    if (stage->step == KUBERNETES_PAUSE) {
        kubernetes_stage_drop(stage);
        return;
    }
    bool more = abandon && !stage->abandoned && stage->step == KUBERNETES_ENDING;
    stage->abandoned = stage->abandoned || abandon;
    if (more ||
        (first && (stage->step == KUBERNETES_STARTING || stage->step == KUBERNETES_RUNS))) {
        kubernetes_stage_end(stage);
    }
}

void kubernetes_stage_fail(struct kubernetes_stage *stage, const struct error *err)
{
    struct later *later = stage->kubernetes->later;
    struct error why = *err;

    if (stage->starters.n == 0 && !stage->stopping) {
        kubernetes_stage_lose(stage, err->text, false); /* nobody here asked for it */
        return;
    }
    error_wrap(&why, "stage '%s'", stage->name);
    delete_both(stage);
    later_call_all(later, &stage->starters, &why);
    later_call_all(later, &stage->stoppers, NULL);
    kubernetes_stage_destroy(stage);
}

/* From the loop, when nothing of the fabric is on the stack: the owner may close it. */
static void tell_gone(void *owner, const struct error *err)
{
    struct kubernetes_stage *stage = owner;
    struct fabric_events events = stage->kubernetes->events;
    cleanup(memory_free) char *name = memory_text(stage->name);
    cleanup(memory_free) char *how = memory_text(stage->how);
    bool stopping = stage->stopping, starved = stage->starved;

    (void)err;
    later_call_all(stage->kubernetes->later, &stage->stoppers, NULL);
    kubernetes_stage_destroy(stage);
    if (events.gone != NULL && !stopping) {
        events.gone(events.owner, name, how, starved);
    }
}

void kubernetes_stage_lose(struct kubernetes_stage *stage, const char *how, bool starved)
{
    uint64_t memory;

    kubernetes_stage_meter(stage, &memory);
    delete_both(stage);
    stage->step = KUBERNETES_TELLING;
    stage->starved = starved;
    snprintf(stage->how, sizeof(stage->how), "%s", how);
    kubernetes_stage_wait(stage, NULL, 0);
    later_call(stage->kubernetes->later, tell_gone, stage, NULL);
}
