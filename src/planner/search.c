/* Hill climbing over layouts. */
#include "planner/search.h"

#include <math.h>
#include <string.h>

#include "planner/problem.h"

enum { CARVES = 10 }; /* of a group: places where the part that is taken out begins or ends */

#define BETTER (1 + 1e-6)
#define TIE    (1 + 1e-9)

/* What is missing of the wishes at a rate, as a part of them; 0: nothing. */
static double merit_missing(const struct planner_problem *problem, double rate, double latency)
{
    double missing = 0;

    if (problem->qos_rate > 0 && rate < problem->qos_rate) {
        missing += 1 - rate / problem->qos_rate;
    }
    if (problem->qos_latency > 0 && latency > problem->qos_latency) {
        missing += latency / problem->qos_latency - 1;
    }
    return missing;
}

double search_merit(struct search *search, const struct layout *layout, double at_least)
{
    const struct planner_problem *problem = search->problem;
    struct layout_weight *weight = &search->weight;

    search->tries++;
    weight->n_devices = search->n_devices;
    if (!layout_weigh(weight, layout)) {
        return -INFINITY;
    }
    if (problem->objective == GRAPH_THROUGHPUT && problem->qos_latency <= 0) {
        double rate = layout_rate(weight, layout, fmax(0, at_least));

        return rate > 0 ? rate : -INFINITY;
    }
    double latency = layout_latency(weight, layout);
    double rate = problem->qos_rate;

    if (problem->objective == GRAPH_THROUGHPUT || rate <= 0 ||
        !layout_reaches(weight, layout, rate)) {
        rate = layout_rate(weight, layout, 0);
    }
    if (rate <= 0) {
        return -INFINITY;
    }
    double missing = merit_missing(problem, rate, latency);

    if (missing > 1e-9) {
        return -missing;
    }
    if (problem->objective == GRAPH_THROUGHPUT) {
        return rate;
    }
    if (problem->objective == GRAPH_LATENCY) {
        return 1 / fmax(latency, 1e-9);
    }
    layout_share(weight, layout, rate);
    return 1 / (1 + layout_traffic(weight, layout, rate));
}

bool search_try(struct search *search, const struct layout *layout)
{
    double wanted = search->merit > 0 ? search->merit * BETTER : search->merit;
    double merit = search_merit(search, layout, wanted);

    if (!(merit > search->merit) || (search->merit > 0 && merit < wanted)) {
        return false;
    }
    search->best = *layout;
    search->merit = merit;
    return true;
}

size_t search_representatives(const struct search *search, const struct layout *layout,
                              uint16_t *ret_devices)
{
    bool hosts[PLANNER_DEVICES_MAX] = {0};
    size_t n = 0;

    for (unsigned i = 0; i < layout->n_groups; i++) {
        if (layout->groups[i].single != LAYOUT_TEAM) {
            hosts[layout->groups[i].single] = true;
        }
    }
    for (size_t device = 0; device < search->n_devices; device++) {
        bool known = false;

        for (size_t i = 0; i < n && !known && !hosts[device]; i++) {
            known = search->alike[ret_devices[i]] == search->alike[device] &&
                    layout->team[ret_devices[i]] == layout->team[device] &&
                    !hosts[ret_devices[i]];
        }
        if (!known) {
            ret_devices[n++] = (uint16_t)device;
        }
    }
    return n;
}

static bool spent(const struct search *search)
{
    return search->tries >= search->most_tries;
}

/* Each boundary by 1, 2, 4, … atoms either way. */
static bool climb_boundaries(struct search *search)
{
    struct layout base = search->best;
    bool better = false;

    for (unsigned i = 1; i < base.n_groups && !spent(search); i++) {
        int at = base.groups[i].from;

        for (int by = 1; by < PLANNER_ATOMS_MAX; by *= 2) {
            for (int sign = -1; sign <= 1; sign += 2) {
                int to = at + sign * by;

                if (to > base.groups[i - 1].from && to < base.groups[i].to) {
                    struct layout moved = base;

                    moved.groups[i - 1].to = moved.groups[i].from = (uint16_t)to;
                    better |= search_try(search, &moved);
                }
            }
        }
    }
    return better;
}

