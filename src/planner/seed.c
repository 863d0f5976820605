/* Where the search starts: everything on one device, and the pattern of most applications that
 * have enough devices, "ends and middle": sources on one device, sinks on one, and what lies
 * between replicated on all that may help; the middle in parts where it does not fit as a
 * whole. Without replicas the middle's parts have a device each: so the ends of a skip edge
 * (the picture that is drawn on) can share one.
 */
#include <math.h>
#include <stdlib.h>

#include "planner/problem.h"
#include "planner/search.h"

enum {
    ENDS_MOST = 4,        /* devices tried for each end */
    BOUNDARIES_MOST = 24, /* places where the middle may begin or end */
    PARTS_MOST = 6,
    WITHIN_STEP = 4, /* of the boundaries within a model, one in so many is tried */
};

/* Where the middle may begin or end: between operators, and at one in `step` of the boundaries
 * within a model; 0: at none of those. */
static size_t seed_boundaries(const struct planner_problem *problem, unsigned step,
                              unsigned *ret_at)
{
    unsigned first = 0;
    size_t n = 0;

    for (unsigned at = 1; at <= problem->n_atoms && n < BOUNDARIES_MOST; at++) {
        bool between = at == problem->n_atoms ||
                       problem->atoms[at - 1].operator!= problem->atoms[at].operator;

        first = between ? at : first;
        if (problem->boundary[at] != BOUNDARY_CLOSED &&
            (between || (step > 0 && (at - first) % step == 0))) {
            ret_at[n++] = at;
        }
    }
    return n;
}

/* Devices for an end, the fastest first. */
static size_t end_devices(const struct search *search, size_t from, size_t to,
                          uint16_t *ret_devices)
{
    const struct planner_problem *problem = search->problem;
    double speeds[ENDS_MOST];
    size_t n = 0;

    for (size_t device = 0; device < search->n_devices; device++) {
        size_t alike = 0;

        for (size_t i = 0; i < n; i++) {
            alike += search->alike[ret_devices[i]] == search->alike[device];
        }
        if (alike >= 2 || !problem_allowed(problem, device, from, to)) {
            continue;
        }
        double speed =
            problem->devices[device].cores /
            fmax(planner_cost(problem, from, to, problem->device_type[device]), 1e-12);
        size_t at = n < ENDS_MOST ? n++ : ENDS_MOST;

        for (; at > 0 && speeds[at - 1] < speed; at--) {
            if (at < ENDS_MOST) {
                speeds[at] = speeds[at - 1];
                ret_devices[at] = ret_devices[at - 1];
            }
        }
        if (at < ENDS_MOST) {
            speeds[at] = speed;
            ret_devices[at] = (uint16_t)device;
        }
    }
    return n;
}

static bool memory_fits(const struct search *search, size_t device, size_t from, size_t to)
{
    uint64_t memory = search->problem->devices[device].memory;

    return memory == 0 || planner_memory(search->problem, from, to) <= memory;
}

/* Gives the devices to the parts' teams: each to the part that is the slowest so far among
 * those that it has memory for, or to one that has none if there are to be no replicas. The
 * device `spare` comes last. */
static void deal_devices(const struct search *search, struct layout *layout, unsigned first,
                         unsigned n_parts, size_t spare)
{
    const struct planner_problem *problem = search->problem;
    double capacity[PARTS_MOST] = {0};

    for (size_t i = 0; i < search->n_devices; i++) {
        size_t device = i + 1 == search->n_devices ? spare : i < spare ? i : i + 1;
        int slowest = -1;

        for (unsigned j = 0; j < n_parts; j++) {
            const struct layout_group *part = &layout->groups[first + j];

            if (problem_allowed(problem, device, part->from, part->to) &&
                memory_fits(search, device, part->from, part->to) &&
                (problem->replicas > 1 || capacity[j] <= 0) &&
                (slowest < 0 || capacity[j] < capacity[slowest])) {
                slowest = (int)j;
            }
        }
        if (slowest >= 0) {
            const struct layout_group *part = &layout->groups[first + (unsigned)slowest];
            double cost =
                planner_cost(problem, part->from, part->to, problem->device_type[device]);

            layout->team[device] = (int16_t)(first + (unsigned)slowest);
            capacity[slowest] += problem->devices[device].cores / fmax(cost, 1e-12);
        }
    }
}

/* A team of one is a single group, whoever it is. */
static void teams_settle(const struct search *search, struct layout *layout)
{
    for (unsigned i = 0; i < layout->n_groups; i++) {
        size_t n = 0, last = 0;

        for (size_t device = 0; device < search->n_devices; device++) {
            if (layout->team[device] == (int)i) {
                n++;
                last = device;
            }
        }
        if (layout->groups[i].single == LAYOUT_TEAM && n == 1) {
            layout_move(layout, i, last);
        }
    }
}

static void add_group(struct layout *layout, size_t from, size_t to, int single)
{
    layout->groups[layout->n_groups++] = (struct layout_group){
        .from = (uint16_t)from, .to = (uint16_t)to, .single = (int16_t)single};
}

/* Where to cut from..to so that part `i` of `n` begins there: by cost on the first device. */
static size_t part_begin(const struct planner_problem *problem, size_t from, size_t to,
                         unsigned i, unsigned n)
{
    unsigned type = problem->device_type[0];
    double whole = planner_cost(problem, from, to, type);
    size_t at = from + i;

    while (at + (n - i) < to && planner_cost(problem, from, at, type) * n < whole * i) {
        at++;
    }
    return at;
}

