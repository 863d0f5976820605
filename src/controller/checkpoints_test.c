#include <stdlib.h>

#include "base/error.h"
#include "base/test.h"
#include "controller/checkpoints.h"

/* Two stages: `mean` is in the group "near", `alarm` in the group "far". */
static struct deployment *two_groups(void)
{
    static const char text[] =
        "{'application': 'air', 'window': 256, 'operators': ["
        "{'name': 'mean', 'origin': 'mean', 'use': 'average', 'group': 'near', 'params': [],"
        " 'inputs': []},"
        "{'name': 'alarm', 'origin': 'alarm', 'use': 'threshold', 'group': 'far',"
        " 'params': [], 'inputs': []}],"
        "'stages': [{'name': 'near-1', 'group': 'near', 'device': 'a', 'workers': 1},"
        " {'name': 'far-1', 'group': 'far', 'device': 'b', 'workers': 1}], 'channels': []}";
    char copy[sizeof(text)];
    struct deployment *deployment = NULL;
    struct error err;

    for (size_t i = 0; i < sizeof(text); i++) {
        copy[i] = (char)(text[i] == '\'' ? '"' : text[i]);
    }
    cleanup(json_decrefp) json_t *json = json_loads(copy, 0, NULL);
    assert_int_equal(deployment_from_json(json, &deployment, &err), 0);
    return deployment;
}

static json_t *tell(json_t *kept, const struct deployment *deployment, const char *group,
                    const char *operator_name, int mark, const char *data)
{
    cleanup(json_decrefp) json_t *message =
        json_pack("{sssssiss?}", "type", "checkpoint", "operator", operator_name, "mark", mark,
                  "data", data);

    return checkpoints_take(kept, deployment, group, message);
}

/* The data that a new stage of the group would get; NULL: none. */
static const char *data_of(const json_t *kept, const struct deployment *deployment,
                           const char *group, const char *operator_name)
{
    cleanup(json_decrefp) json_t *found = checkpoints_of(kept, deployment, group);

    return json_string_value(json_object_get(json_object_get(found, operator_name), "data"));
}

static void the_last_one_is_for_who_takes_the_place(void **state)
{
    struct deployment *deployment = two_groups();
    cleanup(json_decrefp) json_t *kept = json_object();

    (void)state;
    json_decref(tell(kept, deployment, "near", "mean", 7, "c2V2ZW4="));
    cleanup(json_decrefp) json_t *answer =
        tell(kept, deployment, "near", "mean", 9, "bmluZQ==");
    assert_string_equal(json_string_value(json_object_get(answer, "type")), "kept");
    assert_string_equal(json_string_value(json_object_get(answer, "operator")), "mean");
    assert_int_equal(json_integer_value(json_object_get(answer, "mark")), 9);
    assert_string_equal(data_of(kept, deployment, "near", "mean"), "bmluZQ==");
    assert_null(data_of(kept, deployment, "far", "mean"));
    deployment_destroy(deployment);
}

static void an_older_one_replaces_none_but_is_answered(void **state)
{
    struct deployment *deployment = two_groups();
    cleanup(json_decrefp) json_t *kept = json_object();

    (void)state;
    json_decref(tell(kept, deployment, "near", "mean", 9, "bmluZQ=="));
    cleanup(json_decrefp) json_t *answer =
        tell(kept, deployment, "near", "mean", 7, "c2V2ZW4=");
    assert_int_equal(json_integer_value(json_object_get(answer, "mark")), 7);
    assert_string_equal(data_of(kept, deployment, "near", "mean"), "bmluZQ==");
    deployment_destroy(deployment);
}

/* The one before is of frames that are not sent again. */
static void one_that_is_too_large_makes_the_one_before_forgotten(void **state)
{
    struct deployment *deployment = two_groups();
    cleanup(json_decrefp) json_t *kept = json_object();

    (void)state;
    json_decref(tell(kept, deployment, "near", "mean", 7, "c2V2ZW4="));
    cleanup(json_decrefp) json_t *answer = tell(kept, deployment, "near", "mean", 9, NULL);
    assert_non_null(answer);
    assert_null(data_of(kept, deployment, "near", "mean"));
    deployment_destroy(deployment);
}

static void a_stage_speaks_for_its_own_operators(void **state)
{
    struct deployment *deployment = two_groups();
    cleanup(json_decrefp) json_t *kept = json_object();

    (void)state;
    assert_null(tell(kept, deployment, "near", "alarm", 7, "c2V2ZW4="));
    assert_null(tell(kept, deployment, "near", "nobody", 7, "c2V2ZW4="));
    assert_null(tell(kept, deployment, "near", "mean", -7, "c2V2ZW4="));
    assert_int_equal(json_object_size(kept), 0);
    deployment_destroy(deployment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_one_is_for_who_takes_the_place),
        cmocka_unit_test(an_older_one_replaces_none_but_is_answered),
        cmocka_unit_test(one_that_is_too_large_makes_the_one_before_forgotten),
        cmocka_unit_test(a_stage_speaks_for_its_own_operators),
    };

    return cmocka_run_group_tests_name("checkpoints", tests, NULL, NULL);
}
