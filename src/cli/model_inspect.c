#include <argp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "model/model.h"

enum { OPTION_JSON = 256 };

static const struct argp_option options[] = {
    {"json", OPTION_JSON, NULL, 0, "One JSON object, with the tensors that cross each cut", 0},
    {0},
};

struct arguments {
    const char *file;
    bool json;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one model at a time, please");
        }
        arguments->file = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which model? Name its file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "MODEL",
    "Lists a model's layers: kind, shape of the first output, bytes of weights, operations per "
    "frame, and the bytes that would cross a cut before the layer, where one is legal. MODEL "
    "is "
    "a file; it is also looked for in BRUME_MODELS and the cache.",
    NULL,
    NULL,
    NULL};

struct totals {
    uint64_t weights; /* as the layers read them: those that constant layers make, made */
    double operations;
    size_t n_cuts; /* between two layers */
};

static struct totals count(const struct model *model)
{
    struct totals totals = {0};

    for (size_t i = 0; i < model->n_layers; i++) {
        totals.weights += model->layers[i].constant ? 0 : model->layers[i].weight_size;
        totals.operations += model->layers[i].operations;
        totals.n_cuts += i > 0 && model->legal[i] ? 1 : 0;
    }
    return totals;
}

static json_t *tensor_json(const struct model_tensor *tensor)
{
    char shape[160];

    tensor_shape_text(&tensor->shape, sizeof(shape), shape);
    return json_pack("{sssssI}", "name", tensor->name, "shape", shape, "bytes",
                     (json_int_t)tensor->size);
}

static json_t *tensors_json(const struct model *model, size_t n, const int *ids)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, tensor_json(&model->tensors[ids[i]]));
    }
    return list;
}

static json_t *cuts_json(const struct model *model)
{
    json_t *list = json_array();

    for (size_t k = 1; k < model->n_layers; k++) {
        cleanup(memory_free) int *ids = NULL;

        if (model->legal[k]) {
            size_t n = model_live(model, k, &ids);
            json_array_append_new(list, json_pack("{sIsIso}", "cut", (json_int_t)k, "bytes",
                                                  (json_int_t)model_live_size(model, k),
                                                  "tensors", tensors_json(model, n, ids)));
        }
    }
    return list;
}

static void print_json(const struct model *model)
{
    struct totals totals = count(model);
    cleanup(memory_free) char *hash = memory_format("%016" PRIx64, model->hash);
    json_t *layers = json_array();

    for (size_t i = 0; i < model->n_layers; i++) {
        const struct model_layer *layer = &model->layers[i];
        json_array_append_new(
            layers,
            json_pack("{sssssosIsfsbsb}", "name", layer->name, "kind", layer->kind, "outputs",
                      tensors_json(model, layer->n_outputs, layer->outputs), "weight_bytes",
                      (json_int_t)layer->weight_size, "operations", layer->operations,
                      "constant", layer->constant, "idle", layer->idle));
    }
    json_t *object = json_pack("{sssssssIsbss*sososososIsf}", "path", model->path, "format",
                               model->format, "hash", hash, "bytes", (json_int_t)model->size,
                               "stateful", model->stateful, "note", model->note, "inputs",
                               tensors_json(model, model->n_inputs, model->inputs), "outputs",
                               tensors_json(model, model->n_outputs, model->outputs), "layers",
                               layers, "cuts", cuts_json(model), "weight_bytes",
                               (json_int_t)totals.weights, "operations", totals.operations);
    json_dumpf(object, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(object);
}

static void print_ports(const struct model *model, const char *which, size_t n, const int *ids)
{
    for (size_t i = 0; i < n; i++) {
        char shape[160];

        tensor_shape_text(&model->tensors[ids[i]].shape, sizeof(shape), shape);
        printf("%-7s %s %s\n", which, model->tensors[ids[i]].name, shape);
    }
}

static void print_layer(const struct model *model, size_t i)
{
    const struct model_layer *layer = &model->layers[i];
    char across[COMMAND_SIZE_TEXT] = "";
    char weights[COMMAND_SIZE_TEXT] = "";
    char shape[160] = "";

    if (i > 0 && model->legal[i]) {
        command_size_text((double)model_live_size(model, i), across);
    }
    if (layer->weight_size > 0) {
        command_size_text((double)layer->weight_size, weights);
    }
    if (layer->n_outputs > 0) {
        tensor_shape_text(&model->tensors[layer->outputs[0]].shape, sizeof(shape), shape);
    }
    printf("%5zu %9s  %-18s %9s %10.2f  %-28s %s%s\n", i, across, layer->kind, weights,
           layer->operations / 1e6, shape, layer->name,
           layer->idle ? " (idle)" : (layer->constant ? " (constant)" : ""));
}

static void print_text(const struct model *model)
{
    struct totals totals = count(model);
    char size[COMMAND_SIZE_TEXT];
    char weights[COMMAND_SIZE_TEXT];

    printf("%s: %s, %s, hash %016" PRIx64 "\n", model->path, model->format,
           command_size_text((double)model->size, size), model->hash);
    print_ports(model, "input", model->n_inputs, model->inputs);
    print_ports(model, "output", model->n_outputs, model->outputs);
    if (model->stateful) {
        puts("It remembers earlier frames: it is never replicated.");
    }
    if (model->note != NULL) {
        printf("%s\n", model->note);
    }
    printf("\n%5s %9s  %-18s %9s %10s  %-28s %s\n", "LAYER", "CUT", "KIND", "WEIGHTS", "Mop",
           "OUTPUT", "NAME");
    for (size_t i = 0; i < model->n_layers; i++) {
        print_layer(model, i);
    }
    printf("\n%zu layers, %zu legal cuts, %s of weights, %.1f million operations per frame\n",
           model->n_layers, totals.n_cuts, command_size_text((double)totals.weights, weights),
           totals.operations / 1e6);
}

static int inspect(int argc, char **argv)
{
    struct arguments arguments = {0};
    cleanup(memory_free) char *path = NULL;
    cleanup(model_closep) struct model *model = NULL;
    struct error err;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int r = command_find_file(arguments.file, &path, &err);
    r = r < 0 ? r : model_open(path, &model, &err);
    if (r < 0) {
        return command_fail(&err);
    }
    if (arguments.json) {
        print_json(model);
    } else {
        print_text(model);
    }
    return EX_OK;
}

const struct command command_model_inspect = {"inspect", "List layers, shapes and legal cuts",
                                              inspect};
