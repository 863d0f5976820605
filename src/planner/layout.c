/* The rate model. For given groups everything is linear in x (frames/s of the application) and
 * y (frames/s of a replica), and a device has at most one y; so for a given x each replica has
 * an interval of possible y, and x is reached when for every team the sum of y can be x. The
 * set of reachable x is an interval from 0, found by bisection.
 */
#include "planner/layout.h"

#include <math.h>
#include <string.h>

#include "planner/problem.h"

#define RATE_MOST 1e9 /* of what costs nothing */
/* Of the CPU time for a byte on the link, what it takes within a device: no packets are made of
 * it, and no bucket holds it back. */
#define LOOPBACK_PART 0.5
/* What a part of a network takes more that shares a core with a larger part: they push each
 * other's weights out of the caches, every time they take turns. */
#define CROWDED 1.3

static void team_count(struct layout_weight *weight, const struct layout *layout)
{
    memset(weight->size, 0, layout->n_groups * sizeof(weight->size[0]));
    for (size_t device = 0; device < weight->n_devices; device++) {
        if (layout->team[device] >= 0) {
            weight->size[layout->team[device]]++;
        }
    }
}

/* Two neighbours on one device with one core would be one process, only slower: whatever says
 * otherwise is an error of measurement. With more cores, several processes of one part may make
 * the rate higher, but nothing makes a frame's way shorter: one process works on its branches
 * side by side, too. */
static bool torn(const struct planner_problem *problem, const struct layout *layout, unsigned i)
{
    const struct layout_group *group = &layout->groups[i], *before = group - 1;

    return i > 0 && group->single != LAYOUT_TEAM && group->single == before->single &&
           (problem->devices[group->single].cores <= 1 ||
            problem->objective == GRAPH_LATENCY) &&
           problem_groupable(problem, before->from, group->to);
}

/* Groups that may exist at all: pins, closed boundaries, what may be replicated. */
static bool groups_allowed(const struct layout_weight *weight, const struct layout *layout)
{
    const struct planner_problem *problem = weight->problem;

    for (unsigned i = 0; i < layout->n_groups; i++) {
        const struct layout_group *group = &layout->groups[i];

        if (!problem_groupable(problem, group->from, group->to) || torn(problem, layout, i)) {
            return false;
        }
        if (group->single != LAYOUT_TEAM) {
            if (!problem_allowed(problem, (size_t)group->single, group->from, group->to)) {
                return false;
            }
        } else if (weight->size[i] == 0 ||
                   weight->size[i] > problem_replicas(problem, group->from, group->to) ||
                   !problem_replicable(problem, group->from, group->to)) {
            return false;
        }
    }
    for (size_t device = 0; device < weight->n_devices; device++) {
        int team = layout->team[device];

        if (team >= 0 && !problem_allowed(problem, device, layout->groups[team].from,
                                          layout->groups[team].to)) {
            return false;
        }
    }
    return true;
}

static void loads_clear(struct layout_weight *weight)
{
    const struct planner_problem *problem = weight->problem;

    for (size_t i = 0; i < weight->n_devices; i++) {
        const struct planner_device *device = &problem->devices[i];
        double link = device->link_rate > 0 ? device->link_rate : INFINITY;

        weight->loads[i] = (struct layout_load){
            .lines = {{0, 0, device->cores}, {0, 0, link}, {0, 0, link}},
            .y_most = INFINITY,
        };
    }
}

/* What goes over the channels of a group, per frame. */
struct totals {
    double sent_bytes, sent_frames, received_bytes, received_frames;
    double packing; /* CPU time, but for the factor of the type */
    double longest; /* of these the longest in one piece */
};

/* Frames that a device gives to itself do not cross its link, and cost it less CPU. When both
 * groups of a channel are single that is all of x, when one is a team with this device it is
 * the device's y. */
static void channel_spare(struct layout_weight *weight, const struct layout *layout,
                          unsigned from, unsigned to, double size)
{
    const struct planner_problem *problem = weight->problem;
    int sender = layout->groups[from].single, receiver = layout->groups[to].single;
    bool both = sender != LAYOUT_TEAM && sender == receiver;
    int device = both || (sender != LAYOUT_TEAM && layout->team[sender] == (int)to) ? sender
                 : receiver != LAYOUT_TEAM && layout->team[receiver] == (int)from   ? receiver
                                                                                    : -1;
    if (device < 0) {
        return;
    }
    const struct planner_type *type = &problem->types[problem->device_type[device]];
    double spared[LAYOUT_LINES] = {
        size * (type->send_byte + type->receive_byte) * (1 - LOOPBACK_PART), size, size};

    for (unsigned i = 0; i < LAYOUT_LINES; i++) {
        struct layout_line *line = &weight->loads[device].lines[i];

        line->x -= both ? spared[i] : 0;
        line->y -= both ? 0 : spared[i];
    }
}

