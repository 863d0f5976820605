/* What the parts of the kubernetes fabric share. Not for others: they use
 * fabric_open("kubernetes", …), and cluster.h.
 *
 *     kubernetes.c          the table: devices, start, stop, list, usage, close
 *     kubernetes_open.c     opens it: the run's own cluster, ledger and keeper, or an
 * Application's kubernetes_stage.c    the life of one pod, until it runs kubernetes_end.c how
 * it ends kubernetes_hear.c     what the cluster tells of nodes and pods kubernetes_keep.c what
 * a controller that comes back has to know kubernetes_remove.c   what a run has in the cluster,
 * removed without a loop kubernetes_address.c  where stages reach the controller
 *     kubernetes_devices.c  which nodes are devices (pure)
 *     kubernetes_node.c     what a node is to brume (pure)
 *     kubernetes_pod.c      what a stage's pod is like (pure)
 *     kubernetes_state.c    what a pod says of itself (pure)
 *     kubernetes_meter.c    what a counter of a kubelet means (pure)
 *     cluster*.c            nodes, pods and kubelets, watched once for all fabrics
 *
 * All that a run has in the cluster bears its name as a label: one that ledger.h gives, or the
 * uid of the Application that owns it all, so that a controller which comes back finds it.
 */
#ifndef FABRIC_KUBERNETES_H
#define FABRIC_KUBERNETES_H

#include <uv.h>

#include "base/error.h"
#include "fabric/cluster_state.h"
#include "fabric/fabric.h"
#include "fabric/kubernetes_node.h"
#include "fabric/kubernetes_pod.h"
#include "fabric/kubernetes_remove.h"
#include "fabric/kubernetes_state.h"
#include "fabric/later.h"
#include "fabric/site.h"

struct kube_api;
struct kubernetes;

enum kubernetes_step {
    KUBERNETES_SECRET, /* is being made */
    KUBERNETES_POD,
    KUBERNETES_PAUSE, /* before the pod is asked for again: a quota is used up */
    KUBERNETES_STARTING,
    KUBERNETES_RUNS,
    KUBERNETES_ENDING,  /* it is being deleted */
    KUBERNETES_TELLING, /* it ended by itself, and that is told next */
};

struct kubernetes_stage {
    struct kubernetes_stage *next;
    struct kubernetes *kubernetes;
    char *name;
    size_t device; /* index */
    unsigned life;
    enum kubernetes_step step;
    bool stopping;  /* its end was asked for */
    bool abandoned; /* nobody waits for its container to end */
    bool forced;    /* so it is deleted */
    char pod[KUBERNETES_NAME];
    char *image;
    json_t *secret, *body;        /* that make them; NULL when they are made */
    struct kube_request *request; /* the one step under way */
    uv_timer_t *timer;            /* of the step */
    unsigned n_refusals;          /* to delete it */
    enum kubernetes_trouble trouble;
    uint64_t troubled_ms; /* since when */
    struct error why;     /* the sentence for it */
    struct later_waiters starters, stoppers;
    char how[248];
    bool starved;
    uint64_t cpu_ns; /* as was last heard */
};

/* By device. */
struct kubernetes_place {
    bool usable, told; /* what is so, and what the owner knows */
    bool heard;        /* its kubelet is */
    char why[KUBERNETES_WHY];
    uint64_t past_ns; /* CPU of stages that ended */
};

struct kubernetes {
    struct fabric fabric; /* first */
    struct site site;     /* without a ledger where the Application owns all */
    struct fabric_events events;
    struct later *later;
    struct kube_api *api;
    struct cluster *cluster;
    struct cluster_listener listener;
    bool alone; /* `api` and `cluster` are its own */
    char *space, *application, *run;
    json_t *resource;
    char *controller; /* the address on which it listens */
    struct kubernetes_place *places;
    struct kubernetes_stage *stages;
    char *saved;   /* by an earlier controller */
    char *unsaved; /* the latest that is not kept yet */
    char *version; /* of what is kept; NULL: nothing is */
    struct kube_request *saving;
    uv_timer_t *again;   /* it is tried then; NULL: it never failed */
    uv_timer_t *sweep;   /* of pods that no stage has; NULL: there were none */
    unsigned n_failures; /* to save, in a row */
    unsigned n_sweeps;   /* in a row */
    char writer[17];     /* of what is kept: this fabric */
    bool changed;        /* what is unsaved is not what is being written */
    bool disowned;       /* somebody else keeps it */
    bool telling;        /* of places, soon */
};

