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
    double busy;       /* the same as a part of its device's */
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
    json_t *plan; /* plan_to_json() */
    bool unsaved; /* something changed that a controller that comes back has to know */
    struct application *now;      /* what it was updated to; NULL: it was not */
    struct update *update;        /* that may have to be undone, or NULL */
    struct application *before;   /* what it was then; NULL: as the session's */
    struct broker *broker;        /* NULL: none is asked for */
    struct memory_folder *memory; /* NULL: the run remembers no longer than it lasts */
    json_t *checkpoints;          /* checkpoints.h; NULL: stages find them on their disks */
    char data_token[CONTROL_TOKEN_SIZE], name[CONTROL_TOKEN_SIZE];
    uv_timer_t timer, progress, deadline;
    unsigned n_timers; /* that are being closed */
    bool ready;        /* every stage was, once */
    uint64_t began_ms; /* when they were, or when the first frame was there; 0: not yet */
    double seconds;    /* from then to the end */
    bool draining, stopping;
};

/* run_report.c: what is to run where, until progress tells; progress, once a second; what
 * operators refused; the last word, once every stage is gone. */
void run_say_stages(struct session *session);
void run_say_progress(uv_timer_t *timer);
void run_warn(struct session *session);
void run_say_report(struct session *session);
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
/* run_resume.c: a run that outlives its controller. run_save() keeps what is needed, if that
 * has changed; run_resume() takes up a run that was left, as it was kept. -ESTALE: it is that
 * of another manifest; -EINVAL: it cannot be read. */
void run_save(struct session *session);
int run_resume(struct session *session, const char *saved, struct error *err);
/* Ends a stage of an earlier controller, which may not be there, and starts it anew. */
void run_replace_stage(struct session *session, size_t index);
/* What run_start() and run_resume() have in common: timers, and what is foreseen. Takes
 * `deployment`. */
void run_open(struct session *session, struct deployment *deployment);
/* Looks whether the last update has proved itself. */
void run_check_update(struct session *session);
/* A stage does not get anywhere: false when no update is to blame. */
bool run_undo_update(struct session *session, size_t index, const char *why);
void run_free_update(struct run *run);
/* Does what the reconciler says until it has nothing to say. */
void run_reconcile(struct session *session);
double run_seconds(const struct run *run); /* since every stage was ready */
/* What the plan foresees of each stage. */
void run_foresee(const struct plan *plan, struct actor *actors, size_t n_stages);

#endif
