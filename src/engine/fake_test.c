#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/test.h"
#include "engine/fake.h"

static struct engine_session *open_text(const char *text)
{
    const struct engine_model model = {.bytes = text, .size = strlen(text)};
    struct engine_session *session = NULL;
    struct error err;

    if (engine_fake.open(&model, &(struct engine_options){0}, &session, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return session;
}

static void assert_refused(const char *text, const char *why)
{
    const struct engine_model model = {.bytes = text, .size = strlen(text)};
    struct engine_session *session = NULL;
    struct error err;

    assert_true(engine_fake.open(&model, &(struct engine_options){0}, &session, &err) < 0);
    assert_null(session);
    assert_string_equal(err.text, why);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    assert_refused("", "fake model: there is no output");
    assert_refused("fake 2\n", "fake model: line 1: this is not 'fake 1'");
    assert_refused("fake 1\n\ninput x\n",
                   "fake model: line 3: the element type is not float32");
    assert_refused("fake 1\ninput x uint8 4\n",
                   "fake model: line 2: the element type is not float32");
    assert_refused("fake 1\ninput x float32 -4\n", "fake model: line 2: '-4' is no dimension");
    assert_refused("fake 1\ninput x float32 99999 99999\n",
                   "fake model: line 2: a tensor is over the limit of 268435456 bytes");
    assert_refused("fake 1\ninput x float32\nscale y z 2\n",
                   "fake model: line 3: there is no tensor 'z' yet");
    assert_refused("fake 1\ninput x float32\nscale x x 2\n",
                   "fake model: line 3: 'x' is there already");
    assert_refused("fake 1\ninput x float32\nscale y x two\n",
                   "fake model: line 3: 'two' is no number");
    assert_refused("fake 1\ninput x float32\nbusy y x -1\n",
                   "fake model: line 3: rounds are 0 to 1000000000");
    assert_refused("fake 1\ninput x float32\nadd y x\n",
                   "fake model: line 3: 'add' takes 2 inputs");
    assert_refused("fake 1\ninput x float32 2\nsum s x\nadd y x s\n",
                   "fake model: line 4: the shapes of 'x' and 's' differ");
    assert_refused("fake 1\ninput x float32\nthink y x\n",
                   "fake model: line 3: unknown word 'think'");
    assert_refused("fake 1\noutput\n", "fake model: line 2: 'output' alone says nothing");
    assert_refused("fake 1\nweight w float32 3\noutput w\n",
                   "fake model: line 2: the weight 'w' was not handed over");
}

static void a_dimension_left_open_takes_any_size(void **state)
{
    (void)state;
    struct engine_session *session =
        open_text("fake 1\ninput x float32 ? 2\nbusy y x 10\nsum s y\noutput s x\n");
    const struct engine_port *ports;

    assert_int_equal(engine_fake.inputs(session, &ports), 1);
    assert_int_equal(ports[0].shape.dims[0], 0);
    for (uint32_t n = 1; n < 4; n++) {
        const struct tensor_shape shape = {.type = TENSOR_F32, .rank = 2, .dims = {n, 2}};
        struct tensor *x, *outputs[2];
        struct error err;

        assert_int_equal(tensor_create(&shape, &x, &err), 0);
        for (uint32_t i = 0; i < 2 * n; i++) {
            ((float *)x->data)[i] = (float)i;
        }
        assert_int_equal(engine_fake.run(session, &x, outputs, &err), 0);
        assert_true(*(float *)outputs[0]->data == (float)(n * (2 * n - 1)));
        assert_ptr_not_equal(outputs[1]->data, x->data);
        assert_memory_equal(outputs[1]->data, x->data, x->size);
        tensor_unref(x);
        tensor_unref(outputs[0]);
        tensor_unref(outputs[1]);
    }
    engine_fake.close(session);
}

static void shapes_that_meet_only_at_run_time_may_still_differ(void **state)
{
    (void)state;
    struct engine_session *session =
        open_text("fake 1\ninput x float32 ?\ninput y float32 ?\nadd z x y\noutput z\n");
    const struct tensor_shape two = {.type = TENSOR_F32, .rank = 1, .dims = {2}};
    const struct tensor_shape three = {.type = TENSOR_F32, .rank = 1, .dims = {3}};
    struct tensor *inputs[2], *output = NULL;
    struct error err;

    assert_int_equal(tensor_create(&two, &inputs[0], &err), 0);
    assert_int_equal(tensor_create(&three, &inputs[1], &err), 0);
    assert_int_equal(engine_fake.run(session, inputs, &output, &err), -EINVAL);
    assert_null(output);
    tensor_unref(inputs[0]);
    tensor_unref(inputs[1]);
    engine_fake.close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(a_dimension_left_open_takes_any_size),
        cmocka_unit_test(shapes_that_meet_only_at_run_time_may_still_differ),
    };
    return cmocka_run_group_tests_name("fake", tests, NULL, NULL);
}
