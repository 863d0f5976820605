/* The cuts that the explanation shows: each on its own, with a group on either side. */
#include <math.h>

#include "base/memory.h"
#include "planner/problem.h"
#include "planner/search.h"

enum { KINDS_MOST = 6 };

/* The first device of each kind, and a second one where there is one. */
static size_t pair_devices(const struct search *search, uint16_t *ret_devices)
{
    size_t n = 0, kinds = 0;

    for (size_t device = 0; device < search->n_devices && kinds <= KINDS_MOST; device++) {
        size_t before = 0;

        for (size_t i = 0; i < n; i++) {
            before += search->alike[ret_devices[i]] == search->alike[device];
        }
        kinds += before == 0;
        if (before < 2 && kinds <= KINDS_MOST) {
            ret_devices[n++] = (uint16_t)device;
        }
    }
    return n;
}

static double cut_rate(struct search *search, unsigned at)
{
    const struct planner_problem *problem = search->problem;
    uint16_t devices[PLANNER_DEVICES_MAX];
    size_t n = pair_devices(search, devices);
    double best = 0;

    for (size_t i = 0; i < n * n; i++) {
        struct layout layout;
        uint16_t left = devices[i / n], right = devices[i % n];

        if (left == right) {
            continue;
        }
        layout_clear(&layout);
        layout.n_groups = 2;
        layout.groups[0] = (struct layout_group){0, (uint16_t)at, (int16_t)left};
        layout.groups[1] =
            (struct layout_group){(uint16_t)at, (uint16_t)problem->n_atoms, (int16_t)right};
        if (layout_weigh(&search->weight, &layout)) {
            best = fmax(best, layout_rate(&search->weight, &layout, best));
        }
    }
    return best;
}

double cuts_single_rate(struct search *search)
{
    double best = 0;

    search->weight.n_devices = search->n_devices;
    for (size_t device = 0; device < search->n_devices; device++) {
        struct layout layout;

        layout_clear(&layout);
        layout.n_groups = 1;
        layout.groups[0] =
            (struct layout_group){0, (uint16_t)search->problem->n_atoms, (int16_t)device};
        if (search->alike[device] == device && layout_weigh(&search->weight, &layout)) {
            best = fmax(best, layout_rate(&search->weight, &layout, best));
        }
    }
    return best;
}

void cuts_consider(struct search *search, struct plan *plan)
{
    const struct planner_problem *problem = search->problem;
    unsigned n = (unsigned)problem->n_atoms;
    unsigned type = problem->device_type[0];

    search->weight.n_devices = search->n_devices;
    for (unsigned at = 1; at < n; at++) {
        if (problem->boundary[at] == BOUNDARY_CLOSED) {
            continue;
        }
        struct plan_cut cut = {
            .at = at,
            .before = planner_cost(problem, 0, at, type),
            .after = planner_cost(problem, at, n, type),
            .size = planner_crossing(problem, at),
            .rate = cut_rate(search, at),
        };

        for (size_t i = 1; i < plan->n_groups; i++) {
            cut.chosen |= plan->groups[i].from == at;
        }
        plan->cuts = memory_grow(plan->cuts, plan->n_cuts, sizeof(*plan->cuts));
        plan->cuts[plan->n_cuts++] = cut;
    }
}
