/* Interval tables of a problem.
 *
 * A run is the part of one model that lies in an interval: it becomes one engine session. Its
 * time is the measured one where exactly this segment was measured, else the sum of its finest
 * segments, scaled by (whole model / sum of all its finest segments): engines fuse across cuts,
 * and the whole was measured too. Its memory is the measured one, else that of its parts.
 */
#include "planner/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool same_run(const struct planner_problem *problem, size_t atom, size_t next)
{
    return problem->atoms[atom].model && problem->atoms[next].model &&
           problem->atoms[atom].operator== problem->atoms[next].operator;
}

static void end_of_model(const struct planner_problem *problem, size_t atom, size_t *ret_first,
                         size_t *ret_end)
{
    size_t first = atom, end = atom + 1;

    while (first > 0 && same_run(problem, first - 1, atom)) {
        first--;
    }
    while (end < problem->n_atoms && same_run(problem, atom, end)) {
        end++;
    }
    *ret_first = first;
    *ret_end = end;
}

/* Whether the measurement is of this type, says a time, and is of a whole model if asked so. */
static bool timed(const struct planner_problem *problem, const struct problem_exact *exact,
                  unsigned type, bool whole)
{
    size_t first = 0, end = 0;

    end_of_model(problem, exact->from, &first, &end);
    return exact->type == type && !isnan(exact->seconds) &&
           (!whole || (exact->from == first && exact->to == end));
}

static void reconcile_parts(const struct planner_problem *problem, size_t from, size_t to,
                            double *run)
{
    double *whole = &run[problem_index(problem, from, to)];

    for (size_t at = from + 1; at < to; at++) {
        double *left = &run[problem_index(problem, from, at)];
        double *right = &run[problem_index(problem, at, to)];
        double scale = *left + *right > 0 ? sqrt(*whole / (*left + *right)) : 1;

        if (scale > 1) {
            *left *= scale;
            *right *= scale;
            *whole /= scale;
        }
    }
}

/* Cutting saves no work. Where two neighbouring runs were measured to take less than what they
 * make together, caches were kinder to the short ones, or the machine had other work when the
 * long one was measured: they meet halfway. Long runs first: theirs are the better
 * measurements.
 */
static void reconcile_runs(const struct planner_problem *problem, double *run)
{
    size_t n = problem->n_atoms;

    for (size_t length = n; length > 1; length--) {
        for (size_t from = 0; from + length <= n; from++) {
            if (same_run(problem, from, from + length - 1)) {
                reconcile_parts(problem, from, from + length, run);
            }
        }
    }
}

/* Fills `run` (side x side) with the time of every run of model atoms, measured or summed. */
static void tabulate_runs(const struct planner_problem *problem,
                          const struct problem_measures *measures, unsigned type, double *run)
{
    size_t n = problem->n_atoms;
    const double *finest = measures->finest + type * n;

    for (size_t from = 0; from < n; from++) {
        double sum = 0;

        for (size_t to = from + 1;
             to <= n && (to == from + 1 || same_run(problem, from, to - 1)); to++) {
            sum += finest[to - 1];
            run[problem_index(problem, from, to)] = sum;
        }
    }
    for (size_t i = 0; i < measures->n_exact; i++) {
        const struct problem_exact *exact = &measures->exact[i];

        if (!timed(problem, exact, type, true)) {
            continue;
        }
        double sum = run[problem_index(problem, exact->from, exact->to)];
        double scale = sum > 0 ? exact->seconds / sum : 1;

        for (size_t from = exact->from; from < exact->to; from++) {
            for (size_t to = from + 1; to <= exact->to; to++) {
                run[problem_index(problem, from, to)] *= scale;
            }
        }
    }
    for (size_t i = 0; i < measures->n_exact; i++) {
        const struct problem_exact *exact = &measures->exact[i];

        if (timed(problem, exact, type, false)) {
            run[problem_index(problem, exact->from, exact->to)] = exact->seconds;
        }
    }
    reconcile_runs(problem, run);
}

/* Of each atom a time that no choice of cuts can beat: its finest time times the best ratio of
 * any run of its model. The sum over any set of atoms is a bound from below. */
