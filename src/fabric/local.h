/* What local.c (stages) and local_open.c (devices) share. Not for others: they
 * use fabric_open("local", …). */
#ifndef FABRIC_LOCAL_H
#define FABRIC_LOCAL_H

#include <uv.h>

#include "fabric/emulation.h"
#include "fabric/fabric.h"
#include "fabric/later.h"
#include "fabric/site.h"

struct local;

struct local_stage {
    struct local_stage *next;
    struct local *local;
    char *name;
    size_t device; /* index */
    pid_t pid;
    int pidfd;
    uv_poll_t watch; /* of the pidfd */
    bool stopping;   /* its end was asked for */
    struct later_waiters waiters;
};

struct local {
    struct fabric fabric; /* first */
    struct site site;
    struct fabric_events events;
    struct later *later;
    char *program; /* brume-stage */
    bool emulated;
    uint64_t *past_cpu_ns;  /* by device: of stages that ended, in nanoseconds */
    uint64_t *memory_kills; /* by device: seen so far */
    struct emulation emulation;
    struct local_stage *stages;
};

extern const struct fabric_ops local_ops;

int local_open(const struct fabric_config *config, struct fabric **ret_fabric,
               struct error *err);

/* Everything but the stages. */
void local_destroy(struct local *local);

#endif
