/* Readings on their way: parted by type, picked, and brought together again. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/rig.h"

static void expect_flow(struct operator_instance *instance, unsigned port, const char *text,
                        const char *wanted)
{
    cleanup(memory_free) char *got = rig_flow(instance, port, 0, text);

    assert_string_equal(got, wanted);
}

#define EXPECT_REFUSAL(sentence, ...)              \
    do {                                           \
        struct error why = {0};                    \
        RIG_REFUSE(&why, __VA_ARGS__);             \
        assert_string_equal(why.text, (sentence)); \
        infer_refuses(sentence, __VA_ARGS__);      \
    } while (0)

#define infer_refuses(sentence, ...) \
    expect_infer((const char *const[]){__VA_ARGS__, NULL}, sentence)
static void expect_infer(const char *const *words, const char *sentence)
{
    struct operator_shapes none = {0}, output;
    struct error err = {0};

    assert_true(rig_infer(words, &none, &output, &err) < 0);
    assert_string_equal(err.text, sentence);
}

static const char mixed[] = "1 10 CO gate; 2 20 NOx roof; 3 30 CO yard; 4 40 dust; 5 50 C6H6 a";

static void each_type_has_its_own_output(void **state)
{
    cleanup(operator_closep) struct operator_instance *route =
        RIG_OPEN("classify", "types", "CO, NOx,unseen");
    (void)state;

    expect_flow(route, 0, mixed, "1 10 CO gate; 3 30 CO yard");
    expect_flow(route, 1, mixed, "2 20 NOx roof");
    expect_flow(route, 2, mixed, "");
    expect_flow(route, 3, mixed, "");
    expect_flow(route, 15, mixed, "4 40 dust; 5 50 C6H6 a");
}

static void lists_that_cannot_name_outputs_are_refused(void **state)
{
    (void)state;

    EXPECT_REFUSAL("classify: 'types' has an empty entry", "classify", "types", "CO,,NOx");
    EXPECT_REFUSAL("classify: 'types' has an empty entry", "classify", "types", "CO, ");
    EXPECT_REFUSAL("classify: 'types' has 'CO' twice", "classify", "types", "CO,NOx, CO");
    EXPECT_REFUSAL("classify: 'types' names no type", "classify", "types", "");
    EXPECT_REFUSAL("classify: 'types' has more than 15 entries", "classify", "types",
                   "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p");
    EXPECT_REFUSAL("classify: 'types' has 'other', which is the output of all the rest",
                   "classify", "types", "CO,other");
    EXPECT_REFUSAL("classify: 'types' has 'C O', but an output's name has no spaces",
                   "classify", "types", "C O");
}

static void fifteen_types_are_not_too_many(void **state)
{
    cleanup(operator_closep) struct operator_instance *route =
        RIG_OPEN("classify", "types", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o");
    (void)state;

    expect_flow(route, 14, "1 2 o; 1 2 p", "1 2 o");
    expect_flow(route, 15, "1 2 o; 1 2 p", "1 2 p");
}

static void a_filter_without_conditions_keeps_all(void **state)
{
    cleanup(operator_closep) struct operator_instance *filter = RIG_OPEN("filter");
    (void)state;

    expect_flow(filter, 0, mixed, mixed);
}

static void types_and_devices_may_end_in_a_star(void **state)
{
    cleanup(operator_closep) struct operator_instance *filter =
        RIG_OPEN("filter", "types", "C*, dust", "devices", "gate,ya*,*");
    cleanup(operator_closep) struct operator_instance *one =
        RIG_OPEN("filter", "types", "C*", "devices", "gat*");
    (void)state;

    expect_flow(filter, 0, mixed, "1 10 CO gate; 3 30 CO yard; 4 40 dust; 5 50 C6H6 a");
    expect_flow(one, 0, mixed, "1 10 CO gate");
}

static void bounds_are_not_kept_themselves(void **state)
{
    cleanup(operator_closep) struct operator_instance *above =
        RIG_OPEN("filter", "above", "30");
    cleanup(operator_closep) struct operator_instance *below =
        RIG_OPEN("filter", "below", "20");
    cleanup(operator_closep) struct operator_instance *between =
        RIG_OPEN("filter", "above", "10", "below", "40");
    (void)state;

    expect_flow(above, 0, mixed, "4 40 dust; 5 50 C6H6 a");
    expect_flow(below, 0, mixed, "1 10 CO gate");
    expect_flow(between, 0, mixed, "2 20 NOx roof; 3 30 CO yard");
}

static void inverted_a_filter_keeps_the_rest(void **state)
{
    cleanup(operator_closep) struct operator_instance *filter =
        RIG_OPEN("filter", "types", "CO", "above", "10", "invert", "true");
    (void)state;

    expect_flow(filter, 0, mixed, "1 10 CO gate; 2 20 NOx roof; 4 40 dust; 5 50 C6H6 a");
}

static void what_is_not_a_number_is_within_no_bounds(void **state)
{
    cleanup(operator_closep) struct operator_instance *above = RIG_OPEN("filter", "above", "1");
    cleanup(operator_closep) struct operator_instance *inverted =
        RIG_OPEN("filter", "above", "1", "invert", "true");
    (void)state;

    expect_flow(above, 0, "1 nan CO; 2 inf CO", "2 inf CO");
    expect_flow(inverted, 0, "1 nan CO; 2 inf CO", "1 nan CO");
}

static void a_filter_that_keeps_nothing_is_refused(void **state)
{
    (void)state;

    EXPECT_REFUSAL("filter: no value is above 5 and below 5: 'above' must be less than "
                   "'below' ('invert' keeps what lies outside)",
                   "filter", "above", "5", "below", "5");
    EXPECT_REFUSAL("filter: 'devices' has an empty entry", "filter", "devices", ",");
}

static void a_merge_gives_all_of_one_number_in_order_of_inputs(void **state)
{
    cleanup(operator_closep) struct operator_instance *merge = RIG_OPEN("merge");
    cleanup(frame_unrefp) struct frame *first = rig_readings_of(7, "9 1 CO a; 8 2 CO a");
    cleanup(frame_unrefp) struct frame *empty = rig_readings_of(7, "");
    cleanup(frame_unrefp) struct frame *last = rig_readings_of(7, "1 3 NO");
    struct frame *inputs[8] = {first, empty, [7] = last}; /* the rest was left out */
    cleanup(frame_unrefp) struct frame *both = rig_process(merge, 7, inputs);
    cleanup(memory_free) char *text = rig_readings_text(both);
    (void)state;

    assert_string_equal(text, "9 1 CO a; 8 2 CO a; 1 3 NO");
    assert_int_equal(both->sequence, 7);
    inputs[0] = empty;
    inputs[7] = NULL;
    cleanup(frame_unrefp) struct frame *none = rig_process(merge, 7, inputs);
    assert_int_equal(none->n_tensors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_own_output),
        cmocka_unit_test(lists_that_cannot_name_outputs_are_refused),
        cmocka_unit_test(fifteen_types_are_not_too_many),
        cmocka_unit_test(a_filter_without_conditions_keeps_all),
        cmocka_unit_test(types_and_devices_may_end_in_a_star),
        cmocka_unit_test(bounds_are_not_kept_themselves),
        cmocka_unit_test(inverted_a_filter_keeps_the_rest),
        cmocka_unit_test(what_is_not_a_number_is_within_no_bounds),
        cmocka_unit_test(a_filter_that_keeps_nothing_is_refused),
        cmocka_unit_test(a_merge_gives_all_of_one_number_in_order_of_inputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