bool layout_stays(const struct layout *layout, unsigned from, unsigned to)
{
    int sender = layout->groups[from].single;

    return sender != LAYOUT_TEAM && sender == layout->groups[to].single;
}

static void packing_add(struct totals *totals, double seconds)
{
    totals->packing += seconds;
    totals->longest = fmax(totals->longest, seconds);
}

/* One channel of a flow, to the group `to`. `packed`: it was packed for another already.
 * Returns whether it is packed now. */
static bool channel_add(struct layout_weight *weight, const struct layout *layout,
                        const struct planner_flow *flow, unsigned to, bool packed,
                        struct totals *totals)
{
    unsigned from = weight->group_of[flow->from];
    bool codec = flow->codec != GRAPH_CODEC_NONE, stays = layout_stays(layout, from, to);
    double size = (double)(codec && stays ? flow->raw : flow->size);

    if (weight->upstream[to] != -1 && weight->upstream[to] != (int)from) {
        weight->upstream[to] = -2;
    } else {
        weight->upstream[to] = (int)from;
    }
    totals[from].sent_bytes += size;
    totals[from].sent_frames += 1;
    totals[to].received_bytes += size;
    totals[to].received_frames += 1;
    if (codec && !stays) {
        packing_add(&totals[from], packed ? 0 : flow->pack);
        packing_add(&totals[to], flow->unpack);
    }
    channel_spare(weight, layout, from, to, size);
    return packed || (codec && !stays);
}

/* Walks the channels: one for each flow and group that reads it. A team that is fed by more
 * than one group is not allowed. */
static bool channels_add(struct layout_weight *weight, const struct layout *layout,
                         struct totals *totals)
{
    const struct planner_problem *problem = weight->problem;
    size_t end = layout->groups[layout->n_groups - 1].to;

    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];

        if (flow->from >= end) {
            continue;
        }
        unsigned last = weight->group_of[flow->from];
        bool packed = false;

        for (size_t j = 0; j < flow->n_to && flow->to[j] < end; j++) {
            unsigned to = weight->group_of[flow->to[j]];

            if (to != last) {
                packed = channel_add(weight, layout, flow, to, packed, totals);
                last = to;
            }
        }
    }
    for (unsigned i = 0; i < layout->n_groups; i++) {
        if (layout->groups[i].single == LAYOUT_TEAM && weight->upstream[i] < 0) {
            return false;
        }
    }
    return true;
}

static bool memory_fits(struct layout_weight *weight, const struct layout *layout)
{
    const struct planner_problem *problem = weight->problem;

    for (unsigned i = 0; i < layout->n_groups; i++) {
        const struct layout_group *group = &layout->groups[i];

        if (group->single != LAYOUT_TEAM) {
            weight->loads[group->single].memory +=
                problem->memory[problem_index(problem, group->from, group->to)];
        }
    }
    for (size_t device = 0; device < weight->n_devices; device++) {
        int team = layout->team[device];
        struct layout_load *load = &weight->loads[device];

        if (team >= 0) {
            load->memory += problem->memory[problem_index(problem, layout->groups[team].from,
                                                          layout->groups[team].to)];
        }
        if (problem->devices[device].memory > 0 &&
            load->memory > problem->devices[device].memory) {
            return false;
        }
    }
    return true;
}

/* How many processes of a group a device may run: as many as it has cores, when pins and memory
 * leave room for them. Takes the memory. */
static unsigned instances_reserve(struct layout_weight *weight, const struct layout *layout,
                                  unsigned index, size_t device)
{
    const struct planner_problem *problem = weight->problem;
    const struct planner_device *home = &problem->devices[device];
    const struct layout_group *group = &layout->groups[index];
    unsigned members = group->single == LAYOUT_TEAM ? weight->size[index] : 1;
    unsigned most = problem_replicas(problem, group->from, group->to) / members;

    if (most < 2 || home->cores <= 1 || weight->upstream[index] < 0 ||
        !problem_replicable(problem, group->from, group->to)) {
        return 1;
    }
    uint64_t each = problem->memory[problem_index(problem, group->from, group->to)];

    most = home->cores < most ? (unsigned)ceil(home->cores) : most;
    if (home->memory > 0 && each > 0) {
        uint64_t more = (home->memory - weight->loads[device].memory) / each;

        most = more + 1 < most ? (unsigned)more + 1 : most;
    }
    weight->loads[device].memory += (most - 1) * each;
    return most;
}

