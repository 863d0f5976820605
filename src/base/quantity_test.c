#include <errno.h>

#include "base/quantity.h"
#include "base/test.h"

static void an_integer_is_the_whole_text(void **state)
{
    (void)state;
    int64_t integer = 7;
    const char *bad[] = {"", "-", "+", "4 ", " 4", "4x", "0x10", "1.0", "1e3"};

    assert_int_equal(quantity_integer("-12", &integer), 0);
    assert_int_equal(integer, -12);
    assert_int_equal(quantity_integer("9223372036854775807", &integer), 0);
    assert_int_equal(integer, INT64_MAX);
    assert_int_equal(quantity_integer("9223372036854775808", &integer), -EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(quantity_integer(bad[i], &integer), -EINVAL);
    }
    assert_int_equal(integer, INT64_MAX);
}

static void a_number_is_finite_and_decimal(void **state)
{
    (void)state;
    double number = 7;
    const char *bad[] = {"", ".", "-", "inf", "nan", "0x1p3", "1,5", "1 ", "1e", "e5", "--1"};

    assert_int_equal(quantity_number("-0.25", &number), 0);
    assert_float_equal(number, -0.25, 0);
    assert_int_equal(quantity_number("1e-3", &number), 0);
    assert_float_equal(number, 0.001, 0);
    assert_int_equal(quantity_number(".5", &number), 0);
    assert_float_equal(number, 0.5, 0);
    assert_int_equal(quantity_number("1e999", &number), -EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(quantity_number(bad[i], &number), -EINVAL);
    }
}

static void a_switch_is_true_or_false(void **state)
{
    (void)state;
    bool on = false;

    assert_int_equal(quantity_switch("true", &on), 0);
    assert_true(on);
    assert_int_equal(quantity_switch("false", &on), 0);
    assert_false(on);
    assert_int_equal(quantity_switch("yes", &on), -EINVAL);
}

static void a_size_is_width_times_height(void **state)
{
    (void)state;
    uint32_t width = 0, height = 0;
    const char *bad[] = {"", "416", "416x", "x416", "416X416", "416x416x3", "-1x5", "4 x4"};

    assert_int_equal(quantity_size("640x480", &width, &height), 0);
    assert_int_equal(width, 640);
    assert_int_equal(height, 480);
    assert_int_equal(quantity_size("0x480", &width, &height), -EINVAL);
    assert_int_equal(quantity_size("65536x1", &width, &height), -EINVAL);
    assert_int_equal(quantity_size("99999999999999999999x1", &width, &height), -EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(quantity_size(bad[i], &width, &height), -EINVAL);
    }
    assert_int_equal(width, 640);
}

static void a_rate_is_per_second(void **state)
{
    (void)state;
    double rate = 0;

    assert_int_equal(quantity_rate("5/s", &rate), 0);
    assert_float_equal(rate, 5, 0);
    assert_int_equal(quantity_rate("300/min", &rate), 0);
    assert_float_equal(rate, 5, 1e-12);
    assert_int_equal(quantity_rate("0/s", &rate), 0);
    assert_int_equal(quantity_rate("/s", &rate), -EINVAL);
    assert_int_equal(quantity_rate("5", &rate), -EINVAL);
    assert_int_equal(quantity_rate("-5/s", &rate), -EINVAL);
    assert_int_equal(quantity_rate("5 /s", &rate), -EINVAL);
}

static void a_duration_is_in_seconds(void **state)
{
    (void)state;
    double seconds = 0;

    assert_int_equal(quantity_duration("100ms", &seconds), 0);
    assert_float_equal(seconds, 0.1, 1e-12);
    assert_int_equal(quantity_duration("1.5min", &seconds), 0);
    assert_float_equal(seconds, 90, 1e-12);
    assert_int_equal(quantity_duration("0s", &seconds), 0);
    assert_int_equal(quantity_duration("1m", &seconds), -EINVAL);
    assert_int_equal(quantity_duration("2", &seconds), -EINVAL);
    assert_int_equal(quantity_duration("2 s", &seconds), -EINVAL);
    assert_int_equal(quantity_duration("2sec", &seconds), -EINVAL);
    assert_int_equal(quantity_duration("1e308h", &seconds), -EINVAL);
}

