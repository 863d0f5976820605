/* Chains: every group on a device of its own, none replicated. The best chain is found exactly,
 * by dynamic programming over the end of the last group and how many devices of each kind are
 * used up (Benoit and Robert, "Mapping pipeline skeletons onto heterogeneous platforms", 2008,
 * for chains of tasks; here with kinds instead of single devices, and links at the devices).
 * With so many kinds that the table would be too large, the devices are used in one order
 * instead, the fastest first, each once or not at all.
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
    STATES_MOST = 1500,
};

/* A state says which devices are used up: counts of kinds in mixed radix, or the first so many
 * of an order. A step from one state to the next uses one more device, of the step's kind. */
struct chain {
    const struct planner_problem *problem;
    bool ordered;
    size_t n_kinds, n_states;
    size_t kinds[PLANNER_DEVICES_MAX];  /* one device of each; when ordered, every device */
    size_t counts[PLANNER_DEVICES_MAX]; /* how many there are */
    size_t stride[PLANNER_DEVICES_MAX]; /* of the state number */
    double *time;                       /* per kind and interval: seconds per frame; INFINITY */
    double *cpu;                        /* the same without links: rises with the interval */
    double *best;                       /* per state and end: the slowest group so far */
    uint16_t *from;                     /* of the last group */
    int16_t *kind; /* of the last group; -1: the state's last device is not used */
};

static void kinds_count(struct chain *chain, const struct search *search)
{
    size_t most = chain->problem->n_atoms < PLANNER_GROUPS_MAX ? chain->problem->n_atoms
                                                               : PLANNER_GROUPS_MAX;

    for (size_t device = 0; device < search->n_devices; device++) {
        size_t kind = 0;

        while (kind < chain->n_kinds && chain->kinds[kind] != search->alike[device]) {
            kind++;
        }
        if (kind == chain->n_kinds) {
            chain->kinds[chain->n_kinds++] = search->alike[device];
        }
        chain->counts[kind] += chain->counts[kind] < most;
    }
}

static void chain_kinds(struct chain *chain)
{
    chain->n_states = 1;
    for (size_t kind = 0; kind < chain->n_kinds && chain->n_states <= STATES_MOST; kind++) {
        chain->stride[kind] = chain->n_states;
        chain->n_states *= chain->counts[kind] + 1;
    }
}

/* Every device a kind of its own, the fastest first. */
static void chain_order(struct chain *chain, const struct search *search)
{
    const struct planner_problem *problem = chain->problem;
    double speeds[PLANNER_DEVICES_MAX];

    chain->ordered = true;
    chain->n_kinds = search->n_devices;
    chain->n_states = search->n_devices + 1;
    for (size_t device = 0; device < search->n_devices; device++) {
        double speed =
            problem->devices[device].cores /
            fmax(planner_cost(problem, 0, problem->n_atoms, problem->device_type[device]),
                 1e-12);
        size_t at = device;

        for (; at > 0 && speeds[at - 1] < speed; at--) {
            speeds[at] = speeds[at - 1];
            chain->kinds[at] = chain->kinds[at - 1];
        }
        speeds[at] = speed;
        chain->kinds[at] = device;
    }
}

/* Whether an atom of from..to-1 reads the flow. */
static bool reads(const struct planner_flow *flow, size_t from, size_t to)
{
    for (size_t i = 0; i < flow->n_to; i++) {
        if (flow->to[i] >= from && flow->to[i] < to) {
            return true;
        }
    }
    return false;
}

/* Bytes into and out of each interval. */
static void tabulate_flows(const struct planner_problem *problem, double *in, double *out)
{
    size_t n = problem->n_atoms;

    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];

        for (size_t from = 0; from < n; from++) {
            for (size_t to = from + 1; to <= n; to++) {
                size_t at = problem_index(problem, from, to);

                if (flow->from < from && reads(flow, from, to)) {
                    in[at] += (double)flow->size;
                } else if (flow->from >= from && flow->from < to && reads(flow, to, n)) {
                    out[at] += (double)flow->size;
                }
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

                chain->cpu[kind * side * side + at] =
                    planner_cost(problem, from, to, problem->device_type[device]) /
                    problem->devices[device].cores;
                chain->time[kind * side * side + at] =
                    problem_groupable(problem, from, to) &&
                            problem_allowed(problem, device, from, to)
                        ? stage_time(problem, device, at, in[at], out[at])
                        : INFINITY;
            }
        }
    }
}