/* One try: ends on `head` and `tail`, the middle from..to in `n_parts`. */
static void try_middle(struct search *search, const unsigned *range, const uint16_t *ends,
                       unsigned n_parts)
{
    const struct planner_problem *problem = search->problem;
    struct layout layout;
    size_t from = range[0], to = range[1];

    if (to - from < n_parts) {
        return;
    }
    layout_clear(&layout);
    add_group(&layout, 0, from, ends[0]);
    for (unsigned i = 0; i < n_parts; i++) {
        size_t begin = i == 0 ? from : layout.groups[layout.n_groups - 1].to;
        size_t end = i + 1 == n_parts ? to : part_begin(problem, from, to, i + 1, n_parts);

        add_group(&layout, begin, end > begin ? end : begin + 1, LAYOUT_TEAM);
    }
    if (layout.groups[layout.n_groups - 1].to != to) {
        return;
    }
    if (to < problem->n_atoms) {
        add_group(&layout, to, problem->n_atoms, ends[1]);
    }
    deal_devices(search, &layout, 1, n_parts, ends[0]);
    teams_settle(search, &layout);
    search_try(search, &layout);
    for (unsigned end = 0; end < 2; end++) {
        struct layout without = layout;

        if (layout_leave(&without, ends[end], search->n_devices)) {
            search_try(search, &without);
        }
    }
}

/* Frames/s that a device can do of the atoms, at the most. */
static double most_of(const struct search *search, size_t device, size_t from, size_t to)
{
    const struct planner_problem *problem = search->problem;

    return problem_allowed(problem, device, from, to)
               ? problem->devices[device].cores /
                     fmax(planner_cost(problem, from, to, problem->device_type[device]), 1e-12)
               : 0;
}

/* Whether a rate of that much would be more than was found so far, if only the rate counts. */
static bool promising(const struct search *search, double rate)
{
    return search->problem->objective != GRAPH_THROUGHPUT || rate > search->merit;
}

static bool middle_promising(const struct search *search, const unsigned *range)
{
    double rate = 0;

    for (size_t device = 0; device < search->n_devices; device++) {
        rate += most_of(search, device, range[0], range[1]);
    }
    return promising(search, rate);
}

static void try_ends(struct search *search, const unsigned *range, unsigned n_parts)
{
    const struct planner_problem *problem = search->problem;
    uint16_t heads[ENDS_MOST], tails[ENDS_MOST];
    size_t n_heads = end_devices(search, 0, range[0], heads);
    size_t n_tails = range[1] < problem->n_atoms
                         ? end_devices(search, range[1], problem->n_atoms, tails)
                         : 0;

    for (size_t i = 0; i < n_heads; i++) {
        uint16_t ends[2] = {heads[i], heads[i]};
        double head = most_of(search, heads[i], 0, range[0]);
        double tail = most_of(search, heads[i], range[1], problem->n_atoms);

        if (promising(search, n_tails > 0 ? head * tail / (head + tail) : head)) {
            try_middle(search, range, ends, n_parts);
        }
        for (size_t j = 0; j < n_tails; j++) {
            ends[1] = tails[j];
            tail = most_of(search, tails[j], range[1], problem->n_atoms);
            if (ends[0] != ends[1] && promising(search, fmin(head, tail))) {
                try_middle(search, range, ends, n_parts);
            }
        }
    }
}

/* How far a group on the device can go from `from`, by pins and by the memory that is left. */
static size_t reach(const struct search *search, size_t device, size_t from,
                    const uint64_t *used)
{
    const struct planner_problem *problem = search->problem;
    uint64_t memory = problem->devices[device].memory;
    size_t end = from;

    for (size_t to = from + 1; to <= problem->n_atoms; to++) {
        if (!problem_allowed(problem, device, from, to) ||
            (memory > 0 && used[device] + planner_memory(problem, from, to) > memory)) {
            break;
        }
        end = problem_groupable(problem, from, to) ? to : end;
    }
    return end;
}

/* As much as fits on the first device, the rest where the most of it fits, and so on: finds a
 * place under tight pins, and is all on one device where that is possible. */
static void try_greedy(struct search *search, size_t device)
{
    const struct planner_problem *problem = search->problem;
    uint64_t used[PLANNER_DEVICES_MAX] = {0};
    struct layout layout;
    size_t from = 0;

    layout_clear(&layout);
    while (from < problem->n_atoms) {
        size_t to = reach(search, device, from, used);

        for (size_t other = 0; from > 0 && other < search->n_devices; other++) {
            size_t end = reach(search, other, from, used);

            device = end > to ? other : device;
            to = end > to ? end : to;
        }
        if (to == from || layout.n_groups == PLANNER_GROUPS_MAX) {
            return;
        }
        add_group(&layout, from, to, (int)device);
        used[device] += planner_memory(problem, from, to);
        from = to;
    }
    search_try(search, &layout);
}

static void try_middles(struct search *search, unsigned step)
{
    const struct planner_problem *problem = search->problem;
    unsigned at[BOUNDARIES_MOST];
    size_t n = seed_boundaries(problem, step, at);

    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            unsigned range[2] = {at[i], at[j]};

            if (problem->replicas > 1 && !problem_replicable(problem, range[0], range[1])) {
                continue;
            }
            for (unsigned parts = 1; parts <= PARTS_MOST && parts <= search->n_devices &&
                                     middle_promising(search, range);
                 parts++) {
                try_ends(search, range, parts);
            }
        }
    }
}

void search_seed(struct search *search)
{
    for (size_t device = 0; device < search->n_devices; device++) {
        if (search->alike[device] == device) {
            try_greedy(search, device);
        }
    }
    try_middles(search, 0);
}

void search_seed_within(struct search *search)
{
    if (search->problem->replicas < 2) {
        try_middles(search, WITHIN_STEP);
    }
}
