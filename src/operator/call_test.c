#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "operator/call.h"

/* `scale` multiplies numbers; it knows how to fail and how to misbehave. */
static const struct brume_param scale_params[] = {
    {.name = "factor",
     .kind = BRUME_NUMBER,
     .fallback = "2",
     .help = "h",
     .least = 0,
     .most = 10},
    {.name = "needed", .kind = BRUME_TEXT, .help = "something that must be said"},
    {.name = "every", .kind = BRUME_DURATION, .fallback = "100ms", .help = "h"},
    {.name = "mode",
     .kind = BRUME_CHOICE,
     .fallback = "near",
     .choices = "near|far",
     .help = "h"},
    {0},
};
static const struct brume_port scale_inputs[] = {{.name = "in", .kind = BRUME_TENSORS}, {0}};
static const struct brume_port scale_outputs[] = {
    {.name = "out", .kind = BRUME_TENSORS}, {.name = "odd", .kind = BRUME_TENSORS}, {0}};

static int scale_infer(struct brume_call *call)
{
    const struct brume_tensor *in = brume_input(call, 0, 0);

    if (in == NULL) {
        return 0;
    }
    if (in->type != BRUME_F32) {
        return brume_fail(call, "wants float32");
    }
    brume_output(call, 0, in->type, in->rank, in->shape);
    return 0;
}

static int scale_process(struct brume_call *call, void *state)
{
    const struct brume_tensor *in = brume_input(call, 0, 0);
    const float *from = in->data;
    struct brume_tensor *out = brume_output(call, 0, BRUME_F32, 1, in->shape);
    float *to = out->data;
    (void)state;

    if (from[0] < 0) {
        return brume_fail(call, "%g is negative", (double)from[0]);
    }
    for (uint32_t i = 0; i < in->shape[0]; i++) {
        to[i] = from[i] * (float)brume_param_number(call, "factor");
    }
    brume_say(call, "frame %u of %s", (unsigned)brume_sequence(call), brume_name(call));
    if ((unsigned)from[0] % 2 == 1) {
        return brume_forward(call, 1, 0, 0);
    }
    return 0;
}

static const struct brume_operator scale = {
    .abi = BRUME_ABI,
    .name = "scale",
    .summary = "multiplies",
    .params = scale_params,
    .inputs = scale_inputs,
    .outputs = scale_outputs,
    .infer = scale_infer,
    .process = scale_process,
};

static const struct operator_param needed = {"needed", "yes"};

static struct operator_instance *open_scale(const char *key, const char *value)
{
    struct operator_param params[] = {needed, {key, value}};
    struct operator_setup setup = {
        .type = &scale, .name = "double", .n_params = key != NULL ? 2 : 1, .params = params};
    struct operator_instance *instance = NULL;
    struct error err = {0};

    assert_int_equal(operator_open(&setup, &instance, &err), 0);
    return instance;
}

static struct frame *numbers(uint64_t captured_ns, float first)
{
    struct tensor_shape shape = {.type = TENSOR_F32, .rank = 1, .dims = {2}};
    struct frame_view view = {.width = 640, .height = 480, .scale_x = 1, .scale_y = 1};
    struct tensor *tensor = NULL;
    struct error err;

    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    ((float *)tensor->data)[0] = first;
    ((float *)tensor->data)[1] = 0.5F;
    return frame_create(9, captured_ns, &view, 1, &tensor);
}

static void a_frame_goes_through_with_its_number_time_and_view(void **state)
{
    cleanup(operator_closep) struct operator_instance *instance = open_scale(NULL, NULL);
    cleanup(frame_unrefp) struct frame *frame = numbers(1234, 3);
    struct operator_result result;
    struct error err;
    (void)state;

    assert_int_equal(operator_process(instance, 9, &frame, &result, &err), 0);
    assert_int_equal(result.n_outputs, 2);
    assert_int_equal(result.outputs[0]->sequence, 9);
    assert_int_equal(result.outputs[0]->captured_ns, 1234);
    assert_int_equal(result.outputs[0]->view.width, 640);
    const float *out = result.outputs[0]->tensors[0]->data;
    assert_true(out[0] == 6 && out[1] == 1);
    assert_ptr_equal(result.outputs[1]->tensors[0], frame->tensors[0]);
    assert_int_equal(result.n_said, 1);
    assert_string_equal(result.said[0], "frame 9 of double");
    operator_result_finish(&result);
}

static void a_port_without_output_gets_an_empty_frame(void **state)
{
    cleanup(operator_closep) struct operator_instance *instance = open_scale("factor", "3");
    cleanup(frame_unrefp) struct frame *frame = numbers(1, 4);
    struct operator_result result;
    struct error err;
    (void)state;

    assert_int_equal(operator_process(instance, 9, &frame, &result, &err), 0);
    assert_true(((float *)result.outputs[0]->tensors[0]->data)[0] == 12);
    assert_int_equal(result.outputs[1]->n_tensors, 0);
    operator_result_finish(&result);
}

