/* From the layout that was found to a plan: who runs what, and the numbers. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "planner/problem.h"
#include "planner/search.h"

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

/* Seconds that the cheapest way over a link would add to a frame's. */
static double least_hop(const struct planner_problem *problem, size_t device)
{
    const struct planner_device *home = &problem->devices[device];
    const struct planner_type *type = &problem->types[problem->device_type[device]];
    double least = INFINITY, speed = fmin(1, home->cores);

    for (size_t at = 1; at < problem->n_atoms; at++) {
        double size = (double)planner_crossing(problem, at);
        double hop = (type->send_frame + type->receive_frame +
                      size * (type->send_byte + type->receive_byte)) /
                         speed +
                     home->link_latency + (home->link_rate > 0 ? size / home->link_rate : 0);

        least = problem->boundary[at] != BOUNDARY_CLOSED ? fmin(least, hop) : least;
    }
    return least;
}

/* Why devices stay idle, when one does it all. */
static void note_alone(struct plan *plan)
{
    const struct planner_problem *problem = plan->problem;
    size_t n_used = 0, used = 0;

    for (size_t i = 0; i < problem->n_devices; i++) {
        if (plan->devices[i].memory > 0) {
            n_used++;
            used = i;
        }
    }
    double hop = n_used == 1 ? least_hop(problem, used) : INFINITY;
    if (n_used != 1 || problem->n_devices < 2 || isinf(hop)) {
        return;
    }
    if (problem->objective == GRAPH_LATENCY) {
        note(plan, memory_format("all of it is left on %s: its work takes %.3g ms a frame, and "
                                 "the cheapest way to another device would add %.3g ms",
                                 problem->devices[used].name, plan->latency * 1e3, hop * 1e3));
    } else if (problem->objective == GRAPH_THROUGHPUT && !(problem->demand > 0)) {
        note(plan,
             memory_format("all of it is left on %s: moving frames would cost what another "
                           "device would save",
                           problem->devices[used].name));
    }
}

static void plan_notes(struct plan *plan)
{
    const struct planner_problem *problem = plan->problem;

    note_alone(plan);

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

struct plan *search_plan(struct search *search, const struct layout *layout, bool exact)
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
    plan->latency = layout_latency(weight, layout);
    if (problem->window > 0) {
        plan->rate = fmin(plan->rate, problem->window / plan->latency);
    }
    layout_share(weight, layout, plan->rate);
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

unsigned plan_group_of(const struct plan *plan, unsigned atom)
{
    unsigned group = 0;

    while (plan->groups[group].to <= atom) {
        group++;
    }
    return group;
}

bool plan_crosses(const struct plan *plan, unsigned from, unsigned to)
{
    const struct plan_group *a = &plan->groups[from], *b = &plan->groups[to];

    return a->n_replicas > 1 || b->n_replicas > 1 ||
           a->replicas[0].device != b->replicas[0].device;
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
