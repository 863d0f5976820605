#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/fake.h"

enum { WORDS_MAX = 64 };

struct parser {
    const struct engine_model *model;
    struct fake_network *network;
    unsigned line;
    unsigned n_words;
    char *words[WORDS_MAX];
};

/* What a line may begin with. A layer's line is: kind, output, then inputs and a number. */
static const struct {
    const char *word;
    unsigned n_inputs;
    bool number;
} layer_kinds[] = {
    [FAKE_SCALE] = {"scale", 1, true},
    [FAKE_ADD] = {"add", 2, false},
    [FAKE_SUM] = {"sum", 1, false},
    [FAKE_BUSY] = {"busy", 1, true},
};

static int find_tensor(const struct parser *parser, const char *name, size_t *ret_tensor,
                       struct error *err)
{
    for (size_t i = 0; i < parser->network->n_tensors; i++) {
        if (strcmp(parser->network->tensors[i].name, name) == 0) {
            *ret_tensor = i;
            return 0;
        }
    }
    return error_set(err, -EINVAL, "line %u: there is no tensor '%s' yet", parser->line, name);
}

static int add_tensor(struct parser *parser, const char *name, const struct tensor_shape *shape,
                      size_t *ret_tensor, struct error *err)
{
    struct fake_network *network = parser->network;
    struct error unused;

    if (find_tensor(parser, name, ret_tensor, &unused) == 0) {
        return error_set(err, -EINVAL, "line %u: '%s' is there already", parser->line, name);
    }
    network->tensors =
        memory_grow(network->tensors, network->n_tensors, sizeof(*network->tensors));
    network->tensors[network->n_tensors] =
        (struct fake_tensor){.name = memory_text(name), .shape = *shape};
    *ret_tensor = network->n_tensors++;
    return 0;
}

/* "float32 1 416 ?", from the third word on. */
static int parse_shape(const struct parser *parser, struct tensor_shape *ret_shape,
                       struct error *err)
{
    struct tensor_shape shape = {.type = TENSOR_F32};
    size_t size;

    if (parser->n_words < 3 || strcmp(parser->words[2], "float32") != 0) {
        return error_set(err, -EINVAL, "line %u: the element type is not float32",
                         parser->line);
    }
    if (parser->n_words - 3 > TENSOR_RANK_MAX) {
        return error_set(err, -EINVAL, "line %u: more than %d dimensions", parser->line,
                         TENSOR_RANK_MAX);
    }
    for (unsigned i = 3; i < parser->n_words; i++) {
        char *end = parser->words[i];
        bool open = strcmp(end, "?") == 0;
        unsigned long dimension = open ? 0 : strtoul(end, &end, 10);

        if (!open && (*end != '\0' || dimension == 0 || dimension > INT32_MAX)) {
            return error_set(err, -EINVAL, "line %u: '%s' is no dimension", parser->line,
                             parser->words[i]);
        }
        shape.dims[shape.rank++] = (uint32_t)dimension;
    }
    int r = tensor_shape_size(&shape, &size, err);
    if (r < 0) {
        return error_wrap(err, "line %u", parser->line);
    }
    *ret_shape = shape;
    return 0;
}

static int parse_input(struct parser *parser, struct error *err)
{
    struct fake_network *network = parser->network;
    struct tensor_shape shape;
    size_t tensor = 0;
    int r = parse_shape(parser, &shape, err);

    if (r == 0) {
        r = add_tensor(parser, parser->words[1], &shape, &tensor, err);
    }
    if (r == 0) {
        network->inputs =
            memory_grow(network->inputs, network->n_inputs, sizeof(*network->inputs));
        network->inputs[network->n_inputs++] = tensor;
    }
    return r;
}

