#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/test.h"
#include "graph/deployment.h"

/* A camera group, a detector with two replicas, and a sink in the camera's group. */
static const char street[] =
    "{'application': 'street', 'window': 32, 'operators': ["
    "{'name': 'camera', 'origin': 'camera', 'use': 'image-source', 'group': 'front',"
    " 'params': [{'name': 'path', 'value': '/p'}], 'inputs': []},"
    "{'name': 'detect#0', 'origin': 'detect', 'use': 'model', 'group': 'middle',"
    " 'params': [], 'inputs': [{'from': 'camera', 'port': 0}]},"
    "{'name': 'out', 'origin': 'out', 'use': 'image-sink', 'group': 'front', 'params': [],"
    " 'inputs': [{'from': 'camera', 'port': 0}, {'from': 'detect#0', 'port': 1}]}],"
    "'stages': ["
    "{'name': 'front-1', 'group': 'front', 'device': 'pi-1', 'workers': 2},"
    "{'name': 'middle-1', 'group': 'middle', 'device': 'pi-2', 'workers': 1},"
    "{'name': 'middle-2', 'group': 'middle', 'device': 'pi-3', 'workers': 1}],"
    "'channels': ["
    "{'id': 1, 'from_operator': 'camera', 'from_port': 0, 'from_group': 'front',"
    " 'to_group': 'middle', 'credit': 2},"
    "{'id': 2, 'from_operator': 'detect#0', 'from_port': 1, 'from_group': 'middle',"
    " 'to_group': 'front', 'credit': 2}]}";

/* JSON with ' for ". */
static json_t *load(const char *text)
{
    char quoted[sizeof(street) + 256];
    json_error_t error;

    snprintf(quoted, sizeof(quoted), "%s", text);
    for (char *c = quoted; *c != '\0'; c++) {
        if (*c == '\'') {
            *c = '"';
        }
    }
    json_t *json = json_loads(quoted, 0, &error);
    if (json == NULL) {
        fail_msg("%s", error.text);
    }
    return json;
}

static void check_deployment(const struct deployment *deployment)
{
    const struct deployment_operator *detect = deployment_operator(deployment, "detect#0");
    const struct deployment_operator *out = deployment_operator(deployment, "out");

    assert_string_equal(deployment->application, "street");
    assert_int_equal(deployment->window, 32);
    assert_string_equal(detect->origin, "detect");
    assert_string_equal(deployment->operators[0].params[0].value, "/p");
    assert_int_equal(out->inputs[1].port, 1);
    assert_int_equal(deployment_channel(deployment, detect, 0)->id, 1);
    assert_null(deployment_channel(deployment, out, 0));
    assert_int_equal(deployment_channel(deployment, out, 1)->id, 2);
    assert_int_equal(deployment_channel(deployment, out, 1)->credit, 2);
    assert_int_equal(deployment_replicas(deployment, "middle"), 2);
    assert_int_equal(deployment_replicas(deployment, "back"), 0);
    assert_string_equal(deployment_stage(deployment, "middle-2")->device, "pi-3");
    assert_int_equal(deployment_stage(deployment, "front-1")->workers, 2);
    assert_null(deployment_stage(deployment, "middle-3"));
    assert_null(deployment_operator(deployment, "detect"));
}

static void a_deployment_survives_the_journey(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *json = load(street), *again = NULL;
    cleanup(deployment_destroyp) struct deployment *first = NULL, *second = NULL;
    struct error err = {0};

    assert_int_equal(deployment_from_json(json, &first, &err), 0);
    check_deployment(first);
    again = deployment_to_json(first);
    assert_true(json_equal(json, again));
    assert_int_equal(deployment_from_json(again, &second, &err), 0);
    check_deployment(second);
}

static void a_key_from_the_future_is_passed_over(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *json = load(street);
    cleanup(deployment_destroyp) struct deployment *deployment = NULL;
    struct error err;

    json_object_set_new(json, "epoch", json_integer(3));
    assert_int_equal(deployment_from_json(json, &deployment, &err), 0);
}

/* Replaces the first `old` in the street by `new`. */
static void check_refused(const char *old, const char *new, const char *sentence)
{
    char text[sizeof(street) + 128];
    struct deployment *deployment = NULL;
    struct error err = {0};
    const char *place = strstr(street, old);

    assert_non_null(place);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - street), street, new,
             place + strlen(old));
    cleanup(json_decrefp) json_t *json = load(text);
    int code = deployment_from_json(json, &deployment, &err);
    assert_string_equal(err.text, sentence);
    assert_int_equal(code, -EINVAL);
    assert_null(deployment);
}

