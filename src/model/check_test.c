#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/test.h"
#include "model/check.h"

static struct tensor *new_tensor(enum tensor_type type, uint32_t n)
{
    const struct tensor_shape shape = {.type = type, .rank = 1, .dims = {n}};
    struct tensor *tensor = NULL;
    struct error err;

    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    return tensor;
}

static struct tensor *floats(float a, float b, float c)
{
    struct tensor *tensor = new_tensor(TENSOR_F32, 3);

    memcpy(tensor->data, (float[]){a, b, c}, tensor->size);
    return tensor;
}

static void assert_difference(struct tensor *whole, struct tensor *cut, double expected)
{
    double difference = model_check_difference(whole, cut).relative;

    tensor_unref(whole);
    tensor_unref(cut);
    if (isinf(expected)) {
        assert_true(isinf(difference));
    } else {
        assert_true(fabs(difference - expected) <= 1e-9 * expected);
    }
}

static void a_difference_is_relative_to_the_largest_value(void **state)
{
    (void)state;
    assert_difference(floats(1, 2, -4), floats(1, 2, -4), 0);
    assert_difference(floats(1, 2, -4), floats(1, 3, -4), 0.25);
    assert_difference(floats(1, 2, -4), floats(-1, 2, -4.5f), 0.5);
}

static void what_is_no_number_must_be_so_on_both_sides(void **state)
{
    (void)state;
    assert_difference(floats(1, NAN, 4), floats(1, NAN, 4), 0);
    assert_difference(floats(1, NAN, 4), floats(1, NAN, 5), 0.25);
    assert_difference(floats(1, NAN, 4), floats(1, 2, 4), INFINITY);
    assert_difference(floats(1, INFINITY, 4), floats(1, -INFINITY, 4), INFINITY);
}

static void zeros_of_either_sign_are_not_the_same_bits(void **state)
{
    (void)state;
    assert_difference(floats(0, 1, 1), floats(-0.0f, 1, 1), DBL_MIN);
    assert_difference(floats(0, 0, 0), floats(0, 0, 1), INFINITY);
}

static void other_shapes_differ_whatever_is_in_them(void **state)
{
    (void)state;
    struct tensor *bytes = new_tensor(TENSOR_U8, 12);
    struct tensor *more = new_tensor(TENSOR_F32, 4);

    memset(bytes->data, 0, bytes->size);
    memset(more->data, 0, more->size);
    assert_difference(floats(0, 0, 0), bytes, INFINITY);
    assert_difference(floats(0, 0, 0), more, INFINITY);
}

static void every_type_can_be_filled_and_compared(void **state)
{
    (void)state;
    for (int type = TENSOR_U8; type < TENSOR_TYPE_END; type++) {
        struct tensor *a = new_tensor((enum tensor_type)type, 100);
        struct tensor *b = new_tensor((enum tensor_type)type, 100);
        struct tensor *other = new_tensor((enum tensor_type)type, 100);

        model_check_fill(a, 7);
        model_check_fill(b, 7);
        model_check_fill(other, 8);
        double same = model_check_difference(a, b).relative;
        double apart = model_check_difference(a, other).relative;
        tensor_unref(a);
        tensor_unref(b);
        tensor_unref(other);
        assert_true(same == 0);
        assert_true(type == TENSOR_F16 ? isinf(apart) : apart > 0.5 && apart <= 2);
    }
}

static void a_difference_is_told_as_such_and_relative_to_the_largest(void **state)
{
    (void)state;
    struct tensor *whole = floats(1, -4, 2);
    struct tensor *cut = floats(1.5f, -4, 2.25f);
    struct model_difference difference = model_check_difference(whole, cut);

    tensor_unref(whole);
    tensor_unref(cut);
    assert_float_equal(difference.absolute, 0.5, 1e-12);
    assert_float_equal(difference.relative, 0.125, 1e-12);
}

static void real_numbers_fill_both_sides_of_zero(void **state)
{
    (void)state;
    struct tensor *tensor = new_tensor(TENSOR_F32, 1000);
    const float *data = tensor->data;
    double sum = 0;
    float least = 0;
    float most = 0;

    model_check_fill(tensor, 1);
    for (size_t i = 0; i < 1000; i++) {
        least = fminf(least, data[i]);
        most = fmaxf(most, data[i]);
        sum += data[i];
    }
    tensor_unref(tensor);
    assert_true(least >= -1 && least < -0.9f && most <= 1 && most > 0.9f);
    assert_true(fabs(sum) < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_is_relative_to_the_largest_value),
        cmocka_unit_test(what_is_no_number_must_be_so_on_both_sides),
        cmocka_unit_test(zeros_of_either_sign_are_not_the_same_bits),
        cmocka_unit_test(other_shapes_differ_whatever_is_in_them),
        cmocka_unit_test(every_type_can_be_filled_and_compared),
        cmocka_unit_test(a_difference_is_told_as_such_and_relative_to_the_largest),
        cmocka_unit_test(real_numbers_fill_both_sides_of_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
