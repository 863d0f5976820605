/* Decides which device runs which operators and which layers of a model.
 *
 *     planner_prepare()   graph + models + profiles + devices  ->  problem
 *     planner_solve()     problem                              ->  plan
 *     plan_explain(), plan_to_json(), plan_deploy()            what is made of a plan
 *
 * All of it is pure: the same input gives the same plan, on every machine.
 *
 * The application is laid out on a line of *atoms* in topological order: an operator is one
 * atom, a model is one atom for each segment between two neighbouring candidate cuts. A *group*
 * is an interval of that line and becomes one process per member. A group either sits on one
 * device, or is *replicated* on a set of devices that share its frames; the sets of two
 * replicated groups never overlap (a device with room for both would rather run them as one).
 * Several groups may sit on one device; between them frames cost CPU but no link.
 *
 * Rate model: with x frames/s in all and y of them through a replica, every device obeys
 *     sum of CPU seconds (operators, segments, sending, receiving)  <=  cores
 *     bytes up, bytes down  <=  link rate,      memory  <=  memory
 * and every instance of an operator works on one frame at a time. For given groups the largest
 * x is found by bisection, filling each replica up to what its device has left.
 */
#ifndef PLANNER_PLANNER_H
#define PLANNER_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "base/json.h"
#include "graph/codec.h"
#include "graph/graph.h"
#include "planner/profile.h"

struct deployment;
struct error;
struct model;

enum {
    PLANNER_ATOMS_MAX = 256,
    PLANNER_TYPES_MAX = 32,
    PLANNER_DEVICES_MAX = 256,
    PLANNER_GROUPS_MAX = 64,
    PLANNER_CUTS = 64,          /* candidate cuts per model, unless the input says otherwise */
    PLANNER_INSTANCES_MAX = 64, /* processes of one group, over all devices */
};

/* ---- what goes in ---------------------------------------------------------------------- */

struct planner_device {
    const char *name;
    const char *type; /* devices of one type share profiles */
    double cores;     /* what is free for this application: 0.3 is three tenths of one core */
    uint64_t memory;  /* bytes free for it; 0: not limited */
    double link_rate; /* bytes/s in each direction; 0: not limited */
    double link_latency; /* seconds */
    size_t n_has;
    char *const *has;
};

/* What the graph does not say about its operators; one entry per operator of the graph. */
struct planner_operator {
    const struct model *model; /* open as long as problem and plan live; NULL: not a model */
    const char *engine;        /* as in profiles: "onnxruntime 1.30.0 fast"; NULL: "" */
    size_t n_outputs;          /* ports with a known size, from the operator's infer() */
    const uint64_t
        *outputs;    /* bytes per frame; 0: not known, then the profile's value is used */
    bool unmeasured; /* it cannot be, nor who reads it: they are estimated */
};

/* What moving frames between processes costs. 0 anywhere: the default. */
struct planner_constants {
    double send_frame, receive_frame; /* CPU seconds per frame and channel */
    double send_byte, receive_byte;   /* CPU seconds per byte */
    uint64_t process_memory;          /* bytes of a stage that runs nothing */
    uint64_t engine_memory;           /* bytes of an engine and an empty session */
};

struct planner_place {
    const char *operator, * device; /* --place OPERATOR=DEVICE */
};

struct planner_input {
    const struct graph *graph;
    const struct planner_operator *operators; /* graph->n_operators */
    const struct profile_store *profiles;
    size_t n_devices;
    const struct planner_device *devices; /* a new device is best added at the end */
    struct planner_constants constants;
    unsigned cuts_most;     /* candidate cuts per model; 0: PLANNER_CUTS */
    int replicas;           /* 0: free; 1: off; N: at most N processes per group */
    enum graph_codec codec; /* tensors that may are packed like this when they cross a link */
    bool codec_pinned;      /* planner_plan(): like this and in no other way */
    bool cut_pinned;        /* models are cut at `cuts` and nowhere else (n_cuts 0: not cut),
                               whatever the manifest says */
    unsigned window;        /* most frames under way between a source and its sinks; 0: free */
    size_t n_cuts;
    const unsigned *cuts; /* rising; each must be legal in every model of the graph */
    size_t n_places;
    const struct planner_place *places;
    double demand; /* frames/s that the sources give at most; 0: as many as are taken */
};