static void tabulate_least(struct planner_problem *problem,
                           const struct problem_measures *measures, unsigned type,
                           const double *run)
{
    size_t n = problem->n_atoms;
    const double *finest = measures->finest + type * n;

    for (size_t atom = 0; atom < n; atom++) {
        size_t first = 0, end = 0;
        double least = INFINITY;

        end_of_model(problem, atom, &first, &end);
        for (size_t from = first; from < end; from++) {
            double sum = 0;

            for (size_t to = from + 1; to <= end; to++) {
                sum += finest[to - 1];
                double ratio = sum > 0 ? run[problem_index(problem, from, to)] / sum : 0;

                least = sum > 0 && ratio < least ? ratio : least;
            }
        }
        problem->atom_least[type * n + atom] = isfinite(least) ? finest[atom] * least : 0;
    }
}

static void tabulate_costs(struct planner_problem *problem, unsigned type, const double *run,
                           double call)
{
    size_t n = problem->n_atoms;

    for (size_t from = 0; from < n; from++) {
        double before = 0, longest_before = 0; /* of the instances that ended already */
        size_t start = from;                   /* of the current instance */

        for (size_t to = from + 1; to <= n; to++) {
            if (to - 1 > start && !same_run(problem, start, to - 1)) {
                double ended = run[problem_index(problem, start, to - 1)];

                before += ended + call;
                longest_before = fmax(longest_before, ended);
                start = to - 1;
            }
            double current = run[problem_index(problem, start, to)];

            problem->cost[problem_type_index(problem, type, from, to)] =
                before + current + call;
            problem->longest[problem_type_index(problem, type, from, to)] =
                fmax(longest_before, current);
        }
    }
}

/* The greatest measured memory of each run, 0 where none was. */
static void tabulate_measured(const struct planner_problem *problem,
                              const struct problem_measures *measures, uint64_t *measured)
{
    for (size_t i = 0; i < measures->n_exact; i++) {
        const struct problem_exact *exact = &measures->exact[i];
        uint64_t *memory = &measured[problem_index(problem, exact->from, exact->to)];

        *memory = exact->memory > *memory ? exact->memory : *memory;
    }
}

/* Bytes of an engine that runs nothing: no more than the least that any part of the model took.
 */
static uint64_t engine_memory(const struct planner_problem *problem,
                              const struct problem_measures *measures, const uint64_t *measured,
                              size_t atom)
{
    size_t first = 0, end = 0;
    uint64_t least = 0;

    end_of_model(problem, atom, &first, &end);
    for (size_t i = first; i < end; i++) {
        uint64_t part = measured[problem_index(problem, i, i + 1)];

        least = part > 0 && (least == 0 || part < least) ? part : least;
    }
    return least > 0 ? least : measures->engine_memory;
}

/* Bytes of the run of atoms from..to-1: measured, or by what is known of its parts. What they
 * hold all the time adds up, of what they work in the largest counts. */
static uint64_t run_memory(const struct planner_problem *problem,
                           const struct problem_measures *measures, const uint64_t *measured,
                           size_t from, size_t to)
{
    uint64_t exact = measured[problem_index(problem, from, to)], kept = 0, working = 0;
    uint64_t engine =
        problem->atoms[from].model ? engine_memory(problem, measures, measured, from) : 0;

    for (size_t atom = from; atom < to && exact == 0; atom++) {
        uint64_t part = measured[problem_index(problem, atom, atom + 1)];
        uint64_t own = part > engine ? part - engine : 0;
        uint64_t holds = measures->kept[atom], works = measures->working[atom];

        if (part > 0) {
            holds = own < holds ? own : holds;
            works = own - holds;
        }
        kept += holds;
        working = works > working ? works : working;
    }
    return exact > 0 ? exact : engine + kept + working;
}

static void tabulate_memory(struct planner_problem *problem,
                            const struct problem_measures *measures)
{
    size_t n = problem->n_atoms;
    cleanup(memory_free) uint64_t *measured = memory_new((n + 1) * (n + 1), sizeof(*measured));

    tabulate_measured(problem, measures, measured);
    for (size_t from = 0; from < n; from++) {
        uint64_t before = measures->process_memory, current = 0;
        size_t start = from;

        for (size_t to = from + 1; to <= n; to++) {
            if (to - 1 > start && !same_run(problem, start, to - 1)) {
                before += current;
                start = to - 1;
            }
            current = run_memory(problem, measures, measured, start, to);
            problem->memory[problem_index(problem, from, to)] = before + current;
        }
    }
}