static int parse_weight(struct parser *parser, struct error *err)
{
    const struct engine_model *model = parser->model;
    const char *name = parser->words[1];
    struct tensor_shape shape;
    size_t tensor = 0;
    int r = parse_shape(parser, &shape, err);

    if (r == 0) {
        r = add_tensor(parser, name, &shape, &tensor, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < model->n_weights; i++) {
        if (strcmp(model->weights[i].name, name) == 0 &&
            tensor_shape_equal(&model->weights[i].shape, &shape)) {
            parser->network->tensors[tensor].weight = model->weights[i].data;
            return 0;
        }
    }
    return error_set(err, -EINVAL, "line %u: the weight '%s' was not handed over", parser->line,
                     name);
}

static int parse_outputs(struct parser *parser, struct error *err)
{
    struct fake_network *network = parser->network;
    int r = 0;

    for (unsigned i = 1; i < parser->n_words && r == 0; i++) {
        network->outputs =
            memory_grow(network->outputs, network->n_outputs, sizeof(*network->outputs));
        r = find_tensor(parser, parser->words[i], &network->outputs[network->n_outputs], err);
        network->n_outputs += r == 0;
    }
    return r;
}

static int parse_number(const struct parser *parser, struct fake_layer *layer,
                        struct error *err)
{
    const char *word = parser->words[parser->n_words - 1];
    char *end;

    layer->number = strtod(word, &end);
    if (end == word || *end != '\0') {
        return error_set(err, -EINVAL, "line %u: '%s' is no number", parser->line, word);
    }
    if (layer->kind == FAKE_BUSY && !(layer->number >= 0 && layer->number <= FAKE_BUSY_MAX)) {
        return error_set(err, -EINVAL, "line %u: rounds are 0 to %d", parser->line,
                         FAKE_BUSY_MAX);
    }
    return 0;
}

static int parse_layer(struct parser *parser, enum fake_kind kind, struct error *err)
{
    struct fake_network *network = parser->network;
    struct fake_layer layer = {.kind = kind};
    unsigned n_inputs = layer_kinds[kind].n_inputs;
    int r = 0;

    if (parser->n_words != 2 + n_inputs + layer_kinds[kind].number) {
        return error_set(err, -EINVAL, "line %u: '%s' takes %u inputs%s", parser->line,
                         layer_kinds[kind].word, n_inputs,
                         layer_kinds[kind].number ? " and a number" : "");
    }
    for (unsigned i = 0; i < n_inputs && r == 0; i++) {
        r = find_tensor(parser, parser->words[2 + i], i == 0 ? &layer.a : &layer.b, err);
    }
    if (r == 0 && layer_kinds[kind].number) {
        r = parse_number(parser, &layer, err);
    }
    if (r < 0) {
        return r;
    }
    struct tensor_shape shape = network->tensors[layer.a].shape;
    if (kind == FAKE_ADD && !tensor_shape_equal(&shape, &network->tensors[layer.b].shape)) {
        return error_set(err, -EINVAL, "line %u: the shapes of '%s' and '%s' differ",
                         parser->line, parser->words[2], parser->words[3]);
    }
    if (kind == FAKE_SUM) {
        shape = (struct tensor_shape){.type = TENSOR_F32, .rank = 1, .dims = {1}};
    }
    if (network->n_layers >= FAKE_LAYERS_MAX) {
        return error_set(err, -E2BIG, "line %u: more than %d layers", parser->line,
                         FAKE_LAYERS_MAX);
    }
    r = add_tensor(parser, parser->words[1], &shape, &layer.output, err);
    if (r == 0) {
        network->layers =
            memory_grow(network->layers, network->n_layers, sizeof(*network->layers));
        network->layers[network->n_layers++] = layer;
    }
    return r;
}

static int parse_line(struct parser *parser, struct error *err)
{
    const char *word = parser->words[0];

    if (parser->n_words < 2) {
        return error_set(err, -EINVAL, "line %u: '%s' alone says nothing", parser->line, word);
    }
    if (strcmp(word, "input") == 0) {
        return parse_input(parser, err);
    }
    if (strcmp(word, "weight") == 0) {
        return parse_weight(parser, err);
    }
    if (strcmp(word, "output") == 0) {
        return parse_outputs(parser, err);
    }
    for (size_t i = 0; i < sizeof(layer_kinds) / sizeof(*layer_kinds); i++) {
        if (strcmp(word, layer_kinds[i].word) == 0) {
            return parse_layer(parser, (enum fake_kind)i, err);
        }
    }
    return error_set(err, -EINVAL, "line %u: unknown word '%s'", parser->line, word);
}

/* Cuts a line into words, without its comment. */
static int split_line(struct parser *parser, char *line, struct error *err)
{
    char *rest = NULL;

    line[strcspn(line, "#")] = '\0';
    parser->n_words = 0;
    for (char *word = strtok_r(line, " \t\r", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r", &rest)) {
        if (parser->n_words == WORDS_MAX) {
            return error_set(err, -EINVAL, "line %u: more than %d words", parser->line,
                             WORDS_MAX);
        }
        parser->words[parser->n_words++] = word;
    }
    return 0;
}

static int parse_text(struct parser *parser, char *text, struct error *err)
{
    bool begun = false;
    int r = 0;

    for (char *line = text; line != NULL && r == 0;) {
        char *end = strchr(line, '\n');

        if (end != NULL) {
            *end = '\0';
        }
        parser->line++;
        r = split_line(parser, line, err);
        if (r == 0 && parser->n_words > 0) {
            if (begun) {
                r = parse_line(parser, err);
            } else if (parser->n_words != 2 || strcmp(parser->words[0], "fake") != 0 ||
                       strcmp(parser->words[1], "1") != 0) {
                r = error_set(err, -EINVAL, "line %u: this is not 'fake 1'", parser->line);
            }
            begun = true;
        }
        line = end == NULL ? NULL : end + 1;
    }
    if (r == 0 && parser->network->n_outputs == 0) {
        r = error_set(err, -EINVAL, "there is no output");
    }
    return r;
}

int fake_parse(const struct engine_model *model, struct fake_network *ret_network,
               struct error *err)
{
    struct parser parser = {.model = model, .network = ret_network};

    if (model->size > FAKE_SIZE_MAX) {
        return error_set(err, -E2BIG, "a fake model is over the limit of %d bytes",
                         FAKE_SIZE_MAX);
    }
    if (memchr(model->bytes, '\0', model->size) != NULL) {
        return error_set(err, -EINVAL, "a fake model is text, this is not");
    }
    cleanup(memory_free) char *text = memory_new(model->size + 1, 1);
    if (model->size > 0) {
        memcpy(text, model->bytes, model->size);
    }
    int r = parse_text(&parser, text, err);
    return r < 0 ? error_wrap(err, "fake model") : 0;
}

void fake_network_finish(struct fake_network *network)
{
    for (size_t i = 0; i < network->n_tensors; i++) {
        free(network->tensors[i].name);
    }
    free(network->tensors);
    free(network->layers);
    free(network->inputs);
    free(network->outputs);
}
