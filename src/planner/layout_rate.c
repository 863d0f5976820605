/* What a weighed layout reaches.
 *
 * For a given x each replica has an interval of possible y, and x is reached when for every
 * team the sum of y can be x. The reachable x are an interval from 0, whose end bisection
 * finds.
 */
#include <math.h>
#include <string.h>

#include "planner/layout.h"
#include "planner/problem.h"

#define SLACK 1e-9

/* The y that a device can have at x; false: x alone is too much for it. */
static bool load_range(const struct layout_load *load, double x, double *ret_least,
                       double *ret_most)
{
    double least = 0, most = load->y_most;

    for (unsigned i = 0; i < LAYOUT_LINES; i++) {
        const struct layout_line *line = &load->lines[i];
        double left = line->most - line->x * x;

        if (line->y > 0) {
            most = fmin(most, left / line->y);
        } else if (line->y < 0) {
            least = fmax(least, left / line->y);
        } else if (left < -SLACK * line->most) {
            return false;
        }
    }
    *ret_least = least;
    *ret_most = most;
    return most >= least * (1 - SLACK) && most >= 0;
}

bool layout_reaches(const struct layout_weight *weight, const struct layout *layout, double x)
{
    double least[PLANNER_GROUPS_MAX] = {0}, most[PLANNER_GROUPS_MAX] = {0};

    if (x > weight->x_most * (1 + SLACK)) {
        return false;
    }
    for (size_t device = 0; device < weight->n_devices; device++) {
        double low = 0, high = 0;
        int team = layout->team[device];

        if (!load_range(&weight->loads[device], x, &low, &high)) {
            return false;
        }
        if (team >= 0) {
            least[team] += low;
            most[team] += high;
        }
    }
    for (unsigned i = 0; i < layout->n_groups; i++) {
        if (layout->groups[i].single == LAYOUT_TEAM &&
            (least[i] > x * (1 + SLACK) || most[i] < x * (1 - SLACK))) {
            return false;
        }
    }
    return true;
}

double layout_rate(const struct layout_weight *weight, const struct layout *layout,
                   double at_least)
{
    double low = at_least, high = weight->x_most;

    if (at_least > 0 && !layout_reaches(weight, layout, at_least)) {
        return 0;
    }
    for (size_t device = 0; device < weight->n_devices; device++) {
        for (unsigned i = 0; i < LAYOUT_LINES; i++) {
            const struct layout_line *line = &weight->loads[device].lines[i];

            if (line->y >= 0 && line->x > 0) {
                high = fmin(high, line->most / line->x);
            }
        }
    }
    if (layout_reaches(weight, layout, high)) {
        return high;
    }
    for (unsigned i = 0; i < 60 && high - low > SLACK * high; i++) {
        double middle = (low + high) / 2;

        if (layout_reaches(weight, layout, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void layout_share(struct layout_weight *weight, const struct layout *layout, double x)
{
    double least[PLANNER_GROUPS_MAX] = {0}, most[PLANNER_GROUPS_MAX] = {0};

    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t device = 0; device < weight->n_devices; device++) {
            int team = layout->team[device];
            double low = 0, high = 0;

            if (team < 0 || !load_range(&weight->loads[device], x, &low, &high)) {
                weight->share[device] = 0;
            } else if (pass == 0) {
                least[team] += low;
                most[team] += high;
            } else {
                double room = most[team] - least[team];
                double part = room > 0 ? (x - least[team]) / room : 0;

                weight->share[device] = low + fmin(1, fmax(0, part)) * (high - low);
            }
        }
    }
}

/* The part of a channel's frames that crosses links. */
static double channel_crossing(const struct layout_weight *weight, const struct layout *layout,
                               unsigned from, unsigned to, double x)
{
    int sender = layout->groups[from].single, receiver = layout->groups[to].single;

    if (sender != LAYOUT_TEAM && sender == receiver) {
        return 0;
    }
    if (sender != LAYOUT_TEAM && layout->team[sender] == (int)to) {
        return 1 - weight->share[sender] / x;
    }
    if (receiver != LAYOUT_TEAM && layout->team[receiver] == (int)from) {
        return 1 - weight->share[receiver] / x;
    }
    return 1;
}

static bool is_member(const struct layout *layout, unsigned group, size_t device)
{
    return layout->groups[group].single == (int)device || layout->team[device] == (int)group;
}

/* Seconds that a frame of `size` bytes takes from the slowest sender to the slowest receiver.
 */
static double channel_delay(const struct layout_weight *weight, const struct layout *layout,
                            unsigned from, unsigned to, const struct planner_flow *flow)
{
    const struct planner_problem *problem = weight->problem;
    bool local = layout_stays(layout, from, to);
    bool packed = flow->codec != GRAPH_CODEC_NONE && !local;
    double size = (double)(flow->codec != GRAPH_CODEC_NONE && local ? flow->raw : flow->size);
    double pack = packed ? flow->pack : 0, unpack = packed ? flow->unpack : 0;
    double send = 0, receive = 0;

    for (size_t i = 0; i < weight->n_devices; i++) {
        const struct planner_device *device = &problem->devices[i];
        const struct planner_type *type = &problem->types[problem->device_type[i]];
        double speed = fmin(1, device->cores);
        double link = local || device->link_rate <= 0 ? 0 : size / device->link_rate;

        link += local ? 0 : device->link_latency;
        if (is_member(layout, from, i)) {
            send = fmax(send, link + (type->send_frame + type->send_byte * size +
                                      type->packing * pack) /
                                         speed);
        }
        if (is_member(layout, to, i)) {
            receive = fmax(receive, link + (type->receive_frame + type->receive_byte * size +
                                            type->packing * unpack) /
                                               speed);
        }
    }
    return local ? send + receive : fmax(send, receive);
}

double layout_traffic(const struct layout_weight *weight, const struct layout *layout, double x)
{
    const struct planner_problem *problem = weight->problem;
    double bytes = 0;

    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];
        unsigned from = weight->group_of[flow->from], last = from;

        for (size_t j = 0; j < flow->n_to; j++) {
            unsigned to = weight->group_of[flow->to[j]];

            if (to != last) {
                bytes += (double)flow->size * channel_crossing(weight, layout, from, to, x);
                last = to;
            }
        }
    }
    return bytes;
}

