/* What run.c, the life of a run, run_stages.c, its stages, and run_update.c share. */
#ifndef CONTROLLER_RUN_STATE_H
#define CONTROLLER_RUN_STATE_H

#include "base/error.h"
#include "controller/broker.h"
#include "controller/memory_folder.h"
#include "controller/session.h"
#include "controller/standing.h"
#include "controller/update.h"

/* What is known of a stage beyond the reconciler's state. */
struct actor {
    struct session *session;
    uint64_t asked_ms; /* when it was asked for */
    char *address;     /* of its data links */
    char *planned;     /* the device it was planned for; where it is says the deployment */
    unsigned life;     /* how often it has ended */
    double cores;      /* CPU that the plan foresees; 0: not known */
    uint64_t memory;   /* bytes */
    bool placeless;    /* no device can take it now */
    bool finished, gone;
    bool waits_for_frame; /* it was replaced, and has not worked since */
    uint64_t mark;        /* the highest that it told in any of its lives */
    struct error last;    /* how a life ended, in a sentence */
    bool told;            /* it is its own, and of the life that is ending */
};

/* How far an operator's words were printed. */
struct speaker {
    const char *name;
    uint64_t mark;
};

struct run {
    struct deployment *deployment;
    struct reconcile reconcile;
    struct standing standing; /* of the session's devices */
    struct actor *actors;
    struct speaker *speakers; /* by operator of the deployment */
    struct tally *tally;
    struct application *now;      /* what it was updated to; NULL: it was not */
    struct update *update;        /* that may have to be undone, or NULL */
    struct application *before;   /* what it was then; NULL: as the session's */
    struct broker *broker;        /* NULL: none is asked for */
    struct memory_folder *memory; /* NULL: the run remembers no longer than it lasts */
    char data_token[CONTROL_TOKEN_SIZE], name[CONTROL_TOKEN_SIZE];
    uv_timer_t timer, progress, deadline;
    unsigned n_timers; /* that are being closed */
    bool ready;        /* every stage was, once */
    uint64_t began_ms; /* when they were, or when the first frame was there; 0: not yet */
    double seconds;    /* from then to the end */
    bool draining, stopping;
};

/* What a stage told of itself: how far it has got, and that it ends, and why. */
void run_heard_report(struct session *session, size_t index, const json_t *report);
void run_heard_failure(struct session *session, size_t index, const json_t *message);
/* A stage is gone, and is started again or given up. */
void run_lost_stage(struct session *session, size_t index, const char *how);
/* It may live, but is not heard: it is ended, fenced, and started again. */
void run_silent_stage(struct session *session, size_t index);
/* run_place.c: where stages run. run_place() is false when nothing can take the stage now. */
void run_place_open(struct session *session);
void run_place_close(struct run *run);
bool run_place(struct session *session, size_t index);
/* Looks whether the last update has proved itself. */
void run_check_update(struct session *session);
/* A stage does not get anywhere: false when no update is to blame. */
bool run_undo_update(struct session *session, size_t index, const char *why);
void run_free_update(struct run *run);
/* Does what the reconciler says until it has nothing to say. */
void run_reconcile(struct session *session);
double run_seconds(const struct run *run); /* since every stage was ready */
/* By stage: the part of its device's CPU that the plan foresaw. malloc'ed. */
double *run_predict_busy(const struct plan *plan, size_t n_stages);
/* What the plan foresees of each stage, in cores and bytes. */
void run_foresee(const struct plan *plan, struct actor *actors, size_t n_stages);

#endif
