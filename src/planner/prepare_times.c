/* Times and memory of atoms: from the profiles, and estimates where they are silent.
 *
 * A segment that was not measured gets its share, by operations, of what is known of its model
 * on that type; a type that was not measured gets another type's time, scaled by what both
 * know; an operator that nobody measured gets a plain guess. Guesses are counted, and the plan
 * says so.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/model.h"
#include "planner/prepare.h"

#define OPERATIONS_PER_SECOND 4e9   /* of a model nobody measured */
#define OPERATOR_SECONDS      1e-3  /* of an operator nobody measured, */
#define OPERATOR_BYTE         2e-9  /* and per byte it reads and writes */
#define CALL_SECONDS          20e-6 /* from the loop to a worker thread and back, as measured */
#define PROCESS_MEMORY        (8 << 20)
#define ENGINE_MEMORY         (32 << 20)

enum {
    WEIGHT_COPIES = 2, /* engines keep their weights packed beside the file's */
    TENSOR_COPIES = 4, /* of the widest cut: activations, frames that wait, frames sent */
};

struct times {
    struct prepare *prepare;
    double *finest; /* n_types x n_atoms; NAN: not known */
    double *work;   /* n_atoms: operations */
    uint64_t *kept, *working;
    size_t n_exact;
    struct problem_exact *exact;
};

uint64_t prepare_output(const struct planner_input *input, size_t operator, unsigned port)
{
    const struct planner_operator *known = &input->operators[operator];

    if (known->outputs != NULL && port < known->n_outputs && known->outputs[port] > 0) {
        return known->outputs[port];
    }
    cleanup(memory_free) char *subject = profile_subject(input->graph, operator, known->model);

    for (size_t i = 0; i < input->n_devices; i++) {
        struct profile_key key = {subject, input->devices[i].type, known->engine};
        const struct profile *profile = profile_find(input->profiles, key);

        if (profile != NULL && port < profile->n_outputs && profile->outputs[port] > 0) {
            return profile->outputs[port];
        }
    }
    return known->model != NULL ? model_live_size(known->model, known->model->n_layers) : 0;
}

static double segment_work(const struct model *model, unsigned from, unsigned to)
{
    double work = 0;

    for (unsigned i = from; i < to; i++) {
        work += model->layers[i].operations + 1;
    }
    return work;
}

static void add_exact(struct times *times, unsigned type, size_t from, size_t to,
                      const struct profile_segment *segment)
{
    times->exact = memory_grow(times->exact, times->n_exact, sizeof(*times->exact));
    times->exact[times->n_exact++] =
        (struct problem_exact){.type = type,
                               .from = from,
                               .to = to,
                               .seconds = segment->runs > 0 ? segment->cpu_seconds : NAN,
                               .memory = segment->memory};
}

/* Takes every measured segment whose ends are candidate cuts. */
static void take_segments(struct times *times, size_t operator, unsigned type,
                          const struct profile *profile)
{
    const struct planner_problem *problem = times->prepare->problem;
    unsigned first = times->prepare->first_atom[operator];
    unsigned end = times->prepare->first_atom[operator + 1];

    for (size_t i = 0; i < profile->n_segments; i++) {
        const struct profile_segment *segment = &profile->segments[i];
        unsigned from = first, to = first;

        while (from < end && problem->atoms[from].from != segment->from) {
            from++;
        }
        while (to < end && problem->atoms[to].to != segment->to) {
            to++;
        }
        if (from < end && to < end && from <= to) {
            add_exact(times, type, from, to + 1, segment);
            if (from == to && segment->runs > 0) {
                times->finest[type * problem->n_atoms + from] = segment->cpu_seconds;
            }
        }
    }
}

/* Seconds per operation of a model on a type, from its finest segments or from the whole. */
static double known_pace(const struct times *times, size_t operator, unsigned type)
{
    const struct planner_problem *problem = times->prepare->problem;
    unsigned first = times->prepare->first_atom[operator];
    unsigned end = times->prepare->first_atom[operator + 1];
    double seconds = 0, work = 0, all = 0;

    for (unsigned atom = first; atom < end; atom++) {
        double known = times->finest[type * problem->n_atoms + atom];

        seconds += isnan(known) ? 0 : known;
        work += isnan(known) ? 0 : times->work[atom];
        all += times->work[atom];
    }
    for (size_t i = 0; i < times->n_exact && work == 0; i++) {
        const struct problem_exact *exact = &times->exact[i];

        if (exact->type == type && exact->from == first && exact->to == end &&
            !isnan(exact->seconds)) {
            return exact->seconds / all;
        }
    }
    return work > 0 ? seconds / work : NAN;
}

static void operator_times(struct times *times, size_t operator, unsigned type)
{
    const struct planner_input *input = times->prepare->input;
    struct planner_problem *problem = times->prepare->problem;
    const struct planner_operator *known = &input->operators[operator];
    cleanup(memory_free) char *subject = profile_subject(input->graph, operator, known->model);
    struct profile_key key = {subject, problem->types[type].name, known->engine};
    const struct profile *profile = profile_find(input->profiles, key);
    unsigned first = times->prepare->first_atom[operator];
    unsigned end = times->prepare->first_atom[operator + 1];

    if (profile == NULL) {
        return;
    }
    if (known->model == NULL) {
        const struct profile_segment *whole = profile_lookup(input->profiles, key, 0, 0);

        if (whole != NULL) {
            add_exact(times, type, first, first + 1, whole);
            times->finest[type * problem->n_atoms + first] = whole->cpu_seconds;
        }
        return;
    }
    take_segments(times, operator, type, profile);
    double pace = known_pace(times, operator, type);

    for (unsigned atom = first; atom < end; atom++) {
        double *finest = &times->finest[type * problem->n_atoms + atom];

        if (isnan(*finest) && !isnan(pace)) {
            *finest = pace * times->work[atom];
            problem->n_estimated++;
        }
    }
}

