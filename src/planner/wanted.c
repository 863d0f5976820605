/* What should be measured next. */
#include <stdlib.h>

#include "base/memory.h"
#include "model/model.h"
#include "planner/planner.h"

struct wanted {
    const struct planner_problem *problem;
    const struct profile_store *profiles;
    char **subjects; /* per operator of the graph */
    char **packings; /* likewise, of what codecs make of its outputs */
    bool *live; /* likewise: it waits for what the world sends or cannot be measured, itself or
                   through another */
    size_t n;
    struct profile_want *list;
};

/* Whether codecs were tried on what a measurement of this gives, if that is worth packing. */
static bool packing_known(const struct wanted *wanted, const struct profile_want *want,
                          struct profile_key key)
{
    const struct planner_operator *operator= & wanted->problem->operators[want->operator];
    const struct model *model = operator->model;
    const struct profile *profile = profile_find(wanted->profiles, key);

    key.subject = wanted->packings[want->operator];
    if (model != NULL) {
        return model_live_size(model, want->to) < GRAPH_CODEC_LEAST ||
               profile_packing(wanted->profiles, key, want->to, GRAPH_CODEC_ZSTD) != NULL;
    }
    for (unsigned port = 0; profile != NULL && port < profile->n_outputs; port++) {
        if (profile->outputs[port] >= GRAPH_CODEC_LEAST &&
            profile_packing(wanted->profiles, key, port, GRAPH_CODEC_ZSTD) == NULL) {
            return false;
        }
    }
    return true;
}

static bool known(const struct wanted *wanted, const struct profile_want *want)
{
    struct profile_key key = {
        .subject = wanted->subjects[want->operator],
        .type = wanted->problem->types[want->type].name,
        .engine = wanted->problem->operators[want->operator].engine,
    };
    const struct profile_segment *segment =
        profile_lookup(wanted->profiles, key, want->from, want->to);
    uint64_t memory = wanted->problem->devices[want->device].memory;

    if (segment != NULL && ((segment->runs > 0 && packing_known(wanted, want, key)) ||
                            (memory > 0 && segment->memory > memory))) {
        return true;
    }
    for (size_t i = 0; i < wanted->n; i++) {
        const struct profile_want *old = &wanted->list[i];

        if (old->operator== want->operator&& old->type == want->type &&
            old->from == want->from && old->to == want->to) {
            return true;
        }
    }
    return false;
}

static bool has_more_memory(const struct planner_device *one, const struct planner_device *two)
{
    return two->memory > 0 && (one->memory == 0 || one->memory > two->memory);
}

/* Of the devices of the type, one that may run the atom if there is one, with the most memory.
 */
static bool choose_device(const struct planner_problem *problem, unsigned type, unsigned atom,
                          unsigned *ret_device)
{
    bool found = false, best_allowed = false;

    for (unsigned i = 0; i < problem->n_devices; i++) {
        bool allowed = problem->allowed[atom * problem->n_devices + i];

        if (problem->device_type[i] != type || (found && best_allowed && !allowed)) {
            continue;
        }
        if (!found || (allowed && !best_allowed) ||
            has_more_memory(&problem->devices[i], &problem->devices[*ret_device])) {
            *ret_device = i;
            best_allowed = allowed;
            found = true;
        }
    }
    return found;
}

/* Wants it measured on a device of the type. */
static void want(struct wanted *wanted, unsigned type, unsigned first, unsigned last)
{
    const struct planner_problem *problem = wanted->problem;
    struct profile_want one = {
        .operator= problem->atoms[first].operator,
        .type = type,
        .from = problem->atoms[first].from,
        .to = problem->atoms[last].to,
    };

    if (!wanted->live[one.operator] && choose_device(problem, type, first, &one.device) &&
        !known(wanted, &one)) {
        wanted->list = memory_grow(wanted->list, wanted->n, sizeof(*wanted->list));
        wanted->list[wanted->n++] = one;
    }
}

static bool is_live(const struct planner_problem *problem, size_t operator, const bool * live)
{
    const struct planner_operator *known = &problem->operators[operator];
    const struct graph_operator *step = &problem->graph->operators[operator];
    bool found = (step->type->flags & BRUME_LIVE) != 0 || known->unmeasured;

    for (size_t i = 0; i < step->n_inputs; i++) {
        found = found || live[step->inputs[i].operator];
    }
    return found;
}

static bool same_model(const struct planner_problem *problem, unsigned atom, unsigned next)
{
    return problem->atoms[atom].model &&
           problem->atoms[atom].operator== problem->atoms[next].operator;
}

/* Everything that estimates stand for: operators, whole models, finest segments. */
static void want_all(struct wanted *wanted)
{
    const struct planner_problem *problem = wanted->problem;
    unsigned n = (unsigned)problem->n_atoms;

    for (unsigned type = 0; type < problem->n_types; type++) {
        for (unsigned atom = 0; atom < n; atom++) {
            unsigned end = atom + 1;

            while (end < n && same_model(problem, atom, end)) {
                end++;
            }
            if (atom == 0 || !same_model(problem, atom, atom - 1)) {
                want(wanted, type, atom, end - 1);
            }
            want(wanted, type, atom, atom);
        }
    }
}

/* The runs of models in a group, as cut, and with each end one candidate further in or out. */
static void want_group(struct wanted *wanted, const struct plan_group *group, unsigned type)
{
    const struct planner_problem *problem = wanted->problem;

    for (unsigned first = group->from; first < group->to; first++) {
        unsigned end = first + 1;

        if (!problem->atoms[first].model ||
            (first > group->from && same_model(problem, first, first - 1))) {
            continue;
        }
        while (end < group->to && same_model(problem, first, end)) {
            end++;
        }
        want(wanted, type, first, end - 1);
        if (first > 0 && same_model(problem, first, first - 1)) {
            want(wanted, type, first - 1, end - 1);
            if (first + 1 < end) {
                want(wanted, type, first + 1, end - 1);
            }
        }
        if (end < problem->n_atoms && same_model(problem, first, end)) {
            want(wanted, type, first, end);
            if (first + 1 < end) {
                want(wanted, type, first, end - 2);
            }
        }
    }
}

size_t profile_wanted(const struct planner_problem *problem,
                      const struct profile_store *profiles, const struct plan *plan,
                      struct profile_want **ret_wanted)
{
    size_t n_operators = problem->graph->n_operators;
    cleanup(memory_free) char **subjects = memory_new(n_operators, sizeof(*subjects));
    cleanup(memory_free) bool *live = memory_new(n_operators, sizeof(*live));
    cleanup(memory_free) char **packings = memory_new(n_operators, sizeof(*packings));
    struct wanted wanted = {.problem = problem,
                            .profiles = profiles,
                            .subjects = subjects,
                            .packings = packings,
                            .live = live};

    for (size_t i = 0; i < n_operators; i++) {
        live[i] = is_live(problem, i, live);
        subjects[i] = profile_subject(problem->graph, i, problem->operators[i].model);
        packings[i] = profile_packing_subject(problem->graph, i, problem->operators[i].model);
    }
    if (plan == NULL) {
        want_all(&wanted);
    }
    for (size_t i = 0; plan != NULL && i < plan->n_groups; i++) {
        for (size_t j = 0; j < plan->groups[i].n_replicas; j++) {
            want_group(&wanted, &plan->groups[i],
                       problem->device_type[plan->groups[i].replicas[j].device]);
        }
    }
    for (size_t i = 0; i < n_operators; i++) {
        free(subjects[i]);
        free(packings[i]);
    }
    *ret_wanted = wanted.list;
    return wanted.n;
}
