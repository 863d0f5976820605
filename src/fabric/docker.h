/* What the parts of the docker fabric share. Not for others: they use fabric_open("docker", …).
 *
 *     docker.c           the table: devices, start, stop, list, usage, close
 *     docker_open.c      engine, network, devices
 *     docker_stage.c     the life of one container
 *     docker_end.c       how it ends
 *     docker_events.c    what the engine tells of containers that end
 *     docker_mount.c     files that stages see
 *     docker_attach.c    credentials
 *     docker_container.c what a container is like (pure)
 *     docker_engine.c    the engine, asked without a loop
 */
#ifndef FABRIC_DOCKER_H
#define FABRIC_DOCKER_H

#include <uv.h>

#include "fabric/docker_attach.h"
#include "fabric/docker_container.h"
#include "fabric/docker_engine.h"
#include "fabric/emulation.h"
#include "fabric/fabric.h"
#include "fabric/later.h"
#include "fabric/site.h"
#include "http/http.h"

struct docker;

#define DOCKER_START_MS 120000 /* an engine that has much to do takes its time */

enum docker_phase {
    DOCKER_CREATING,
    DOCKER_PULLING,
    DOCKER_ATTACHING,
    DOCKER_STARTING,
    DOCKER_RUNNING,
    DOCKER_ENDING, /* asked how it ended */
    DOCKER_REMOVING,
};

struct docker_stage {
    struct docker_stage *next;
    struct docker *docker;
    char *name;
    size_t device; /* index */
    enum docker_phase phase;
    bool pulled;        /* its image, or tried to */
    bool died;          /* told before we knew that it runs */
    bool stopping;      /* its end was asked for */
    bool failed;        /* it never ran, and `trouble` says why */
    bool starved;       /* the engine said so */
    bool doubted;       /* whether it starved, and asked again */
    uv_timer_t *moment; /* between the two; NULL: not waiting */
    bool listed;        /* by the engine, when asked last */
    uint64_t memory;    /* bytes it may have; 0: not limited */
    char *image, *id;   /* `id` NULL: not created yet */
    char *called;       /* the container */
    unsigned n_names;   /* that were taken */
    char *body;         /* that creates it */
    char *credentials;
    struct later_waiters starters, stoppers;
    struct error *trouble;
    struct docker_end end;
    struct docker_attach *attach;
    struct http_exchange *exchange; /* the one step under way */
    struct http_exchange *stats;    /* followed where devices are not emulated */
    struct fabric_usage usage;
};

/* The other side of a device: the container that holds its network namespace. */
struct docker_holder {
    char *id;
    pid_t pid;
};

struct docker {
    struct fabric fabric; /* first */
    struct site site;
    struct fabric_events events;
    struct later *later;
    struct docker_engine engine;
    struct http *http;
    char *application;
    char *network;    /* of the run: "brume-1a2b3c" */
    char *controller; /* the address on which it listens */
    uid_t user;       /* of the containers */
    gid_t user_group;
    bool emulated;
    struct emulation emulation;
    struct docker_holder *holders; /* by device; NULL: not emulated */
    struct fabric_usage *past;     /* by device: of stages that ended */
    struct docker_stage *stages;
    struct http_exchange *watching; /* /events */
    uv_timer_t *again;              /* when they are to be watched anew */
    bool silent;                    /* the engine is away, and that was told */
};

extern const struct fabric_ops docker_ops;

int docker_open(const struct fabric_config *config, struct fabric **ret_fabric,
                struct error *err);
/* Everything, with all containers; what was asked for is settled first. */
void docker_destroy(struct docker *docker);

/* docker_open.c: enters what the run has at the engine in a ledger that was just begun. */
int docker_enter(struct docker *docker, struct error *err);

/* A word for the user, while it runs. */
void docker_note(struct docker *docker, const char *format, ...) PRINTF_LIKE(2, 3);

/* docker_devices.c: control groups, holders and links. What cannot be emulated here is noted.
 */
int docker_emulate(struct docker *docker, const struct testbed *testbed, struct error *err);

/* docker_mount.c: what of `mounts` the containers' user may not use is made, given to it, or
 * refused. */
int docker_prepare_mounts(struct docker *docker, size_t n_mounts,
                          const struct fabric_mount *mounts, struct error *err);

/* docker_stage.c */
struct docker_stage *docker_stage_find(struct docker *docker, const char *name);
struct docker_stage *docker_stage_find_id(struct docker *docker, const char *id);
int docker_stage_begin(struct docker *docker, const struct fabric_start *what, size_t device,
                       fabric_done_fn done, void *owner, struct error *err);
void docker_stage_stop(struct docker_stage *stage, fabric_done_fn done, void *owner);
/* docker_end.c */
void docker_stage_ask(struct docker_stage *stage, const char *method, const char *path,
                      const char *body, http_done_fn done);
void docker_stage_remove(struct docker_stage *stage);
/* It cannot be started: those who asked for it hear why. */
void docker_stage_fail(struct docker_stage *stage, const struct error *err);
/* The engine says that its container ended, or is not there. */
void docker_stage_died(struct docker_stage *stage);
/* The kernel killed something in it for want of memory. */
void docker_stage_starved(struct docker_stage *stage);
void docker_stage_destroy(struct docker_stage *stage); /* calls nobody */

/* docker_usage.c */
void docker_usage_follow(struct docker_stage *stage);
void docker_usage_end(struct docker_stage *stage);
int docker_usage_read(struct docker *docker, size_t device, struct fabric_usage *ret_usage,
                      struct error *err);

/* docker_events.c */
void docker_events_watch(struct docker *docker);

#endif
