/* What the cluster tells of nodes and pods, from inside its watches: what the owner is to hear
 * of it is told later, from the loop.
 *
 * Pods of the run that no stage has any more are removed, and asked for until they are gone: a
 * pod may be made after all when nobody waited for it any longer, and its removal may fail.
 * That is not done at once, so that one who has lost its lease hears of that first, and lets
 * the pods of the next one be.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "kube/pace.h"

enum { SWEEP_FIRST_MS = 2000, SWEEP_MOST_MS = 60000 };

/* One device a turn: the owner may close the fabric. */
static void tell_places(void *owner, const struct error *err)
{
    struct kubernetes *kubernetes = owner;
    struct fabric_events events = kubernetes->events;
    size_t n = kubernetes->site.n_devices, i = 0;

    (void)err;
    while (i < n && kubernetes->places[i].told == kubernetes->places[i].usable) {
        i++;
    }
    if (i == n) {
        kubernetes->telling = false;
        return;
    }
    struct kubernetes_place *place = &kubernetes->places[i];
    place->told = place->usable;
    later_call(kubernetes->later, tell_places, kubernetes, NULL);
    if (events.device != NULL) {
        cleanup(memory_free) char *why = memory_text(place->why);
        cleanup(memory_free) char *device = memory_text(kubernetes->site.devices[i].name);
        events.device(events.owner, device, place->told, place->told ? NULL : why);
    }
}

static void tell_places_later(struct kubernetes *kubernetes)
{
    if (!kubernetes->telling) {
        kubernetes->telling = true;
        later_call(kubernetes->later, tell_places, kubernetes, NULL);
    }
}

static void strand_stages(struct kubernetes *kubernetes, size_t device)
{
    struct kubernetes_stage *next;

    for (struct kubernetes_stage *stage = kubernetes->stages; stage != NULL; stage = next) {
        next = stage->next;
        if (stage->device == device) {
            kubernetes_stage_strand(stage, kubernetes->places[device].why);
        }
    }
}

static void on_node(void *owner, const json_t *node, bool there)
{
    struct kubernetes *kubernetes = owner;
    const char *name = kubernetes_text(node, "metadata", "name");
    struct error ignored;
    size_t device = 0;

    if (name == NULL || site_find_device(&kubernetes->site, name, &device, &ignored) < 0) {
        return; /* what came later is no device of this run */
    }
    struct kubernetes_place *place = &kubernetes->places[device];
    bool was_usable = place->usable, was_heard = place->heard;
    place->heard = there && kubernetes_node_is_heard(node);
    place->usable = there && kubernetes_node_is_usable(node, place->why);
    if (!there) {
        snprintf(place->why, sizeof(place->why), "was removed from the cluster");
    }
    if ((was_usable && !place->usable) || (was_heard && !place->heard)) {
        strand_stages(kubernetes, device);
    }
    if (place->told != place->usable) {
        tell_places_later(kubernetes);
    }
}

bool kubernetes_has(const struct kubernetes *kubernetes, const json_t *pod)
{
    return kubernetes_is(kubernetes_label(pod, KUBERNETES_RUN), kubernetes->run) &&
           kubernetes_is(kubernetes_text(pod, "metadata", "namespace"), kubernetes->space);
}

static bool is_heard(const struct kubernetes *kubernetes, const json_t *pod)
{
    const char *name = kubernetes_text(pod, "spec", "nodeName");
    const json_t *node = name != NULL ? cluster_find_node(kubernetes->cluster, name) : NULL;

    return node != NULL && kubernetes_node_is_heard(node);
}

/* By force when its kubelet was asked before, and is away. */
static void remove_pod(struct kubernetes *kubernetes, const json_t *pod)
{
    const char *name = kubernetes_text(pod, "metadata", "name");
    bool leaves = kubernetes_text(pod, "metadata", "deletionTimestamp") != NULL;

    if (!leaves || !is_heard(kubernetes, pod)) {
        kubernetes_delete(kubernetes, "pods", name, leaves);
        kubernetes_delete(kubernetes, "secrets", name, false);
    }
}

static void on_sweep(uv_timer_t *timer)
{
    struct kubernetes *kubernetes = timer->data;
    cleanup(json_decrefp) json_t *pods = cluster_pods(kubernetes->cluster);
    const json_t *pod;
    size_t i, n = 0;

    json_array_foreach(pods, i, pod)
    {
        const char *name = kubernetes_text(pod, "metadata", "name");
        if (!kubernetes->cluster->yielded && kubernetes_has(kubernetes, pod) &&
            kubernetes_stage_find_pod(kubernetes, name) == NULL) {
            remove_pod(kubernetes, pod);
            n++;
        }
    }
    if (n == 0) {
        kubernetes->n_sweeps = 0;
    } else {
        kubernetes_sweep(kubernetes);
    }
}

void kubernetes_sweep(struct kubernetes *kubernetes)
{
    if (kubernetes->sweep == NULL) {
        kubernetes->sweep = memory_new(1, sizeof(*kubernetes->sweep));
        kubernetes->sweep->data = kubernetes;
        uv_timer_init(kubernetes->site.loop, kubernetes->sweep);
    }
    if (!uv_is_active((uv_handle_t *)kubernetes->sweep)) {
        kubernetes->n_sweeps++;
        uv_timer_start(kubernetes->sweep, on_sweep,
                       pace_backoff(kubernetes->n_sweeps, SWEEP_FIRST_MS, SWEEP_MOST_MS, 1), 0);
    }
}

static void on_pod(void *owner, const json_t *pod, bool there)
{
    struct kubernetes *kubernetes = owner;

    if (!kubernetes_has(kubernetes, pod)) {
        return;
    }
    struct kubernetes_stage *stage =
        kubernetes_stage_find_pod(kubernetes, kubernetes_text(pod, "metadata", "name"));
    if (stage != NULL) {
        kubernetes_stage_see(stage, there ? pod : NULL);
    } else if (there) {
        kubernetes_sweep(kubernetes);
    }
}

static void on_trouble(void *owner, const char *why)
{
    if (why != NULL) {
        kubernetes_note(owner, "the cluster went away, which is waited for: %s", why);
    } else {
        kubernetes_note(owner, "the cluster is back");
    }
}

void kubernetes_listen(struct kubernetes *kubernetes)
{
    kubernetes->listener = (struct cluster_listener){
        .node = on_node, .pod = on_pod, .trouble = on_trouble, .owner = kubernetes};
    cluster_listen(kubernetes->cluster, &kubernetes->listener);
    for (size_t i = 0; i < kubernetes->site.n_devices; i++) {
        if (!kubernetes->places[i].usable) {
            tell_places_later(kubernetes);
        }
    }
}
