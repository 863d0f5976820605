#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "model/model.h"

static const struct argp_option options[] = {
    {"output", 'o', "DIR", 0, "The folder for the parts; it is made", 0},
    {0},
};

struct arguments {
    const char *file, *folder;
    size_t n_cuts;
    unsigned *cuts;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'o':
        arguments->folder = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            arguments->file = argument;
        } else if (state->arg_num > 1) {
            argp_error(state, "'%s' is too much: cuts are one word, as in 4,9", argument);
        } else if (command_parse_cuts(argument, &arguments->cuts, &arguments->n_cuts) < 0) {
            argp_error(state, "cuts are rising layer numbers like 4,9, not '%s'", argument);
        }
        return 0;
    case ARGP_KEY_END:
        if (arguments->n_cuts == 0) {
            argp_error(state, "which model, and before which layers?");
        }
        if (arguments->folder == NULL) {
            argp_error(state, "where to? Say -o DIR");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "MODEL K[,K...]",
    "Cuts a model before layers K and writes the parts as files that stand for themselves, "
    "DIR/NAME-FROM-TO.onnx or .tflite. `brume model inspect` lists the legal cuts. What a part "
    "takes and gives is told by name; what only passes around it is to be handed on. A part of "
    "a "
    ".tflite holds the weights of the whole model.",
    NULL,
    NULL,
    NULL};

static int refuse(const struct model *model, size_t k, struct error *err)
{
    size_t below = k < model->n_layers ? k : model->n_layers - 1;
    size_t above = below + 1;

    while (below > 0 && !model->legal[below]) {
        below--;
    }
    while (above < model->n_layers && !model->legal[above]) {
        above++;
    }
    if (below > 0 && above < model->n_layers) {
        return error_set(err, -EINVAL,
                         "%s cannot be cut before layer %zu; the nearest cuts are %zu and %zu",
                         model->path, k, below, above);
    }
    if (below > 0 || above < model->n_layers) {
        return error_set(err, -EINVAL,
                         "%s cannot be cut before layer %zu; the nearest cut is %zu",
                         model->path, k, below > 0 ? below : above);
    }
    return error_set(err, -EINVAL, "%s cannot be cut anywhere", model->path);
}

static int check_cuts(const struct model *model, const struct arguments *arguments,
                      struct error *err)
{
    for (size_t i = 0; i < arguments->n_cuts; i++) {
        size_t k = arguments->cuts[i];

        if (k == 0 || k >= model->n_layers || !model->legal[k]) {
            return refuse(model, k, err);
        }
    }
    return 0;
}

static void print_tensors(const struct model *model, const char *which, size_t n,
                          const int *ids)
{
    for (size_t i = 0; i < n; i++) {
        char shape[160];

        tensor_shape_text(&model->tensors[ids[i]].shape, sizeof(shape), shape);
        printf("  %-7s %s %s\n", which, model->tensors[ids[i]].name, shape);
    }
}

static int write_part(const struct model *model, const char *folder, size_t from, size_t to,
                      struct error *err)
{
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    cleanup(model_part_finish) struct model_part part = {0};
    const char *slash = strrchr(model->path, '/');
    const char *name = slash != NULL ? slash + 1 : model->path;
    const char *dot = strrchr(name, '.');
    cleanup(memory_free) char *path = memory_format(
        "%s/%.*s-%zu-%zu.%s", folder, (int)(dot != NULL ? dot - name : (ptrdiff_t)strlen(name)),
        name, from, to, model->format);
    char size[COMMAND_SIZE_TEXT];

    int r = model_segment_complete(model, from, to, &segment, err);
    r = r < 0 ? r : file_write(path, segment->image.bytes, segment->image.size, err);
    if (r < 0) {
        return r;
    }
    model_part_init(&part, model, from, to);
    printf("%s: %zu layers, %s\n", path, part.n_layers,
           command_size_text((double)segment->image.size, size));
    print_tensors(model, "takes", segment->n_inputs, segment->inputs);
    print_tensors(model, "gives", segment->n_outputs, segment->outputs);
    print_tensors(model, "around", part.n_around, part.around);
    return 0;
}

static int write_parts(const struct arguments *arguments, struct error *err)
{
    cleanup(memory_free) char *path = NULL;
    cleanup(model_closep) struct model *model = NULL;
    int r = command_find_file(arguments->file, &path, err);

    r = r < 0 ? r : model_open(path, &model, err);
    r = r < 0 ? r : check_cuts(model, arguments, err);
    r = r < 0 ? r : file_make_folder(arguments->folder, err);
    for (size_t i = 0; i <= arguments->n_cuts && r == 0; i++) {
        size_t from = i == 0 ? 0 : arguments->cuts[i - 1];
        size_t to = i == arguments->n_cuts ? model->n_layers : arguments->cuts[i];
        r = write_part(model, arguments->folder, from, to, err);
    }
    if (r == 0 && strcmp(model->format, "tflite") == 0) {
        printf("each part holds all weights of the model; those that it does not use are not "
               "read when it runs\n");
    }
    return r;
}

static int cut(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct error err;

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int r = write_parts(&arguments, &err);
    free(arguments.cuts);
    return r < 0 ? command_fail(&err) : EX_OK;
}

const struct command command_model_cut = {"cut", "Write the parts of a model as files", cut};
