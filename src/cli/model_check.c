#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "cli/command.h"
#include "cli/image.h"
#include "model/check.h"

/* Of the default numerics; exact means the same bits. */
#define FAST_TOLERANCE 1e-5

enum {
    OPTION_CUTS = 256,
    OPTION_NUMERICS,
    OPTION_SEED,
    OPTION_IMAGE,
    OPTION_RANGE,
    OPTION_JSON
};

static const struct argp_option options[] = {
    {"cuts", OPTION_CUTS, "K,...", 0, "Only these cuts; all legal ones when not given", 0},
    {"numerics", OPTION_NUMERICS, "exact|fast", 0,
     "exact (the default): every cut must give the same bits; fast: as fast as the engine can, "
     "within 1e-5 of the largest output",
     0},
    {"seed", OPTION_SEED, "N", 0, "Of the random input; 1 when not given", 0},
    {"image", OPTION_IMAGE, "FILE", 0,
     "A picture (JPEG, PNG) as input, stretched to size; may be repeated", 0},
    {"range", OPTION_RANGE, "0..255|0..1|-1..1", 0,
     "What black and white of a picture become, as in the operator `model`; 0..255 when not "
     "given",
     0},
    {"json", OPTION_JSON, NULL, 0, "One JSON object", 0},
    {0},
};

struct arguments {
    const char *file;
    size_t n_cuts; /* 0: all */
    unsigned *cuts;
    bool fast, json, seeded;
    uint64_t seed;
    size_t n_images;
    const char **images;
    struct image_range range;
};

static void parse_seed(struct arguments *arguments, const char *text, struct argp_state *state)
{
    int64_t seed;

    if (quantity_integer(text, &seed) < 0 || seed < 0) {
        argp_error(state, "--seed takes a whole number, not '%s'", text);
    }
    arguments->seed = (uint64_t)seed;
    arguments->seeded = true;
}

static void parse_numerics(struct arguments *arguments, const char *text,
                           struct argp_state *state)
{
    arguments->fast = strcmp(text, "fast") == 0;
    if (!arguments->fast && strcmp(text, "exact") != 0) {
        argp_error(state, "--numerics is exact or fast, not '%s'", text);
    }
}

static void parse_range(struct arguments *arguments, const char *text, struct argp_state *state)
{
    static const struct {
        const char *text;
        struct image_range range;
    } ranges[] = {{"0..255", {0, 255}}, {"0..1", {0, 1}}, {"-1..1", {-1, 1}}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        if (strcmp(ranges[i].text, text) == 0) {
            arguments->range = ranges[i].range;
            return;
        }
    }
    argp_error(state, "--range is 0..255, 0..1 or -1..1, not '%s'", text);
}

