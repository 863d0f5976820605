#include "controller/application.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "controller/needs.h"
#include "engine/engine.h"
#include "graph/deployment.h"
#include "graph/manifest.h"
#include "model/model.h"
#include "operator/call.h"
#include "operator/registry.h"

/* While the manifest is read: what each operator's output ports carry. */
struct reading {
    struct operator_shapes *shapes[256]; /* by operator, one entry per port */
};

static int find_type(void *owner, const char *name, const struct brume_operator **ret_type,
                     struct error *err)
{
    (void)owner;
    return registry_find(name, ret_type, err);
}

static const char *type_name(void *owner, size_t index)
{
    (void)owner;
    return registry_name(index);
}

/* Asks an operator what it makes of what its inputs carry. */
static int check_operator(void *owner, const struct graph *graph, size_t index,
                          struct error *err)
{
    struct reading *reading = owner;
    const struct graph_operator *step = &graph->operators[index];
    cleanup(memory_free) struct operator_param *params =
        memory_new(step->n_params, sizeof(*params));
    cleanup(memory_free) struct operator_shapes *inputs =
        memory_new(operator_n_inputs(step->type), sizeof(*inputs));
    struct operator_setup setup = {
        .type = step->type, .name = step->name, .n_params = step->n_params, .params = params};

    for (size_t i = 0; i < step->n_params; i++) {
        params[i] = (struct operator_param){step->params[i].name, step->params[i].value};
    }
    for (size_t i = 0; i < step->n_inputs; i++) {
        const struct graph_input *input = &step->inputs[i];
        inputs[i] = reading->shapes[input->operator][input->port];
    }
    reading->shapes[index] =
        memory_new(operator_n_outputs(step->type), sizeof(struct operator_shapes));
    return operator_infer(&setup, inputs, reading->shapes[index], err);
}

static uint64_t port_size(const struct operator_shapes *shapes)
{
    uint64_t sum = 0;
    struct error err;

    for (unsigned i = 0; i < shapes->n; i++) {
        size_t size = 0;
        if (tensor_shape_size(&shapes->shapes[i], &size, &err) < 0 || size == 0) {
            return 0;
        }
        sum += size;
    }
    return sum;
}

static int open_model(struct application *application, size_t index, struct error *err)
{
    const struct graph_operator *step = &application->graph->operators[index];
    const char *file = graph_param(step, "file"), *numerics = graph_param(step, "numerics");
    const struct engine *engine = NULL;
    int r = model_open(file, &application->models[index], err);

    if (r == 0) {
        char suffix[32];
        snprintf(suffix, sizeof(suffix), ".%s", application->models[index]->format);
        r = engine_find(suffix, &engine, err);
    }
    if (r < 0) {
        return error_wrap(err, "%s:%u: operator '%s'", application->graph->file,
                          step->place.line, step->name);
    }
    assert(engine != NULL);
    application->engines[index] = memory_format("%s %s %s", engine->name, engine->version(),
                                                numerics != NULL ? numerics : "fast");
    return 0;
}

static int describe(struct application *application, struct reading *reading, struct error *err)
{
    const struct graph *graph = application->graph;
    int r = 0;

    application->models = memory_new(graph->n_operators, sizeof(struct model *));
    application->operators = memory_new(graph->n_operators, sizeof(struct planner_operator));
    application->sizes = memory_new(graph->n_operators, sizeof(uint64_t *));
    application->engines = memory_new(graph->n_operators, sizeof(char *));
    for (size_t i = 0; i < graph->n_operators && r == 0; i++) {
        unsigned n = operator_n_outputs(graph->operators[i].type);

        application->sizes[i] = memory_new(n, sizeof(uint64_t));
        for (unsigned j = 0; j < n && reading->shapes[i] != NULL; j++) {
            application->sizes[i][j] = port_size(&reading->shapes[i][j]);
        }
        if (graph_is_model(&graph->operators[i])) {
            r = open_model(application, i, err);
        }
        application->operators[i] = (struct planner_operator){
            .model = application->models[i],
            .engine = application->engines[i],
            .n_outputs = n,
            .outputs = application->sizes[i],
        };
    }
    return r;
}