extern const struct fabric_ops kubernetes_ops, kubernetes_alone_ops;

int kubernetes_open(const struct fabric_config *config, struct fabric **ret_fabric,
                    struct error *err);
/* Nothing is asked of the cluster. */
void kubernetes_destroy(struct kubernetes *kubernetes);

/* A word for the user, while it runs. */
void kubernetes_note(struct kubernetes *kubernetes, const char *format, ...) PRINTF_LIKE(2, 3);

/* kubernetes_stage.c */
struct kubernetes_stage *kubernetes_stage_find(struct kubernetes *kubernetes, const char *name);
struct kubernetes_stage *kubernetes_stage_find_pod(struct kubernetes *kubernetes,
                                                   const char *pod);
void kubernetes_stage_begin(struct kubernetes *kubernetes, const struct fabric_start *what,
                            size_t device, fabric_done_fn done, void *owner);
/* Takes up a pod that an earlier controller left. */
void kubernetes_stage_adopt(struct kubernetes *kubernetes, const json_t *pod);
/* What its pod is now; NULL: it is not there any more. */
void kubernetes_stage_see(struct kubernetes_stage *stage, const json_t *pod);
/* Its node cannot be used any more. */
void kubernetes_stage_strand(struct kubernetes_stage *stage, const char *why);

/* kubernetes_end.c */
void kubernetes_stage_stop(struct kubernetes_stage *stage, bool abandon, fabric_done_fn done,
                           void *owner);
/* Deletes the pod, and tells those who wait for that when it is gone. */
void kubernetes_stage_end(struct kubernetes_stage *stage);
/* The pod that was to be deleted is no more. */
void kubernetes_stage_conclude(struct kubernetes_stage *stage);
/* The same for one that may still be there: it is deleted, and not waited for. */
void kubernetes_stage_drop(struct kubernetes_stage *stage);
/* Sees to `cpu_ns`; `ret_memory` is untouched when nothing is known. */
void kubernetes_stage_meter(struct kubernetes_stage *stage, uint64_t *ret_memory);
/* It cannot be started: those who asked for it hear why. */
void kubernetes_stage_fail(struct kubernetes_stage *stage, const struct error *err);
/* It ended by itself, as `how` says. */
void kubernetes_stage_lose(struct kubernetes_stage *stage, const char *how, bool starved);
void kubernetes_stage_destroy(struct kubernetes_stage *stage); /* calls nobody */
void kubernetes_stage_forget_secret(struct kubernetes_stage *stage);
/* Of the step that is being waited for; 0: no more. */
void kubernetes_stage_wait(struct kubernetes_stage *stage, uv_timer_cb late, uint64_t ms);
/* Without anybody who waits for it; a pod that stays is removed by kubernetes_sweep(). */
void kubernetes_delete(struct kubernetes *kubernetes, const char *kind, const char *name,
                       bool force);

/* kubernetes_hear.c */
void kubernetes_listen(struct kubernetes *kubernetes);
/* Whether the pod is one of the run. */
bool kubernetes_has(const struct kubernetes *kubernetes, const json_t *pod);
/* Removes, soon, and until they are gone, pods of the run that no stage has. */
void kubernetes_sweep(struct kubernetes *kubernetes);

/* kubernetes_keep.c */
void kubernetes_save(struct kubernetes *kubernetes, const char *text);
/* What is not kept yet; blocks. */
void kubernetes_save_now(struct kubernetes *kubernetes);
/* What was saved, if anything was; `known` as in fabric_config. */
int kubernetes_load(struct kubernetes *kubernetes, const json_t *known, struct error *err);

#endif
