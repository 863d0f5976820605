#include "base/memory.h"
#include "controller/needs.h"
#include "fabric/fabric.h"
#include "graph/deployment.h"
#include "graph/image_rig.h"

/* The libraries of the image that a stage with this operator alone gets. */
static unsigned libraries_for(struct deployment_operator step)
{
    struct deployment_stage stage = {.group = step.group};
    struct deployment deployment = {
        .n_operators = 1, .operators = &step, .n_stages = 1, .stages = &stage};
    unsigned libraries = 0;

    needs_choose_images(&deployment);
    for (size_t i = 0; image_at(i) != NULL; i++) {
        libraries |= strcmp(image_at(i)->name, stage.image) == 0 ? image_at(i)->libraries : 0;
    }
    free(stage.image);
    return libraries;
}

static unsigned libraries_for_plugin(char *plugin)
{
    struct deployment_param model = {.name = "file"};
    struct deployment_operator step = {
        .use = "model", .group = "g", .n_params = 1, .params = &model};

    if (strcmp(plugin, "engine-tflite") == 0) {
        model.value = "a.tflite";
    } else if (strcmp(plugin, "engine-onnxruntime") == 0) {
        model.value = "a.onnx";
    } else {
        assert_int_equal(strncmp(plugin, "operator-", 9), 0);
        step = (struct deployment_operator){.use = plugin + 9, .group = "g"};
    }
    return libraries_for(step);
}

static void an_operator_gets_an_image_that_has_its_plug_in(void **state)
{
    (void)state;
    FILE *file = image_rig_open("sets");
    char line[256], *rest, *word;
    size_t n = 0;

    while ((word = image_rig_next(file, line, sizeof(line), &rest)) != NULL) {
        unsigned library = image_rig_library(word);
        strtok_r(NULL, " \n", &rest); /* the shared layer */
        while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
            assert_int_equal(libraries_for_plugin(word) & library, library);
            n++;
        }
    }
    fclose(file);
    assert_in_range(n, 1, 1000);
}

static void an_operator_of_the_program_needs_none(void **state)
{
    (void)state;
    assert_int_equal(libraries_for((struct deployment_operator){.use = "count", .group = "g"}),
                     0);
}

static void what_is_fetched_lies_below_one_folder_there(void **state)
{
    struct deployment_param params[] = {{"file", "/home/ada/net.tflite"}, {"cut", "auto"}};
    struct deployment_operator step = {.name = "detect",
                                       .origin = "detect",
                                       .use = "model",
                                       .group = "g",
                                       .n_params = 2,
                                       .params = params};
    const struct deployment deployment = {
        .application = "street", .n_operators = 1, .operators = &step};

    (void)state;
    cleanup(json_decrefp) json_t *json = needs_remote_deployment(&deployment);
    const json_t *there =
        json_object_get(json_array_get(json_object_get(json, "operators"), 0), "params");
    assert_string_equal(json_string_value(json_object_get(json_array_get(there, 0), "value")),
                        FABRIC_FILES "/home/ada/net.tflite");
    assert_string_equal(json_string_value(json_object_get(json_array_get(there, 1), "value")),
                        "auto");
    cleanup(memory_free) char *same = needs_remote_path(FABRIC_FILES "/net.tflite");
    assert_string_equal(same, FABRIC_FILES "/net.tflite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_fetched_lies_below_one_folder_there),
        cmocka_unit_test(an_operator_gets_an_image_that_has_its_plug_in),
        cmocka_unit_test(an_operator_of_the_program_needs_none),
    };

    return cmocka_run_group_tests_name("needs", tests, NULL, NULL);
}
