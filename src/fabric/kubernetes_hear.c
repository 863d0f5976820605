/* What the cluster tells of nodes and pods, from inside its watches: what the owner is to hear
 * of it is told later, from the loop. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"

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

static void on_pod(void *owner, const json_t *pod, bool there)
{
    struct kubernetes *kubernetes = owner;

    if (!kubernetes_is(kubernetes_label(pod, KUBERNETES_RUN), kubernetes->run) ||
        !kubernetes_is(kubernetes_text(pod, "metadata", "namespace"), kubernetes->space)) {
        return;
    }
    struct kubernetes_stage *stage =
        kubernetes_stage_find_pod(kubernetes, kubernetes_text(pod, "metadata", "name"));
    if (stage != NULL) {
        kubernetes_stage_see(stage, there ? pod : NULL);
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
