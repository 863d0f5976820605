/* One request of the command line, from its first line to its last word:
 *
 *   open      request -> fabric, application, profiles                    session.c
 *   measure   what the planner lacks, stage by stage, then plan again     measuring.c
 *   run       stages started, watched, replaced; drained; reported        run.c
 *   close     everything ended, nothing left
 */
#ifndef CONTROLLER_SESSION_H
#define CONTROLLER_SESSION_H

#include <stdbool.h>
#include <uv.h>

#include "controller/application.h"
#include "controller/control.h"
#include "controller/front.h"
#include "controller/reconcile.h"
#include "controller/request.h"
#include "controller/tally.h"
#include "controller/update.h"
#include "fabric/fabric.h"
#include "graph/deployment.h"
#include "planner/planner.h"

struct carry;
struct cluster;
struct measuring;
struct run;
struct watching;

struct session {
    uv_loop_t *loop;
    struct cluster *cluster; /* of a server in a cluster, set before it starts; or NULL */
    struct front *front;
    struct request *request; /* NULL: not asked yet */
    bool closing;
    int code;             /* exit code: sysexits */
    uint64_t patience_ms; /* for a stage to say hello */

    struct fabric *fabric;
    size_t n_devices;
    const struct fabric_device *devices;
    struct control *control;
    struct carry *carry;       /* files for stages on other machines */
    struct watching *watching; /* whether these are heard; NULL: they are all here */
    struct application *application;
    struct profile_store *profiles;
    bool unsaved; /* they cannot be saved, and that was told */
    struct planner_problem *problem;
    struct plan *plan;

    struct measuring *measuring; /* while it lasts */
    struct run *run;
};

/* Takes its request from standard input; with a `listener` (copied), from session_start(). */
struct session *session_create(uv_loop_t *loop, const struct front_listener *listener);
/* Takes a request and its application. What goes wrong is said at the front. */
void session_start(struct session *session, struct request *request,
                   struct application *application);
/* Gives it another manifest, when that is UPDATE_IN_PLACE; only then it takes it. */
enum update_kind session_update(struct session *session, struct application **after);
/* Ends at once, and leaves the stages to a later controller; where they cannot outlive this
 * one, they end. */
void session_leave(struct session *session);
/* Lets the frames under way arrive, then closes. */
void session_drain(struct session *session);
/* After the loop has run out; returns the exit code. */
int session_destroy(struct session *session);

/* Something that the user should know. */
void session_note(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
/* Says the error and closes with error_exit_code(err, otherwise). */
void session_fail(struct session *session, const struct error *err, int otherwise);
void session_close(struct session *session, int code);
/* Makes the problem from what is known, and then the plan for it; they say nothing. */
int session_prepare(struct session *session, struct error *err);
int session_plan(struct session *session, struct error *err);
void session_say_plan(struct session *session);
/* Called by measuring.c when nothing more is wanted. */
void session_measured(struct session *session);
/* Where the devices of one type run something now; NULL: none. */
const struct fabric_device *session_device(const struct session *session, const char *name);

/* A stage of a deployment, and what the plan foresees of it: 0 where nothing is known. */
struct stage_start {
    const struct deployment *deployment;
    size_t index;
    unsigned life;  /* how often it was started before */
    bool rehearses; /* it writes to the run's folder alone */
    double cores;
    uint64_t memory; /* bytes */
    fabric_done_fn done;
    void *owner;
};
/* Asks the fabric for it, with all it needs. */
int session_start_stage(struct session *session, const struct stage_start *what,
                        struct error *err);
/* Gives it the piece that it wants. */
void session_give_piece(struct session *session, const char *stage, const json_t *message);

/* run_resume.c: the authority that an earlier controller kept, to be freed by memory_wipe();
 * NULL: there is none. */
char *session_saved_authority(const struct session *session);
/* Takes up what it left, if it left anything; false: the application begins anew, and what was
 * left and cannot be taken up is ended. */
bool session_resume(struct session *session);
/* The deployment as stages of the session's fabric have to see it. */
json_t *session_deployment(const struct session *session, const struct deployment *deployment);
/* What the stage has to fetch before it can do what it is asked, for the message that asks. */
json_t *session_files(const struct session *session, const char *stage);

/* session_watch.c: stages on other machines are heard, or taken for cut off. */
enum { SESSION_SILENCE_MS = 2000 };
void session_watch(struct session *session);
void session_watch_hello(struct session *session); /* a stage is there */
void session_unwatch(struct session *session);
/* What outlives a stage is kept here: in the user's folder, or in the run's. */
const char *session_folder(const struct session *session);

/* Measures what the planner wants to know, plans again, until it wants no more. */
void measuring_start(struct session *session);
void measuring_stop(struct session *session);
void measuring_hello(struct session *session, const char *stage);
void measuring_said(struct session *session, const char *stage, const json_t *message);
void measuring_silent(struct session *session);
void measuring_gone(struct session *session, const char *how, bool starved);

/* The negative errno of a stage's `failed`. */
int run_failure_code(const json_t *message);

/* Gives a run another manifest; takes it only when it is UPDATE_IN_PLACE. */
enum update_kind run_update(struct session *session, struct application **after);

/* Runs the plan. */
int run_start(struct session *session, struct error *err);
void run_drain(struct session *session);
void run_stop(struct session *session);
void run_hello(struct session *session, const char *stage);
void run_said(struct session *session, const char *stage, const json_t *message);
void run_gone(struct session *session, const char *stage, const char *how);
/* Looks for stages that are not heard, and for work to give back. */
void run_watch(struct session *session);
/* A device can be used, or not any more. */
void run_device(struct session *session, const char *device, bool usable, const char *why);

#endif
