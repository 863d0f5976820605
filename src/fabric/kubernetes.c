/* The kubernetes fabric: stages are pods, devices the nodes of a cluster. kubernetes.h says
 * what is where, kubernetes_stage.c how a pod lives. */
#include "fabric/kubernetes.h"

#include <errno.h>

#include "base/error.h"
#include "base/memory.h"
#include "kube/api.h"

static struct kubernetes *kubernetes_of(struct fabric *fabric)
{
    return (struct kubernetes *)fabric;
}

static size_t list_devices(struct fabric *fabric, const struct fabric_device **ret_devices)
{
    *ret_devices = kubernetes_of(fabric)->site.devices;
    return kubernetes_of(fabric)->site.n_devices;
}

static const char *controller_address(struct fabric *fabric)
{
    return kubernetes_of(fabric)->controller;
}

static const char *folder(struct fabric *fabric)
{
    (void)fabric;
    return KUBERNETES_STATE;
}

static const char *note(struct fabric *fabric)
{
    return kubernetes_of(fabric)->site.note;
}

/* Whether the one that is there will do. */
static bool is_there(const struct kubernetes_stage *old)
{
    return old != NULL && !old->stopping && old->step != KUBERNETES_TELLING;
}

static int start(struct fabric *fabric, const struct fabric_start *what, fabric_done_fn done,
                 void *owner, struct error *err)
{
    struct kubernetes *kubernetes = kubernetes_of(fabric);
    struct kubernetes_stage *old = kubernetes_stage_find(kubernetes, what->stage);
    size_t device = 0;

    if (is_there(old) && old->step < KUBERNETES_RUNS) {
        later_wait(&old->starters, done, owner);
        return 0;
    }
    if (is_there(old)) {
        later_call(kubernetes->later, done, owner, NULL);
        return 0;
    }
    if (old != NULL && old->step == KUBERNETES_TELLING) {
        return error_set(err, -EAGAIN, "stage '%s' is still ending", what->stage);
    }
    if (site_find_device(&kubernetes->site, what->device, &device, err) < 0 ||
        kubernetes_pod_check(what, err) < 0) {
        return err->code;
    }
    if (!kubernetes->places[device].usable) {
        return error_set(err, -EHOSTUNREACH, "%s cannot take stage '%s': it %s", what->device,
                         what->stage, kubernetes->places[device].why);
    }
    if (old != NULL) {
        kubernetes_stage_drop(old); /* whoever listens to it knows better */
    }
    kubernetes_stage_begin(kubernetes, what, device, done, owner);
    return 0;
}

static int end(struct fabric *fabric, const char *name, bool abandon, fabric_done_fn done,
               void *owner)
{
    struct kubernetes *kubernetes = kubernetes_of(fabric);
    struct kubernetes_stage *stage = kubernetes_stage_find(kubernetes, name);

    if (stage == NULL) {
        later_call(kubernetes->later, done, owner, NULL);
    } else {
        kubernetes_stage_stop(stage, abandon, done, owner);
    }
    return 0;
}

static int stop(struct fabric *fabric, const char *stage, fabric_done_fn done, void *owner,
                struct error *err)
{
    (void)err;
    return end(fabric, stage, false, done, owner);
}

static int abandon(struct fabric *fabric, const char *stage, fabric_done_fn done, void *owner,
                   struct error *err)
{
    (void)err;
    return end(fabric, stage, true, done, owner);
}

static int list(struct fabric *fabric, fabric_seen_fn seen, void *owner, struct error *err)
{
    (void)err;
    struct kubernetes *kubernetes = kubernetes_of(fabric);

    for (const struct kubernetes_stage *stage = kubernetes->stages; stage != NULL;
         stage = stage->next) {
        if (!stage->stopping && stage->step != KUBERNETES_TELLING) {
            seen(owner, stage->name, kubernetes->site.devices[stage->device].name);
        }
    }
    return 0;
}

