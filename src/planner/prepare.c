/* From graph and models to atoms and flows. */
#include "planner/prepare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"

enum { OUTPUT_GUESS = 100000 }; /* bytes of a port that nobody knows */

/* Where a model must be cut, and nowhere else: who asks for a plan decides, else the manifest.
 */
struct pins {
    bool pinned;
    size_t n;
    const unsigned *cuts;
};

static struct pins pins_of(const struct planner_input *input, size_t operator)
{
    const struct graph_operator *step = &input->graph->operators[operator];

    return input->cut_pinned ? (struct pins){true, input->n_cuts, input->cuts}
                             : (struct pins){step->cut_pinned, step->n_cuts, step->cuts};
}

/* The cuts at which an operator's model is considered: all worth a look, or the pinned ones. */
static int operator_cuts(const struct planner_input *input, size_t operator, size_t most,
                         unsigned **ret_cuts, size_t *ret_n, struct error *err)
{
    const struct model *model = input->operators[operator].model;
    const struct pins pins = pins_of(input, operator);

    if (!pins.pinned) {
        *ret_n = planner_cuts(model, most, ret_cuts);
        return 0;
    }
    cleanup(memory_free) unsigned *cuts = memory_new(pins.n + 2, sizeof(*cuts));

    for (size_t i = 0; i < pins.n; i++) {
        unsigned k = pins.cuts[i];

        if (k == 0 || k >= model->n_layers || !model->legal[k]) {
            return error_set(err, -EINVAL,
                             "operator '%s' cannot be cut at %u: `brume model inspect %s` "
                             "lists the legal cuts, from 1 to %zu",
                             input->graph->operators[operator].name, k, model->path,
                             model->n_layers - 1);
        }
        if (k <= cuts[i]) {
            return error_set(err, -EINVAL, "cuts must rise: %u comes after %u", k, cuts[i]);
        }
        cuts[i + 1] = k;
    }
    cuts[pins.n + 1] = (unsigned)model->n_layers;
    *ret_n = pins.n + 2;
    *ret_cuts = STEAL(cuts);
    return 0;
}

static void add_atom(struct planner_problem *problem, const struct planner_atom *atom)
{
    problem->atoms = memory_grow(problem->atoms, problem->n_atoms, sizeof(*problem->atoms));
    problem->atoms[problem->n_atoms++] = *atom;
}

static int add_operator(struct prepare *prepare, size_t operator, size_t most,
                        struct error *err)
{
    const struct planner_input *input = prepare->input;
    const struct graph_operator *step = &input->graph->operators[operator];
    const struct brume_operator *type = step->type;
    const struct model *model = input->operators[operator].model;
    struct planner_atom atom = {
        .operator=(unsigned) operator,
        .model = model != NULL,
        .replicable = type->inputs != NULL && type->inputs[0].name != NULL &&
                      type->outputs != NULL && type->outputs[0].name != NULL &&
                      (type->flags & BRUME_STATEFUL) == 0 && step->replicas != 1,
        .replicas = step->replicas,
    };
    cleanup(memory_free) unsigned *cuts = NULL;
    size_t n = 0;

    prepare->first_atom[operator] = (unsigned)prepare->problem->n_atoms;
    if (!atom.model) {
        add_atom(prepare->problem, &atom);
        return 0;
    }
    int r = operator_cuts(input, operator, most, &cuts, &n, err);

    for (size_t i = 0; r == 0 && i + 1 < n; i++) {
        atom.from = cuts[i];
        atom.to = cuts[i + 1];
        add_atom(prepare->problem, &atom);
    }
    return r;
}

static int prepare_atoms(struct prepare *prepare, struct error *err)
{
    const struct planner_input *input = prepare->input;
    struct planner_problem *problem = prepare->problem;
    size_t n = input->graph->n_operators, n_models = 0;
    size_t most = input->cuts_most > 0 ? input->cuts_most : PLANNER_CUTS;

    for (size_t i = 0; i < n; i++) {
        n_models += input->operators[i].model != NULL;
    }
    if (n_models > 0 && n + 2 * n_models < PLANNER_ATOMS_MAX) {
        size_t room = (PLANNER_ATOMS_MAX - n) / n_models;

        most = most < room ? most : room;
    }
    for (size_t i = 0; i < n; i++) {
        int r = add_operator(prepare, i, most, err);

        if (r < 0) {
            return r;
        }
        if (problem->n_atoms > PLANNER_ATOMS_MAX) {
            return error_set(err, -E2BIG, "%s: more than %d operators and segments to place",
                             input->graph->file, PLANNER_ATOMS_MAX);
        }
    }
    prepare->first_atom[n] = (unsigned)problem->n_atoms;
    problem->boundary = memory_new(problem->n_atoms + 1, sizeof(*problem->boundary));
    for (size_t i = 1; i < problem->n_atoms; i++) {
        if (problem->atoms[i].model && problem->atoms[i]
                                           .
                                           operator== problem->atoms[i - 1]
                                           .
                                           operator&& pins_of(input, problem->atoms[i].operator)
                                           .pinned) {
            problem->boundary[i] = BOUNDARY_CUT;
        }
    }
    return 0;
}

