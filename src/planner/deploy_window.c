/* Windows and credit. A frame may wait at each process behind the one that is worked on, so two
 * frames per process on the longest chain, and two per channel, keep everyone busy. Where a
 * flow passes groups by (the picture that is drawn on, while the boxes come through the model),
 * its receiver must be able to hold the whole window, or the two ways would wait for each
 * other. Replicas of different speeds finish out of turn: what the faster ones give meanwhile
 * is under way, too. Senders keep frames until they are acknowledged: memory bounds the window.
 * Marks lag behind by what is between two checkpoints of a stateful operator, so with such a
 * one the window is wider: a checkpoint for each frame would cost more than most frames.
 */
#include "planner/deploy_window.h"

#include <math.h>
#include <string.h>

#include "graph/deployment.h"

enum { CHECKPOINT_FRAMES = 256 };
enum { KEPT_MOST = 256 << 20 }; /* bytes a device keeps for others, if not limited */

static size_t group_processes(const struct plan *plan, unsigned group)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->groups[group].n_replicas; i++) {
        n += plan->groups[group].replicas[i].instances;
    }
    return n;
}

bool channel_next(const struct plan *plan, struct channel_walk *walk)
{
    const struct planner_problem *problem = plan->problem;

    for (; walk->flow < problem->n_flows; walk->flow++, walk->to = 0) {
        const struct planner_flow *flow = &problem->flows[walk->flow];
        unsigned from = plan_group_of(plan, flow->from);

        while (walk->to < flow->n_to) {
            size_t i = walk->to++;
            unsigned to = plan_group_of(plan, flow->to[i]);
            unsigned before = i > 0 ? plan_group_of(plan, flow->to[i - 1]) : from;

            if (to != from && to != before) {
                walk->from_group = from;
                walk->to_group = to;
                return true;
            }
        }
    }
    return false;
}

/* The longest way to each group, in frames that should be
 * under way on it. */
static unsigned longest_way(const struct plan *plan, unsigned *hops)
{
    unsigned ways[PLANNER_GROUPS_MAX] = {0}, longest = 0;

    memset(hops, 0, plan->n_groups * sizeof(*hops));
    for (unsigned group = 0; group < plan->n_groups; group++) {
        struct channel_walk walk = {0};

        ways[group] += 2 * (unsigned)group_processes(plan, group);
        longest = ways[group] > longest ? ways[group] : longest;
        while (channel_next(plan, &walk)) {
            if (walk.from_group != group) {
                continue;
            }
            unsigned way = ways[group] + DEPLOY_CREDIT, hop = hops[group] + 1;

            ways[walk.to_group] = way > ways[walk.to_group] ? way : ways[walk.to_group];
            hops[walk.to_group] = hop > hops[walk.to_group] ? hop : hops[walk.to_group];
        }
    }
    return longest;
}

/* Bytes that each frame under way may cost a device: what its
 * groups have sent and keep. */
static double kept_per_frame(const struct plan *plan, unsigned device)
{
    struct channel_walk walk = {0};
    double bytes = 0;

    while (channel_next(plan, &walk)) {
        const struct plan_group *group = &plan->groups[walk.from_group];

        for (size_t i = 0; i < group->n_replicas; i++) {
            if (group->replicas[i].device == device) {
                bytes +=
                    (double)plan->problem->flows[walk.flow].size * group->replicas[i].share;
            }
        }
    }
    return bytes;
}

static bool has_memory(const struct graph *graph)
{
    for (size_t i = 0; i < graph->n_operators; i++) {
        if ((graph->operators[i].type->flags & BRUME_STATEFUL) != 0) {
            return true;
        }
    }
    return false;
}

/* Seconds that the slowest replica takes for the frames that wait for it by credit: the others
 * go on meanwhile, and what they give waits for its turn. */
static double waiting_most(const struct plan *plan)
{
    double most = 0;

    for (size_t i = 0; i < plan->n_groups; i++) {
        const struct plan_group *group = &plan->groups[i];

        for (size_t j = 0; j < group->n_replicas && group->n_replicas > 1; j++) {
            unsigned device = group->replicas[j].device;
            double cost = planner_cost(plan->problem, group->from, group->to,
                                       plan->problem->device_type[device]);

            most = fmax(most, cost / fmin(1, plan->problem->devices[device].cores));
        }
    }
    return DEPLOY_CREDIT * most;
}

unsigned deploy_window(const struct plan *plan, unsigned *ret_hops)
{
    unsigned longest = longest_way(plan, ret_hops);
    double seconds = fmax(2 * plan->latency, plan->latency + waiting_most(plan));
    double frames = fmax(longest, ceil(plan->rate * seconds));

    frames = has_memory(plan->problem->graph) ? fmax(frames, CHECKPOINT_FRAMES) : frames;
    frames = fmin(frames, DEPLOYMENT_CREDIT_MAX);
    for (unsigned device = 0; device < plan->problem->n_devices; device++) {
        uint64_t memory = plan->problem->devices[device].memory;
        uint64_t used = plan->devices[device].memory;
        double left =
            memory == 0 ? (double)KEPT_MOST : (double)(memory > used ? memory - used : 0);
        double bytes = kept_per_frame(plan, device);

        frames = bytes > 0 ? fmin(frames, fmin(left, (double)KEPT_MOST) / bytes) : frames;
    }
    frames = fmax(frames, (double)plan->n_groups + 1);
    return (unsigned)(plan->problem->window > 0 ? fmin(frames, plan->problem->window) : frames);
}
