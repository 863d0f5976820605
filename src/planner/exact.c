/* All layouts of a small problem, depth first: the next group's end, and where it goes. A
 * beginning that cannot reach the best rate so far is not continued: whatever is added only
 * takes capacity away from it. Of devices that are alike and idle, only the first is tried.
 */
#include <math.h>
#include <string.h>

#include "planner/problem.h"
#include "planner/search.h"

struct level {
    unsigned to;
    unsigned placement; /* 1..2^devices - 1: a set of devices; 0: before the first */
};

static bool device_idle(const struct layout *layout, unsigned groups, size_t device)
{
    for (unsigned i = 0; i < groups; i++) {
        if (layout->groups[i].single == (int)device) {
            return false;
        }
    }
    return layout->team[device] < 0 || layout->team[device] >= (int)groups;
}

/* A set is skipped when exchanging a device for an idle one that is alike gives an earlier set.
 */
static bool set_is_first(const struct search *search, const struct layout *layout,
                         unsigned groups, unsigned set)
{
    for (size_t device = 0; device < search->n_devices; device++) {
        if ((set >> device & 1) == 0 || !device_idle(layout, groups, device)) {
            continue;
        }
        for (size_t other = 0; other < device; other++) {
            if (search->alike[other] == search->alike[device] && (set >> other & 1) == 0 &&
                device_idle(layout, groups, other)) {
                return false;
            }
        }
    }
    return true;
}

static void team_clear(struct layout *layout, unsigned group)
{
    for (size_t device = 0; device < PLANNER_DEVICES_MAX; device++) {
        if (layout->team[device] >= (int)group) {
            layout->team[device] = LAYOUT_NONE;
        }
    }
}

/* Puts the set on the level's group; false: a device is in another team. */
static bool place(const struct search *search, struct layout *layout, unsigned group,
                  const struct level *level)
{
    unsigned from = group == 0 ? 0 : layout->groups[group - 1].to;
    unsigned set = level->placement;
    bool team = (set & (set - 1)) != 0;

    team_clear(layout, group);
    layout->n_groups = group + 1;
    layout->groups[group] = (struct layout_group){
        .from = (uint16_t)from,
        .to = (uint16_t)level->to,
        .single = (int16_t)(team ? LAYOUT_TEAM : __builtin_ctz(set)),
    };
    for (size_t device = 0; team && device < search->n_devices; device++) {
        if ((set >> device & 1) == 0) {
            continue;
        }
        if (layout->team[device] >= 0) {
            return false;
        }
        layout->team[device] = (int16_t)group;
    }
    return set_is_first(search, layout, group, set);
}

/* Whether the beginning may become a layout that beats the best. */
static bool promising(struct search *search, const struct layout *layout)
{
    const struct planner_problem *problem = search->problem;
    struct layout_weight *weight = &search->weight;

    weight->n_devices = search->n_devices;
    if (!layout_weigh(weight, layout)) {
        return false;
    }
    if (problem->objective != GRAPH_THROUGHPUT || search->merit <= 0) {
        return true;
    }
    return layout_reaches(weight, layout, search->merit * (1 + 1e-6));
}

bool search_exact(struct search *search, size_t most_nodes)
{
    struct level levels[PLANNER_GROUPS_MAX + 1];
    unsigned n = (unsigned)search->problem->n_atoms, depth = 0;
    unsigned sets = 1U << search->n_devices;
    struct layout layout;
    size_t nodes = 0;

    layout_clear(&layout);
    levels[0] = (struct level){.to = 1};
    while (true) {
        struct level *level = &levels[depth];

        level->placement++;
        if (level->placement == sets) {
            level->placement = 1;
            level->to++;
        }
        if (level->to > n) {
            team_clear(&layout, depth);
            if (depth == 0) {
                return true;
            }
            depth--;
            continue;
        }
        if (++nodes > most_nodes) {
            return false;
        }
        if (!place(search, &layout, depth, level) || !promising(search, &layout)) {
            continue;
        }
        if (level->to == n) {
            search_try(search, &layout);
        } else if (depth + 1 < PLANNER_GROUPS_MAX) {
            levels[++depth] = (struct level){.to = level->to + 1};
        }
    }
}