static bool has_network(const struct planner_problem *problem, const struct layout_group *group)
{
    unsigned atom = group->from;

    while (atom < group->to && !problem->atoms[atom].model) {
        atom++;
    }
    return atom < group->to;
}

/* Of the groups on each device with a part of a network, the one that takes most CPU for a
 * frame: `ret_crowded` are the others. */
static void find_crowded(const struct layout_weight *weight, const struct layout *layout,
                         bool *ret_crowded)
{
    const struct planner_problem *problem = weight->problem;
    double most[PLANNER_DEVICES_MAX] = {0};
    int greatest[PLANNER_DEVICES_MAX];

    for (size_t device = 0; device < weight->n_devices; device++) {
        int team = layout->team[device];

        greatest[device] = -1;
        if (team >= 0 && has_network(problem, &layout->groups[team])) {
            most[device] = planner_cost(problem, layout->groups[team].from,
                                        layout->groups[team].to, problem->device_type[device]);
        }
    }
    for (unsigned i = 0; i < layout->n_groups; i++) {
        const struct layout_group *group = &layout->groups[i];
        int home = group->single;

        ret_crowded[i] = home != LAYOUT_TEAM && has_network(problem, group);
        if (ret_crowded[i]) {
            double cost =
                planner_cost(problem, group->from, group->to, problem->device_type[home]);

            greatest[home] = cost > most[home] ? (int)i : greatest[home];
            most[home] = fmax(most[home], cost);
        }
    }
    for (size_t device = 0; device < weight->n_devices; device++) {
        if (greatest[device] >= 0) {
            ret_crowded[greatest[device]] = false;
        }
    }
}

/* The load of one member of a group; `crowded`: as find_crowded() says. */
static void member_add(struct layout_weight *weight, const struct layout *layout,
                       unsigned index, size_t device, bool crowded, const struct totals *totals)
{
    const struct planner_problem *problem = weight->problem;
    const struct layout_group *group = &layout->groups[index];
    unsigned number = problem->device_type[device];
    const struct planner_type *type = &problem->types[number];
    size_t at = problem_type_index(problem, number, group->from, group->to);
    struct layout_load *load = &weight->loads[device];
    double cores = problem->devices[device].cores;
    double longest = fmax(problem->longest[at], totals->longest * type->packing);
    double per_second = fmin(1, cores) / fmax(longest, 1 / RATE_MOST);
    double amounts[LAYOUT_LINES] = {
        problem->cost[at] * (crowded && cores <= 1 ? CROWDED : 1) +
            totals->sent_frames * type->send_frame + totals->sent_bytes * type->send_byte +
            totals->packing * type->packing + totals->received_frames * type->receive_frame +
            totals->received_bytes * type->receive_byte,
        totals->sent_bytes,
        totals->received_bytes,
    };
    bool single = group->single != LAYOUT_TEAM;
    unsigned instances = instances_reserve(weight, layout, index, device);

    for (unsigned i = 0; i < LAYOUT_LINES; i++) {
        load->lines[i].x += single ? amounts[i] : 0;
        load->lines[i].y += single ? 0 : amounts[i];
    }
    if (single) {
        weight->x_most = fmin(weight->x_most, per_second * instances);
    } else {
        load->y_most = fmin(load->y_most, per_second * instances);
    }
}

bool layout_weigh(struct layout_weight *weight, const struct layout *layout)
{
    struct totals totals[PLANNER_GROUPS_MAX] = {0};
    bool crowded[PLANNER_GROUPS_MAX];

    team_count(weight, layout);
    if (!groups_allowed(weight, layout)) {
        return false;
    }
    loads_clear(weight);
    if (!memory_fits(weight, layout)) {
        return false;
    }
    for (unsigned i = 0; i < layout->n_groups; i++) {
        const struct layout_group *group = &layout->groups[i];

        weight->upstream[i] = -1;
        memset(weight->group_of + group->from, (int)i, (size_t)(group->to - group->from));
    }
    if (!channels_add(weight, layout, totals)) {
        return false;
    }
    find_crowded(weight, layout, crowded);
    weight->x_most = weight->problem->demand > 0 ? weight->problem->demand : RATE_MOST;
    for (unsigned i = 0; i < layout->n_groups; i++) {
        if (layout->groups[i].single != LAYOUT_TEAM) {
            member_add(weight, layout, i, (size_t)layout->groups[i].single, crowded[i],
                       &totals[i]);
        }
    }
    for (size_t device = 0; device < weight->n_devices; device++) {
        if (layout->team[device] >= 0) {
            unsigned team = (unsigned)layout->team[device];

            member_add(weight, layout, team, device, false, &totals[team]);
        }
    }
    return true;
}
