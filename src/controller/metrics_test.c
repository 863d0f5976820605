#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "controller/metrics.h"

static void tells(const char *rendered, const char *line)
{
    cleanup(memory_free) char *whole = memory_format("\n%s\n", line);

    if (strstr(rendered, whole) == NULL) {
        fail_msg("there is no line '%s' in:\n%s", line, rendered);
    }
}

static json_t *one(const char *name, json_t *status)
{
    return json_pack("[{sssssO}]", "namespace", "shop", "name", name, "status", status);
}

static char *render(const char *name, json_t *status)
{
    cleanup(json_decrefp) json_t *applications = one(name, status);
    const struct metrics metrics = {
        .applications = applications, .in_cluster = true, .leader = true, .n_writes = 7};

    json_decref(status);
    return metrics_render(&metrics);
}

static void an_application_has_its_numbers(void **state)
{
    (void)state;
    cleanup(memory_free) char *rendered =
        render("street", json_pack("{sssfs{sfsf}sis{sf}s[{sssssfsf}]}", "phase", "Running",
                                   "rate", 40.5, "latency_ms", "p50", 60.0, "p90", 80.0,
                                   "failures", 2, "predicted", "rate", 41.0, "stages", "name",
                                   "fit", "device", "node-1", "rate", 40.0, "busy", 0.25));

    tells(rendered, "# TYPE brume_application_rate gauge");
    tells(rendered, "brume_application_rate{namespace=\"shop\",application=\"street\"} 40.5");
    tells(rendered,
          "brume_application_predicted_rate{namespace=\"shop\",application=\"street\"} 41");
    tells(rendered, "brume_application_latency_seconds{namespace=\"shop\",application="
                    "\"street\",quantile=\"0.9\"} 0.08");
    tells(rendered,
          "brume_application_failures_total{namespace=\"shop\",application=\"street\"} 2");
    tells(rendered, "brume_application_stage_busy{namespace=\"shop\",application=\"street\","
                    "stage=\"fit\",device=\"node-1\"} 0.25");
    tells(rendered, "brume_applications{phase=\"Running\"} 1");
    tells(rendered, "brume_leader 1");
    tells(rendered, "brume_object_writes_total 7");
}

static void what_is_not_known_has_no_line(void **state)
{
    (void)state;
    cleanup(memory_free) char *rendered =
        render("street", json_pack("{sssnsn}", "phase", "Measuring", "rate", "latency_ms"));

    assert_null(strstr(rendered, "brume_application_rate{"));
    assert_null(strstr(rendered, "brume_application_latency_seconds{"));
    assert_null(strstr(rendered, "brume_node_ready"));
    tells(rendered, "brume_applications{phase=\"Measuring\"} 1");
}

static void each_metric_is_introduced_once(void **state)
{
    (void)state;
    cleanup(memory_free) char *rendered =
        render("street", json_pack("{s{sfsf}}", "latency_ms", "p50", 1.0, "p90", 2.0));
    const char *first = strstr(rendered, "# TYPE brume_application_latency_seconds");

    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE brume_application_latency_seconds"));
}

static void what_would_end_a_label_is_escaped(void **state)
{
    (void)state;
    cleanup(memory_free) char *rendered = render("a\"b\\c\nd", json_pack("{sf}", "rate", 1.0));

    tells(rendered, "brume_application_rate{namespace=\"shop\",application="
                    "\"a\\\"b\\\\c\\nd\"} 1");
}

static void nodes_and_pods_of_a_cluster_have_theirs(void **state)
{
    cleanup(json_decrefp) json_t *usage =
        json_pack("{s[{sssbsfsn}]s[{sssssssssssfsI}]}", "nodes", "name", "node-1", "ready", 1,
                  "cpu", 0.5, "memory_used", "pods", "namespace", "shop", "name",
                  "street-fit-0-abcde", "application", "street", "stage", "fit", "node",
                  "node-1", "cpu", 0.25, "memory_used", (json_int_t)1000);
    const struct metrics metrics = {.usage = usage};

    (void)state;
    cleanup(memory_free) char *rendered = metrics_render(&metrics);
    tells(rendered, "brume_node_ready{node=\"node-1\"} 1");
    tells(rendered, "brume_node_cpu_used_cores{node=\"node-1\"} 0.5");
    assert_null(strstr(rendered, "brume_node_memory_used_bytes{"));
    tells(rendered, "brume_pod_memory_used_bytes{namespace=\"shop\",pod=\"street-fit-0-abcde\","
                    "application=\"street\",stage=\"fit\",node=\"node-1\"} 1000");
    assert_null(strstr(rendered, "brume_leader"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_application_has_its_numbers),
        cmocka_unit_test(what_is_not_known_has_no_line),
        cmocka_unit_test(each_metric_is_introduced_once),
        cmocka_unit_test(what_would_end_a_label_is_escaped),
        cmocka_unit_test(nodes_and_pods_of_a_cluster_have_theirs),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