static void an_empty_input_makes_empty_outputs_without_a_call(void **state)
{
    cleanup(operator_closep) struct operator_instance *instance = open_scale(NULL, NULL);
    cleanup(frame_unrefp) struct frame *frame = frame_create(5, 77, NULL, 0, NULL);
    struct operator_result result;
    struct error err;
    (void)state;

    assert_int_equal(operator_process(instance, 5, &frame, &result, &err), 0);
    assert_int_equal(result.n_outputs, 2);
    assert_int_equal(result.outputs[0]->n_tensors, 0);
    assert_int_equal(result.outputs[0]->captured_ns, 77);
    assert_int_equal(result.n_said, 0);
    operator_result_finish(&result);
}

static void a_failure_costs_that_frame_only(void **state)
{
    cleanup(operator_closep) struct operator_instance *instance = open_scale(NULL, NULL);
    cleanup(frame_unrefp) struct frame *bad = numbers(1, -1);
    cleanup(frame_unrefp) struct frame *good = numbers(1, 1);
    struct operator_result result;
    struct error err = {0};
    (void)state;

    assert_int_equal(operator_process(instance, 9, &bad, &result, &err), -EIO);
    assert_string_equal(err.text, "double: -1 is negative");
    assert_int_equal(result.n_outputs, 2);
    assert_int_equal(result.outputs[0]->n_tensors, 0);
    operator_result_finish(&result);
    assert_int_equal(operator_process(instance, 10, &good, &result, &err), 0);
    assert_int_equal(result.outputs[0]->n_tensors, 1);
    operator_result_finish(&result);
}

static void expect_refusal(const struct operator_param *params, size_t n, const char *text)
{
    struct operator_setup setup = {
        .type = &scale, .name = "double", .n_params = n, .params = params};
    struct operator_instance *instance = NULL;
    struct error err = {0};

    assert_int_equal(operator_open(&setup, &instance, &err), -EINVAL);
    assert_null(instance);
    assert_string_equal(err.text, text);
}

static void parameters_are_checked_against_the_table(void **state)
{
    (void)state;

    expect_refusal(NULL, 0, "double: 'needed' is missing: something that must be said");
    expect_refusal((struct operator_param[]){needed, {"factor", "many"}}, 2,
                   "double: 'factor' must be a number such as 0.5, not 'many'");
    expect_refusal((struct operator_param[]){needed, {"factor", "11"}}, 2,
                   "double: 'factor' must be between 0 and 10, not 11");
    expect_refusal((struct operator_param[]){needed, {"every", "100"}}, 2,
                   "double: 'every' must be a duration such as 100ms, 2s or 1min, not '100'");
    expect_refusal((struct operator_param[]){needed, {"mode", "ne"}}, 2,
                   "double: 'mode' must be one of near|far, not 'ne'");
}

static void shapes_are_inferred_without_opening(void **state)
{
    struct operator_setup setup = {
        .type = &scale, .name = "double", .n_params = 1, .params = &needed};
    struct operator_shapes in = {.n = 1,
                                 .shapes = {{.type = TENSOR_F32, .rank = 2, .dims = {0, 3}}}};
    struct operator_shapes out[2] = {{0}, {0}};
    struct error err = {0};
    (void)state;

    assert_int_equal(operator_infer(&setup, &in, out, &err), 0);
    assert_int_equal(out[0].n, 1);
    assert_true(tensor_shape_equal(&out[0].shapes[0], &in.shapes[0]));
    assert_int_equal(out[1].n, 0);
    in.shapes[0].type = TENSOR_U8;
    assert_int_equal(operator_infer(&setup, &in, out, &err), -EIO);
    assert_string_equal(err.text, "double: wants float32");
}

/* `tick` is a source of two frames; its second is late once. Its memory is its own. */
struct tick {
    float *numbers;
    int released;
    int asked;
};
static struct tick tick;

static void tick_release(void *owner)
{
    ((struct tick *)owner)->released++;
}

static int tick_open(struct brume_call *call, void **ret_state)
{
    (void)call;
    tick = (struct tick){.numbers = aligned_alloc(64, 64)};
    *ret_state = &tick;
    return 0;
}

static int tick_process(struct brume_call *call, void *state)
{
    struct tick *own = state;
    struct brume_tensor one = {
        .type = BRUME_F32, .rank = 1, .shape = {16}, .data = own->numbers};

    if (brume_sequence(call) == 2) {
        return BRUME_END;
    }
    if (brume_sequence(call) == 1 && own->asked++ == 0) {
        brume_wait(call, 40);
        return BRUME_LATER;
    }
    brume_set_captured_ns(call, 1000 + brume_sequence(call));
    return brume_output_adopt(call, 0, &one, tick_release, own);
}

static void tick_close(void *state)
{
    free(((struct tick *)state)->numbers);
}

static const struct brume_operator ticker = {
    .abi = BRUME_ABI,
    .name = "tick",
    .summary = "ticks",
    .outputs = scale_inputs,
    .open = tick_open,
    .process = tick_process,
    .close = tick_close,
};

