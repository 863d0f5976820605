/* What run.c, the life of a run, and run_stages.c, its stages, share. */
#ifndef CONTROLLER_RUN_STATE_H
#define CONTROLLER_RUN_STATE_H

#include "controller/broker.h"
#include "controller/memory_folder.h"
#include "controller/session.h"

/* What is known of a stage beyond the reconciler's state. */
struct actor {
    char *address; /* of its data links */
    bool finished, gone;
    bool waits_for_frame; /* it was replaced, and has not worked since */
};

/* How far an operator's words were printed. */
struct speaker {
    const char *name;
    uint64_t mark;
};

struct run {
    struct deployment *deployment;
    struct reconcile reconcile;
    struct actor *actors;
    struct speaker *speakers; /* by operator of the deployment */
    struct tally *tally;
    struct broker *broker;        /* NULL: none is asked for */
    struct memory_folder *memory; /* NULL: the run remembers no longer than it lasts */
    char data_token[CONTROL_TOKEN_SIZE], name[CONTROL_TOKEN_SIZE];
    uv_timer_t timer, progress, deadline;
    bool ready;        /* every stage was, once */
    uint64_t began_ms; /* when they were, or when the first frame was there; 0: not yet */
    double seconds;    /* from then to the end */
    bool draining, stopping;
};

/* What outlives a stage is kept here: in the user's folder, or in the run's. */
const char *run_folder(const struct session *session);
/* Does what the reconciler says until it has nothing to say. */
void run_reconcile(struct session *session);
/* By stage: the part of its device's CPU that the plan foresaw. malloc'ed. */
double *run_predict_busy(const struct plan *plan, size_t n_stages);

#endif