/* Each group: to another device alone, with one more, with one less. */
static bool climb_members(struct search *search)
{
    struct layout base = search->best;
    uint16_t devices[PLANNER_DEVICES_MAX];
    size_t n = search_representatives(search, &base, devices);
    bool better = false;

    for (size_t i = 0; i < n && !spent(search); i++) {
        struct layout moved = base;

        if (layout_leave(&moved, devices[i], search->n_devices)) {
            better |= search_try(search, &moved);
        }
        for (unsigned group = 0; group < base.n_groups && !spent(search); group++) {
            moved = base;
            layout_move(&moved, group, devices[i]);
            better |= search_try(search, &moved);
            moved = base;
            if (base.team[devices[i]] >= 0 &&
                !layout_leave(&moved, devices[i], search->n_devices)) {
                continue;
            }
            if (layout_join(&moved, group, devices[i])) {
                better |= search_try(search, &moved);
            }
        }
    }
    return better;
}

static bool climb_merges(struct search *search)
{
    struct layout base = search->best;
    bool better = false;

    for (unsigned i = 0; i + 1 < base.n_groups && !spent(search); i++) {
        for (int keep_left = 0; keep_left < 2; keep_left++) {
            struct layout merged = base;

            layout_merge(&merged, i, keep_left != 0);
            better |= search_try(search, &merged);
        }
    }
    return better;
}

/* Cuts a group at some places and gives one part to another device; the other moves find the
 * best place. */
static bool climb_splits(struct search *search)
{
    struct layout base = search->best;
    uint16_t devices[PLANNER_DEVICES_MAX];
    size_t n = search_representatives(search, &base, devices);
    bool better = false;

    for (unsigned group = 0; group < base.n_groups; group++) {
        unsigned from = base.groups[group].from, to = base.groups[group].to;
        unsigned step = 1 + (to - from) / 12;

        for (unsigned at = from + 1; at < to && !spent(search); at += step) {
            for (size_t i = 0; i < 2 * n && !spent(search); i++) {
                struct layout cut = base;

                if (layout_split(&cut, group, at, i % 2 == 0, devices[i / 2])) {
                    better |= search_try(search, &cut);
                }
            }
        }
    }
    return better;
}

/* Takes an inner part of a group on one device out to another: what is left on either side
 * stays together, so that what passes the part by (a picture that is drawn on) stays at home.
 */
static bool climb_carves(struct search *search)
{
    struct layout base = search->best;
    uint16_t devices[PLANNER_DEVICES_MAX];
    size_t n = search_representatives(search, &base, devices);
    bool better = false;

    for (unsigned group = 0; group < base.n_groups; group++) {
        int home = base.groups[group].single;
        unsigned from = base.groups[group].from, to = base.groups[group].to;
        unsigned step = 1 + (to - from) / CARVES;

        for (unsigned at = from + step; at < to && home != LAYOUT_TEAM; at += step) {
            for (unsigned end = at + step; end < to; end += step) {
                for (size_t i = 0; i < n && !spent(search); i++) {
                    struct layout cut = base;

                    if (devices[i] != home && layout_split(&cut, group, at, true, devices[i]) &&
                        layout_split(&cut, group + 1, end, true, (size_t)home)) {
                        better |= search_try(search, &cut);
                    }
                }
            }
        }
    }
    return better;
}

/* Two groups change places. */
static bool climb_swaps(struct search *search)
{
    struct layout base = search->best;
    bool better = false;

    for (unsigned i = 0; i < base.n_groups; i++) {
        for (unsigned j = i + 1; j < base.n_groups && !spent(search); j++) {
            int one = base.groups[i].single, other = base.groups[j].single;

            if (one != other && one != LAYOUT_TEAM && other != LAYOUT_TEAM) {
                struct layout swapped = base;

                layout_move(&swapped, i, (size_t)other);
                layout_move(&swapped, j, (size_t)one);
                better |= search_try(search, &swapped);
            }
        }
    }
    return better;
}