/* Remembers that atom `to` reads the flow; atoms come in rising order. */
static void flow_read(struct planner_flow *flow, unsigned to)
{
    if (flow->n_to > 0 && flow->to[flow->n_to - 1] == to) {
        return;
    }
    flow->to = memory_grow(flow->to, flow->n_to, sizeof(*flow->to));
    flow->to[flow->n_to++] = to;
}

static struct planner_flow *add_flow(struct planner_problem *problem, unsigned from,
                                     unsigned port, uint64_t size)
{
    problem->flows = memory_grow(problem->flows, problem->n_flows, sizeof(*problem->flows));
    problem->flows[problem->n_flows] =
        (struct planner_flow){.from = from, .port = port, .size = size, .raw = size};
    return &problem->flows[problem->n_flows++];
}

/* The flows of one output port of an operator, if anybody reads it. */
static void add_port(struct prepare *prepare, size_t operator, unsigned port)
{
    const struct graph *graph = prepare->input->graph;
    struct planner_flow *flow = NULL;

    for (size_t i = operator+ 1; i < graph->n_operators; i++) {
        for (size_t j = 0; j < graph->operators[i].n_inputs; j++) {
            const struct graph_input *reads = &graph->operators[i].inputs[j];

            if (reads->operator!= operator|| reads->port != port) {
                continue;
            }
            if (flow == NULL) {
                uint64_t size = prepare_output(prepare->input, operator, port);

                flow = add_flow(prepare->problem, prepare->first_atom[operator + 1] - 1, port,
                                size > 0 ? size : OUTPUT_GUESS);
            }
            flow_read(flow, prepare->first_atom[i]);
        }
    }
}

static void prepare_flows(struct prepare *prepare)
{
    const struct planner_input *input = prepare->input;
    struct planner_problem *problem = prepare->problem;

    for (size_t i = 0; i < input->graph->n_operators; i++) {
        const struct brume_operator *type = input->graph->operators[i].type;
        unsigned first = prepare->first_atom[i], end = prepare->first_atom[i + 1];

        for (unsigned atom = first; atom + 1 < end; atom++) {
            const struct model *model = input->operators[i].model;
            size_t at = problem->atoms[atom].to;
            struct planner_flow *flow = add_flow(problem, atom, 0, model_live_size(model, at));

            flow_read(flow, atom + 1);
        }
        for (unsigned port = 0; type->outputs != NULL && type->outputs[port].name != NULL;
             port++) {
            add_port(prepare, i, port);
        }
    }
}

int planner_prepare(const struct planner_input *input, struct planner_problem **ret_problem,
                    struct error *err)
{
    cleanup(planner_problem_destroyp) struct planner_problem *problem =
        memory_new(1, sizeof(*problem));
    cleanup(memory_free) unsigned *first_atom =
        memory_new(input->graph->n_operators + 1, sizeof(*first_atom));
    struct prepare prepare = {.input = input, .problem = problem, .first_atom = first_atom};

    problem->graph = input->graph;
    problem->operators = input->operators;
    problem->objective = input->graph->objective;
    problem->qos_rate = input->graph->qos_rate;
    problem->qos_latency = (double)input->graph->qos_latency_ms / 1000;
    problem->demand = input->demand;
    problem->window = input->window;
    problem->replicas = input->replicas > 0 && input->replicas < PLANNER_INSTANCES_MAX
                            ? (unsigned)input->replicas
                            : PLANNER_INSTANCES_MAX;
    int r = prepare_atoms(&prepare, err);

    if (r == 0) {
        prepare_flows(&prepare);
        r = prepare_devices(&prepare, err);
    }
    if (r < 0) {
        return r;
    }
    prepare_packing(&prepare);
    prepare_times(&prepare);
    *ret_problem = STEAL(problem);
    return 0;
}
