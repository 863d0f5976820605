#include "base/error.h"
#include "base/histogram.h"
#include "base/test.h"

static void quantiles_are_right_within_a_bucket(void **state)
{
    (void)state;
    struct histogram histogram = {0};

    assert_true(histogram_quantile(&histogram, 0.5) < 1);
    for (uint64_t i = 1; i <= 10000; i++) {
        histogram_add(&histogram, i);
    }
    for (int tenth = 1; tenth < 10; tenth++) {
        double q = tenth / 10.0;
        double ratio = histogram_quantile(&histogram, q) / (q * 10000);
        assert_true(ratio > 0.95 && ratio < 1.05);
    }
}

static void a_histogram_survives_json_and_merges(void **state)
{
    (void)state;
    struct histogram a = {0}, b = {0};
    struct error err;

    histogram_add(&a, 0);
    histogram_add(&a, 1000);
    histogram_add(&a, UINT64_MAX);
    cleanup(json_decrefp) json_t *json = histogram_to_json(&a);
    assert_int_equal(histogram_from_json(json, &b, &err), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    histogram_merge(&a, &b);
    assert_int_equal(a.n, 6);
}

static void a_bucket_that_is_not_there_is_refused(void **state)
{
    (void)state;
    struct histogram histogram;
    struct error err;

    cleanup(json_decrefp) json_t *json = json_pack("[[ii]]", HISTOGRAM_BUCKETS, 1);
    assert_true(histogram_from_json(json, &histogram, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_right_within_a_bucket),
        cmocka_unit_test(a_histogram_survives_json_and_merges),
        cmocka_unit_test(a_bucket_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