void search_climb(struct search *search)
{
    bool better = !isinf(search->merit);

    while (better && !spent(search)) {
        better = climb_members(search);
        better |= climb_boundaries(search);
        better |= climb_merges(search);
        better = better || climb_swaps(search) || climb_splits(search) || climb_carves(search);
    }
}

struct simple {
    unsigned devices, processes;
    double traffic;
};

/* Judges a layout for simplicity; false: it falls below the floor. */
static bool simple_judge(struct search *search, const struct layout *layout, double floor,
                         struct simple *ret_simple)
{
    double merit = search_merit(search, layout, floor);

    if (isinf(merit) || merit < (floor > 0 ? floor / TIE : floor)) {
        return false;
    }
    double rate = search->problem->objective == GRAPH_THROUGHPUT
                      ? merit
                      : layout_rate(&search->weight, layout, 0);

    rate = rate > 0 ? rate : layout_rate(&search->weight, layout, 0);
    layout_share(&search->weight, layout, rate);
    ret_simple->devices = layout_devices(layout, search->n_devices);
    ret_simple->processes = layout_processes(layout, search->n_devices);
    ret_simple->traffic = layout_traffic(&search->weight, layout, rate);
    return true;
}

static bool simpler(const struct simple *a, const struct simple *b)
{
    if (a->devices != b->devices) {
        return a->devices < b->devices;
    }
    if (a->processes != b->processes) {
        return a->processes < b->processes;
    }
    return a->traffic < b->traffic * (1 - 1e-6) - 1e-6;
}

bool search_simpler(struct search *search, const struct layout *a, const struct layout *b,
                    double floor)
{
    struct simple of_a, of_b;

    return simple_judge(search, a, floor, &of_a) &&
           (!simple_judge(search, b, floor, &of_b) || simpler(&of_a, &of_b));
}

struct simplifying {
    struct search *search;
    double floor;
    struct layout best;
    struct simple simple;
    bool better;
};

static void simplify_try(struct simplifying *state, const struct layout *layout)
{
    struct simple simple;

    if (simple_judge(state->search, layout, state->floor, &simple) &&
        simpler(&simple, &state->simple)) {
        state->best = *layout;
        state->simple = simple;
        state->better = true;
    }
}

static void simplify_round(struct simplifying *state, const struct layout *base)
{
    struct search *search = state->search;
    uint16_t devices[PLANNER_DEVICES_MAX];
    size_t n = search_representatives(search, base, devices);

    for (size_t i = 0; i < n && !spent(search); i++) {
        struct layout moved = *base;

        if (layout_leave(&moved, devices[i], search->n_devices)) {
            simplify_try(state, &moved);
        }
        for (unsigned group = 0; group < base->n_groups && !spent(search); group++) {
            if (base->groups[group].single != LAYOUT_TEAM) {
                moved = *base;
                layout_move(&moved, group, devices[i]);
                simplify_try(state, &moved);
            }
        }
    }
    for (unsigned i = 0; i + 1 < base->n_groups && !spent(search); i++) {
        for (int keep_left = 0; keep_left < 2; keep_left++) {
            struct layout moved = *base;

            layout_merge(&moved, i, keep_left != 0);
            simplify_try(state, &moved);
        }
    }
}

void search_simplify(struct search *search, struct layout *layout, double floor)
{
    struct simplifying state = {.search = search, .floor = floor, .best = *layout};

    if (!simple_judge(search, layout, floor, &state.simple)) {
        return;
    }
    do {
        struct layout base = state.best;

        state.better = false;
        simplify_round(&state, &base);
    } while (state.better && !spent(search));
    *layout = state.best;
}