/* The best last group on a device of this kind, for the first `end` atoms. */
static void extend(struct chain *chain, size_t state, size_t kind, size_t end)
{
    size_t side = chain->problem->n_atoms + 1, cell = state * side + end;
    size_t stride = chain->ordered ? 1 : chain->stride[kind];
    const double *before = chain->best + (state - stride) * side;
    const double *time = chain->time + kind * side * side;
    const double *cpu = chain->cpu + kind * side * side;

    for (size_t from = end; from-- > 0 && cpu[from * side + end] < chain->best[cell];) {
        double worst = fmax(before[from], time[from * side + end]);

        if (worst < chain->best[cell]) {
            chain->best[cell] = worst;
            chain->from[cell] = (uint16_t)from;
            chain->kind[cell] = (int16_t)kind;
        }
    }
}

static void fill_state(struct chain *chain, size_t state)
{
    size_t n = chain->problem->n_atoms, side = n + 1;

    chain->best[state * side] = 0;
    for (size_t end = 1; end <= n; end++) {
        size_t cell = state * side + end;

        chain->best[cell] = chain->ordered && state > 0 ? chain->best[cell - side] : INFINITY;
        chain->kind[cell] = -1;
        if (chain->ordered && state > 0) {
            extend(chain, state, state - 1, end);
        }
        for (size_t kind = 0; kind < chain->n_kinds && !chain->ordered; kind++) {
            if (state / chain->stride[kind] % (chain->counts[kind] + 1) > 0) {
                extend(chain, state, kind, end);
            }
        }
    }
}

/* An unused device of the kind. */
static size_t take_device(const struct chain *chain, const struct search *search, size_t kind,
                          bool *used)
{
    size_t device = chain->kinds[kind];

    while (!chain->ordered && (used[device] || search->alike[device] != chain->kinds[kind])) {
        device++;
    }
    used[device] = true;
    return device;
}

/* Walks back from the state with all devices. */
static bool chain_layout(const struct chain *chain, const struct search *search,
                         struct layout *ret_layout)
{
    size_t side = chain->problem->n_atoms + 1, end = chain->problem->n_atoms;
    size_t state = chain->n_states - 1;
    bool used[PLANNER_DEVICES_MAX] = {0};
    struct layout_group groups[PLANNER_GROUPS_MAX];
    unsigned n = 0;

    while (end > 0) {
        size_t cell = state * side + end;
        int kind = chain->kind[cell];

        if (kind < 0) {
            state--;
            continue;
        }
        if (n == PLANNER_GROUPS_MAX) {
            return false;
        }
        groups[n++] = (struct layout_group){
            .from = chain->from[cell],
            .to = (uint16_t)end,
            .single = (int16_t)take_device(chain, search, (size_t)kind, used)};
        end = chain->from[cell];
        state -= chain->ordered ? 1 : chain->stride[kind];
    }
    layout_clear(ret_layout);
    ret_layout->n_groups = n;
    for (unsigned i = 0; i < n; i++) {
        ret_layout->groups[i] = groups[n - 1 - i];
    }
    return true;
}

void search_seed_chain(struct search *search)
{
    const struct planner_problem *problem = search->problem;
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    size_t side = problem->n_atoms + 1;

    chain->problem = problem;
    kinds_count(chain, search);
    chain_kinds(chain);
    if (chain->n_states > STATES_MOST) {
        chain_order(chain, search);
    }
    cleanup(memory_free) double *time = memory_new(chain->n_kinds * side * side, sizeof(*time));
    cleanup(memory_free) double *cpu = memory_new(chain->n_kinds * side * side, sizeof(*cpu));
    cleanup(memory_free) double *best = memory_new(chain->n_states * side, sizeof(*best));
    cleanup(memory_free) uint16_t *from = memory_new(chain->n_states * side, sizeof(*from));
    cleanup(memory_free) int16_t *kind = memory_new(chain->n_states * side, sizeof(*kind));
    struct layout layout;

    chain->time = time;
    chain->cpu = cpu;
    chain->best = best;
    chain->from = from;
    chain->kind = kind;
    tabulate_times(chain);
    for (size_t state = 0; state < chain->n_states; state++) {
        fill_state(chain, state);
    }
    if (isfinite(best[(chain->n_states - 1) * side + problem->n_atoms]) &&
        chain_layout(chain, search, &layout)) {
        search_try(search, &layout);
    }
}
