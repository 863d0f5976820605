#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "controller/application.h"
#include "controller/update.h"
#include "graph/deployment.h"

static struct application *before, *after;
static struct deployment *deployment;

/* Numbers that are filtered; `rest` is what differs. */
static struct application *load(const char *above, const char *rest)
{
    struct application *application = NULL;
    cleanup(memory_free) char *text =
        memory_format("apiVersion: brume.dev/v1alpha1\n"
                      "kind: Application\n"
                      "metadata: { name: air }\n"
                      "spec:\n"
                      "  operators:\n"
                      "    - { name: sensors, use: sensor-source }\n"
                      "    - { name: high, use: filter, in: [sensors], with: { above: %s } }\n"
                      "    - { name: out, use: null-sink, in: [high] }\n%s",
                      above, rest);
    struct error err;

    assert_int_equal(file_write("air.yaml", text, strlen(text), &err), 0);
    assert_int_equal(application_load("air.yaml", NULL, &application, &err), 0);
    return application;
}

static int start(void **state)
{
    (void)state;
    before = load("1", "");
    deployment = application_uncut(before, "all", "device-1");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    application_destroy(STEAL(before));
    application_destroy(STEAL(after));
    deployment_destroy(deployment);
    return 0;
}

static const char *above(void)
{
    const struct deployment_operator *high = deployment_operator(deployment, "high");

    for (size_t i = 0; i < high->n_params; i++) {
        if (strcmp(high->params[i].name, "above") == 0) {
            return high->params[i].value;
        }
    }
    return "";
}

static void the_same_manifest_changes_nothing(void **state)
{
    (void)state;
    after = load("1", "");
    assert_int_equal(update_compare(before, after, deployment), UPDATE_NOTHING);
}

static void another_parameter_is_an_update_in_place_that_can_be_undone(void **state)
{
    (void)state;
    after = load("2", "");
    assert_int_equal(update_compare(before, after, deployment), UPDATE_IN_PLACE);
    struct update *update = update_apply(deployment, before, after);
    assert_string_equal(above(), "2");
    assert_true(update_touches(update, &deployment->stages[0]));
    const struct deployment_stage elsewhere = {.name = (char *)(uintptr_t) "other",
                                               .group = (char *)(uintptr_t) "other"};
    assert_false(update_touches(update, &elsewhere));
    update_undo(update);
    assert_string_equal(above(), "1");
    update_destroy(update);
}

static void another_graph_needs_another_plan(void **state)
{
    static const char *const rests[] = {
        "    - { name: more, use: null-sink, in: [sensors] }\n",
        "  objective: latency\n",
        "  qos: { rate: 5/s }\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rests) / sizeof(*rests); i++) {
        application_destroy(STEAL(after));
        after = load("1", rests[i]);
        assert_int_equal(update_compare(before, after, deployment), UPDATE_ANEW);
    }
}

static void a_part_of_a_cut_operator_is_not_exchanged(void **state)
{
    (void)state;
    after = load("2", "");
    struct deployment_operator *out = &deployment->operators[2];
    memory_free(&out->origin);
    out->origin = memory_text("high");
    assert_int_equal(update_compare(before, after, deployment), UPDATE_ANEW);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_same_manifest_changes_nothing),
        STORY(another_parameter_is_an_update_in_place_that_can_be_undone),
        STORY(another_graph_needs_another_plan),
        STORY(a_part_of_a_cut_operator_is_not_exchanged),
    };

    return cmocka_run_group_tests_name("update", tests, test_folder_make, test_folder_remove);
}
