#include "controller/update.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "controller/application.h"
#include "controller/needs.h"
#include "graph/deployment.h"
#include "model/model.h"

struct change {
    size_t operator; /* of the deployment */
    size_t n_params;
    struct deployment_param *params; /* that it does not have now */
};

struct update {
    struct deployment *deployment;
    size_t n_changes;
    struct change *changes;
};

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_place(const struct graph_operator *a, const struct graph_operator *b)
{
    bool same = a->n_has == b->n_has && same_text(a->device, b->device) &&
                a->cut_pinned == b->cut_pinned && a->n_cuts == b->n_cuts &&
                a->replicas == b->replicas && a->link == b->link;

    for (size_t i = 0; same && i < a->n_has; i++) {
        same = strcmp(a->has[i], b->has[i]) == 0;
    }
    for (size_t i = 0; same && i < a->n_cuts; i++) {
        same = a->cuts[i] == b->cuts[i];
    }
    return same;
}

static bool same_step(const struct graph_operator *a, const struct graph_operator *b)
{
    bool same = strcmp(a->name, b->name) == 0 && a->type == b->type &&
                a->n_inputs == b->n_inputs && a->n_params == b->n_params && same_place(a, b);

    for (size_t i = 0; same && i < a->n_inputs; i++) {
        same = a->inputs[i]
                   .
                   operator== b->inputs[i]
                   .
                   operator&& a->inputs[i]
                   .port == b->inputs[i]
                   .port;
    }
    return same;
}

static bool same_graph(const struct graph *a, const struct graph *b)
{
    bool same = a->n_operators == b->n_operators && a->objective == b->objective &&
                a->qos_rate == b->qos_rate && a->qos_latency_ms == b->qos_latency_ms;

    for (size_t i = 0; same && i < a->n_operators; i++) {
        same = same_step(&a->operators[i], &b->operators[i]);
    }
    return same;
}

/* A model is what its file holds, whatever it is called. */
static bool same_params(const struct application *before, const struct application *after,
                        size_t index)
{
    const struct graph_operator *a = &before->graph->operators[index];
    const struct graph_operator *b = &after->graph->operators[index];
    const struct model *old = before->models[index], *new = after->models[index];
    bool same = old == NULL || new == NULL || old->hash == new->hash;

    for (size_t i = 0; same && i < a->n_params; i++) {
        same = same_text(graph_param(b, a->params[i].name), a->params[i].value);
    }
    return same;
}

static size_t parts(const struct deployment *deployment, const char *origin)
{
    size_t n = 0;

    for (size_t i = 0; deployment != NULL && i < deployment->n_operators; i++) {
        n += strcmp(deployment->operators[i].origin, origin) == 0;
    }
    return n;
}

enum update_kind update_compare(const struct application *before,
                                const struct application *after,
                                const struct deployment *deployment)
{
    enum update_kind kind = UPDATE_NOTHING;

    if (!same_graph(before->graph, after->graph)) {
        return UPDATE_ANEW;
    }
    for (size_t i = 0; i < before->graph->n_operators; i++) {
        if (same_params(before, after, i)) {
            continue;
        }
        if (parts(deployment, before->graph->operators[i].name) > 1) {
            return UPDATE_ANEW;
        }
        kind = UPDATE_IN_PLACE;
    }
    return kind;
}

static void swap(struct deployment *deployment, struct change *change)
{
    struct deployment_operator *step = &deployment->operators[change->operator];
    struct deployment_param *params = step->params;
    size_t n_params = step->n_params;

    step->params = change->params;
    step->n_params = change->n_params;
    change->params = params;
    change->n_params = n_params;
}

static void add_change(struct update *update, const struct graph_operator *to, size_t operator)
{
    struct change change = {.operator= operator, .n_params = to->n_params };

    change.params = memory_new(to->n_params, sizeof(*change.params));
    for (size_t i = 0; i < to->n_params; i++) {
        change.params[i] = (struct deployment_param){memory_text(to->params[i].name),
                                                     memory_text(to->params[i].value)};
    }
    update->changes = memory_grow(update->changes, update->n_changes, sizeof(*update->changes));
    update->changes[update->n_changes++] = change;
}

struct update *update_apply(struct deployment *deployment, const struct application *before,
                            const struct application *after)
{
    struct update *update = memory_new(1, sizeof(*update));

    update->deployment = deployment;
    for (size_t i = 0; i < after->graph->n_operators; i++) {
        const struct graph_operator *to = &after->graph->operators[i];
        bool same = same_params(before, after, i);

        for (size_t j = 0; !same && j < deployment->n_operators; j++) {
            if (strcmp(deployment->operators[j].origin, to->name) == 0) {
                add_change(update, to, j);
            }
        }
    }
    for (size_t i = 0; i < update->n_changes; i++) {
        swap(deployment, &update->changes[i]);
    }
    needs_choose_images(deployment);
    return update;
}

bool update_touches(const struct update *update, const struct deployment_stage *stage)
{
    bool touches = false;

    for (size_t i = 0; i < update->n_changes; i++) {
        const struct deployment_operator *step =
            &update->deployment->operators[update->changes[i].operator];

        touches = touches || strcmp(step->group, stage->group) == 0;
    }
    return touches;
}

void update_undo(struct update *update)
{
    for (size_t i = 0; i < update->n_changes; i++) {
        swap(update->deployment, &update->changes[i]);
    }
    needs_choose_images(update->deployment);
}

void update_destroy(struct update *update)
{
    if (update == NULL) {
        return;
    }
    for (size_t i = 0; i < update->n_changes; i++) {
        for (size_t j = 0; j < update->changes[i].n_params; j++) {
            free(update->changes[i].params[j].name);
            free(update->changes[i].params[j].value);
        }
        free(update->changes[i].params);
    }
    free(update->changes);
    free(update);
}
