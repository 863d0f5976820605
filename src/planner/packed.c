/* Whether packed tensors make the plan better.
 *
 * A plan is made for each way to pack that the manifest allows, and solving takes time. So none
 * is made where links are not what limits: where a few devices would do no better with links
 * that are never full. With many devices that would be one more large problem to solve; there
 * it counts how busy links are in the plan, and whether cores lie idle.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "planner/planner.h"
#include "planner/problem.h"
#include "planner/search.h"

#define WORTH_IT  1.01 /* better by less is not worth a loss of precision, or the effort */
#define LINK_BUSY 0.6  /* of less nobody waits */
#define IDLE_PART 0.5  /* of the rate that the cores would give */

enum { FEW_DEVICES = 8 };

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

/* The same with links that are never full; `devices` are the caller's, to be freed. */
static struct planner_problem with_free_links(const struct planner_problem *problem,
                                              struct planner_device **ret_devices)
{
    struct planner_problem free = *problem;
    struct planner_device *devices = memory_new(problem->n_devices, sizeof(*devices));

    memcpy(devices, problem->devices, problem->n_devices * sizeof(*devices));
    for (size_t i = 0; i < problem->n_devices; i++) {
        devices[i].link_rate = 0;
    }
    free.devices = devices;
    *ret_devices = devices;
    return free;
}

static double busiest_link(const struct plan *plan)
{
    double busiest = 0;

    for (size_t i = 0; i < plan->problem->n_devices; i++) {
        busiest = fmax(busiest, fmax(plan->devices[i].up_busy, plan->devices[i].down_busy));
    }
    return busiest;
}

/* Whether links that are never full make the plan better. */
static bool links_matter(const struct plan *plan)
{
    const struct planner_problem *problem = plan->problem;
    cleanup(memory_free) struct planner_device *devices = NULL;
    cleanup(plan_destroyp) struct plan *better = NULL;
    struct planner_problem free;
    struct error ignored;

    if (problem->n_devices < 2 || problem->objective == GRAPH_TRAFFIC) {
        return problem->n_devices > 1 && plan->traffic > 0;
    }
    free = with_free_links(problem, &devices);
    double bound = search_bound(&free, problem->n_devices);

    if (problem->objective == GRAPH_THROUGHPUT && plan->rate * WORTH_IT > bound) {
        return false;
    }
    if (problem->n_devices > FEW_DEVICES) {
        return busiest_link(plan) > LINK_BUSY || plan->rate < bound * IDLE_PART;
    }
    return planner_solve(&free, &better, &ignored) == 0 && is_better(better, plan);
}

/* Whether anything is packed in just this way: else there is nothing to solve again. */
static bool is_used(const struct planner_problem *problem, enum graph_codec codec)
{
    for (size_t i = 0; i < problem->n_flows; i++) {
        if (problem->flows[i].codec == codec) {
            return true;
        }
    }
    return false;
}

struct best {
    struct planner_problem **problem;
    struct plan **plan;
};

/* Plans with this codec, and keeps that if it is better than what there is. */
static int try_codec(const struct planner_input *input, enum graph_codec codec,
                     struct best *best, struct error *err)
{
    cleanup(planner_problem_destroyp) struct planner_problem *problem = NULL;
    cleanup(plan_destroyp) struct plan *plan = NULL;
    struct planner_input variant = *input;

    variant.codec = codec;
    int r = planner_prepare(&variant, &problem, err);
    if (r < 0 || (*best->plan != NULL && !is_used(problem, codec))) {
        return r;
    }
    r = planner_solve(problem, &plan, err);
    if (r == 0 && (*best->plan == NULL || is_better(plan, *best->plan))) {
        plan_destroy(*best->plan);
        planner_problem_destroy(*best->problem);
        *best->plan = STEAL(plan);
        *best->problem = STEAL(problem);
    }
    return r;
}

/* What a codec saves is asked only where links are what limits. */
static int try_all(const struct planner_input *input, struct best *best, struct error *err)
{
    enum graph_codec last = graph_codec_from(most_allowed(input->graph), true);
    int r = links_matter(*best->plan) ? 0 : 1;

    for (int codec = GRAPH_CODEC_ZSTD; codec <= (int)last && r == 0; codec++) {
        r = try_codec(input, (enum graph_codec)codec, best, err);
    }
    return r < 0 ? r : 0;
}

int planner_plan(const struct planner_input *input, struct planner_problem **problem,
                 struct plan **plan, struct error *err)
{
    struct best best = {problem, plan};

    plan_destroy(STEAL(*plan));
    planner_problem_destroy(STEAL(*problem));
    if (input->codec_pinned) {
        return try_codec(input, input->codec, &best, err);
    }
    int r = try_codec(input, GRAPH_CODEC_NONE, &best, err);

    return r < 0 || *plan == NULL ? r : try_all(input, &best, err);
}
