/* What kubelets tell, and what is made of it. */
#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "fabric/kubernetes_metrics.h"

struct told {
    char text[512];
};

static void tell(void *owner, const struct kubernetes_metric *metric)
{
    struct told *told = owner;
    size_t n = strlen(told->text);

    snprintf(told->text + n, sizeof(told->text) - n, "[%s %s/%s %g %llu]",
             metric->cpu ? "cpu" : "memory", metric->space != NULL ? metric->space : "",
             metric->pod != NULL ? metric->pod : "", metric->value,
             (unsigned long long)metric->when_ms);
}

static void node_and_containers_are_told(void **state)
{
    (void)state;
    struct told told = {""};

    kubernetes_metrics_read(
        "# HELP node_cpu_usage_seconds_total [ALPHA] Cumulative cpu time\n"
        "# TYPE node_cpu_usage_seconds_total counter\n"
        "node_cpu_usage_seconds_total 19.5 1795691884838\n"
        "node_memory_working_set_bytes 4.7222784e+07 1795691884838\n"
        "container_cpu_usage_seconds_total{container=\"stage\",namespace=\"shop\",pod=\"a-1\"} "
        "0.25 1795691884840\n"
        "container_memory_working_set_bytes{container=\"pod\",pod=\"b\",namespace=\"pod\"} 7\n"
        "scrape_error 0\n",
        tell, &told);
    assert_string_equal(told.text, "[cpu / 19.5 1795691884838]"
                                   "[memory / 4.72228e+07 1795691884838]"
                                   "[cpu shop/a-1 0.25 1795691884840][memory pod/b 7 0]");
}

static void what_cannot_be_read_is_passed_over(void **state)
{
    (void)state;
    struct told told = {""};

    kubernetes_metrics_read("node_cpu_usage_seconds_total many\n"
                            "node_cpu_usage_seconds_total -1\n"
                            "container_cpu_usage_seconds_total 7\n"
                            "container_cpu_usage_seconds_total{pod=\"a\"} 7\n"
                            "container_cpu_usage_seconds_total{pod=\"a\n"
                            "container_memory_working_set_bytes_more{} 7\n"
                            "\n{} }{ 7",
                            tell, &told);
    assert_string_equal(told.text, "");
}

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
        cmocka_unit_test(node_and_containers_are_told),
        cmocka_unit_test(what_cannot_be_read_is_passed_over),
        cmocka_unit_test(two_words_on_a_counter_make_a_rate),
    };

    return cmocka_run_group_tests_name("kubernetes_metrics", tests, NULL, NULL);
}