/* `text` NULL: it stands at `path`. */
static int make(const char *path, const char *text, const char *folder, bool confined,
                struct application **ret_application, struct error *err)
{
    struct application *application = memory_new(1, sizeof(*application));
    struct reading *reading = memory_new(1, sizeof(*reading));
    const struct manifest_catalog catalog = {.find = find_type,
                                             .name = type_name,
                                             .check = check_operator,
                                             .owner = reading,
                                             .folder = folder,
                                             .confined = confined};
    int r = text == NULL
                ? manifest_load(path, &catalog, &application->graph, err)
                : manifest_parse(path, text, strlen(text), &catalog, &application->graph, err);

    if (r == 0) {
        r = describe(application, reading, err);
    }
    for (size_t i = 0; i < sizeof(reading->shapes) / sizeof(*reading->shapes); i++) {
        free(reading->shapes[i]);
    }
    free(reading);
    if (r < 0) {
        application_destroy(application);
        return r;
    }
    application->text = memory_text(text);
    *ret_application = application;
    return 0;
}

int application_load(const char *path, const char *folder, struct application **ret_application,
                     struct error *err)
{
    return make(path, NULL, folder, false, ret_application, err);
}

int application_parse(const char *path, const char *text, const char *folder, bool confined,
                      struct application **ret_application, struct error *err)
{
    return make(path, text, folder, confined, ret_application, err);
}

void application_destroy(struct application *application)
{
    if (application == NULL) {
        return;
    }
    size_t n = application->graph != NULL ? application->graph->n_operators : 0;
    for (size_t i = 0; i < n && application->models != NULL; i++) {
        model_close(application->models[i]);
        free(application->sizes[i]);
        free(application->engines[i]);
    }
    free(application->models);
    free(application->operators);
    free(application->sizes);
    free(application->engines);
    graph_destroy(application->graph);
    free(application->text);
    free(application);
}

static void copy_operator(const struct graph *graph, size_t index,
                          struct deployment_operator *to)
{
    const struct graph_operator *step = &graph->operators[index];

    to->name = memory_text(step->name);
    to->origin = memory_text(step->name);
    to->use = memory_text(step->type->name);
    to->group = memory_text("all");
    to->n_params = step->n_params;
    to->params = memory_new(step->n_params, sizeof(*to->params));
    for (size_t i = 0; i < step->n_params; i++) {
        to->params[i].name = memory_text(step->params[i].name);
        to->params[i].value = memory_text(step->params[i].value);
    }
    to->n_inputs = step->n_inputs;
    to->inputs = memory_new(step->n_inputs, sizeof(*to->inputs));
    for (size_t i = 0; i < step->n_inputs; i++) {
        to->inputs[i].from = memory_text(graph->operators[step->inputs[i].operator].name);
        to->inputs[i].port = step->inputs[i].port;
    }
}

struct deployment *application_uncut(const struct application *application, const char *stage,
                                     const char *device)
{
    const struct graph *graph = application->graph;
    struct deployment *deployment = memory_new(1, sizeof(*deployment));

    deployment->application = memory_text(graph->name);
    deployment->window = 1;
    deployment->n_operators = graph->n_operators;
    deployment->operators = memory_new(graph->n_operators, sizeof(*deployment->operators));
    for (size_t i = 0; i < graph->n_operators; i++) {
        copy_operator(graph, i, &deployment->operators[i]);
    }
    deployment->n_stages = 1;
    deployment->stages = memory_new(1, sizeof(*deployment->stages));
    deployment->stages[0] = (struct deployment_stage){.name = memory_text(stage),
                                                      .group = memory_text("all"),
                                                      .device = memory_text(device),
                                                      .workers = 1};
    needs_choose_images(deployment);
    return deployment;
}