static void memory_counts_as_in_kubernetes(void **state)
{
    (void)state;
    uint64_t bytes = 0;

    assert_int_equal(quantity_memory("512M", &bytes), 0);
    assert_int_equal(bytes, 512000000);
    assert_int_equal(quantity_memory("1.5Gi", &bytes), 0);
    assert_int_equal(bytes, 1610612736);
    assert_int_equal(quantity_memory("4096", &bytes), 0);
    assert_int_equal(bytes, 4096);
    assert_int_equal(quantity_memory("512MB", &bytes), -EINVAL);
    assert_int_equal(quantity_memory("99999999999T", &bytes), -EINVAL);
}

static void memory_is_told_in_the_unit_it_was_given_in(void **state)
{
    static const char *const texts[] = {"0",    "1",     "4097", "4k",     "4Ki", "512M",
                                        "16Mi", "1500M", "1G",   "1536Mi", "3T"};
    char text[QUANTITY_MEMORY_TEXT];
    uint64_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(quantity_memory(texts[i], &bytes), 0);
        assert_string_equal(quantity_memory_text(bytes, text), texts[i]);
    }
    assert_string_equal(quantity_memory_text(UINT64_MAX, text), "18446744073709551615");
}

static void a_link_rate_counts_bits_and_gives_bytes(void **state)
{
    (void)state;
    double rate = 0;

    assert_int_equal(quantity_link_rate("100Mbit/s", &rate), 0);
    assert_float_equal(rate, 12.5e6, 0);
    assert_int_equal(quantity_link_rate("54kbit/s", &rate), 0);
    assert_float_equal(rate, 6750, 0);
    assert_int_equal(quantity_link_rate("0Mbit/s", &rate), -EINVAL);
    assert_int_equal(quantity_link_rate("100Mbit", &rate), -EINVAL);
}

static void amounts_are_read_as_kubernetes_writes_them(void **state)
{
    static const struct {
        const char *text;
        double amount;
    } rows[] = {{"2", 2},      {"100m", 0.1},    {"24632884Ki", 24632884.0 * 1024},
                {"1e3", 1000}, {"1E", 1e18},     {"128974848000m", 128974848},
                {"0", 0},      {"5Mi", 5 << 20}, {"19455169592n", 19.455169592}};
    double amount = -1;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(quantity_amount(rows[i].text, &amount), 0);
        assert_float_equal(amount, rows[i].amount, 1e-6F);
    }
    assert_int_equal(quantity_amount("-1", &amount), -EINVAL);
    assert_int_equal(quantity_amount("2 cores", &amount), -EINVAL);
    assert_int_equal(quantity_amount("", &amount), -EINVAL);
}

static void cores_may_be_milli_cores(void **state)
{
    (void)state;
    double cores = 0;

    assert_int_equal(quantity_cores("0.3", &cores), 0);
    assert_float_equal(cores, 0.3, 0);
    assert_int_equal(quantity_cores("300m", &cores), 0);
    assert_float_equal(cores, 0.3, 1e-12);
    assert_int_equal(quantity_cores("0", &cores), -EINVAL);
}

static void a_list_counts_more_numbers_than_there_is_room_for(void **state)
{
    (void)state;
    double numbers[2] = {0};
    size_t n = 0;

    assert_int_equal(quantity_numbers("", 2, numbers, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(quantity_numbers("1,2.5, -3", 2, numbers, &n), 0);
    assert_int_equal(n, 3);
    assert_float_equal(numbers[0], 1, 0);
    assert_float_equal(numbers[1], 2.5, 0);
    assert_int_equal(quantity_numbers("1,,2", 2, numbers, &n), -EINVAL);
    assert_int_equal(quantity_numbers("1,", 2, numbers, &n), -EINVAL);
    assert_int_equal(quantity_numbers("1;2", 2, numbers, &n), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_integer_is_the_whole_text),
        cmocka_unit_test(a_number_is_finite_and_decimal),
        cmocka_unit_test(a_switch_is_true_or_false),
        cmocka_unit_test(a_size_is_width_times_height),
        cmocka_unit_test(a_rate_is_per_second),
        cmocka_unit_test(a_duration_is_in_seconds),
        cmocka_unit_test(memory_counts_as_in_kubernetes),
        cmocka_unit_test(memory_is_told_in_the_unit_it_was_given_in),
        cmocka_unit_test(a_link_rate_counts_bits_and_gives_bytes),
        cmocka_unit_test(amounts_are_read_as_kubernetes_writes_them),
        cmocka_unit_test(cores_may_be_milli_cores),
        cmocka_unit_test(a_list_counts_more_numbers_than_there_is_room_for),
    };
    return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}
