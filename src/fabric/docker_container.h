/* What a container of brume's is like, and what its end means. Pure: descriptions in, JSON of
 * the Engine API out, and the other way round.
 *
 * Every container has a read-only root and a small /tmp in memory, an unprivileged user, no
 * capabilities, no way to gain any, a limit on processes, and labels that say whose it is. Its
 * credentials are not in it: they come on its standard input.
 */
#ifndef FABRIC_DOCKER_CONTAINER_H
#define FABRIC_DOCKER_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/json.h"

struct fabric_mount;

struct docker_container {
    const char *run, *application; /* the latter may be NULL */
    const char *stage;             /* NULL: it only holds the device's network */
    const char *device;
    const char *image;             /* with its tag */
    const char *controller;        /* of a stage */
    const char *cache, *operators; /* BRUME_CACHE and BRUME_OPERATORS; or NULL */
    const char *network;           /* "brume-1a2b3c", "none", "container:ID" */
    const char *group; /* control group to be below, "/brume-1a2b3c/1"; NULL: the engine's */
    int cpu;           /* the only one it may run on; -1: any */
    uint64_t memory;   /* bytes; 0: not limited */
    uid_t user;
    gid_t user_group;
    size_t n_mounts;
    const struct fabric_mount *mounts;
};

/* The body of /containers/create. */
json_t *docker_container_describe(const struct docker_container *container);

/* "brume-street-infer-1-1a2b3c", with what a name may not have replaced; malloc'ed. */
char *docker_container_name(const struct docker_container *container);

struct docker_end {
    bool runs;
    char how[96];
    bool killed;  /* by signal 9 */
    bool starved; /* that was for want of memory */
};

/* From the answer of /containers/ID/json. */
void docker_container_judge(const json_t *inspected, struct docker_end *ret_end);

#endif
