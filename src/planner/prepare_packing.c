/* How the flows are packed for links, what that makes of them, and what it costs: as measured.
 *
 * A codec that was not measured at a place is not used there if it squeezes: nobody can
 * foretell what zstd makes of tensors. Fewer bits can be foretold, and are guessed at when a
 * profile is silent. What one type of device measured holds for the others; their times are
 * scaled by what both have measured.
 */
#include <math.h>

#include "base/memory.h"
#include "model/model.h"
#include "planner/prepare.h"

/* CPU time to make fewer bits of a byte and to undo it, as a multiple of that to send one. */
#define GUESS_PACK   2.0
#define GUESS_UNPACK 1.2

#define SQUEEZED_MOST 0.95  /* of the bytes without zstd: else it is not worth its time */
#define CALL_SECONDS  20e-6 /* of an operator more, from the loop to a worker and back */

struct packing {
    struct prepare *prepare;
    size_t operator;
    unsigned at; /* cut or port */
    char *subject;
};

static const struct profile_packing *lookup(const struct packing *packing, unsigned type,
                                            enum graph_codec codec)
{
    const struct planner_input *input = packing->prepare->input;
    const struct profile_key key = {packing->subject,
                                    packing->prepare->problem->types[type].name,
                                    input->operators[packing->operator].engine };

    return profile_packing(input->profiles, key, packing->at, codec);
}

/* What the first type measured that did, in terms of type 0. */
static bool measured(const struct packing *packing, enum graph_codec codec,
                     struct profile_packing *ret_found)
{
    const struct planner_problem *problem = packing->prepare->problem;

    for (unsigned type = 0; type < problem->n_types; type++) {
        const struct profile_packing *found = lookup(packing, type, codec);

        if (found != NULL) {
            *ret_found = *found;
            ret_found->pack /= problem->types[type].packing;
            ret_found->unpack /= problem->types[type].packing;
            return true;
        }
    }
    return false;
}

static bool foretold(const struct packing *packing, const struct planner_flow *flow,
                     enum graph_link link, struct profile_packing *ret_found)
{
    static const double saved[] = {[GRAPH_LINK_F16] = 1.0 / 2, [GRAPH_LINK_U8] = 3.0 / 4};
    const struct planner_input *input = packing->prepare->input;
    const struct model *model = input->operators[packing->operator].model;
    double floats = model != NULL ? (double)model_live_floats(model, packing->at) : 0;
    double send = packing->prepare->problem->types[0].send_byte;
    double part = fmin(1, floats / fmax(1, (double)flow->raw));

    *ret_found = (struct profile_packing){.part = 1 - part * saved[link],
                                          .pack = part * GUESS_PACK * send,
                                          .unpack = part * GUESS_UNPACK * send};
    return part > 0;
}

static void apply(struct planner_flow *flow, enum graph_codec codec,
                  const struct profile_packing *found)
{
    flow->codec = codec;
    flow->size = (uint64_t)ceil((double)flow->raw * found->part);
    flow->pack = (double)flow->raw * found->pack + CALL_SECONDS;
    flow->unpack = (double)flow->raw * found->unpack + CALL_SECONDS;
}

static void pack_flow(const struct packing *packing, struct planner_flow *flow)
{
    const struct planner_input *input = packing->prepare->input;
    enum graph_link link = graph_codec_link(input->codec);
    enum graph_link allowed = input->graph->operators[packing->operator].link;
    struct profile_packing found = {.part = 1};

    link = link < allowed ? link : allowed;
    enum graph_codec codec = graph_codec_from(link, false);

    if (link != GRAPH_LINK_EXACT &&
        (measured(packing, codec, &found) || foretold(packing, flow, link, &found))) {
        apply(flow, codec, &found);
    }
    double before = found.part;

    codec = graph_codec_from(link, true);
    if (graph_codec_squeezes(input->codec) && measured(packing, codec, &found) &&
        found.part <= before * SQUEEZED_MOST) {
        apply(flow, codec, &found);
    }
}

/* How the times of a type compare with those of the first one that tried codecs. */
static double type_factor(const struct packing *packings, size_t n, unsigned type)
{
    double own = 0, other = 0;

    for (size_t i = 0; i < n; i++) {
        for (int codec = GRAPH_CODEC_ZSTD; codec < GRAPH_CODEC_END; codec++) {
            const struct profile_packing *mine =
                lookup(&packings[i], type, (enum graph_codec)codec);
            const struct profile_packing *first = NULL;

            for (unsigned before = 0; before < type && mine != NULL && first == NULL;
                 before++) {
                first = lookup(&packings[i], before, (enum graph_codec)codec);
            }
            own += first != NULL ? mine->pack + mine->unpack : 0;
            other += first != NULL ? first->pack + first->unpack : 0;
        }
    }
    return own > 0 && other > 0 ? own / other : 1;
}

void prepare_packing(struct prepare *prepare)
{
    struct planner_problem *problem = prepare->problem;
    const struct graph *graph = prepare->input->graph;
    cleanup(memory_free) char **subjects = memory_new(graph->n_operators, sizeof(*subjects));
    cleanup(memory_free) struct packing *packings =
        memory_new(problem->n_flows, sizeof(*packings));

    if (prepare->input->codec == GRAPH_CODEC_NONE) {
        return;
    }
    for (size_t i = 0; i < graph->n_operators; i++) {
        subjects[i] = profile_packing_subject(graph, i, problem->operators[i].model);
    }
    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];
        const struct planner_atom *atom = &problem->atoms[flow->from];

        packings[i] = (struct packing){.prepare = prepare,
                                       .operator= atom->operator,
                                       .at = atom->model ? atom->to : flow->port,
                                       .subject = subjects[atom->operator] };
    }
    for (unsigned type = 1; type < problem->n_types; type++) {
        problem->types[type].packing = type_factor(packings, problem->n_flows, type);
    }
    for (size_t i = 0; i < problem->n_flows; i++) {
        pack_flow(&packings[i], &problem->flows[i]);
    }
    for (size_t i = 0; i < graph->n_operators; i++) {
        memory_free(&subjects[i]);
    }
}