void problem_tabulate(struct planner_problem *problem, const struct problem_measures *measures)
{
    size_t n = problem->n_atoms, side = n + 1;

    problem->cost = memory_new(problem->n_types * side * side, sizeof(*problem->cost));
    problem->longest = memory_new(problem->n_types * side * side, sizeof(*problem->longest));
    problem->atom_least = memory_new(problem->n_types * n, sizeof(*problem->atom_least));
    problem->memory = memory_new(side * side, sizeof(*problem->memory));
    problem->forbidden = memory_new(problem->n_devices * side, sizeof(*problem->forbidden));
    for (unsigned type = 0; type < problem->n_types; type++) {
        cleanup(memory_free) double *run = memory_new(side * side, sizeof(*run));

        tabulate_runs(problem, measures, type, run);
        tabulate_least(problem, measures, type, run);
        tabulate_costs(problem, type, run, measures->call_seconds);
    }
    tabulate_memory(problem, measures);
    problem->pinned = memory_new(side + 1, sizeof(*problem->pinned));
    for (size_t at = 0; at < n; at++) {
        problem->pinned[at + 1] =
            problem->pinned[at] + (problem->boundary[at] == BOUNDARY_CUT ? 1 : 0);
    }
    for (size_t device = 0; device < problem->n_devices; device++) {
        unsigned *count = problem->forbidden + device * side;

        for (size_t atom = 0; atom < n; atom++) {
            count[atom + 1] =
                count[atom] + (problem->allowed[atom * problem->n_devices + device] ? 0 : 1);
        }
    }
}

double planner_cost(const struct planner_problem *problem, size_t from, size_t to,
                    unsigned type)
{
    return problem->cost[problem_type_index(problem, type, from, to)];
}

uint64_t planner_memory(const struct planner_problem *problem, size_t from, size_t to)
{
    return problem->memory[problem_index(problem, from, to)];
}

uint64_t planner_crossing(const struct planner_problem *problem, size_t at)
{
    uint64_t size = 0;

    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];

        if (flow->from < at && flow->n_to > 0 && flow->to[flow->n_to - 1] >= at) {
            size += flow->size;
        }
    }
    return size;
}

bool problem_groupable(const struct planner_problem *problem, size_t from, size_t to)
{
    if (problem->boundary[from] == BOUNDARY_CLOSED ||
        problem->boundary[to] == BOUNDARY_CLOSED) {
        return false;
    }
    return problem->pinned[to] == problem->pinned[from + 1];
}

unsigned problem_replicas(const struct planner_problem *problem, size_t from, size_t to)
{
    unsigned most = problem->replicas;

    for (size_t atom = from; atom < to; atom++) {
        unsigned own = problem->atoms[atom].replicas;

        most = own > 0 && own < most ? own : most;
    }
    return most;
}

bool problem_replicable(const struct planner_problem *problem, size_t from, size_t to)
{
    for (size_t atom = from; atom < to; atom++) {
        if (!problem->atoms[atom].replicable) {
            return false;
        }
    }
    return problem->replicas > 1;
}

bool problem_alike(const struct planner_problem *problem, size_t one, size_t other)
{
    const struct planner_device *a = &problem->devices[one], *b = &problem->devices[other];

    if (problem->device_type[one] != problem->device_type[other] || a->cores != b->cores ||
        a->memory != b->memory || a->link_rate != b->link_rate ||
        a->link_latency != b->link_latency) {
        return false;
    }
    return memcmp(problem->forbidden + one * (problem->n_atoms + 1),
                  problem->forbidden + other * (problem->n_atoms + 1),
                  (problem->n_atoms + 1) * sizeof(*problem->forbidden)) == 0;
}

void planner_problem_destroy(struct planner_problem *problem)
{
    if (problem == NULL) {
        return;
    }
    for (size_t i = 0; i < problem->n_flows; i++) {
        free(problem->flows[i].to);
    }
    for (size_t i = 0; i < problem->n_types; i++) {
        free(problem->types[i].name);
    }
    for (size_t i = 0; i < problem->n_devices; i++) {
        free((char *)problem->devices[i].name);
    }
    free(problem->atoms);
    free(problem->flows);
    free(problem->types);
    free(problem->devices);
    free(problem->device_type);
    free(problem->boundary);
    free(problem->allowed);
    free(problem->cost);
    free(problem->longest);
    free(problem->atom_least);
    free(problem->memory);
    free(problem->forbidden);
    free(problem->pinned);
    free(problem);
}

void planner_problem_destroyp(struct planner_problem **problem)
{
    planner_problem_destroy(*problem);
    *problem = NULL;
}
