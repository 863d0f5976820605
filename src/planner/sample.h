/* Made-up problems for the planner's tests: seeded, small or large, always well-formed. */
#ifndef PLANNER_SAMPLE_H
#define PLANNER_SAMPLE_H

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "planner/problem.h"

static inline uint64_t sample_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline unsigned sample_below(uint64_t *state, unsigned n)
{
    return (unsigned)(sample_next(state) % n);
}

static inline double sample_between(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)(sample_next(state) % 100001) / 100000;
}

struct sample {
    size_t n_atoms, n_devices, n_types;
    unsigned replicas;
    bool limits; /* links, memory and pins that matter */
    bool skips;  /* edges that pass atoms by */
    bool plain;  /* as applications are: few operators, a model, all of the middle replicable */
};

static inline void sample_flow(struct planner_problem *problem, unsigned from, uint64_t size,
                               unsigned to, unsigned skip)
{
    struct planner_flow *flow = &problem->flows[problem->n_flows++];

    *flow = (struct planner_flow){.from = from, .size = size, .n_to = skip > 0 ? 2 : 1};
    flow->to = memory_new(2, sizeof(*flow->to));
    flow->to[0] = to;
    flow->to[1] = skip;
}

/* A chain: a source, operators, a model of at least half of the atoms, a sink. */
static inline void sample_atoms(struct planner_problem *problem, const struct sample *sample,
                                uint64_t *seed)
{
    unsigned n = (unsigned)sample->n_atoms;
    unsigned first = n > 2 ? 1 + sample_below(seed, (n + 3) / 4) : n;
    unsigned last = n > 3 ? first + (n - first) / 2 : first;

    if (sample->plain && n > 8) {
        first = 3;
        last = n - 4;
    }

    problem->n_atoms = n;
    problem->atoms = memory_new(n, sizeof(*problem->atoms));
    problem->flows = memory_new(n, sizeof(*problem->flows));
    problem->boundary = memory_new(n + 1, sizeof(*problem->boundary));
    for (unsigned i = 0; i < n; i++) {
        bool model = i >= first && i <= last && i + 1 < n;

        problem->atoms[i] = (struct planner_atom){
            .operator= model ? first : i,
            .model = model,
            .from = model ? i - first : 0,
            .to = model ? i - first + 1 : 0,
            .replicable = i > 0 && i + 1 < n && (sample->plain || sample_below(seed, 8) != 0),
        };
        if (i + 1 < n) {
            unsigned skip = sample->skips && i + 2 < n && !model && sample_below(seed, 3) == 0
                                ? i + 2 + sample_below(seed, n - i - 2)
                                : 0;

            sample_flow(problem, i, 1000 + sample_below(seed, 500000), i + 1, skip);
        }
    }
}

static inline void sample_devices(struct planner_problem *problem, const struct sample *sample,
                                  uint64_t *seed)
{
    static const double cores[] = {0.3, 1, 0.5, 2};

    problem->n_devices = sample->n_devices;
    problem->devices = memory_new(sample->n_devices, sizeof(*problem->devices));
    problem->device_type = memory_new(sample->n_devices, sizeof(*problem->device_type));
    problem->n_types = sample->n_types;
    problem->types = memory_new(sample->n_types, sizeof(*problem->types));
    for (size_t i = 0; i < sample->n_types; i++) {
        problem->types[i] = (struct planner_type){
            .name = memory_format("type-%zu", i),
            .send_frame = 2e-5,
            .receive_frame = 2e-5,
            .send_byte = 5e-10,
            .receive_byte = 5e-10,
        };
    }
    for (size_t i = 0; i < sample->n_devices; i++) {
        unsigned type = sample_below(seed, (unsigned)sample->n_types);

        problem->device_type[i] = type;
        problem->devices[i] = (struct planner_device){
            .name = memory_format("device-%zu", i + 1),
            .cores = sample->limits ? cores[sample_below(seed, 4)] : 0.3,
            .memory = sample->limits && sample_below(seed, 3) == 0
                          ? 40000000 + sample_below(seed, 60000000)
                          : 0,
            .link_rate = sample->limits ? sample_between(seed, 1e6, 12.5e6) : 12.5e6,
            .link_latency = 0.001,
        };
    }
}

/* Segments of models that were measured as such, and cost a little more or less than their sum.
 */
static inline size_t sample_exact(const struct planner_problem *problem, const double *finest,
                                  double noise, struct problem_exact *exact, uint64_t *seed)
{
    size_t n = 0;

    for (size_t from = 0; from < problem->n_atoms; from++) {
        double sum = 0;

        for (size_t to = from + 1; to <= problem->n_atoms && problem->atoms[to - 1].model;
             to++) {
            sum += finest[to - 1];
            if (problem->atoms[from].model && sample_below(seed, 3) == 0 && n < 64) {
                exact[n++] = (struct problem_exact){
                    .from = from,
                    .to = to,
                    .seconds = sum * sample_between(seed, 1 - noise, 1 + noise)};
            }
        }
    }
    return n;
}

static inline struct planner_problem *sample_problem(const struct sample *sample,
                                                     uint64_t number)
{
    uint64_t seed = number * 0x9E3779B97F4A7C15U + 1;
    struct planner_problem *problem = memory_new(1, sizeof(*problem));
    struct problem_exact exact[64];

    sample_next(&seed);
    sample_atoms(problem, sample, &seed);
    sample_devices(problem, sample, &seed);
    problem->replicas = sample->replicas;
    size_t n = problem->n_atoms;
    cleanup(memory_free) double *finest = memory_new(problem->n_types * n, sizeof(*finest));
    cleanup(memory_free) uint64_t *kept = memory_new(n, sizeof(*kept));
    cleanup(memory_free) uint64_t *working = memory_new(n, sizeof(*working));

    problem->allowed = memory_new(n * problem->n_devices, sizeof(*problem->allowed));
    for (size_t i = 0; i < n; i++) {
        double time = sample_between(&seed, 0.0005, 0.03);

        for (size_t type = 0; type < problem->n_types; type++) {
            finest[type * n + i] =
                time * (sample->plain ? sample_between(&seed, 0.95, 1.05) / (double)(type + 1)
                                      : sample_between(&seed, 0.2, 1.5));
        }
        kept[i] = sample_below(&seed, 20000000);
        working[i] = sample_below(&seed, 4000000);
        for (size_t device = 0; device < problem->n_devices; device++) {
            problem->allowed[i * problem->n_devices + device] =
                !sample->limits || sample->plain || sample_below(&seed, 12) != 0;
        }
    }
    struct problem_measures measures = {
        .finest = finest,
        .kept = kept,
        .working = working,
        .n_exact = sample_exact(problem, finest, sample->plain ? 0.02 : 0.1, exact, &seed),
        .exact = exact,
        .process_memory = 8000000,
        .engine_memory = 10000000,
    };

    problem_tabulate(problem, &measures);
    return problem;
}

#endif
