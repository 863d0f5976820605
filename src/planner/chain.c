/* Chains: every group on a device of its own, none replicated. The best chain is found exactly,
 * by dynamic programming over the end of the last group and how many devices of each kind are
 * used up (Benoit and Robert, "Mapping pipeline skeletons onto heterogeneous platforms", 2008,
 * for chains of tasks; here with kinds instead of single devices, and links at the devices).
 *
 * Traffic is counted as if each flow that leaves a group were read by one other group.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "planner/problem.h"
#include "planner/search.h"

enum {
    KINDS_MOST = 8,
    WORK_MOST = 4000000, /* states x groups: about 10 ms */
};

struct chain {
    const struct planner_problem *problem;
    size_t n_kinds, n_states;
    size_t kinds[KINDS_MOST];  /* one device of each */
    size_t counts[KINDS_MOST]; /* how many there are */
    size_t stride[KINDS_MOST]; /* of the state number, in mixed radix */
    double *time;   /* per kind and interval: seconds per frame; INFINITY: impossible */
    double *best;   /* per state and end: the slowest group so far */
    uint16_t *from; /* of the last group */
    uint8_t *kind;  /* of the last group */
};

static bool kinds_count(struct chain *chain, const struct search *search)
{
    for (size_t device = 0; device < search->n_devices; device++) {
        size_t kind = 0;

        while (kind < chain->n_kinds &&
               search->alike[chain->kinds[kind]] != search->alike[device]) {
            kind++;
        }
        if (kind == KINDS_MOST) {
            return false;
        }
        if (kind == chain->n_kinds) {
            chain->kinds[chain->n_kinds++] = device;
        }
        if (chain->counts[kind] < chain->problem->n_atoms &&
            chain->counts[kind] < PLANNER_GROUPS_MAX) {
            chain->counts[kind]++;
        }
    }
    chain->n_states = 1;
    for (size_t kind = 0; kind < chain->n_kinds; kind++) {
        chain->stride[kind] = chain->n_states;
        chain->n_states *= chain->counts[kind] + 1;
        if (chain->n_states > WORK_MOST) {
            return false;
        }
    }
    size_t n = chain->problem->n_atoms;

    return chain->n_states * (n * n / 2 + 1) * chain->n_kinds <= WORK_MOST;
}

/* Bytes and channels into and out of each interval. */
static void tabulate_flows(const struct planner_problem *problem, double *in, double *out)
{
    size_t n = problem->n_atoms;

    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];

        for (size_t from = 0; from < n; from++) {
            for (size_t to = from + 1; to <= n; to++) {
                bool inside = false, behind = false;

                for (size_t j = 0; j < flow->n_to; j++) {
                    inside |= flow->to[j] >= from && flow->to[j] < to;
                    behind |= flow->to[j] >= to;
                }
                size_t at = problem_index(problem, from, to);

                in[at] += flow->from < from && inside ? (double)flow->size : 0;
                out[at] +=
                    flow->from >= from && flow->from < to && behind ? (double)flow->size : 0;
            }
        }
    }
}

static double stage_time(const struct planner_problem *problem, size_t device, size_t at,
                         double in, double out)
{
    const struct planner_device *home = &problem->devices[device];
    unsigned number = problem->device_type[device];
    const struct planner_type *type = &problem->types[number];
    size_t side = problem->n_atoms + 1;
    double cpu = problem->cost[number * side * side + at] + in * type->receive_byte +
                 out * type->send_byte + (in > 0 ? type->receive_frame : 0) +
                 (out > 0 ? type->send_frame : 0);
    double time = fmax(cpu / home->cores,
                       problem->longest[number * side * side + at] / fmin(1, home->cores));

    if (home->memory > 0 && problem->memory[at] > home->memory) {
        return INFINITY;
    }
    return home->link_rate > 0 ? fmax(time, fmax(in, out) / home->link_rate) : time;
}

