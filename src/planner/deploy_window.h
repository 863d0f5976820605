/* How many frames may be under way, and where channels are. Private to deploy.c. */
#ifndef PLANNER_DEPLOY_WINDOW_H
#define PLANNER_DEPLOY_WINDOW_H

#include "planner/planner.h"

enum { DEPLOY_CREDIT = 2 }; /* frames that a receiver grants each sender of a channel */

/* Calls for each channel of the plan in turn, beginning with {0}: one for each flow and group
 * that reads it. */
struct channel_walk {
    size_t flow, to;
    unsigned from_group, to_group;
};
bool channel_next(const struct plan *plan, struct channel_walk *walk);

/* Frames that may be under way between a source and its sinks. `ret_hops`, for each group: the
 * channels on the longest way to it. */
unsigned deploy_window(const struct plan *plan, unsigned *ret_hops);

#endif
