/* The order in which frames pass the operators: topological, and as in the manifest where that
 * leaves a choice (Kahn, "Topological sorting of large networks", 1962; of those that are ready
 * the first one goes). What cannot be ordered lies on a cycle or behind one, so an operator
 * that no source reaches is always reported as a cycle: every other one has all its inputs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/manifest_internal.h"

struct ordering {
    bool placed[GRAPH_OPERATORS_MAX];
    unsigned order[GRAPH_OPERATORS_MAX];    /* position -> operator */
    unsigned position[GRAPH_OPERATORS_MAX]; /* operator -> position */
    size_t n;
};

static int fail_at(const struct graph *graph, const struct graph_operator *step,
                   struct error *err, const char *sentence)
{
    struct yaml_node place = {
        .file = graph->file, .line = step->place.line, .column = step->place.column};

    return yaml_fail(&place, err, -EINVAL, "%s", sentence);
}

static bool is_ready(const struct graph *graph, const struct ordering *ordering, size_t index)
{
    const struct graph_operator *step = &graph->operators[index];

    for (size_t i = 0; i < step->n_inputs; i++) {
        if (!ordering->placed[step->inputs[i].operator]) {
            return false;
        }
    }
    return true;
}

/* Goes back from an operator that could not be placed, always to an input that could not be
 * placed either, until one comes twice: that one is on a cycle. */
static unsigned find_on_cycle(const struct graph *graph, const struct ordering *ordering,
                              unsigned *ret_before)
{
    bool seen[GRAPH_OPERATORS_MAX] = {false};
    unsigned at = 0;

    while (ordering->placed[at]) {
        at++;
    }
    while (!seen[at]) {
        const struct graph_operator *step = &graph->operators[at];
        size_t i = 0;
        seen[at] = true;
        while (ordering->placed[step->inputs[i].operator]) {
            i++;
        }
        ret_before[at] = step->inputs[i].operator;
        at = step->inputs[i].operator;
    }
    return at;
}

static int fail_cycle(const struct graph *graph, const struct ordering *ordering,
                      struct error *err)
{
    unsigned before[GRAPH_OPERATORS_MAX] = {0}, cycle[GRAPH_OPERATORS_MAX + 1];
    unsigned start = find_on_cycle(graph, ordering, before), first = start, at = start;
    char sentence[sizeof(err->text)];
    size_t n = 0, used = 0;

    do {
        first = at < first ? at : first;
        at = before[at];
    } while (at != start);
    at = first;
    do {
        cycle[n++] = at;
        at = before[at];
    } while (at != first);
    cycle[n++] = first;
    for (size_t i = n; i > 0 && used < sizeof(sentence); i--) {
        used += (size_t)snprintf(sentence + used, sizeof(sentence) - used, "%s%s",
                                 i == n ? "the operators go round in a circle: " : " -> ",
                                 graph->operators[cycle[i - 1]].name);
    }
    return fail_at(graph, &graph->operators[first], err, sentence);
}

static int find_order(const struct graph *graph, struct ordering *ordering, struct error *err)
{
    while (ordering->n < graph->n_operators) {
        size_t next = 0;
        while (next < graph->n_operators &&
               (ordering->placed[next] || !is_ready(graph, ordering, next))) {
            next++;
        }
        if (next == graph->n_operators) {
            return fail_cycle(graph, ordering, err);
        }
        ordering->placed[next] = true;
        ordering->position[next] = (unsigned)ordering->n;
        ordering->order[ordering->n++] = (unsigned)next;
    }
    return 0;
}

/* Frames that nobody takes would be work for nothing; most likely a sink was forgotten. */
static int check_read(const struct graph *graph, struct error *err)
{
    bool read[GRAPH_OPERATORS_MAX] = {false};

    for (size_t i = 0; i < graph->n_operators; i++) {
        for (size_t k = 0; k < graph->operators[i].n_inputs; k++) {
            read[graph->operators[i].inputs[k].operator] = true;
        }
    }
    for (size_t i = 0; i < graph->n_operators; i++) {
        const struct graph_operator *step = &graph->operators[i];
        const struct brume_port *outputs = step->type->outputs;
        if (!read[i] && outputs != NULL && outputs->name != NULL) {
            char sentence[sizeof(err->text)];
            snprintf(sentence, sizeof(sentence),
                     "nobody reads '%s', and it is not a sink (null-sink takes anything)",
                     step->name);
            return fail_at(graph, step, err, sentence);
        }
    }
    return 0;
}

static void apply_order(struct graph *graph, const struct ordering *ordering)
{
    struct graph_operator *ordered = memory_new(graph->n_operators, sizeof(*ordered));

    for (size_t i = 0; i < graph->n_operators; i++) {
        ordered[i] = graph->operators[ordering->order[i]];
        for (size_t k = 0; k < ordered[i].n_inputs; k++) {
            unsigned *from = &ordered[i].inputs[k].operator;
            *from = ordering->position[*from];
        }
    }
    free(graph->operators);
    graph->operators = ordered;
}

int manifest_order(struct manifest_reader *reader, struct error *err)
{
    struct ordering ordering = {0};

    int code = find_order(reader->graph, &ordering, err);
    if (code == 0) {
        code = check_read(reader->graph, err);
    }
    if (code == 0) {
        apply_order(reader->graph, &ordering);
    }
    return code;
}
