/* How a problem is made; private to prepare.c and its helpers. */
#ifndef PLANNER_PREPARE_H
#define PLANNER_PREPARE_H

#include "planner/problem.h"

struct prepare {
    const struct planner_input *input;
    struct planner_problem *problem;
    unsigned *first_atom; /* per operator of the graph, and one more for the end */
};

/* prepare_devices.c: types, devices, and where each atom may run. */
int prepare_devices(struct prepare *prepare, struct error *err);

/* prepare_packing.c: packs the flows that may be and get smaller. */
void prepare_packing(struct prepare *prepare);

/* prepare_times.c: times and memory from the profiles, estimates where they are silent. */
void prepare_times(struct prepare *prepare);

/* Bytes of an output port, as inferred or measured; 0: not known. */
uint64_t prepare_output(const struct planner_input *input, size_t operator, unsigned port);

#endif