/* As the kubelets say, who tell nothing of links. */
static int usage(struct fabric *fabric, const char *device, struct fabric_usage *ret_usage,
                 struct error *err)
{
    struct kubernetes *kubernetes = kubernetes_of(fabric);
    struct fabric_usage sum = {0};
    size_t index = 0;

    if (site_find_device(&kubernetes->site, device, &index, err) < 0) {
        return err->code;
    }
    sum.cpu_ns = kubernetes->places[index].past_ns;
    for (struct kubernetes_stage *stage = kubernetes->stages; stage != NULL;
         stage = stage->next) {
        uint64_t memory = 0;
        if (stage->device != index) {
            continue;
        }
        kubernetes_stage_meter(stage, &memory);
        sum.cpu_ns += stage->cpu_ns;
        sum.memory += memory;
    }
    *ret_usage = sum;
    return 0;
}

static void save(struct fabric *fabric, const char *text)
{
    kubernetes_save(kubernetes_of(fabric), text);
}

static const char *saved(struct fabric *fabric)
{
    return kubernetes_of(fabric)->saved;
}

static unsigned life(struct fabric *fabric, const char *name)
{
    const struct kubernetes_stage *stage = kubernetes_stage_find(kubernetes_of(fabric), name);

    return stage != NULL ? stage->life : 0;
}

static void leave(struct fabric *fabric)
{
    kubernetes_save_now(kubernetes_of(fabric));
    kubernetes_destroy(kubernetes_of(fabric));
}

/* What an Application has; a run alone has a ledger. */
static int remove_all(struct kubernetes *kubernetes, struct error *err)
{
    const struct kubernetes_asker asker = {.api = kubernetes->api};
    cleanup(memory_free) char *kept = memory_format("brume-run-%s", kubernetes->application);
    int r = kubernetes_remove(&asker, kubernetes->space, "secrets", kept, false, err);

    for (const struct kubernetes_stage *stage = kubernetes->stages; stage != NULL && r == 0;
         stage = stage->next) {
        r = kubernetes_remove(&asker, kubernetes->space, "secrets", stage->pod, false, err);
    }
    return r < 0 ? r : kubernetes_remove_run(&asker, kubernetes->space, kubernetes->run, err);
}

static void close_all(struct fabric *fabric)
{
    struct kubernetes *kubernetes = kubernetes_of(fabric);
    struct error err;

    kube_forget(kubernetes->api, STEAL(kubernetes->saving));
    if (!kubernetes->alone && remove_all(kubernetes, &err) < 0) {
        kubernetes_note(kubernetes, "something stays in the cluster: %s", err.text);
    }
    kubernetes_destroy(kubernetes);
}

/* What is on its way to be made when it is asked to go may come after all: it belongs to the
 * Application, and goes with it, or when its next run begins. */
static void dismiss(struct fabric *fabric)
{
    struct kubernetes *kubernetes = kubernetes_of(fabric);
    cleanup(memory_free) char *kept = memory_format("brume-run-%s", kubernetes->application);

    kube_forget(kubernetes->api, STEAL(kubernetes->saving));
    for (const struct kubernetes_stage *stage = kubernetes->stages; stage != NULL;
         stage = stage->next) {
        bool deaf =
            !kubernetes->places[stage->device].heard; /* it would never say it is gone */
        kubernetes_delete(kubernetes, "pods", stage->pod, stage->abandoned || deaf);
        kubernetes_delete(kubernetes, "secrets", stage->pod, false);
    }
    kubernetes_delete(kubernetes, "secrets", kept, false);
    kubernetes_destroy(kubernetes);
}

#define OPS_OF_BOTH                                                                           \
    .name = "kubernetes", .exposed = true, .remote = true, .devices = list_devices,           \
    .controller_address = controller_address, .folder = folder, .note = note, .start = start, \
    .stop = stop, .abandon = abandon, .list = list, .usage = usage, .close = close_all

const struct fabric_ops kubernetes_ops = {OPS_OF_BOTH,  .save = save,   .saved = saved,
                                          .life = life, .leave = leave, .dismiss = dismiss};
const struct fabric_ops kubernetes_alone_ops = {OPS_OF_BOTH};
