/* What measuring.c, which asks, and measuring_told.c, which takes in what is told, share. */
#ifndef CONTROLLER_MEASURING_STATE_H
#define CONTROLLER_MEASURING_STATE_H

#include "controller/session.h"

enum { DEATHS_MOST = 3 }; /* in a row, of stages that told nothing */

struct measuring {
    unsigned round, deaths;
    size_t n_wants, n_done; /* of this round */
    struct profile_want *wants;
    bool *asked, *told; /* by want */
    size_t current;     /* the want that the stage is at; n_wants: none */
    size_t n_told;      /* by this stage */
    unsigned device;
    uv_timer_t patience; /* until it says hello */
    bool running;        /* a stage is up */
    bool finished;       /* and has told everything */
};

/* Which of the wants the stage speaks of; n_wants: none of them. */
size_t measuring_want(const struct measuring *measuring, size_t index, const json_t *message);
/* An operator or a part of it was measured. */
void measuring_take(struct session *session, size_t index, const json_t *message);
/* The stage has fetched its files, which says how fast its device's link is. */
void measuring_take_link(struct session *session, const json_t *message);
/* Takes note of it when a stage was starved by the first thing it did; when it got to none,
 * again and again, of all that it was asked: what feeds that has no room there, either. */
void measuring_note_starved(struct session *session);
/* An operator was not measured, and why; NULL: another is to blame, which has been told. */
void measuring_give_up(struct session *session, size_t index, const char *why);
/* No operator downstream has anything to be measured on: that is wrong with the data. */
void measuring_fail_unusable(struct session *session, size_t index, const char *why);

#endif
