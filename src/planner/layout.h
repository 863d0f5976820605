/* A layout is a possible plan in its barest form, and the rate model that weighs it.
 *
 * Private to the planner. Groups are consecutive intervals of atoms. A group sits on one device
 * (`single`), or its replicas are the devices whose `team` is the group; so no device is in two
 * teams, while any number of single groups may sit on any device.
 */
#ifndef PLANNER_LAYOUT_H
#define PLANNER_LAYOUT_H

#include "planner/planner.h"

enum { LAYOUT_TEAM = -1, LAYOUT_NONE = -1 };

struct layout_group {
    uint16_t from, to; /* atoms */
    int16_t single;    /* device, or LAYOUT_TEAM */
};

struct layout {
    unsigned n_groups;
    struct layout_group groups[PLANNER_GROUPS_MAX];
    int16_t team[PLANNER_DEVICES_MAX]; /* group, or LAYOUT_NONE */
};

/* What one device has to do, per frame of the application (x) and per frame of its replica (y):
 * a x + b y <= most, for CPU, link up and link down; and y <= y_most for its instances. */
struct layout_line {
    double x, y, most;
};

enum { LAYOUT_CPU, LAYOUT_UP, LAYOUT_DOWN, LAYOUT_LINES };

struct layout_load {
    struct layout_line lines[LAYOUT_LINES];
    double y_most;
    uint64_t memory;
};

/* What is known of a layout once it is weighed. Big; one is used over and over. */
struct layout_weight {
    const struct planner_problem *problem;
    size_t n_devices; /* the first few of the problem that may be used */
    struct layout_load loads[PLANNER_DEVICES_MAX];
    double x_most;
    uint8_t group_of[PLANNER_ATOMS_MAX];
    unsigned size[PLANNER_GROUPS_MAX]; /* of each team */
    int upstream[PLANNER_GROUPS_MAX];  /* the one group it gets frames from; -1 none, -2 many */
    double share[PLANNER_DEVICES_MAX]; /* y of each team member, after layout_rate() */
};

/* Whether all frames between the groups stay on one device: they are not packed, then. */
bool layout_stays(const struct layout *layout, unsigned from, unsigned to);

/* Weighs a layout, which may be the beginning of one: then what flows to later atoms is left
 * out, and every answer is a bound for whatever is added. False: it is not allowed, by pins,
 * memory, or because of what may not be replicated. */
bool layout_weigh(struct layout_weight *weight, const struct layout *layout);

/* Whether the weighed layout reaches x frames/s. */
bool layout_reaches(const struct layout_weight *weight, const struct layout *layout, double x);

/* Frames/s, at most the problem's demand; 0 when it does not reach `at_least`. */
double layout_rate(const struct layout_weight *weight, const struct layout *layout,
                   double at_least);

/* Divides x frames/s among the members of the teams, each in proportion to what it can take, as
 * credit does when frames are sent: into `share`. */
void layout_share(struct layout_weight *weight, const struct layout *layout, double x);

/* After layout_share(): bytes over links per frame; seconds on the longest path. */
double layout_traffic(const struct layout_weight *weight, const struct layout *layout,
                      double x);
double layout_latency(const struct layout_weight *weight, const struct layout *layout);

/* Processes at most one per device and group, and devices in use. */
unsigned layout_processes(const struct layout *layout, size_t n_devices);
unsigned layout_devices(const struct layout *layout, size_t n_devices);

#endif
