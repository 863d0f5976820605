/* The algebra of cuts on small graphs written out by hand: "a,b>c" is a layer that reads a and
 * b and makes c. One letter is one tensor; capitals are weights, '?' marks an unknown shape. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "model/cost.h"
#include "model/reader.h"
#include "tensor/frame.h"

static char letters[64];

static int id_of(struct model *model, char letter)
{
    size_t id = strchr(letters, letter) == NULL ? strlen(letters)
                                                : (size_t)(strchr(letters, letter) - letters);

    if (id == strlen(letters)) {
        letters[id] = letter;
        model->tensors[id].name = memory_format("%c", letter);
        model->tensors[id].constant = isupper(letter) != 0;
        model->tensors[id].shape =
            (struct tensor_shape){.type = TENSOR_F32, .rank = 1, .dims = {(uint32_t)id + 1}};
        model->n_tensors = id + 1;
    }
    return (int)id;
}

static void add_ids(struct model *model, const char *text, size_t n, int **ids, unsigned *n_ids)
{
    for (size_t i = 0; i < n; i++) {
        if (isalpha(text[i])) {
            *ids = memory_grow(*ids, *n_ids, sizeof(**ids));
            (*ids)[(*n_ids)++] = id_of(model, text[i]);
        } else if (text[i] == '?') {
            model->tensors[(*ids)[*n_ids - 1]].shape.dims[0] = 0;
        }
    }
}

static void add_layer(struct model *model, const char *text)
{
    struct model_layer *layer = &model->layers[model->n_layers++];
    const char *arrow = strchr(text, '>');

    layer->name = memory_text(text);
    layer->kind = memory_text("Test");
    layer->stateful = text[0] == '*';
    add_ids(model, text, (size_t)(arrow - text), &layer->inputs, &layer->n_inputs);
    add_ids(model, arrow, strlen(arrow), &layer->outputs, &layer->n_outputs);
}

/* "x a>b b>c = c": inputs, layers, outputs. */
static struct model *model_of(const char *text, int expected, struct error *err)
{
    struct model *model = memory_new(1, sizeof(*model));
    cleanup(memory_free) char *copy = memory_text(text);
    char *rest = NULL;
    bool ends = false;
    unsigned n_inputs = 0;
    unsigned n_outputs = 0;

    memset(letters, 0, sizeof(letters));
    model->file = -1;
    model->tensors = memory_new(sizeof(letters), sizeof(*model->tensors));
    model->layers = memory_new(16, sizeof(*model->layers));
    for (char *word = strtok_r(copy, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        if (strchr(word, '>') != NULL) {
            add_layer(model, word);
        } else if (strcmp(word, "=") == 0) {
            ends = true;
        } else if (ends) {
            add_ids(model, word, strlen(word), &model->outputs, &n_outputs);
        } else {
            add_ids(model, word, strlen(word), &model->inputs, &n_inputs);
        }
    }
    model->n_inputs = n_inputs;
    model->n_outputs = n_outputs;
    assert_int_equal(model_finish(model, err), expected);
    return model;
}

static const char *text_of(const int *ids, size_t n)
{
    static char text[64];

    for (size_t i = 0; i < n; i++) {
        text[i] = letters[ids[i]];
    }
    text[n] = 0;
    return text;
}

static void assert_live(const struct model *model, size_t k, const char *expected)
{
    cleanup(memory_free) int *ids = NULL;
    size_t n = model_live(model, k, &ids);

    assert_string_equal(text_of(ids, n), expected);
}

static void assert_legal(const struct model *model, const char *expected)
{
    char text[64] = {0};

    for (size_t k = 0; k <= model->n_layers; k++) {
        text[k] = model->legal[k] ? '|' : '-';
    }
    assert_string_equal(text, expected);
}

static void assert_part(const struct model *model, size_t from, size_t to, const char *expected)
{
    cleanup(model_part_finish) struct model_part part;
    char text[128];
    int n = 0;

    model_part_init(&part, model, from, to);
    for (size_t i = 0; i < part.n_layers; i++) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%d", part.layers[i]);
    }
    n += snprintf(text + n, sizeof(text) - (size_t)n, " %s",
                  text_of(part.inputs, part.n_inputs));
    n += snprintf(text + n, sizeof(text) - (size_t)n, ">%s",
                  text_of(part.outputs, part.n_outputs));
    snprintf(text + n, sizeof(text) - (size_t)n, " %s", text_of(part.around, part.n_around));
    assert_string_equal(text, expected);
}

static void a_chain_may_be_cut_between_any_two_layers(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x xW>a aW>b b>c = c", 0, &err);

    assert_legal(model, "||||");
    assert_live(model, 0, "x");
    assert_live(model, 1, "a");
    assert_live(model, 2, "b");
    assert_live(model, 3, "c");
    assert_part(model, 1, 3, "12 a>c ");
    assert_int_equal(model->layers[0].weight_size, 2 * sizeof(float));
    assert_int_equal(model_live_size(model, 1), 3 * sizeof(float));
}

