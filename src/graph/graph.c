#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

static void free_operator(struct graph_operator *step)
{
    free(step->name);
    for (size_t i = 0; i < step->n_params; i++) {
        free(step->params[i].name);
        free(step->params[i].value);
    }
    free(step->params);
    free(step->inputs);
    for (size_t i = 0; i < step->n_has; i++) {
        free(step->has[i]);
    }
    free(step->has);
    free(step->device);
    free(step->cuts);
}

void graph_destroy(struct graph *graph)
{
    if (graph == NULL) {
        return;
    }
    for (size_t i = 0; i < graph->n_operators; i++) {
        free_operator(&graph->operators[i]);
    }
    free(graph->operators);
    free(graph->file);
    free(graph->name);
    free(graph);
}

void graph_destroyp(struct graph **graph)
{
    graph_destroy(*graph);
    *graph = NULL;
}

const char *graph_param(const struct graph_operator *step, const char *name)
{
    for (size_t i = 0; i < step->n_params; i++) {
        if (strcmp(step->params[i].name, name) == 0) {
            return step->params[i].value;
        }
    }
    return NULL;
}

bool graph_is_model(const struct graph_operator *step)
{
    return strcmp(step->type->name, "model") == 0;
}