/* ---- the problem ----------------------------------------------------------------------- */

struct planner_atom {
    unsigned operator; /* of the graph */
    bool model;
    unsigned from, to; /* cuts, for a model; else 0 */
    bool replicable;   /* no source, no sink, not stateful, and not forbidden */
    unsigned replicas; /* at most so many, says the manifest; 0: free */
};

/* Bytes that an atom gives to others: an output port, or what is live at a cut. */
struct planner_flow {
    unsigned from; /* atom */
    unsigned port;
    uint64_t size; /* bytes per frame, on a link */
    uint64_t raw;  /* and before they are packed for it */
    enum graph_codec codec;
    double pack, unpack; /* CPU seconds per frame, times the type's `packing` */
    size_t n_to;
    unsigned *to; /* atoms, rising */
};

struct planner_type {
    char *name;
    double send_frame, receive_frame, send_byte, receive_byte; /* CPU seconds */
    double packing; /* how much longer codecs take than on the first type that tried them */
};

enum planner_boundary { BOUNDARY_FREE, BOUNDARY_CLOSED, BOUNDARY_CUT };

/* Self-contained but for graph and models, which must outlive it. Times are CPU seconds per
 * frame; tables over intervals are asked through planner_cost() and its kin. */
struct planner_problem {
    const struct graph *graph;
    const struct planner_operator *operators;
    size_t n_atoms, n_flows, n_types, n_devices;
    struct planner_atom *atoms;
    struct planner_flow *flows;
    struct planner_type *types;
    struct planner_device *devices;  /* strings are the problem's own */
    unsigned *device_type;           /* per device */
    enum planner_boundary *boundary; /* n_atoms + 1: between atom i - 1 and i */
    bool *allowed;                   /* n_atoms x n_devices */
    double *cost;                    /* n_types x (n_atoms + 1) x (n_atoms + 1) */
    double *longest;                 /* the same: the slowest single instance within */
    double *atom_least;              /* n_types x n_atoms: no segmentation costs less */
    uint64_t *memory;                /* (n_atoms + 1) x (n_atoms + 1): bytes of a process */
    unsigned *forbidden;             /* n_devices x (n_atoms + 1): running count of !allowed */
    unsigned *pinned; /* n_atoms + 1: running count of BOUNDARY_CUT before each */
    enum graph_objective objective;
    double qos_rate;    /* frames/s, 0: none */
    double qos_latency; /* seconds, 0: none */
    double demand;      /* frames/s, 0: none */
    unsigned replicas;  /* most processes of one group */
    unsigned window;    /* most frames under way, 0: as many as it takes */
    size_t n_estimated; /* atoms x types whose time is a guess, for want of a profile */
};

/* Errors: -EINVAL (a cut, place or device that does not exist), -ENODEV (no device has what an
 * operator needs), -E2BIG; each with a sentence. What was not measured is estimated from the
 * operations of the layers and the same subject on other types; n_estimated counts it. */
int planner_prepare(const struct planner_input *input, struct planner_problem **ret_problem,
                    struct error *err);
void planner_problem_destroy(struct planner_problem *problem);
void planner_problem_destroyp(struct planner_problem **problem);

/* CPU seconds per frame of the atoms from..to-1 in one process on a device of this type. */
double planner_cost(const struct planner_problem *problem, size_t from, size_t to,
                    unsigned type);
uint64_t planner_memory(const struct planner_problem *problem, size_t from, size_t to);
/* Bytes that cross the boundary before atom `at`. */
uint64_t planner_crossing(const struct planner_problem *problem, size_t at);

/* Cuts at which a model is considered for cutting, from 0 to n_layers: all legal ones, or, when
 * there are more than `most`, of each equal share of the work the one with the fewest bytes.
 * malloc'ed; returns their number. */
