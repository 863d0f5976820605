/* From a problem to a plan: the search through the devices. */
#include <errno.h>
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "planner/problem.h"
#include "planner/search.h"

enum {
    FEW_DEVICES =
        8, /* up to here every number of devices is searched thoroughly, then 16, 32, … */
    EFFORT_THOROUGH = 60000, /* one climb's tries times what one try costs: */
    EFFORT_LIGHT = 20000,
    EFFORT_DEVICE = 2, /* a device counts like two atoms */
    ROUNDS = 3,
    KICKS = 12,
    KICK_MOVES = 3,
    EXACT_DEVICES = 4,
    EXACT_ATOMS = 16,
    EXACT_NODES = 20000,
};

#define SIMPLER 0.985 /* what a simpler plan may cost: less than measurements err */

static void find_alike(struct search *search)
{
    for (size_t device = 0; device < search->problem->n_devices; device++) {
        size_t first = 0;

        while (!problem_alike(search->problem, first, device)) {
            first++;
        }
        search->alike[device] = (unsigned)first;
    }
}

/* Climbs, and where no move helps any more tidies up at the same rate and climbs on: many
 * layouts have the same slowest device, and from the simplest of them there is more to gain. */
static void search_rise(struct search *search)
{
    double merit = 0;

    for (unsigned round = 0; round < ROUNDS && !isinf(search->merit); round++) {
        search->tries = 0;
        search_climb(search);
        if (round > 0 && search->merit == merit) {
            return;
        }
        merit = search->merit;
        search->tries = 0;
        search_simplify(search, &search->best, search->merit);
    }
}

/* Climbs from where `seed` starts, afresh, and keeps the better of that and what was. */
static void search_from(struct search *search, void (*seed)(struct search *search))
{
    struct layout best = search->best;
    double merit = search->merit;

    search->merit = -INFINITY;
    layout_clear(&search->best);
    seed(search);
    search->tries = 0;
    search_climb(search);
    if (!(search->merit > merit)) {
        search->best = best;
        search->merit = merit;
    }
}

/* A number below n, the same ones in each run. */
static unsigned draw(uint64_t *state, unsigned n)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(*state >> 33) % n;
}

/* Somewhere near: a group or two on another device, a boundary elsewhere. */
static void kick(const struct search *search, struct layout *layout, uint64_t *state)
{
    for (unsigned i = 0; i < KICK_MOVES; i++) {
        unsigned group = draw(state, layout->n_groups);
        struct layout_group *left = &layout->groups[group], *right = left + 1;

        if (group + 1 < layout->n_groups && draw(state, 2) == 0) {
            unsigned room = (unsigned)(right->to - left->from) - 1;

            left->to = right->from = (uint16_t)(left->from + 1 + draw(state, room));
        } else {
            layout_move(layout, group, draw(state, (unsigned)search->n_devices));
        }
    }
}

/* Iterated local search (Lourenço, Martin and Stützle, 2003): climbs again from near the best,
 * and stays where it got to if that is better. */
static void search_around(struct search *search)
{
    uint64_t state = search->n_devices;

    for (unsigned i = 0; i < KICKS; i++) {
        struct layout best = search->best;
        double merit = search->merit;

        layout_clear(&search->best);
        search->merit = -INFINITY;
        struct layout near = best;
        kick(search, &near, &state);
        search->tries = 0;
        search_try(search, &near);
        search_climb(search);
        if (!(search->merit > merit)) {
            search->best = best;
            search->merit = merit;
        }
    }
}

/* The device that just came: with each group, or in its place. */
static void search_newcomer(struct search *search)
{
    size_t device = search->n_devices - 1;
    struct layout base = search->best;

    for (unsigned group = 0; group < base.n_groups; group++) {
        struct layout moved = base;

        if (layout_join(&moved, group, device)) {
            search_try(search, &moved);
        }
        moved = base;
        layout_move(&moved, group, device);
        search_try(search, &moved);
    }
}

static bool thorough(size_t n_devices)
{
    return n_devices <= FEW_DEVICES || (n_devices & (n_devices - 1)) == 0;
}

