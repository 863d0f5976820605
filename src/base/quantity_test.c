#include <errno.h>
#include <math.h>

#include "base/quantity.h"
#include "base/test.h"

static void a_rate_is_per_second_whatever_its_unit(void **state)
{
    double rate = 0;
    (void)state;

    assert_int_equal(quantity_rate("5/s", &rate), 0);
    assert_true(fabs(rate - 5) < 1e-12);
    assert_int_equal(quantity_rate("300/min", &rate), 0);
    assert_true(fabs(rate - 5) < 1e-12);
    assert_int_equal(quantity_rate("0.5/h", &rate), 0);
    assert_true(fabs(rate - (0.5 / 3600)) < 1e-12);
}

static void a_rate_without_a_unit_is_refused(void **state)
{
    double rate;
    (void)state;

    assert_int_equal(quantity_rate("5", &rate), -EINVAL);
    assert_int_equal(quantity_rate("5 /s", &rate), -EINVAL);
    assert_int_equal(quantity_rate("-5/s", &rate), -EINVAL);
    assert_int_equal(quantity_rate("/s", &rate), -EINVAL);
    assert_int_equal(quantity_rate("", &rate), -EINVAL);
}

static void a_duration_is_in_seconds(void **state)
{
    double seconds = 0;
    (void)state;

    assert_int_equal(quantity_duration("100ms", &seconds), 0);
    assert_true(fabs(seconds - 0.1) < 1e-12);
    assert_int_equal(quantity_duration("1min", &seconds), 0);
    assert_true(fabs(seconds - 60) < 1e-12);
    assert_int_equal(quantity_duration("1m", &seconds), -EINVAL);
}

static void a_size_has_two_sides_in_pixels(void **state)
{
    uint32_t width = 0;
    uint32_t height = 0;
    (void)state;

    assert_int_equal(quantity_size("416x300", &width, &height), 0);
    assert_int_equal(width, 416);
    assert_int_equal(height, 300);
    assert_int_equal(quantity_size("416", &width, &height), -EINVAL);
    assert_int_equal(quantity_size("0x416", &width, &height), -EINVAL);
    assert_int_equal(quantity_size("70000x1", &width, &height), -EINVAL);
    assert_int_equal(quantity_size("416x416x3", &width, &height), -EINVAL);
}

static void a_number_is_finite_and_decimal(void **state)
{
    double number = 0;
    int64_t integer = 0;
    (void)state;

    assert_int_equal(quantity_number("-0.5e1", &number), 0);
    assert_true(fabs(number + 5) < 1e-12);
    assert_int_equal(quantity_number("nan", &number), -EINVAL);
    assert_int_equal(quantity_number("inf", &number), -EINVAL);
    assert_int_equal(quantity_number("1e999", &number), -EINVAL);
    assert_int_equal(quantity_number("0x10", &number), -EINVAL);
    assert_int_equal(quantity_integer("-12", &integer), 0);
    assert_int_equal(integer, -12);
    assert_int_equal(quantity_integer("1.5", &integer), -EINVAL);
    assert_int_equal(quantity_integer("99999999999999999999", &integer), -EINVAL);
}

static void a_list_counts_more_numbers_than_there_is_room_for(void **state)
{
    double numbers[2] = {0};
    size_t n = 0;
    (void)state;

    assert_int_equal(quantity_numbers("1.08,1.19, 3.42", 2, numbers, &n), 0);
    assert_int_equal(n, 3);
    assert_true(fabs(numbers[1] - (1.19)) < 1e-12);
    assert_int_equal(quantity_numbers("", 2, numbers, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(quantity_numbers("1,,2", 2, numbers, &n), -EINVAL);
    assert_int_equal(quantity_numbers("1,", 2, numbers, &n), -EINVAL);
}

static void a_switch_is_true_or_false(void **state)
{
    bool on = false;
    (void)state;

    assert_int_equal(quantity_switch("true", &on), 0);
    assert_true(on);
    assert_int_equal(quantity_switch("yes", &on), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_per_second_whatever_its_unit),
        cmocka_unit_test(a_rate_without_a_unit_is_refused),
        cmocka_unit_test(a_duration_is_in_seconds),
        cmocka_unit_test(a_size_has_two_sides_in_pixels),
        cmocka_unit_test(a_number_is_finite_and_decimal),
        cmocka_unit_test(a_list_counts_more_numbers_than_there_is_room_for),
        cmocka_unit_test(a_switch_is_true_or_false),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