size_t planner_cuts(const struct model *model, size_t most, unsigned **ret_cuts);

/* ---- the plan -------------------------------------------------------------------------- */

struct plan_replica {
    unsigned device;
    unsigned instances; /* processes of the group on this device, >= 1 */
    double share;       /* of the frames, 0..1 */
};

struct plan_group {
    unsigned from, to; /* atoms */
    size_t n_replicas; /* 1: not replicated */
    struct plan_replica *replicas;
    uint64_t memory; /* bytes of one process */
};

struct plan_device {
    double busy; /* CPU in use at the predicted rate, as a part of the device's cores: 0..1 */
    double cpu;  /* the same in cores */
    double up, down;           /* bytes/s on its link */
    double up_busy, down_busy; /* 0..1; 0 when the link is not limited */
    uint64_t memory;
};

/* One cut that was looked at, for the explanation. */
struct plan_cut {
    unsigned at;          /* boundary: before this atom */
    double before, after; /* CPU seconds per frame on each side, on the first device's type */
    uint64_t size;        /* bytes across */
    double rate; /* frames/s of the best two groups, not replicated, cut here; 0: impossible */
    bool chosen;
};

struct plan {
    const struct planner_problem *problem; /* must outlive the plan */
    size_t n_groups;
    struct plan_group *groups;
    struct plan_device *devices; /* problem->n_devices */
    double rate;                 /* frames/s, predicted */
    double latency;              /* seconds, of a frame that finds everything idle */
    double traffic;              /* bytes over links per frame */
    double bound;                /* no plan can be faster, frames/s */
    double gap;                  /* bound / rate - 1; 0: the plan is proved best */
    bool exact;                  /* every plan was looked at or excluded */
    double single_rate; /* the best that one device alone can do; 0: nothing fits on one */
    size_t n_cuts;
    struct plan_cut *cuts;
    bool unmet; /* the wished-for rate or latency cannot be reached; a note says by how much */
    size_t n_notes;
    char **notes; /* sentences */
};

/* Finds the plan. The result for some devices is never slower than that for the first few of
 * them. -ENODEV: nothing fits the memory of the devices, or the pins contradict. */
int planner_solve(const struct planner_problem *problem, struct plan **ret_plan,
                  struct error *err);
/* Prepares and solves; where links may be what limits, also with packed tensors: by zstd, which
 * loses nothing, and with less precision where operators allow it. Keeps that only if it is
 * better by more than a hundredth. Replaces what the pointers hold. */
int planner_plan(const struct planner_input *input, struct planner_problem **problem,
                 struct plan **plan, struct error *err);
/* The group that an atom is in. */
unsigned plan_group_of(const struct plan *plan, unsigned atom);
/* Whether frames from one group to another cross a link: not where both are on one device. */
bool plan_crosses(const struct plan *plan, unsigned from, unsigned to);
void plan_destroy(struct plan *plan);
void plan_destroyp(struct plan **plan);

/* Readable tables: groups, devices, and, if asked for, every cut that was considered. */
void plan_explain(const struct plan *plan, bool cuts, FILE *out);
json_t *plan_to_json(const struct plan *plan);

/* The plan in the words of controller and stages. Parts of a cut model are operators
 * "detect#0", "detect#1", … with a parameter `segment` "FROM:TO"; an uncut one keeps its name.
 */
struct deployment *plan_deploy(const struct plan *plan);

/* ---- what should be measured ----------------------------------------------------------- */

struct profile_want {
    unsigned operator; /* of the graph */
    unsigned type;     /* of the problem */
    unsigned device;   /* a device of that type */
    unsigned from, to; /* cuts; 0, 0: an operator that is no model */
};

/* Without a plan: the operators, the whole models and their finest segments that have no
 * profile yet. With a plan: the exact segments it chose and those one candidate cut to either
 * side. malloc'ed; returns their number. */
size_t profile_wanted(const struct planner_problem *problem,
                      const struct profile_store *profiles, const struct plan *plan,
                      struct profile_want **ret_wanted);

#endif