static double group_delay(const struct layout_weight *weight, const struct layout *layout,
                          unsigned index)
{
    const struct planner_problem *problem = weight->problem;
    const struct layout_group *group = &layout->groups[index];
    double most = 0;

    for (size_t i = 0; i < weight->n_devices; i++) {
        if (is_member(layout, index, i)) {
            double cost =
                planner_cost(problem, group->from, group->to, problem->device_type[i]);

            most = fmax(most, cost / fmin(1, problem->devices[i].cores));
        }
    }
    return most;
}

double layout_latency(const struct layout_weight *weight, const struct layout *layout)
{
    const struct planner_problem *problem = weight->problem;
    double start[PLANNER_GROUPS_MAX] = {0}, last = 0;
    size_t next = 0;

    for (unsigned i = 0; i < layout->n_groups; i++) {
        double end = start[i] + group_delay(weight, layout, i);

        last = fmax(last, end);
        for (; next < problem->n_flows && problem->flows[next].from < layout->groups[i].to;
             next++) {
            const struct planner_flow *flow = &problem->flows[next];

            for (size_t j = 0; j < flow->n_to; j++) {
                unsigned to = weight->group_of[flow->to[j]];

                if (to != i) {
                    start[to] =
                        fmax(start[to], end + channel_delay(weight, layout, i, to, flow));
                }
            }
        }
    }
    return last;
}

unsigned layout_processes(const struct layout *layout, size_t n_devices)
{
    unsigned n = 0;

    for (unsigned i = 0; i < layout->n_groups; i++) {
        n += layout->groups[i].single != LAYOUT_TEAM;
    }
    for (size_t device = 0; device < n_devices; device++) {
        n += layout->team[device] >= 0;
    }
    return n;
}

unsigned layout_devices(const struct layout *layout, size_t n_devices)
{
    unsigned n = 0;

    for (size_t device = 0; device < n_devices; device++) {
        bool used = layout->team[device] >= 0;

        for (unsigned i = 0; i < layout->n_groups && !used; i++) {
            used = layout->groups[i].single == (int)device;
        }
        n += used;
    }
    return n;
}
