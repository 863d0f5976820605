/* The keeper: a small process that outlives the controller by a moment, to undo its ledger.
 *
 * It holds the reading end of a pipe whose other end only the controller has. When that end
 * closes, for whatever reason (SIGKILL included), it undoes the ledger and ends. It is in a
 * session of its own and deaf to the signals with which a person stops a program. If it is
 * killed itself, its pidfd tells the controller, which starts another.
 */
#ifndef FABRIC_KEEPER_H
#define FABRIC_KEEPER_H

#include <sys/types.h>

#include "base/base.h"

struct error;
struct ledger;

struct keeper {
    pid_t pid;
    int pidfd; /* readable when the keeper is gone */
    int pipe;
};

int keeper_start(struct ledger *ledger, struct keeper *ret_keeper, struct error *err);

/* Waits for one that was killed. */
void keeper_reap(struct keeper *keeper);

/* Lets it go and waits for its end; accepts a keeper that never started (pid 0). */
void keeper_stop(struct keeper *keeper);

#endif
