/* From a problem to a plan: the search through the devices, and the plan's numbers. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
        search_from(search, search_seed_chain);
        search_rise(search);
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

/* How many processes of the group the predicted rate takes on this device. */
static unsigned instances_needed(const struct layout_weight *weight,
                                 const struct layout_group *group, size_t device, double rate)
{
    const struct planner_problem *problem = weight->problem;
    double longest = problem->longest[problem_type_index(problem, problem->device_type[device],
                                                         group->from, group->to)];
    double needed = ceil(rate * longest / fmin(1, problem->devices[device].cores) - 1e-6);

    return needed > 1 ? (unsigned)needed : 1;
}

static void plan_groups(struct plan *plan, const struct layout_weight *weight,
                        const struct layout *layout)
{
    plan->n_groups = layout->n_groups;
    plan->groups = memory_new(layout->n_groups, sizeof(*plan->groups));
    for (unsigned i = 0; i < layout->n_groups; i++) {
        const struct layout_group *from = &layout->groups[i];
        struct plan_group *group = &plan->groups[i];

        group->from = from->from;
        group->to = from->to;
        group->memory = planner_memory(plan->problem, from->from, from->to);
        for (size_t device = 0; device < weight->n_devices; device++) {
            bool single = from->single == (int)device;

            if (!single && layout->team[device] != (int)i) {
                continue;
            }
            double y = single ? plan->rate : weight->share[device];

            group->replicas =
                memory_grow(group->replicas, group->n_replicas, sizeof(*group->replicas));
            group->replicas[group->n_replicas++] = (struct plan_replica){
                .device = (unsigned)device,
                .instances = instances_needed(weight, from, device, y),
                .share = plan->rate > 0 ? y / plan->rate : 0,
            };
        }
    }
}

static void plan_loads(struct plan *plan, const struct layout_weight *weight,
                       const struct layout *layout)
{
    const struct planner_problem *problem = plan->problem;

    plan->devices = memory_new(problem->n_devices, sizeof(*plan->devices));
    for (size_t i = 0; i < weight->n_devices; i++) {
        const struct layout_line *lines = weight->loads[i].lines;
        struct plan_device *device = &plan->devices[i];
        double y = layout->team[i] >= 0 ? weight->share[i] : 0;
        double link = problem->devices[i].link_rate;

        device->cpu = lines[LAYOUT_CPU].x * plan->rate + lines[LAYOUT_CPU].y * y;
        device->busy = device->cpu / problem->devices[i].cores;
        device->up = fmax(0, lines[LAYOUT_UP].x * plan->rate + lines[LAYOUT_UP].y * y);
        device->down = fmax(0, lines[LAYOUT_DOWN].x * plan->rate + lines[LAYOUT_DOWN].y * y);
        device->up_busy = link > 0 ? device->up / link : 0;
        device->down_busy = link > 0 ? device->down / link : 0;
    }
    for (size_t i = 0; i < plan->n_groups; i++) {
        for (size_t j = 0; j < plan->groups[i].n_replicas; j++) {
            const struct plan_replica *replica = &plan->groups[i].replicas[j];

            plan->devices[replica->device].memory +=
                plan->groups[i].memory * replica->instances;
        }
    }
}

static void note(struct plan *plan, char *text)
{
    plan->notes = memory_grow(plan->notes, plan->n_notes, sizeof(*plan->notes));
    plan->notes[plan->n_notes++] = text;
}

static void plan_notes(struct plan *plan)
{
    const struct planner_problem *problem = plan->problem;

    if (problem->qos_rate > 0 && plan->rate < problem->qos_rate * (1 - 1e-6)) {
        plan->unmet = true;
        note(plan,
             memory_format("the wished-for rate of %.3g/s is not reached: %.3g/s, %.0f %% "
                           "less",
                           problem->qos_rate, plan->rate,
                           100 * (1 - plan->rate / problem->qos_rate)));
    }
    if (problem->qos_latency > 0 && plan->latency > problem->qos_latency * (1 + 1e-6)) {
        plan->unmet = true;
        note(plan,
             memory_format("the wished-for latency of %.3g s is not kept: %.3g s, %.0f %% "
                           "more",
                           problem->qos_latency, plan->latency,
                           100 * (plan->latency / problem->qos_latency - 1)));
    }
    if (problem->demand > 0 && plan->rate >= problem->demand * (1 - 1e-6)) {
        note(plan, memory_format("the sources give no more than %.3g/s", problem->demand));
    }
    if (problem->n_estimated > 0) {
        note(plan, memory_format("%zu times are estimates, for want of a profile",
                                 problem->n_estimated));
    }
}

static struct plan *plan_make(struct search *search, const struct layout *layout, bool exact)
{
    const struct planner_problem *problem = search->problem;
    struct layout_weight *weight = &search->weight;
    struct plan *plan = memory_new(1, sizeof(*plan));

    plan->problem = problem;
    weight->n_devices = search->n_devices;
    layout_weigh(weight, layout);
    plan->rate = layout_rate(weight, layout, 0);
    if (problem->objective != GRAPH_THROUGHPUT && problem->qos_rate > 0) {
        plan->rate = fmin(plan->rate, problem->qos_rate);
    }
    layout_share(weight, layout, plan->rate);
    plan->latency = layout_latency(weight, layout);
    plan->traffic = layout_traffic(weight, layout, plan->rate);
    plan_groups(plan, weight, layout);
    plan_loads(plan, weight, layout);
    plan->exact = exact;
    plan->bound = search_bound(problem, problem->n_devices);
    if (exact && problem->objective == GRAPH_THROUGHPUT && search->merit > 0) {
        plan->bound = fmin(plan->bound, search->merit * (1 + 1e-6));
    }
    plan->bound = fmax(plan->bound, plan->rate);
    plan->gap = plan->rate > 0 ? plan->bound / plan->rate - 1 : INFINITY;
    plan_notes(plan);
    return plan;
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
                err, -ENOSPC,
                "operator '%s' needs %.0f MB in one piece, and no device that may run "
                "it has as much",
                name, (double)planner_memory(problem, atom, atom + 1) / 1e6);
        }
    }
    return error_set(err, -ENOSPC,
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

    struct plan *plan = plan_make(search, &plain, exact);

    plan->single_rate = single;
    cuts_consider(search, plan);
    *ret_plan = plan;
    return 0;
}

void plan_destroy(struct plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->n_groups; i++) {
        free(plan->groups[i].replicas);
    }
    for (size_t i = 0; i < plan->n_notes; i++) {
        free(plan->notes[i]);
    }
    free(plan->groups);
    free(plan->devices);
    free(plan->cuts);
    free(plan->notes);
    free(plan);
}

void plan_destroyp(struct plan **plan)
{
    plan_destroy(*plan);
    *plan = NULL;
}
