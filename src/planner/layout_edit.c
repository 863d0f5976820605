/* Small changes of a layout: the moves that the search is made of. */
#include <string.h>

#include "planner/search.h"

void layout_clear(struct layout *layout)
{
    layout->n_groups = 0;
    memset(layout->team, LAYOUT_NONE, sizeof(layout->team));
}

static void teams_renumber(struct layout *layout, int after, int by)
{
    for (size_t device = 0; device < PLANNER_DEVICES_MAX; device++) {
        if (layout->team[device] > after) {
            layout->team[device] = (int16_t)(layout->team[device] + by);
        }
    }
}

static void team_dissolve(struct layout *layout, unsigned group)
{
    for (size_t device = 0; device < PLANNER_DEVICES_MAX; device++) {
        if (layout->team[device] == (int)group) {
            layout->team[device] = LAYOUT_NONE;
        }
    }
}

bool layout_split(struct layout *layout, unsigned group, unsigned at, bool left_keeps,
                  size_t device)
{
    if (layout->n_groups == PLANNER_GROUPS_MAX || at <= layout->groups[group].from ||
        at >= layout->groups[group].to) {
        return false;
    }
    struct layout_group *left = &layout->groups[group], *right = left + 1;

    memmove(right, left, (layout->n_groups - group) * sizeof(*left));
    layout->n_groups++;
    left->to = right->from = (uint16_t)at;
    teams_renumber(layout, left_keeps ? (int)group : (int)group - 1, 1);
    (left_keeps ? right : left)->single = (int16_t)device;
    return true;
}

void layout_merge(struct layout *layout, unsigned group, bool keep_left)
{
    struct layout_group *left = &layout->groups[group], *right = left + 1;

    team_dissolve(layout, keep_left ? group + 1 : group);
    teams_renumber(layout, (int)group, -1);
    if (!keep_left) {
        left->single = right->single;
    }
    left->to = right->to;
    layout->n_groups--;
    memmove(right, right + 1, (layout->n_groups - group - 1) * sizeof(*left));
}

void layout_move(struct layout *layout, unsigned group, size_t device)
{
    team_dissolve(layout, group);
    layout->groups[group].single = (int16_t)device;
}

bool layout_join(struct layout *layout, unsigned group, size_t device)
{
    struct layout_group *joined = &layout->groups[group];

    if (layout->team[device] == (int)group || joined->single == (int)device) {
        return false;
    }
    if (joined->single != LAYOUT_TEAM) {
        layout->team[joined->single] = (int16_t)group;
        joined->single = LAYOUT_TEAM;
    }
    layout->team[device] = (int16_t)group;
    return true;
}

bool layout_leave(struct layout *layout, size_t device, size_t n_devices)
{
    int team = layout->team[device], left = 0;
    size_t last = 0;

    if (team < 0) {
        return false;
    }
    layout->team[device] = LAYOUT_NONE;
    for (size_t i = 0; i < n_devices; i++) {
        if (layout->team[i] == team) {
            left++;
            last = i;
        }
    }
    if (left == 1) {
        layout_move(layout, (unsigned)team, last);
    }
    return left > 0;
}
