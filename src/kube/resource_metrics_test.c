/* What kubelets tell. */
#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "kube/resource_metrics.h"

static char told[1024];

static void tell(void *owner, const struct resource_metric *metric)
{
    size_t n = strlen(told);

    (void)owner;
    snprintf(told + n, sizeof(told) - n, "[%s %s/%s/%s %g %llu]",
             metric->cpu ? "cpu" : "memory", metric->space != NULL ? metric->space : "",
             metric->pod != NULL ? metric->pod : "",
             metric->container != NULL ? metric->container : "", metric->value,
             (unsigned long long)metric->when_ms);
}

static void reads(const char *text, const char *expected)
{
    *told = '\0';
    resource_metrics_read(text, tell, NULL);
    assert_string_equal(told, expected);
}

static void node_and_containers_are_told(void **state)
{
    (void)state;
    reads("# HELP node_cpu_usage_seconds_total [ALPHA] Cumulative cpu time\n"
          "# TYPE node_cpu_usage_seconds_total counter\n"
          "node_cpu_usage_seconds_total 19.5 1795691884838\n"
          "node_memory_working_set_bytes 4.7222784e+07 1795691884838\n"
          "container_cpu_usage_seconds_total{container=\"stage\",namespace=\"shop\","
          "pod=\"a-1\"} 0.25 1795691884840\n"
          "container_memory_working_set_bytes{container=\"c\",pod=\"b\",namespace=\"pod\"} 7\n"
          "scrape_error 0\n",
          "[cpu // 19.5 1795691884838][memory // 4.72228e+07 1795691884838]"
          "[cpu shop/a-1/stage 0.25 1795691884840][memory pod/b/c 7 0]");
}

static void the_format_leaves_some_freedom(void **state)
{
    (void)state;
    reads("  node_cpu_usage_seconds_total\t 1e1  5 \r\n"
          "node_memory_working_set_bytes{} 2\n"
          "node_memory_working_set_bytes{instance=\"x\",} +3\n"
          "container_cpu_usage_seconds_total { pod = \"p\" , namespace = \"n\", "
          "container=\"c\" , } 4\n"
          "container_cpu_usage_seconds_total{id=\"},pod=\\\"x\",pod=\"\\\\a\\\"\\nb\","
          "namespace=\"n\",container=\"\"}5",
          "[cpu // 10 5][memory // 2 0][memory // 3 0][cpu n/p/c 4 0]"
          "[cpu n/\\a\"\nb/ 5 0]");
}

static void what_cannot_be_read_is_passed_over(void **state)
{
    static const char *const lines[] = {
        "node_cpu_usage_seconds_total",
        "node_cpu_usage_seconds_total many",
        "node_cpu_usage_seconds_total -1",
        "node_cpu_usage_seconds_total NaN 5",
        "node_cpu_usage_seconds_total +Inf",
        "node_cpu_usage_seconds_total 1e300",
        "node_cpu_usage_seconds_total 0x10",
        "node_cpu_usage_seconds_total 1.2.3",
        "node_cpu_usage_seconds_total 1 -5",
        "node_cpu_usage_seconds_total 1 5 6",
        "node_cpu_usage_seconds_total 1 soon",
        "node_cpu_usage_seconds_totals 1",
        "#node_cpu_usage_seconds_total 1",
        "container_cpu_usage_seconds_total 7",
        "container_cpu_usage_seconds_total{pod=\"a\",namespace=\"b\"} 7",
        "container_cpu_usage_seconds_total{pod=\"a",
        "container_cpu_usage_seconds_total{pod=\"a\\",
        "container_cpu_usage_seconds_total{pod=\"a\\\"} 7",
        "container_cpu_usage_seconds_total{pod=a} 7",
        "container_cpu_usage_seconds_total{=\"a\"} 7",
        "container_cpu_usage_seconds_total{pod=\"a\";} 7",
        "container_cpu_usage_seconds_total{",
        "container_memory_working_set_bytes_more{} 7",
        "{} }{ 7",
        "",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        reads(lines[i], "");
    }
    reads("node_cpu_usage_seconds_total{\nnode_cpu_usage_seconds_total 1", "[cpu // 1 0]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_and_containers_are_told),
        cmocka_unit_test(the_format_leaves_some_freedom),
        cmocka_unit_test(what_cannot_be_read_is_passed_over),
    };

    return cmocka_run_group_tests_name("kube resource_metrics", tests, NULL, NULL);
}
