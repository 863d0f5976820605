/* Whether packed tensors make the plan better. */
#include "base/error.h"
#include "base/memory.h"
#include "planner/planner.h"
#include "planner/problem.h"

#define WORTH_IT 1.01 /* better by less is not worth a loss of precision */

static double merit(const struct plan *plan)
{
    switch (plan->problem->objective) {
    case GRAPH_LATENCY:
        return 1 / plan->latency;
    case GRAPH_TRAFFIC:
        return plan->traffic > 0 ? 1 / plan->traffic : 1e30;
    case GRAPH_THROUGHPUT:
        break;
    }
    return plan->rate;
}

static bool is_better(const struct plan *plan, const struct plan *than)
{
    return plan->unmet != than->unmet ? than->unmet : merit(plan) > merit(than) * WORTH_IT;
}

static enum graph_link most_allowed(const struct graph *graph)
{
    enum graph_link most = GRAPH_LINK_EXACT;

    for (size_t i = 0; i < graph->n_operators; i++) {
        most = graph->operators[i].link > most ? graph->operators[i].link : most;
    }
    return most;
}

int planner_plan(const struct planner_input *input, struct planner_problem **problem,
                 struct plan **plan, struct error *err)
{
    enum graph_link most = most_allowed(input->graph);
    struct planner_input variant = *input;

    plan_destroy(STEAL(*plan));
    planner_problem_destroy(STEAL(*problem));
    for (int link = GRAPH_LINK_EXACT; link <= (int)most; link++) {
        cleanup(planner_problem_destroyp) struct planner_problem *other = NULL;
        cleanup(plan_destroyp) struct plan *found = NULL;

        variant.link = (enum graph_link)link;
        int r = planner_prepare(&variant, &other, err);
        r = r < 0 ? r : planner_solve(other, &found, err);
        if (r < 0) {
            return r;
        }
        if (*plan == NULL || is_better(found, *plan)) {
            plan_destroy(*plan);
            planner_problem_destroy(*problem);
            *plan = STEAL(found);
            *problem = STEAL(other);
        }
    }
    return 0;
}
