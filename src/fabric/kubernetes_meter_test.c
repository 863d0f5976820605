/* What is made of a counter. */
#include "base/test.h"
#include "fabric/kubernetes_meter.h"

static void two_words_on_a_counter_make_a_rate(void **state)
{
    (void)state;
    struct kubernetes_meter meter = {0};

    kubernetes_meter_count(&meter, 10, 1000);
    assert_true(meter.known);
    assert_true(meter.rate < 0);
    kubernetes_meter_count(&meter, 11, 3000);
    assert_float_equal(meter.rate, 0.5, 0);
    kubernetes_meter_count(&meter, 11, 3000); /* the kubelet has not looked since */
    assert_float_equal(meter.rate, 0.5, 0);
    kubernetes_meter_count(&meter, 1, 4000); /* it began anew */
    assert_true(meter.rate < 0);
    kubernetes_meter_count(&meter, 3, 5000);
    assert_float_equal(meter.rate, 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_words_on_a_counter_make_a_rate),
    };

    return cmocka_run_group_tests_name("kubernetes_meter", tests, NULL, NULL);
}
