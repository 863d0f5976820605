/* The search for a good layout: state, moves, and where it starts from.
 *
 * Private to the planner. The search goes through the devices in their order: what was found
 * for the first m is where the search for m + 1 starts, with an effort that depends on m alone.
 * That makes "never slower with one more device" a property of the construction.
 */
#ifndef PLANNER_SEARCH_H
#define PLANNER_SEARCH_H

#include "planner/layout.h"

struct search {
    const struct planner_problem *problem;
    size_t n_devices;         /* the first so many are in use */
    struct layout best;       /* valid when merit > -INFINITY */
    double merit;             /* larger is better; frames/s when only the rate counts */
    size_t tries, most_tries; /* layouts weighed, and when to stop */
    unsigned alike[PLANNER_DEVICES_MAX]; /* per device: the first one that is alike */
    struct layout_weight weight;
};

/* How good a layout is; -INFINITY: not allowed, or worse than `at_least`. Wishes that are not
 * met make it negative: how much is missing, as a part of the wish. */
double search_merit(struct search *search, const struct layout *layout, double at_least);

/* Keeps the layout if it beats the best. */
bool search_try(struct search *search, const struct layout *layout);

/* Devices that differ for the purpose of a move: of those that are alike and do the same, one.
 */
size_t search_representatives(const struct search *search, const struct layout *layout,
                              uint16_t *ret_devices);

/* Improves the best by moves until none helps or the tries are used up. */
void search_climb(struct search *search);

/* Fewer devices, fewer processes, less traffic: as long as the merit stays above `floor`. */
void search_simplify(struct search *search, struct layout *layout, double floor);
/* Whether `a` reaches the floor and is simpler than `b`. */
bool search_simpler(struct search *search, const struct layout *a, const struct layout *b,
                    double floor);

/* ---- edits: layout_edit.c ---- */

void layout_clear(struct layout *layout);
/* Cuts a group in two; the part that does not keep the members goes to `device` alone. */
bool layout_split(struct layout *layout, unsigned group, unsigned at, bool left_keeps,
                  size_t device);
/* Joins a group with the next; the members are those of the left or of the right one. */
void layout_merge(struct layout *layout, unsigned group, bool keep_left);
void layout_move(struct layout *layout, unsigned group, size_t device);
/* A device joins a group's team; false: it is there already. */
bool layout_join(struct layout *layout, unsigned group, size_t device);
/* A device leaves its team; a team of one becomes a single group. */
bool layout_leave(struct layout *layout, size_t device, size_t n_devices);

/* ---- starting points ---- */

void search_seed(struct search *search); /* seed.c: ends and a replicated middle */
/* seed.c: the same with ends that reach into models, where there are no replicas: a climb from
 * the operators' boundaries has to pass through worse plans. */
void search_seed_within(struct search *search);
void search_seed_chain(struct search *search); /* chain.c: every device at most once, exact */
/* exact.c: all layouts; false: more than `most_nodes` would have to be looked at. */
bool search_exact(struct search *search, size_t most_nodes);

/* bound.c: no layout on the first n_devices has a higher rate. */
double search_bound(const struct planner_problem *problem, size_t n_devices);

/* plan.c: the plan that a layout is; `exact`: all others were looked at. */
struct plan *search_plan(struct search *search, const struct layout *layout, bool exact);

/* cuts.c: for the explanation. */
double cuts_single_rate(struct search *search);
void cuts_consider(struct search *search, struct plan *plan);

#endif