static void a_wrong_form_is_refused(void **state)
{
    (void)state;

    check_refused("'window': 32,", "", "deployment: 'window' is missing");
    check_refused("'window': 32", "'window': -1",
                  "deployment: 'window' must be a whole number from 0 to 65536");
    check_refused("'window': 32", "'window': 32.5",
                  "deployment: 'window' must be a whole number from 0 to 65536");
    check_refused("'stages': [", "'stages': [7, ", "deployment: stages[0] must be an object");
    check_refused("'device': 'pi-2'", "'device': 2",
                  "deployment: stages[1]: 'device' must be a text");
    check_refused("'params': []", "'params': {}",
                  "deployment: operators[1]: 'params' must be a list of at most 128");
    check_refused("'value': '/p'", "'value': null",
                  "deployment: operators[0]: 'value' must be a text");
    check_refused("'port': 1", "'port': 16",
                  "deployment: operators[2]: 'port' must be a whole number from 0 to 15");
}

static void names_must_be_there_and_unique(void **state)
{
    (void)state;

    check_refused("'application': 'street'", "'application': 'The Street'",
                  "deployment: without operators or a proper name");
    check_refused("'name': 'out'", "'name': 'camera'",
                  "deployment: two operators are called 'camera'");
    check_refused("'use': 'model'", "'use': ''",
                  "deployment: operator 1 has a name, origin, use or group that is empty or "
                  "too long");
    check_refused("'name': 'middle-2'", "'name': 'middle-1'",
                  "deployment: two stages are called 'middle-1'");
    check_refused("'name': 'middle-2'", "'name': '../middle'",
                  "deployment: stage '../middle' on 'pi-3': not a name (a-z, 0-9, -)");
    check_refused("'name': 'path'", "'name': ''",
                  "deployment: operator 'camera' has a parameter without a name");
}

static void references_must_lead_somewhere(void **state)
{
    (void)state;

    check_refused("'from': 'camera'", "'from': 'out'",
                  "deployment: 'detect#0' reads 'out', which is not an operator before it");
    check_refused(
        "'from': 'camera'", "'from': 'detect#0'",
        "deployment: 'detect#0' reads 'detect#0', which is not an operator before it");
    check_refused("'name': 'middle-2', 'group': 'middle'", "'name': 'x', 'group': 'none'",
                  "deployment: stage 'x' is of group 'none', which has no operators");
    check_refused("'name': 'front-1', 'group': 'front'", "'name': 'x', 'group': 'middle'",
                  "deployment: group 'front' must have 1 to 64 stages, not 0");
    check_refused("'from_operator': 'camera'", "'from_operator': 'detect#0'",
                  "deployment: 'detect#0' reads 'camera' in another group, but there is no "
                  "channel");
    check_refused("'from_group': 'front'", "'from_group': 'middle'",
                  "deployment: channel 1: group 'middle' has no operator 'camera'");
}

static void channels_join_what_is_apart_and_nothing_else(void **state)
{
    (void)state;

    check_refused("'id': 2", "'id': 1", "deployment: two channels have the number 1");
    check_refused("'id': 2", "'id': 0",
                  "deployment: number of 'a channel' must be 1 to 65535, not 0");
    check_refused("'credit': 2", "'credit': 0",
                  "deployment: credit of 'camera' must be 1 to 4096, not 0");
    check_refused("'workers': 2", "'workers': 0",
                  "deployment: workers of 'front-1' must be 1 to 256, not 0");
    check_refused("'channels': [",
                  "'channels': [{'id': 9, 'from_operator': 'camera', 'from_port': 0,"
                  " 'from_group': 'front', 'to_group': 'middle', 'credit': 2},",
                  "deployment: channels 9 and 1 carry the same");
    check_refused("'channels': [",
                  "'channels': [{'id': 9, 'from_operator': 'camera', 'from_port': 1,"
                  " 'from_group': 'front', 'to_group': 'middle', 'credit': 2},",
                  "deployment: channel 9 to 'middle' is read by nobody");
    check_refused("'channels': [",
                  "'channels': [{'id': 9, 'from_operator': 'camera', 'from_port': 0,"
                  " 'from_group': 'front', 'to_group': 'front', 'credit': 2},",
                  "deployment: 'out' reads 'camera' in its own group, but there is a channel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deployment_survives_the_journey),
        cmocka_unit_test(a_key_from_the_future_is_passed_over),
        cmocka_unit_test(a_wrong_form_is_refused),
        cmocka_unit_test(names_must_be_there_and_unique),
        cmocka_unit_test(references_must_lead_somewhere),
        cmocka_unit_test(channels_join_what_is_apart_and_nothing_else),
    };
    return cmocka_run_group_tests_name("deployment", tests, NULL, NULL);
}
