/* A plan in the words that controller and stages share. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/deployment.h"
#include "planner/deploy_pack.h"
#include "planner/deploy_window.h"
#include "planner/planner.h"

enum {
    NAME_MOST = 40, /* of a group: a stage adds its number, and labels have 63 letters */
};

/* One operator of the deployment: a run of atoms in one group. */
struct run {
    unsigned operator; /* of the graph */
    unsigned group;
    unsigned first, end; /* atoms */
    unsigned part;       /* 0, 1, … of a cut model */
};

struct deploy {
    const struct plan *plan;
    struct deployment *deployment;
    size_t n_runs;
    struct run *runs; /* as many as there are operators of the
                         deployment */
    unsigned *run_of; /* per atom */
    unsigned *parts;  /* per operator of the graph */
    char **names;     /* of groups */
};

static void add_run(struct deploy *deploy, unsigned group, unsigned first)
{
    unsigned what = deploy->plan->problem->atoms[first].operator;

    deploy->runs = memory_grow(deploy->runs, deploy->n_runs, sizeof(*deploy->runs));
    deploy->runs[deploy->n_runs++] = (struct run){
        .operator= what, .group = group, .first = first, .part = deploy->parts[what]++};
}

static void find_runs(struct deploy *deploy)
{
    const struct plan *plan = deploy->plan;
    const struct planner_atom *atoms = plan->problem->atoms;

    for (unsigned group = 0; group < plan->n_groups; group++) {
        unsigned from = plan->groups[group].from, to = plan->groups[group].to;

        for (unsigned atom = from; atom < to; atom++) {
            unsigned operator= atoms[atom].operator;

            if (atom == from || atoms[atom - 1].operator!= operator) {
                add_run(deploy, group, atom);
            }
            deploy->runs[deploy->n_runs - 1].end = atom + 1;
            deploy->run_of[atom] = (unsigned)deploy->n_runs - 1;
        }
    }
}