static void a_skip_connection_is_an_input_and_passes_around(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x x>a a>b b>c ac>d = d", 0, &err);

    assert_live(model, 2, "ab");
    assert_live(model, 3, "ac");
    assert_part(model, 1, 3, "12 a>c a");
    assert_part(model, 2, 3, "2 b>c a");
    assert_part(model, 3, 4, "3 ac>d ");
}

static void an_early_output_is_passed_on_to_the_end(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x x>a a>b b>c = a c", 0, &err);

    assert_live(model, 3, "ac");
    assert_part(model, 2, 3, "2 b>c a");
}

static void an_input_that_is_an_output_too_passes_around_everything(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x x>a = x a", 0, &err);

    assert_part(model, 0, 1, "0 x>a x");
}

static void layers_of_constants_go_along_to_who_needs_them(void **state)
{
    (void)state;
    struct error err;
    /* p, q, r are made of weights; q is needed on both sides of the cut before layer 4. */
    cleanup(model_closep) struct model *model =
        model_of("x P>p pQ>q xq>a R>r ar>b bq>c = c", 0, &err);

    assert_true(model->layers[1].constant && !model->layers[2].constant);
    assert_live(model, 4, "a");
    assert_part(model, 4, 6, "01345 a>c ");
    assert_part(model, 0, 4, "012 x>a ");
}

static void each_division_of_the_layers_has_one_legal_number(void **state)
{
    (void)state;
    struct error err;
    /* The constant layers 0 and 2 and the idle layer 4 move no border. */
    cleanup(model_closep) struct model *model =
        model_of("x P>p xp>a Q>q aq>b a>z b>c R>r = c", 0, &err);

    assert_legal(model, "|--|-|-|");
    assert_true(model->layers[4].idle && model->layers[6].idle);
}

static void what_only_an_idle_layer_reads_is_not_live(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x y x>a y>u uy>v a>b = b", 0, &err);

    assert_live(model, 0, "x");
    assert_live(model, 3, "a");
    assert_part(model, 0, 4, "03 x>b ");
}

static void no_cut_crosses_a_tensor_of_unknown_size(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model =
        model_of("x x>a a>b? b>c bc>d d>e = e", 0, &err);

    assert_legal(model, "||--||");
    assert_int_equal(model_live_size(model, 3), 0);
}

static void a_shape_found_out_later_makes_its_cuts_legal(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x x>a a>b? b>c = c", 0, &err);

    assert_legal(model, "||-|");
    model->tensors[id_of(model, 'b')].shape.dims[0] = 7;
    model_derive_cuts(model);
    assert_legal(model, "||||");
    assert_int_equal(model_live_size(model, 2), 28);
}

static void a_layer_with_a_memory_is_never_a_constant(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x *P>p xp>a Q>q aq>b = b", 0, &err);

    assert_true(model->stateful);
    assert_false(model->layers[0].constant);
    assert_live(model, 1, "xp");
    assert_legal(model, "||-||");
}

static void assert_refused(const char *text, const char *expected)
{
    struct error err;
    struct model *model = model_of(text, -EBADMSG, &err);

    assert_string_equal(err.text, expected);
    model_close(model);
}

static void a_file_out_of_order_is_refused(void **state)
{
    (void)state;
    assert_refused("x b>c x>b = c",
                   "layer 0 (Test) reads tensor 1 (b), which no layer before it makes");
}

static void a_tensor_made_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("x x>a x>a = a", "layer 1 (Test) makes tensor 1 (a), which exists already");
    assert_refused("x x>x = x", "layer 0 (Test) makes tensor 0 (x), which exists already");
    assert_refused("x x>W = W", "layer 0 (Test) makes tensor 1 (W), which exists already");
}

static void an_output_that_nobody_makes_is_refused(void **state)
{
    (void)state;
    assert_refused("x x>a = z", "output 0 of the model is made by no layer");
    assert_refused("x x>a W>w = w", "the model has no output that depends on anything");
}

static void an_id_out_of_range_is_refused(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *model = model_of("x x>a = a", 0, &err);

    model->layers[0].inputs[0] = (int)model->n_tensors;
    assert_int_equal(model_finish(model, &err), -EBADMSG);
    assert_string_equal(err.text, "layer 0 (Test) names tensors that do not exist");
}

/* Every pair of cuts of a graph with all of the above: what a part makes and passes around is
 * just what the next part, whichever it is, finds live. */
