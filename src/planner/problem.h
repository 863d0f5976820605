/* The tables of a planner_problem: what any interval of atoms costs and needs on any type.
 *
 * Private to the planner. prepare.c fills atoms, flows, types and devices from graph, models
 * and profiles; tests make them up.
 */
#ifndef PLANNER_PROBLEM_H
#define PLANNER_PROBLEM_H

#include "planner/planner.h"

/* A segment of a model that was measured as it is, in atoms. */
struct problem_exact {
    unsigned type;
    size_t from, to; /* atoms of one model */
    double seconds;  /* NAN: not known, it wants more memory than there was */
    uint64_t memory; /* 0: not known */
};

struct problem_measures {
    const double *finest;    /* n_types x n_atoms: CPU seconds per frame */
    const uint64_t *kept;    /* n_atoms: bytes it holds all the time (weights) */
    const uint64_t *working; /* n_atoms: bytes while it works; of a run the largest counts */
    size_t n_exact;
    const struct problem_exact *exact;
    double call_seconds; /* CPU time of handing a frame to an operator and back */
    uint64_t process_memory, engine_memory;
};

/* Computes the tables from atoms, flows, types, devices, boundary and allowed, which are set.
 */
void problem_tabulate(struct planner_problem *problem, const struct problem_measures *measures);

static inline size_t problem_index(const struct planner_problem *problem, size_t from,
                                   size_t to)
{
    return from * (problem->n_atoms + 1) + to;
}

static inline size_t problem_type_index(const struct planner_problem *problem, unsigned type,
                                        size_t from, size_t to)
{
    size_t side = problem->n_atoms + 1;

    return type * side * side + from * side + to;
}

/* Whether a device may run every atom of the interval, by pins and by what it has. */
static inline bool problem_allowed(const struct planner_problem *problem, size_t device,
                                   size_t from, size_t to)
{
    const unsigned *count = problem->forbidden + device * (problem->n_atoms + 1);

    return count[to] == count[from];
}

/* Whether an interval may be one group, and whether that may be replicated. */
bool problem_groupable(const struct planner_problem *problem, size_t from, size_t to);
/* How many processes the group of these atoms may have. */
unsigned problem_replicas(const struct planner_problem *problem, size_t from, size_t to);
bool problem_replicable(const struct planner_problem *problem, size_t from, size_t to);

/* Whether two devices are alike in everything that the planner looks at. */
bool problem_alike(const struct planner_problem *problem, size_t one, size_t other);

#endif