static bool name_taken(const struct deploy *deploy, unsigned before, const char *name)
{
    for (unsigned i = 0; i < before; i++) {
        if (strcmp(deploy->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* A group is called after its model, or after its last
 * operator: "detect", "detect-0", "out".
 */
static char *group_name(const struct deploy *deploy, unsigned group)
{
    const struct planner_problem *problem = deploy->plan->problem;
    const struct run *named = &deploy->runs[deploy->run_of[deploy->plan->groups[group].from]];

    for (const struct run *run = named; run < deploy->runs + deploy->n_runs; run++) {
        if (run->group == group &&
            (problem->atoms[run->first].model || !problem->atoms[named->first].model)) {
            named = run;
        }
    }
    const char *operator= problem->graph->operators[named->operator].name;
    bool cut = deploy->parts[named->operator] > 1;
    char *name = cut ? memory_format("%.*s-%u", NAME_MOST, operator, named->part)
                     : memory_format("%.*s", NAME_MOST, operator);

    for (unsigned i = 0; name_taken(deploy, group, name); i++) {
        free(name);
        name = memory_format("%.*s-x%u", NAME_MOST, operator, i);
    }
    return name;
}

static char *run_name(const struct deploy *deploy, const struct run *run)
{
    const char *name = deploy->plan->problem->graph->operators[run->operator].name;

    return deploy->parts[run->operator] > 1 ? memory_format("%s#%u", name, run->part)
                                            : memory_text(name);
}

/* Takes the strings. */
static void add_param(struct deployment_operator *step, struct deployment_param param)
{
    step->params = memory_grow(step->params, step->n_params, sizeof(*step->params));
    step->params[step->n_params++] = param;
}

static void add_input(struct deployment_operator *step, struct deployment_input input)
{
    step->inputs = memory_grow(step->inputs, step->n_inputs, sizeof(*step->inputs));
    step->inputs[step->n_inputs++] = input;
}

static void fill_operator(const struct deploy *deploy, const struct run *run,
                          struct deployment_operator *step)
{
    const struct planner_problem *problem = deploy->plan->problem;
    const struct graph_operator *from = &problem->graph->operators[run->operator];

    step->name = run_name(deploy, run);
    step->origin = memory_text(from->name);
    step->use = memory_text(from->type->name);
    step->group = memory_text(deploy->names[run->group]);
    for (size_t i = 0; i < from->n_params; i++) {
        add_param(step, (struct deployment_param){memory_text(from->params[i].name),
                                                  memory_text(from->params[i].value)});
    }
    if (deploy->parts[run->operator] > 1) {
        char *segment = memory_format("%u:%u", problem->atoms[run->first].from,
                                      problem->atoms[run->end - 1].to);

        add_param(step, (struct deployment_param){memory_text("segment"), segment});
    }
    if (run->part > 0) {
        const struct run *before = &deploy->runs[deploy->run_of[run->first - 1]];

        add_input(step, (struct deployment_input){run_name(deploy, before), 0});
        return;
    }
    for (size_t i = 0; i < from->n_inputs; i++) {
        const struct run *last = deploy->runs;

        for (size_t j = 0; j < deploy->n_runs; j++) {
            if (deploy->runs[j].operator== from->inputs[i].operator) {
                last = &deploy->runs[j];
            }
        }
        add_input(step,
                  (struct deployment_input){run_name(deploy, last), from->inputs[i].port});
    }
}

static void fill_stages(struct deploy *deploy)
{
    const struct plan *plan = deploy->plan;
    struct deployment *deployment = deploy->deployment;

    for (unsigned group = 0; group < plan->n_groups; group++) {
        unsigned number = 0, operators = 0;

        for (size_t i = 0; i < deploy->n_runs; i++) {
            operators += deploy->runs[i].group == group;
        }
        for (size_t i = 0; i < plan->groups[group].n_replicas; i++) {
            const struct plan_replica *replica = &plan->groups[group].replicas[i];
            const struct planner_device *device = &plan->problem->devices[replica->device];
            double cores = ceil(device->cores / replica->instances);

            for (unsigned j = 0; j < replica->instances; j++) {
                deployment->stages = memory_grow(deployment->stages, deployment->n_stages,
                                                 sizeof(*deployment->stages));
                deployment->stages[deployment->n_stages++] = (struct deployment_stage){
                    .name = memory_format("%s-%u", deploy->names[group], ++number),
                    .group = memory_text(deploy->names[group]),
                    .device = memory_text(device->name),
                    .workers = cores < operators ? (unsigned)cores : operators,
                };
            }
        }
    }
}

static void fill_channels(struct deploy *deploy)
{
    const struct plan *plan = deploy->plan;
    struct deployment *deployment = deploy->deployment;
    struct channel_walk walk = {0};
    unsigned hops[PLANNER_GROUPS_MAX];

    deployment->window = deploy_window(plan, hops);
    while (channel_next(plan, &walk)) {
        const struct planner_flow *flow = &plan->problem->flows[walk.flow];
        bool skips = hops[walk.to_group] > hops[walk.from_group] + 1;

        deployment->channels = memory_grow(deployment->channels, deployment->n_channels,
                                           sizeof(*deployment->channels));
        deployment->channels[deployment->n_channels] = (struct deployment_channel){
            .id = (unsigned)deployment->n_channels + 1,
            .from_operator = run_name(deploy, &deploy->runs[deploy->run_of[flow->from]]),
            .from_port = flow->port,
            .from_group = memory_text(deploy->names[walk.from_group]),
            .to_group = memory_text(deploy->names[walk.to_group]),
            .credit = skips ? deployment->window : DEPLOY_CREDIT,
        };
        deployment->n_channels++;
    }
}

/* The channels stand as the walk comes to them. */
static void pack_channels(struct deploy *deploy)
{
    struct channel_walk walk = {0};

    for (size_t i = 0; channel_next(deploy->plan, &walk); i++) {
        const struct planner_flow *flow = &deploy->plan->problem->flows[walk.flow];

        if (flow->codec != GRAPH_CODEC_NONE &&
            plan_crosses(deploy->plan, walk.from_group, walk.to_group)) {
            deploy_pack(deploy->deployment, i, graph_codec_name(flow->codec));
        }
    }
}

struct deployment *plan_deploy(const struct plan *plan)
{
    const struct planner_problem *problem = plan->problem;
    cleanup(memory_free) unsigned *run_of = memory_new(problem->n_atoms, sizeof(*run_of));
    cleanup(memory_free) unsigned *parts =
        memory_new(problem->graph->n_operators, sizeof(*parts));
    cleanup(memory_free) char **names = memory_new(plan->n_groups, sizeof(*names));
    struct deploy deploy = {.plan = plan, .run_of = run_of, .parts = parts, .names = names};
    struct deployment *deployment = memory_new(1, sizeof(*deployment));

    deploy.deployment = deployment;
    find_runs(&deploy);
    for (unsigned i = 0; i < plan->n_groups; i++) {
        names[i] = group_name(&deploy, i);
    }
    deployment->application = memory_text(problem->graph->name);
    deployment->operators = memory_new(deploy.n_runs, sizeof(*deployment->operators));
    for (size_t i = 0; i < deploy.n_runs; i++) {
        fill_operator(&deploy, &deploy.runs[i], &deployment->operators[i]);
    }
    deployment->n_operators = deploy.n_runs;
    fill_stages(&deploy);
    fill_channels(&deploy);
    pack_channels(&deploy);
    for (unsigned i = 0; i < plan->n_groups; i++) {
        free(names[i]);
    }
    free(deploy.runs);
    return deployment;
}