/* How much longer `type` takes than `other`, by what is known of both. */
static double type_ratio(const struct times *times, unsigned type, unsigned other)
{
    size_t n = times->prepare->problem->n_atoms;
    double one = 0, two = 0;

    for (size_t atom = 0; atom < n; atom++) {
        double a = times->finest[type * n + atom], b = times->finest[other * n + atom];

        one += isnan(a) || isnan(b) ? 0 : a;
        two += isnan(a) || isnan(b) ? 0 : b;
    }
    return one > 0 && two > 0 ? one / two : 1;
}

static double guess(const struct times *times, size_t atom)
{
    const struct planner_problem *problem = times->prepare->problem;
    double bytes = 0;

    if (problem->atoms[atom].model) {
        return times->work[atom] / OPERATIONS_PER_SECOND;
    }
    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];
        bool touches = flow->from == atom;

        for (size_t j = 0; j < flow->n_to; j++) {
            touches |= flow->to[j] == atom;
        }
        bytes += touches ? (double)flow->raw : 0;
    }
    return OPERATOR_SECONDS + bytes * OPERATOR_BYTE;
}

/* Fills what is still unknown from other types, then by guesses. */
static void fill_gaps(struct times *times)
{
    struct planner_problem *problem = times->prepare->problem;
    size_t n = problem->n_atoms, size = problem->n_types * n;
    cleanup(memory_free) double *filled = memory_new(size, sizeof(*filled));

    for (size_t i = 0; i < size; i++) {
        unsigned type = (unsigned)(i / n);

        filled[i] = times->finest[i];
        for (unsigned other = 0; other < problem->n_types && isnan(filled[i]); other++) {
            double known = times->finest[other * n + i % n];

            filled[i] = isnan(known) ? NAN : known * type_ratio(times, type, other);
        }
        if (isnan(filled[i])) {
            filled[i] = guess(times, i % n);
        }
        problem->n_estimated += isnan(times->finest[i]) ? 1 : 0;
    }
    for (size_t i = 0; i < size; i++) {
        times->finest[i] = filled[i];
    }
}

static void atom_memory(struct times *times, unsigned atom)
{
    const struct planner_problem *problem = times->prepare->problem;
    const struct planner_atom *what = &problem->atoms[atom];
    const struct model *model = problem->operators[what->operator].model;
    uint64_t widest = 0;

    for (unsigned k = what->from; what->model && k <= what->to; k++) {
        uint64_t size = model_live_size(model, k);

        widest = size > widest ? size : widest;
    }
    for (unsigned i = what->from; what->model && i < what->to; i++) {
        times->kept[atom] += WEIGHT_COPIES * model->layers[i].weight_size;
    }
    for (size_t i = 0; i < problem->n_flows && !what->model; i++) {
        const struct planner_flow *flow = &problem->flows[i];
        bool touches = flow->from == atom;

        for (size_t j = 0; j < flow->n_to; j++) {
            touches |= flow->to[j] == atom;
        }
        widest += touches ? flow->raw : 0;
    }
    times->working[atom] = TENSOR_COPIES * widest;
}

void prepare_times(struct prepare *prepare)
{
    const struct planner_input *input = prepare->input;
    struct planner_problem *problem = prepare->problem;
    size_t n = problem->n_atoms;
    struct times times = {.prepare = prepare};
    cleanup(memory_free) double *finest = memory_new(problem->n_types * n, sizeof(*finest));
    cleanup(memory_free) double *work = memory_new(n, sizeof(*work));
    cleanup(memory_free) uint64_t *kept = memory_new(n, sizeof(*kept));
    cleanup(memory_free) uint64_t *working = memory_new(n, sizeof(*working));

    times.finest = finest;
    times.work = work;
    times.kept = kept;
    times.working = working;
    for (size_t i = 0; i < problem->n_types * n; i++) {
        finest[i] = NAN;
    }
    for (unsigned atom = 0; atom < n; atom++) {
        const struct planner_atom *what = &problem->atoms[atom];

        work[atom] = what->model ? segment_work(input->operators[what->operator].model,
                                                what->from, what->to)
                                 : 0;
        atom_memory(&times, atom);
    }
    for (size_t i = 0; i < input->graph->n_operators; i++) {
        for (unsigned type = 0; type < problem->n_types; type++) {
            operator_times(&times, i, type);
        }
    }
    fill_gaps(&times);
    const struct planner_constants *constants = &input->constants;
    struct problem_measures measures = {
        .finest = finest,
        .kept = kept,
        .working = working,
        .n_exact = times.n_exact,
        .exact = times.exact,
        .call_seconds = CALL_SECONDS,
        .process_memory =
            constants->process_memory > 0 ? constants->process_memory : PROCESS_MEMORY,
        .engine_memory =
            constants->engine_memory > 0 ? constants->engine_memory : ENGINE_MEMORY,
    };

    problem_tabulate(problem, &measures);
    free(times.exact);
}