static void a_source_may_be_late_and_ends(void **state)
{
    struct operator_setup setup = {.type = &ticker, .name = "tick"};
    cleanup(operator_closep) struct operator_instance *instance = NULL;
    struct operator_result result;
    struct error err;
    (void)state;

    assert_int_equal(operator_open(&setup, &instance, &err), 0);
    assert_int_equal(operator_process(instance, 0, NULL, &result, &err), 0);
    assert_int_equal(result.outputs[0]->captured_ns, 1000);
    operator_result_finish(&result);
    assert_int_equal(tick.released, 1);
    assert_int_equal(operator_process(instance, 1, NULL, &result, &err), OPERATOR_LATER);
    assert_int_equal(result.wait_ms, 40);
    assert_int_equal(result.n_outputs, 0);
    operator_result_finish(&result);
    assert_int_equal(operator_process(instance, 1, NULL, &result, &err), 0);
    assert_int_equal(result.outputs[0]->sequence, 1);
    operator_result_finish(&result);
    assert_int_equal(operator_process(instance, 2, NULL, &result, &err), OPERATOR_END);
    operator_result_finish(&result);
}

/* `shy` takes a frame when it is asked the second time. */
static int shy_process(struct brume_call *call, void *state)
{
    bool *asked = state;
    int ret = brume_forward(call, 0, 0, 0);

    if (ret == 0 && !*asked) {
        *asked = true;
        brume_say(call, "not yet");
        brume_wait(call, 7);
        return BRUME_LATER;
    }
    *asked = false;
    return brume_sequence(call) == 1 ? BRUME_END : ret;
}

static int shy_open(struct brume_call *call, void **ret_state)
{
    (void)call;
    *ret_state = memory_new(1, sizeof(bool));
    return 0;
}

static void an_operator_with_inputs_may_take_them_later_but_does_not_end(void **state)
{
    const struct brume_operator shy = {.abi = BRUME_ABI,
                                       .name = "shy",
                                       .inputs = scale_inputs,
                                       .outputs = scale_outputs,
                                       .open = shy_open,
                                       .process = shy_process,
                                       .close = free};
    const struct operator_setup setup = {.type = &shy, .name = "shy"};
    const struct tensor_shape shape = {.type = TENSOR_U8, .rank = 1, .dims = {1}};
    cleanup(operator_closep) struct operator_instance *instance = NULL;
    struct tensor *tensor;
    struct operator_result result;
    struct error err;
    (void)state;

    assert_int_equal(operator_open(&setup, &instance, &err), 0);
    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    cleanup(frame_unrefp) struct frame *frame = frame_create(0, 1, NULL, 1, &tensor);
    for (uint64_t i = 0; i < 2; i++) {
        assert_int_equal(operator_process(instance, i, &frame, &result, &err), OPERATOR_LATER);
        assert_int_equal(result.wait_ms, 7);
        assert_int_equal(result.n_outputs, 0);
        assert_string_equal(result.said[0], "not yet");
        operator_result_finish(&result);
        assert_int_equal(operator_process(instance, i, &frame, &result, &err),
                         i == 0 ? 0 : -EPROTO);
        assert_int_equal(result.outputs[0]->n_tensors, i == 0 ? 1 : 0);
        operator_result_finish(&result);
    }
}

/* `thrice` gives what it gets three times over. */
static int thrice_process(struct brume_call *call, void *state)
{
    (void)state;
    int ret = 0;
    for (unsigned i = 0; i < 3 && ret == 0; i++) {
        ret = brume_forward(call, 0, 0, 0);
    }
    return ret;
}

static void an_output_that_no_message_carries_costs_the_frame(void **state)
{
    const struct brume_operator thrice = {.abi = BRUME_ABI,
                                          .name = "thrice",
                                          .inputs = scale_inputs,
                                          .outputs = scale_outputs,
                                          .process = thrice_process};
    const struct operator_setup setup = {.type = &thrice, .name = "much"};
    const struct tensor_shape shape = {.type = TENSOR_U8, .rank = 1, .dims = {200 << 20}};
    cleanup(operator_closep) struct operator_instance *instance = NULL;
    struct tensor *tensor;
    struct operator_result result;
    struct error err;
    (void)state;

    assert_int_equal(operator_open(&setup, &instance, &err), 0);
    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    cleanup(frame_unrefp) struct frame *frame = frame_create(9, 1, NULL, 1, &tensor);
    assert_int_equal(operator_process(instance, 9, &frame, &result, &err), -EIO);
    assert_string_equal(err.text, "much: 629145600 bytes on output 'out', over the 536805376 "
                                  "that a frame may have");
    assert_int_equal(result.outputs[0]->n_tensors, 0);
    operator_result_finish(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_goes_through_with_its_number_time_and_view),
        cmocka_unit_test(an_operator_with_inputs_may_take_them_later_but_does_not_end),
        cmocka_unit_test(an_output_that_no_message_carries_costs_the_frame),
        cmocka_unit_test(a_port_without_output_gets_an_empty_frame),
        cmocka_unit_test(an_empty_input_makes_empty_outputs_without_a_call),
        cmocka_unit_test(a_failure_costs_that_frame_only),
        cmocka_unit_test(parameters_are_checked_against_the_table),
        cmocka_unit_test(shapes_are_inferred_without_opening),
        cmocka_unit_test(a_source_may_be_late_and_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