static void tabulate_times(struct chain *chain)
{
    const struct planner_problem *problem = chain->problem;
    size_t n = problem->n_atoms, side = n + 1;
    cleanup(memory_free) double *in = memory_new(side * side, sizeof(*in));
    cleanup(memory_free) double *out = memory_new(side * side, sizeof(*out));

    tabulate_flows(problem, in, out);
    for (size_t kind = 0; kind < chain->n_kinds; kind++) {
        for (size_t from = 0; from < n; from++) {
            for (size_t to = from + 1; to <= n; to++) {
                size_t at = problem_index(problem, from, to), device = chain->kinds[kind];

                chain->time[kind * side * side + at] =
                    problem_groupable(problem, from, to) &&
                            problem_allowed(problem, device, from, to)
                        ? stage_time(problem, device, at, in[at], out[at])
                        : INFINITY;
            }
        }
    }
}

/* The best last group of kind `kind` for the first `end` atoms in a state that has one left. */
static void extend(struct chain *chain, size_t state, size_t kind, size_t end)
{
    size_t side = chain->problem->n_atoms + 1, cell = state * side + end;
    const double *before = chain->best + (state - chain->stride[kind]) * side;
    const double *time = chain->time + kind * side * side;

    for (size_t from = end; from-- > 0;) {
        double own = time[from * side + end];
        double worst = fmax(before[from], own);

        if (worst < chain->best[cell]) {
            chain->best[cell] = worst;
            chain->from[cell] = (uint16_t)from;
            chain->kind[cell] = (uint8_t)kind;
        }
    }
}

static void fill(struct chain *chain)
{
    size_t n = chain->problem->n_atoms, side = n + 1;

    for (size_t state = 0; state < chain->n_states; state++) {
        chain->best[state * side] = 0;
        for (size_t end = 1; end <= n; end++) {
            chain->best[state * side + end] = INFINITY;
            for (size_t kind = 0; kind < chain->n_kinds; kind++) {
                if (state / chain->stride[kind] % (chain->counts[kind] + 1) > 0) {
                    extend(chain, state, kind, end);
                }
            }
        }
    }
}

/* Walks back from the state with all devices and puts the groups on the first of each kind. */
static void chain_layout(const struct chain *chain, const struct search *search,
                         struct layout *ret_layout)
{
    size_t side = chain->problem->n_atoms + 1, end = chain->problem->n_atoms;
    size_t state = chain->n_states - 1;
    bool used[PLANNER_DEVICES_MAX] = {0};
    struct layout_group groups[PLANNER_GROUPS_MAX];
    unsigned n = 0;

    while (end > 0) {
        size_t cell = state * side + end, kind = chain->kind[cell], device = 0;

        while (used[device] || search->alike[device] != search->alike[chain->kinds[kind]]) {
            device++;
        }
        used[device] = true;
        groups[n++] = (struct layout_group){
            .from = chain->from[cell], .to = (uint16_t)end, .single = (int16_t)device};
        end = chain->from[cell];
        state -= chain->stride[kind];
    }
    layout_clear(ret_layout);
    ret_layout->n_groups = n;
    for (unsigned i = 0; i < n; i++) {
        ret_layout->groups[i] = groups[n - 1 - i];
    }
}

void search_seed_chain(struct search *search)
{
    const struct planner_problem *problem = search->problem;
    struct chain chain = {.problem = problem};
    size_t side = problem->n_atoms + 1;

    if (!kinds_count(&chain, search)) {
        return;
    }
    cleanup(memory_free) double *time =
        memory_new(chain.n_kinds * side * side, sizeof(*chain.time));
    cleanup(memory_free) double *best = memory_new(chain.n_states * side, sizeof(*chain.best));
    cleanup(memory_free) uint16_t *from =
        memory_new(chain.n_states * side, sizeof(*chain.from));
    cleanup(memory_free) uint8_t *kind = memory_new(chain.n_states * side, sizeof(*chain.kind));

    chain.time = time;
    chain.best = best;
    chain.from = from;
    chain.kind = kind;
    tabulate_times(&chain);
    fill(&chain);
    if (isfinite(chain.best[(chain.n_states - 1) * side + problem->n_atoms])) {
        struct layout layout;

        chain_layout(&chain, search, &layout);
        search_try(search, &layout);
    }
}
