/* A controller in a cluster. Several may run; the one that holds the Lease `brume-controller`
 * acts, the others wait for their turn.
 *
 *   wait     for the lease
 *   open     nodes and pods are listed, profiles loaded
 *   act      resources.h
 *   leave    at SIGTERM, or when the lease is lost: stages stream on, and whoever acts next
 *            takes them up; who lost it writes nothing more, others may have for seconds
 *
 * One that has lost the lease ends, for who started it to start it again: nothing of what it
 * knew is of use any more.
 */
#ifndef CONTROLLER_LEADER_H
#define CONTROLLER_LEADER_H

#include <uv.h>

#define LEADER_LEASE "brume-controller"
#define LEADER_FILES "/var/lib/brume/files"

struct leader_setup {
    const char *space; /* watched; NULL: all namespaces */
    const char *http;  /* WEB_ADDRESS */
    const char *files; /* LEADER_FILES */
};

/* Runs the loop until it is told to end; the exit code. EX_TEMPFAIL: the lease was lost. */
int leader_run(uv_loop_t *loop, const struct leader_setup *setup);

#endif
