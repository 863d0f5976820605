/* What to do next about one Application object of a cluster. Pure: the shell (resources.h)
 * tells what it sees, carries out what this says, and tells how it went. Times in milliseconds.
 *
 *   new, changed    the finalizer is put on it, so that it cannot go while it has stages; what
 *                   an earlier controller kept of it is read; the server is asked to run it
 *   failed          tried again after 10 s, 20 s, … 5 min, until it has run for a while
 *   to be deleted   its frames under way arrive, COURSE_DRAIN_MS from then at most; it ends;
 *                   the finalizer is taken away. What runs under an earlier controller is taken
 *                   up first, for which there are COURSE_TAKE_UP_MS, however late it is
 *   gone            it ends at once, and so it does when another of its name is there
 *
 * One request about an object is under way at a time. What the API server does not take is
 * asked again later and later; nothing is asked twice in a row without a wait.
 */
#ifndef CONTROLLER_COURSE_H
#define CONTROLLER_COURSE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    COURSE_DRAIN_MS = 60000,
    COURSE_TAKE_UP_MS = 20000,
    COURSE_RETRY_MS = 10000, /* after the first failure; doubled each time */
    COURSE_RETRY_MOST_MS = 300000,
    COURSE_STEADY_MS = 600000, /* it ran for so long: what it failed with before is over */
    COURSE_ASK_MS = 1000,      /* after a request that was not taken; doubled each time */
    COURSE_ASK_MOST_MS = 60000,
};

enum course_action {
    COURSE_WAIT,   /* until something is seen, or the clock reaches `when` (0: never) */
    COURSE_BIND,   /* put the finalizer on it */
    COURSE_UNBIND, /* take it away */
    COURSE_LOAD,   /* what an earlier controller kept of its run */
    COURSE_APPLY,
    COURSE_DRAIN, /* delete it at the server */
    COURSE_END,   /* the same, at once */
    COURSE_WRITE, /* its status */
    COURSE_FORGET,
};

/* Requests that may be refused, each with its patience. */
struct course_patience {
    unsigned n_failures; /* in a row */
    uint64_t not_before;
};

struct course {
    /* Seen. */
    bool there;          /* the object is */
    bool other;          /* it is not the one that the server holds */
    bool deleted;        /* it is to be: its finalizers are waited for */
    uint64_t deleted_at; /* when that was asked for */
    bool bound;          /* the finalizer is on it */
    bool changed;        /* it asks for something else than the server was asked for last */
    bool loaded;         /* what an earlier controller kept is known */
    bool kept;           /* and is a run that can be taken up */
    bool held;           /* the server has it */
    bool failed;         /* its session has ended, and another may do better */
    uint64_t due;        /* of its status; 0: it is as it should be */
    /* Done. */
    bool asking;          /* a request is under way */
    bool rising;          /* it is taken up to be drained, and does not run yet */
    bool draining;        /* the server was told to delete it */
    bool ending;          /* at once */
    uint64_t drain_until; /* 0: it is not to be deleted */
    unsigned tries;       /* sessions that failed, in a row */
    uint64_t ran_since;
    uint64_t retry_at;
    struct course_patience binding, writing;
};

/* The next thing to do; BIND, UNBIND, LOAD and WRITE count as under way until
 * course_answered(). */
enum course_action course_next(struct course *course, uint64_t now, uint64_t *ret_when);
/* The API server has answered; false: it did not take it. */
void course_answered(struct course *course, enum course_action action, bool taken,
                     uint64_t now);
/* The server was asked to run it; false: it refused. */
void course_applied(struct course *course, bool accepted);
/* Every stage is ready. */
void course_runs(struct course *course, uint64_t now);
/* Its session has ended: with an error that another session may not have, or not. */
void course_ended(struct course *course, bool failed, uint64_t now);
/* The server has it no more. */
void course_gone(struct course *course);
/* How long it is waited for the next session; 0: it is not. */
uint64_t course_retry_ms(const struct course *course);

#endif