static void finish(const struct arguments *arguments, struct argp_state *state)
{
    if (arguments->file == NULL) {
        argp_error(state, "which model? Name its file");
    }
    if (arguments->seeded && arguments->n_images > 0) {
        argp_error(state, "--seed and --image do not go together");
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case OPTION_CUTS:
        free(arguments->cuts);
        arguments->cuts = NULL;
        if (command_parse_cuts(argument, &arguments->cuts, &arguments->n_cuts) < 0) {
            argp_error(state, "--cuts takes rising layer numbers like 4,9, not '%s'", argument);
        }
        return 0;
    case OPTION_NUMERICS:
        parse_numerics(arguments, argument, state);
        return 0;
    case OPTION_SEED:
        parse_seed(arguments, argument, state);
        return 0;
    case OPTION_IMAGE:
        arguments->images =
            memory_grow(arguments->images, arguments->n_images, sizeof(*arguments->images));
        arguments->images[arguments->n_images++] = argument;
        return 0;
    case OPTION_RANGE:
        parse_range(arguments, argument, state);
        return 0;
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one model at a time, please");
        }
        arguments->file = argument;
        return 0;
    case ARGP_KEY_END:
        finish(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "MODEL",
    "Runs a model cut in two, at every legal cut, against the same model whole, on the same "
    "input, and tells the largest difference of two output elements, as such and relative to "
    "the "
    "largest magnitude of the output. Exits with 1 when a cut is off by more than --numerics "
    "allows.",
    NULL,
    NULL,
    NULL};

struct result {
    const struct arguments *arguments;
    size_t n_cuts, n_runs, n_done, n_equal, n_over;
    struct model_difference worst;
    size_t worst_cut;
    struct model_difference *differences; /* by cut number, over the inputs; -1: not run */
};

/* The inputs of one run, as many as the model has. */
static int make_inputs(const struct model *model, const struct arguments *arguments, size_t run,
                       struct tensor **inputs, struct error *err)
{
    if (arguments->n_images > 0) {
        if (model->n_inputs != 1) {
            return error_set(err, -ENOTSUP, "%s does not have one input: no picture fits it",
                             model->path);
        }
        return image_load(arguments->images[run], &model->tensors[model->inputs[0]].shape,
                          arguments->range, &inputs[0], err);
    }
    for (size_t i = 0; i < model->n_inputs; i++) {
        const struct model_tensor *tensor = &model->tensors[model->inputs[i]];
        int r = tensor->size == 0
                    ? error_set(err, -ENOTSUP, "%s: the size of input %s is not known",
                                model->path, tensor->name)
                    : tensor_create(&tensor->shape, &inputs[i], err);
        if (r < 0) {
            return r;
        }
        model_check_fill(inputs[i], arguments->seed + i);
    }
    return 0;
}

static bool is_wanted(const struct model *model, const struct arguments *arguments, size_t k)
{
    if (arguments->n_cuts == 0) {
        return model->legal[k];
    }
    for (size_t i = 0; i < arguments->n_cuts; i++) {
        if (arguments->cuts[i] == k) {
            return true;
        }
    }
    return false;
}

static void note(struct result *result, size_t k, struct model_difference difference)
{
    double limit = result->arguments->fast ? FAST_TOLERANCE : 0;

    result->n_done++;
    result->n_equal += difference.relative == 0 ? 1 : 0;
    result->n_over += difference.relative > limit ? 1 : 0;
    if (difference.relative > result->differences[k].relative) {
        result->differences[k] = difference;
    }
    if (difference.relative > result->worst.relative) {
        result->worst = difference;
        result->worst_cut = k;
    }
    if (isatty(STDERR_FILENO) && !result->arguments->json) {
        fprintf(stderr, "\r\033[K%zu of %zu cuts", result->n_done,
                result->n_cuts * result->n_runs);
    }
}

static int run_cuts(const struct model *model, size_t run, struct result *result,
                    struct error *err)
{
    const struct engine_options engine = {.exact = !result->arguments->fast};
    struct tensor **inputs = memory_new(model->n_inputs, sizeof(struct tensor *));
    cleanup(model_check_closep) struct model_check *check = NULL;
    int r = make_inputs(model, result->arguments, run, inputs, err);

    r = r < 0 ? r : model_check_open(model, &engine, inputs, &check, err);
    for (size_t i = 0; i < model->n_inputs; i++) {
        tensor_unref(inputs[i]);
    }
    free(inputs);
    for (size_t k = 1; k < model->n_layers && r == 0; k++) {
        struct model_difference difference;

        if (is_wanted(model, result->arguments, k)) {
            r = model_check_cut(check, k, &difference, err);
            if (r == 0) {
                note(result, k, difference);
            }
        }
    }
    return r;
}

static int plan_cuts(const struct model *model, struct result *result, struct error *err)
{
    const struct arguments *arguments = result->arguments;

    result->differences = memory_new(model->n_layers, sizeof(*result->differences));
    for (size_t i = 0; i < arguments->n_cuts; i++) {
        size_t k = arguments->cuts[i];
        if (k == 0 || k >= model->n_layers || !model->legal[k]) {
            return error_set(err, -EINVAL,
                             "%s cannot be cut before layer %zu; `brume model inspect` lists "
                             "its cuts",
                             model->path, k);
        }
    }
    for (size_t k = 0; k < model->n_layers; k++) {
        result->differences[k] = (struct model_difference){-1, -1};
        result->n_cuts += k > 0 && is_wanted(model, arguments, k) ? 1 : 0;
    }
    result->n_runs = arguments->n_images > 0 ? arguments->n_images : 1;
    return 0;
}

/* JSON has no infinity: null. */
static json_t *number_json(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

static void print_json(const struct model *model, const struct result *result)
{
    json_t *cuts = json_array();

    for (size_t k = 0; k < model->n_layers; k++) {
        const struct model_difference *difference = &result->differences[k];
        if (difference->relative >= 0) {
            json_array_append_new(cuts, json_pack("{sIsoso}", "cut", (json_int_t)k, "absolute",
                                                  number_json(difference->absolute), "relative",
                                                  number_json(difference->relative)));
        }
    }
    json_t *object = json_pack("{sssssIsfsbso}", "path", model->path, "numerics",
                               result->arguments->fast ? "fast" : "exact", "inputs",
                               (json_int_t)result->n_runs, "tolerance",
                               result->arguments->fast ? FAST_TOLERANCE : 0.0, "passed",
                               result->n_over == 0, "cuts", cuts);
    json_dumpf(object, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(object);
}

static void print_text(const struct model *model, const struct result *result)
{
    char inputs[64] = "one seeded input";

    if (result->arguments->n_images > 0) {
        snprintf(inputs, sizeof(inputs), "%zu picture%s", result->n_runs,
                 result->n_runs == 1 ? "" : "s");
    }
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    for (size_t k = 0; k < model->n_layers && result->n_over > 0; k++) {
        const struct model_difference *difference = &result->differences[k];
        if (difference->relative > (result->arguments->fast ? FAST_TOLERANCE : 0)) {
            printf("cut %zu: off by %.3g, relative %.3g\n", k, difference->absolute,
                   difference->relative);
        }
    }
    printf("%s, %s, %s: %zu cut%s", model->path, result->arguments->fast ? "fast" : "exact",
           inputs, result->n_cuts, result->n_cuts == 1 ? "" : "s");
    if (result->n_equal == result->n_done) {
        puts(", each gives the same bits as the whole");
    } else {
        printf(", the largest difference is %.3g, relative %.3g (cut %zu)\n",
               result->worst.absolute, result->worst.relative, result->worst_cut);
    }
}

static int run_check(const struct arguments *arguments, struct result *result,
                     struct error *err)
{
    cleanup(memory_free) char *path = NULL;
    cleanup(model_closep) struct model *model = NULL;
    int r = command_find_file(arguments->file, &path, err);

    r = r < 0 ? r : model_open(path, &model, err);
    r = r < 0 ? r : plan_cuts(model, result, err);
    for (size_t run = 0; r == 0 && run < result->n_runs; run++) {
        r = run_cuts(model, run, result, err);
    }
    if (r == 0 && arguments->json) {
        print_json(model, result);
    } else if (r == 0) {
        print_text(model, result);
    }
    return r;
}

static int check(int argc, char **argv)
{
    struct arguments arguments = {.seed = 1, .range = {0, 255}};
    struct result result = {.arguments = &arguments};
    struct error err;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int r = run_check(&arguments, &result, &err);
    free(arguments.cuts);
    free(arguments.images);
    free(result.differences);
    if (r < 0) {
        return command_fail(&err);
    }
    return result.n_over > 0 ? EXIT_FAILURE : EX_OK;
}

const struct command command_model_check = {"check", "Run every cut against the whole", check};
