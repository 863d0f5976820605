#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "graph/manifest_fixture.h"
#include "graph/manifest_keys.h"

static int fixture_make(void **state)
{
    return test_folder_make(state) < 0 ? -1 : fixture_write_files();
}

static struct graph *parse(const char *old, const char *new)
{
    struct graph *graph = NULL;
    struct error err = {0};

    if (fixture_parse(old, new, &graph, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return graph;
}

static const struct graph_operator *get(const struct graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_operators; i++) {
        if (strcmp(graph->operators[i].name, name) == 0) {
            return &graph->operators[i];
        }
    }
    fail_msg("no operator %s", name);
    return NULL;
}

static void check_path(const char *path, const char *name)
{
    cleanup(memory_free) char *wanted = memory_format("%s/%s", test_folder, name);

    assert_string_equal(path, wanted);
}

static void an_application_becomes_a_graph(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph = parse("", "");
    const struct graph_operator *detect = get(graph, "detect");

    assert_string_equal(graph->name, "street");
    assert_string_equal(graph->file, "apps/t.yaml");
    assert_int_equal(graph->objective, GRAPH_LATENCY);
    assert_float_equal(graph->qos_rate, 5, 1e-9);
    assert_int_equal(graph->qos_latency_ms, 2000);
    assert_int_equal(graph->n_operators, 9);
    assert_true(graph_is_model(detect));
    assert_int_equal(detect->place.line, 15);
    assert_int_equal(detect->place.column, 13);
    assert_true(detect->cut_pinned);
    assert_int_equal(detect->n_cuts, 2);
    assert_int_equal(detect->cuts[0], 12);
    assert_int_equal(detect->cuts[1], 30);
    assert_int_equal(detect->replicas, 4);
    assert_false(get(graph, "fit")->cut_pinned);
    assert_int_equal(get(graph, "fit")->replicas, 0);
    assert_int_equal(get(graph, "mean")->replicas, 1);
}

static void operators_stand_in_the_order_in_which_frames_pass(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph = parse("", "");
    const char *order[] = {"camera", "picture", "fit",  "detect", "boxes",
                           "drawn",  "out",     "mean", "end"};

    for (size_t i = 0; i < graph->n_operators; i++) {
        assert_string_equal(graph->operators[i].name, order[i]);
    }
    const struct graph_operator *drawn = get(graph, "drawn"), *mean = get(graph, "mean");
    assert_int_equal(drawn->n_inputs, 2);
    assert_int_equal(drawn->inputs[0].operator, 1);
    assert_int_equal(drawn->inputs[1].operator, 4);
    assert_int_equal(drawn->inputs[1].port, 0);
    assert_int_equal(drawn->inputs[1].place.line, 22);
    assert_int_equal(drawn->inputs[1].place.column, 47);
    assert_int_equal(mean->inputs[0].operator, 4);
    assert_int_equal(mean->inputs[0].port, 1);
    assert_int_equal(get(graph, "camera")->n_inputs, 0);
}

static void parameters_are_complete_and_canonical(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph = parse("", "");
    const struct graph_operator *camera = get(graph, "camera");
    const struct graph_operator *detect = get(graph, "detect");

    assert_int_equal(camera->n_params, 3);
    assert_string_equal(camera->params[1].name, "repeat");
    assert_string_equal(graph_param(camera, "repeat"), "true");
    assert_string_equal(graph_param(camera, "rate"), "0/s");
    assert_null(graph_param(camera, "speed"));
    assert_string_equal(graph_param(detect, "mean"), "1,2.5,3");
    assert_string_equal(graph_param(get(graph, "fit"), "filter"), "bilinear");
    assert_string_equal(graph_param(get(graph, "boxes"), "labels"), "");
}

static void files_lie_beside_the_manifest_and_results_where_brume_runs(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph = parse("", "");

    check_path(graph_param(get(graph, "camera"), "path"), "apps/street/*.jpg");
    check_path(graph_param(get(graph, "detect"), "file"), "apps/yolox.onnx");
    check_path(graph_param(get(graph, "out"), "path"), "out");
}

static void devices_are_asked_for_by_what_they_have_or_by_name(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph = parse("", "");
    const struct graph_operator *camera = get(graph, "camera");

    assert_int_equal(camera->n_has, 2);
    assert_string_equal(camera->has[0], "camera");
    assert_string_equal(camera->has[1], "night-sight");
    assert_string_equal(camera->device, "pi-1.local");
    assert_int_equal(get(graph, "out")->n_has, 0);
    assert_null(get(graph, "out")->device);
}

static void silence_means_the_defaults(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *plain =
        parse("  objective: latency\n  qos: { rate: 300/min, latency: 2s }\n", "");
    cleanup(graph_destroyp) struct graph *automatic = parse("cut: [12, 30]", "cut: auto");
    cleanup(graph_destroyp) struct graph *whole = parse("cut: [12, 30]", "cut: none");
    cleanup(graph_destroyp) struct graph *empty = parse("cut: [12, 30]", "cut:");
    cleanup(graph_destroyp) struct graph *free_replicas =
        parse("replicas: 4", "replicas: auto");
    cleanup(graph_destroyp) struct graph *by_kubectl = parse("replicas: 4", "replicas: false");

    assert_int_equal(plain->objective, GRAPH_THROUGHPUT);
    assert_float_equal(plain->qos_rate, 0, 0);
    assert_int_equal(plain->qos_latency_ms, 0);
    assert_false(get(automatic, "detect")->cut_pinned);
    assert_true(get(whole, "detect")->cut_pinned);
    assert_int_equal(get(whole, "detect")->n_cuts, 0);
    assert_false(get(empty, "detect")->cut_pinned);
    assert_int_equal(get(free_replicas, "detect")->replicas, 0);
    assert_int_equal(get(by_kubectl, "detect")->replicas, 1);
}

static void kubernetes_may_add_its_labels(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph =
        parse("{ name: street }", "{ name: street, namespace: city, labels: { team: cameras },"
                                  " annotations: { 'a/b': 'c d' } }");

    assert_string_equal(graph->name, "street");
}

static void a_port_of_any_kind_joins_all(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph =
        parse("    - { name: drawn, use: draw, in: [picture, boxes] }\n",
              "    - { name: drawn, use: draw, in: [same, boxes] }\n"
              "    - { name: same, use: pass, in: [picture] }\n");

    assert_string_equal(get(graph, "same")->type->name, "pass");
}

static void the_first_output_may_be_named_too(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph =
        parse("[picture, boxes]", "[picture.picture, boxes.boxes]");

    assert_int_equal(get(graph, "drawn")->inputs[1].port, 0);
}

static void a_file_is_loaded_from_disk(void **state)
{
    (void)state;
    cleanup(graph_destroyp) struct graph *graph = NULL;
    struct error err = {0};

    assert_int_equal(
        file_write("apps/street.yaml", fixture_street, strlen(fixture_street), &err), 0);
    assert_int_equal(manifest_load("apps/street.yaml", &fixture_catalog, &graph, &err), 0);
    assert_int_equal(graph->n_operators, 9);
    assert_int_equal(manifest_load("apps/none.yaml", &fixture_catalog, &graph, &err), -ENOENT);
    assert_string_equal(err.text, "cannot open 'apps/none.yaml': No such file or directory");
    assert_int_equal(manifest_load("apps", &fixture_catalog, &graph, &err), -EISDIR);
}

static void the_reference_comes_from_the_table(void **state)
{
    (void)state;
    cleanup(memory_free) char *text = manifest_reference(manifest_keys);
    size_t n_lines = 0;

    for (const char *c = text; *c != '\0'; c++) {
        n_lines += *c == '\n' ? 1 : 0;
    }
    assert_int_equal(n_lines, 2 + 4 + 4 + 3 + 2 + 8 + 2);
    assert_non_null(strstr(text, "\n| `spec.qos.rate` | a rate such as 5/s or 300/min |  |"));
    assert_non_null(strstr(text, "\n| `spec.operators[].on.has` | a list of words"));
    assert_non_null(strstr(text, "\n| `kind` | Application | yes | What the document"));
}

/* docs/manifest.md holds the table as it is; when keys change, copy it from this test's output.
 */
static void the_page_holds_the_reference(void **state)
{
    const char *data = secure_getenv("BRUME_TEST_DATA");
    cleanup(memory_free) char *text = manifest_reference(manifest_keys);
    cleanup(memory_free) void *page = NULL;
    struct error err = {0};
    size_t size = 0;

    (void)state;
    if (data == NULL) {
        skip();
    }
    cleanup(memory_free) char *path = memory_format("%s/../../docs/manifest.md", data);
    if (file_read(path, 1 << 20, &page, &size, &err) < 0) {
        fail_msg("%s", err.text);
    }
    if (strstr(page, text) == NULL) {
        fail_msg("docs/manifest.md lacks this table:\n%s", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_application_becomes_a_graph),
        cmocka_unit_test(operators_stand_in_the_order_in_which_frames_pass),
        cmocka_unit_test(parameters_are_complete_and_canonical),
        cmocka_unit_test(files_lie_beside_the_manifest_and_results_where_brume_runs),
        cmocka_unit_test(devices_are_asked_for_by_what_they_have_or_by_name),
        cmocka_unit_test(silence_means_the_defaults),
        cmocka_unit_test(kubernetes_may_add_its_labels),
        cmocka_unit_test(a_port_of_any_kind_joins_all),
        cmocka_unit_test(the_first_output_may_be_named_too),
        cmocka_unit_test(a_file_is_loaded_from_disk),
        cmocka_unit_test(the_reference_comes_from_the_table),
        cmocka_unit_test(the_page_holds_the_reference),
    };
    return cmocka_run_group_tests_name("manifest", tests, fixture_make, test_folder_remove);
}