static void parts_fit_together_at_every_cut(void **state)
{
    (void)state;
    struct error err;
    cleanup(model_closep) struct model *good =
        model_of("x y P>q x>a ay>b qb>c a>z P>r cr>d ad>e = b e", 0, &err);

    for (size_t from = 0; from <= good->n_layers; from++) {
        for (size_t to = from; to <= good->n_layers; to++) {
            cleanup(model_part_finish) struct model_part part;
            cleanup(memory_free) int *before = NULL;
            cleanup(memory_free) int *after = NULL;
            size_t n_before = model_live(good, from, &before);
            size_t n_after = model_live(good, to, &after);

            model_part_init(&part, good, from, to);
            assert_int_equal(part.n_outputs + part.n_around, n_after);
            for (size_t i = 0; i < part.n_inputs; i++) {
                assert_non_null(
                    memchr(text_of(before, n_before), letters[part.inputs[i]], n_before));
            }
        }
    }
}

/* x>a, a>n tensors, those>z */
static struct model *fan_of(unsigned n)
{
    struct error err;
    struct model *model = memory_new(1, sizeof(*model));
    int *ids = memory_new(n, sizeof(*ids));

    model->file = -1;
    assert_int_equal(model_allocate_tensors(model, n + 3, &err), 0);
    assert_int_equal(model_allocate_layers(model, 3, &err), 0);
    for (size_t i = 0; i < n + 3; i++) {
        model->tensors[i].shape = (struct tensor_shape){TENSOR_U8, 1, {1}};
    }
    for (unsigned i = 0; i < n; i++) {
        ids[i] = 3 + (int)i;
    }
    for (unsigned i = 0; i < 3; i++) {
        struct model_layer *layer = &model->layers[i];

        layer->n_inputs = i < 2 ? 1 : n;
        layer->inputs = memory_new(layer->n_inputs, sizeof(int));
        memcpy(layer->inputs, i < 2 ? (int[]){(int)i} : ids, layer->n_inputs * sizeof(int));
        layer->n_outputs = i == 1 ? n : 1;
        layer->outputs = memory_new(layer->n_outputs, sizeof(int));
        memcpy(layer->outputs, i == 1 ? ids : (int[]){i == 0 ? 1 : 2},
               layer->n_outputs * sizeof(int));
    }
    model->n_inputs = model->n_outputs = 1;
    model->inputs = memory_new(1, sizeof(int));
    model->outputs = memory_new(1, sizeof(int));
    model->outputs[0] = 2;
    free(ids);
    assert_int_equal(model_finish(model, &err), 0);
    return model;
}

static void no_cut_crosses_more_tensors_than_a_frame_carries(void **state)
{
    (void)state;
    cleanup(model_closep) struct model *most = fan_of(FRAME_TENSORS_MAX);
    cleanup(model_closep) struct model *more = fan_of(FRAME_TENSORS_MAX + 1);

    assert_legal(most, "||||");
    assert_legal(more, "||-|");
}

static void a_convolution_costs_two_operations_per_weight_and_place(void **state)
{
    (void)state;
    const struct tensor_shape result = {TENSOR_F32, 4, {1, 10, 10, 16}};
    const struct tensor_shape plain = {TENSOR_F32, 4, {16, 3, 3, 8}};
    const struct tensor_shape depthwise = {TENSOR_F32, 4, {1, 3, 3, 16}};

    assert_true(cost_convolution(&result, &plain, 0) == 2.0 * 1600 * 72);
    assert_true(cost_convolution(&result, &depthwise, 3) == 2.0 * 1600 * 9);
    assert_true(cost_convolution(&result, &depthwise, 4) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_may_be_cut_between_any_two_layers),
        cmocka_unit_test(a_skip_connection_is_an_input_and_passes_around),
        cmocka_unit_test(an_early_output_is_passed_on_to_the_end),
        cmocka_unit_test(an_input_that_is_an_output_too_passes_around_everything),
        cmocka_unit_test(layers_of_constants_go_along_to_who_needs_them),
        cmocka_unit_test(each_division_of_the_layers_has_one_legal_number),
        cmocka_unit_test(what_only_an_idle_layer_reads_is_not_live),
        cmocka_unit_test(no_cut_crosses_a_tensor_of_unknown_size),
        cmocka_unit_test(a_shape_found_out_later_makes_its_cuts_legal),
        cmocka_unit_test(a_layer_with_a_memory_is_never_a_constant),
        cmocka_unit_test(a_file_out_of_order_is_refused),
        cmocka_unit_test(a_tensor_made_twice_is_refused),
        cmocka_unit_test(an_output_that_nobody_makes_is_refused),
        cmocka_unit_test(an_id_out_of_range_is_refused),
        cmocka_unit_test(parts_fit_together_at_every_cut),
        cmocka_unit_test(no_cut_crosses_more_tensors_than_a_frame_carries),
        cmocka_unit_test(a_convolution_costs_two_operations_per_weight_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