/* Everything for the first n_devices, starting from what was found for one less. */
static bool search_devices(struct search *search, size_t n_devices)
{
    size_t n_atoms = search->problem->n_atoms;

    search->n_devices = n_devices;
    search->most_tries = (thorough(n_devices) ? EFFORT_THOROUGH : EFFORT_LIGHT) /
                         (n_atoms + EFFORT_DEVICE * n_devices);
    if (!isinf(search->merit)) {
        search->tries = 0;
        search_newcomer(search);
        search_climb(search);
    }
    if (thorough(n_devices) || isinf(search->merit)) {
        search_from(search, search_seed);
        if (n_devices <= FEW_DEVICES) {
            search_from(search, search_seed_within);
        }
        search_from(search, search_seed_chain);
        search_rise(search);
        if (n_devices <= FEW_DEVICES && !isinf(search->merit)) {
            search_around(search);
        }
    }
    if (n_devices > EXACT_DEVICES || n_atoms > EXACT_ATOMS) {
        return false;
    }
    bool exact = search_exact(search, EXACT_NODES);

    if (!exact) {
        search_rise(search);
    }
    return exact;
}

/* Why there is no plan: the first atom that no device may or can hold, or all of it. */
static int refuse(const struct planner_problem *problem, struct error *err)
{
    for (size_t atom = 0; atom < problem->n_atoms; atom++) {
        bool allowed = false, fits = false;

        for (size_t device = 0; device < problem->n_devices; device++) {
            uint64_t memory = problem->devices[device].memory;
            bool here = problem_allowed(problem, device, atom, atom + 1);

            allowed |= here;
            fits |= here && (memory == 0 || planner_memory(problem, atom, atom + 1) <= memory);
        }
        const char *name = problem->graph == NULL
                               ? "?"
                               : problem->graph->operators[problem->atoms[atom].operator].name;

        if (!allowed) {
            return error_set(err, -ENODEV, "no device may run operator '%s'", name);
        }
        if (!fits) {
            return error_set(
                err, -ENODEV,
                "operator '%s' needs %.0f MB in one piece, and no device that may run "
                "it has as much",
                name, (double)planner_memory(problem, atom, atom + 1) / 1e6);
        }
    }
    return error_set(err, -ENODEV,
                     "the application does not fit the devices: no placement keeps to their "
                     "memory and to the pins");
}

/* The simplest layout above the floor that is found from the best one, or from a simple pattern
 * that the climb has left for a little more. */
static void find_plain(struct search *search, double floor, struct layout *ret_plain)
{
    const struct layout best = search->best;
    const double merit = search->merit;

    *ret_plain = best;
    search->tries = 0;
    search_simplify(search, ret_plain, floor);
    if (!thorough(search->n_devices)) {
        return;
    }
    search->merit = -INFINITY;
    layout_clear(&search->best);
    search_seed(search);
    if (!isinf(search->merit)) {
        struct layout pattern = search->best;

        search->tries = 0;
        search_simplify(search, &pattern, floor);
        if (search_simpler(search, &pattern, ret_plain, floor)) {
            *ret_plain = pattern;
        }
    }
    search->best = best;
    search->merit = merit;
}

int planner_solve(const struct planner_problem *problem, struct plan **ret_plan,
                  struct error *err)
{
    cleanup(memory_free) struct search *search = memory_new(1, sizeof(*search));
    struct layout plain;
    double plain_merit = -INFINITY, single = 0;
    bool exact = false;

    search->problem = search->weight.problem = problem;
    search->merit = -INFINITY;
    layout_clear(&search->best);
    layout_clear(&plain);
    find_alike(search);
    for (size_t n = 1; n <= problem->n_devices; n++) {
        exact = search_devices(search, n);
        if (isinf(search->merit)) {
            continue;
        }
        double floor = search->merit > 0 ? search->merit * SIMPLER : search->merit;

        find_plain(search, fmax(floor, plain_merit), &plain);
        plain_merit = search_merit(search, &plain, -INFINITY);
    }
    if (isinf(search->merit)) {
        return refuse(problem, err);
    }
    single = cuts_single_rate(search);

    struct plan *plan = search_plan(search, &plain, exact);

    plan->single_rate = single;
    cuts_consider(search, plan);
    *ret_plan = plan;
    return 0;
}
