/* Plans in the words of controller and stages, and in the words of people. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "graph/deployment.h"
#include "planner/planner.h"
#include "planner/street.h"

struct deployed {
    struct planner_problem *problem;
    struct plan *plan;
    struct deployment *deployment;
};

static void deployed_finish(struct deployed *deployed)
{
    deployment_destroy(deployed->deployment);
    plan_destroy(deployed->plan);
    planner_problem_destroy(deployed->problem);
}

static struct deployed deploy(struct street *street)
{
    struct deployed deployed = {0};
    struct error err = {0};

    street_measure(street, "small", 1);
    if (planner_prepare(&street->input, &deployed.problem, &err) < 0 ||
        planner_solve(deployed.problem, &deployed.plan, &err) < 0) {
        fail_msg("%s", err.text);
    }
    deployed.deployment = plan_deploy(deployed.plan);
    return deployed;
}

/* The graph layer's own check of everything: names, references, numbers, channels. */
static void assert_sound(const struct deployment *deployment)
{
    cleanup(json_decrefp) json_t *json = deployment_to_json(deployment);
    cleanup(deployment_destroyp) struct deployment *copy = NULL;
    struct error err = {0};

    if (deployment_from_json(json, &copy, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

static const char *param(const struct deployment *deployment, const char *name, const char *key)
{
    const struct deployment_operator *step = deployment_operator(deployment, name);

    for (size_t i = 0; step != NULL && i < step->n_params; i++) {
        if (strcmp(step->params[i].name, key) == 0) {
            return step->params[i].value;
        }
    }
    return NULL;
}

static void on_one_device_everything_is_one_stage(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(1);
    cleanup(deployed_finish) struct deployed deployed = deploy(street);
    const struct deployment *deployment = deployed.deployment;

    assert_sound(deployment);
    assert_int_equal(deployment->n_stages, 1);
    assert_string_equal(deployment->stages[0].name, "detect-1");
    assert_int_equal(deployment->n_channels, 0);
    assert_null(param(deployment, "detect", "segment"));
    assert_string_equal(param(deployment, "fit", "size"), "416x416");
}

static const char *input_of(const struct deployment *deployment, const char *name)
{
    const struct deployment_operator *step = deployment_operator(deployment, name);

    return step != NULL && step->n_inputs > 0 ? step->inputs[0].from : "";
}

/* Two devices, the network cut between them, and links of `rate` bytes/s. */
static struct deployed deploy_cut(struct street *street, double rate)
{
    static const struct planner_place places[] = {{"camera", "device-1"},
                                                  {"boxes", "device-2"}};
    static const unsigned cuts[] = {5};
    struct deployed deployed = {0};
    struct error err = {0};

    street_measure(street, "small", 1);
    for (unsigned i = 0; i < 2; i++) {
        street->devices[i].link_rate = rate;
    }
    for (unsigned i = 0; i <= STREET_LAYERS; i++) {
        street->tensors[i].shape.type = TENSOR_F32;
    }
    street->outputs[0] = 1000000; /* no way to leave the camera at its start, */
    street->outputs[3] = 2000000; /* nor the network at its end */
    street->input.replicas = 1;
    street->input.places = places;
    street->input.n_places = 2;
    street->input.cut_pinned = true;
    street->input.cuts = cuts;
    street->input.n_cuts = 1;
    if (planner_plan(&street->input, &deployed.problem, &deployed.plan, &err) < 0) {
        fail_msg("%s", err.text);
    }
    deployed.deployment = plan_deploy(deployed.plan);
    return deployed;
}

/* Links so slow that a quarter of the bytes is a better plan. */
static struct deployed deploy_slowly(struct street *street, enum graph_link link)
{
    street->operators[3].link = link;
    return deploy_cut(street, 200000);
}

static void tensors_are_packed_on_slow_links_where_the_manifest_allows_it(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(2);
    cleanup(deployed_finish) struct deployed exact = deploy_slowly(street, GRAPH_LINK_EXACT);
    cleanup(deployed_finish) struct deployed half = deploy_slowly(street, GRAPH_LINK_F16);
    cleanup(deployed_finish) struct deployed byte = deploy_slowly(street, GRAPH_LINK_U8);
    const struct deployment *deployment = byte.deployment;

    (void)state;
    assert_true(half.plan->rate > exact.plan->rate * 1.5);
    assert_true(byte.plan->rate > half.plan->rate * 1.2);
    assert_null(deployment_operator(exact.deployment, "detect#0-u8"));
    assert_sound(half.deployment);
    assert_sound(deployment);
    assert_string_equal(param(half.deployment, "detect#0-f16", "codec"), "f16");
    assert_string_equal(input_of(deployment, "detect#0-u8"), "detect#0");
    const char *unpack = input_of(deployment, "detect#1");
    assert_string_equal(deployment_operator(deployment, unpack)->use, "unpack");
    assert_string_equal(input_of(deployment, unpack), "detect#0-u8");
}

static void zstd_needs_no_word_in_the_manifest_and_comes_with_slow_links_only(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(2);

    (void)state;
    street_pack(street, "small", 0.6);
    cleanup(deployed_finish) struct deployed slow = deploy_cut(street, 200000);
    cleanup(deployed_finish) struct deployed fast = deploy_cut(street, 125e6);
    cleanup(memory_free) char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_sound(slow.deployment);
    assert_string_equal(param(slow.deployment, "detect#0-zstd", "codec"), "zstd");
    assert_null(deployment_operator(fast.deployment, "detect#0-zstd"));
    for (size_t i = 0; i < fast.problem->n_flows; i++) {
        assert_int_equal(fast.problem->flows[i].codec, GRAPH_CODEC_NONE);
    }
    plan_explain(slow.plan, false, out);
    fclose(out);
    assert_non_null(strstr(text, "detect@5 crosses links as zstd: 104 kB instead of 173 kB"));
}

static void zstd_goes_on_top_of_fewer_bits(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(2);

    (void)state;
    street_pack(street, "small", 0.6);
    cleanup(deployed_finish) struct deployed both = deploy_slowly(street, GRAPH_LINK_U8);

    assert_sound(both.deployment);
    assert_string_equal(param(both.deployment, "detect#0-u8-zstd", "codec"), "u8+zstd");
}

static void where_zstd_saves_next_to_nothing_it_is_left_out(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(2);

    (void)state;
    street_pack(street, "small", 0.97);
    cleanup(deployed_finish) struct deployed exact = deploy_slowly(street, GRAPH_LINK_EXACT);

    assert_null(deployment_operator(exact.deployment, "detect#0-zstd"));
}

static void a_codec_may_be_pinned_within_what_the_manifest_allows(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(2);

    (void)state;
    street_pack(street, "small", 0.6);
    street->input.codec_pinned = true;
    street->input.codec = GRAPH_CODEC_F16;
    cleanup(deployed_finish) struct deployed half = deploy_slowly(street, GRAPH_LINK_U8);
    cleanup(deployed_finish) struct deployed exact = deploy_slowly(street, GRAPH_LINK_EXACT);

    street->input.codec = GRAPH_CODEC_NONE;
    cleanup(deployed_finish) struct deployed none = deploy_slowly(street, GRAPH_LINK_U8);

    assert_string_equal(param(half.deployment, "detect#0-f16", "codec"), "f16");
    assert_null(deployment_operator(exact.deployment, "detect#0-f16"));
    assert_int_equal(none.deployment->n_operators, STREET_OPERATORS + 1);
}

static void what_stays_on_a_device_is_not_packed(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(1);
    static const unsigned cuts[] = {5};

    (void)state;
    street_pack(street, "small", 0.6);
    street->input.codec_pinned = true;
    street->input.codec = GRAPH_CODEC_ZSTD;
    street->input.cut_pinned = true;
    street->input.cuts = cuts;
    street->input.n_cuts = 1;
    cleanup(deployed_finish) struct deployed packed = deploy(street);

    street->input.codec = GRAPH_CODEC_NONE;
    cleanup(deployed_finish) struct deployed plain = deploy(street);

    assert_int_equal(packed.deployment->n_stages, 2);
    assert_int_equal(packed.deployment->n_operators, plain.deployment->n_operators);
    assert_true(packed.plan->rate == plain.plan->rate);
}

static void packing_takes_time_at_both_ends(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(2);

    (void)state;
    street_pack(street, "small", 0.6);
    cleanup(deployed_finish) struct deployed packed = deploy_slowly(street, GRAPH_LINK_EXACT);
    double rate = packed.plan->rate;

    street->input.codec_pinned = true;
    street->input.codec = GRAPH_CODEC_NONE;
    cleanup(deployed_finish) struct deployed plain = deploy_slowly(street, GRAPH_LINK_EXACT);

    for (unsigned i = 0; i < 2; i++) {
        assert_true(packed.plan->devices[i].cpu / rate >
                    plain.plan->devices[i].cpu / plain.plan->rate);
    }
}

static void parts_of_a_cut_network_say_their_layers_and_read_each_other(void **state)
{
    (void)state;
    static const unsigned cuts[] = {3, 6};
    cleanup(street_destroyp) struct street *street = street_create(3);

    street->input.cut_pinned = true;
    street->input.cuts = cuts;
    street->input.n_cuts = 2;
    cleanup(deployed_finish) struct deployed deployed = deploy(street);
    const struct deployment *deployment = deployed.deployment;

    assert_sound(deployment);
    assert_string_equal(param(deployment, "detect#0", "segment"), "0:3");
    assert_string_equal(param(deployment, "detect#1", "segment"), "3:6");
    assert_string_equal(param(deployment, "detect#2", "segment"), "6:9");
    assert_string_equal(deployment_operator(deployment, "detect#0")->inputs[0].from, "fit");
    assert_string_equal(deployment_operator(deployment, "detect#2")->inputs[0].from,
                        "detect#1");
    assert_string_equal(deployment_operator(deployment, "boxes")->inputs[0].from, "detect#2");
    assert_string_equal(deployment_operator(deployment, "detect#1")->origin, "detect");
}

static void a_flow_that_passes_groups_by_has_room_for_the_whole_window(void **state)
{
    (void)state;
    static const struct planner_place places[] = {
        {"picture", "device-1"}, {"detect", "device-2"}, {"drawn", "device-3"}};
    cleanup(street_destroyp) struct street *street = street_create(3);

    street->input.places = places;
    street->input.n_places = 3;
    cleanup(deployed_finish) struct deployed deployed = deploy(street);
    const struct deployment *deployment = deployed.deployment;
    size_t skips = 0;

    assert_sound(deployment);
    for (size_t i = 0; i < deployment->n_channels; i++) {
        const struct deployment_channel *channel = &deployment->channels[i];
        bool skip =
            strcmp(channel->from_operator, "picture") == 0 &&
            strcmp(channel->to_group, deployment_operator(deployment, "drawn")->group) == 0;

        assert_int_equal(channel->credit, skip ? deployment->window : 2);
        skips += skip;
    }
    assert_int_equal(skips, 1);
    assert_true(deployment->window >= 2 * deployment->n_stages);
}

static void every_replica_is_a_stage_and_little_memory_means_a_small_window(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(4);
    cleanup(deployed_finish) struct deployed deployed = deploy(street);
    size_t processes = 0;

    assert_sound(deployed.deployment);
    for (size_t i = 0; i < deployed.plan->n_groups; i++) {
        processes += deployed.plan->groups[i].n_replicas;
    }
    assert_int_equal(deployed.deployment->n_stages, processes);
    for (size_t i = 0; i < 4; i++) {
        street->devices[i].memory = deployed.plan->devices[i].memory + 20000000;
    }
    cleanup(deployed_finish) struct deployed tight = deploy(street);

    assert_sound(tight.deployment);
    assert_true(tight.deployment->window < deployed.deployment->window);
}

static void a_slow_replica_makes_the_window_wider(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);
    cleanup(deployed_finish) struct deployed equal = deploy(street);
    street->devices[1].cores = street->devices[0].cores / 4;
    street->devices[0].cores *= 1.75;
    cleanup(deployed_finish) struct deployed unequal = deploy(street);

    assert_int_equal(equal.deployment->n_stages, unequal.deployment->n_stages);
    assert_true(unequal.deployment->window > equal.deployment->window);
}

static void no_more_frames_are_under_way_than_was_said(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);

    street->input.replicas = 1;
    cleanup(deployed_finish) struct deployed free = deploy(street);
    street->input.window = 1;
    cleanup(deployed_finish) struct deployed deployed = deploy(street);
    const struct plan *plan = deployed.plan;

    assert_sound(deployed.deployment);
    assert_true(free.deployment->window > 1);
    assert_int_equal(deployed.deployment->window, 1);
    assert_true(fabs(plan->rate * plan->latency - 1) < 1e-9);
    assert_true(plan->rate < free.plan->rate);
}

static void the_explanation_shows_each_cut_the_choice_the_bound_and_the_gap(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);

    street->input.replicas = 1;
    cleanup(deployed_finish) struct deployed deployed = deploy(street);
    cleanup(memory_free) char *text = NULL;
    size_t size = 0, lines = 0;
    FILE *out = open_memstream(&text, &size);

    plan_explain(deployed.plan, true, out);
    fclose(out);
    for (unsigned k = 1; k < STREET_LAYERS; k++) {
        cleanup(memory_free) char *cut = memory_format("\ndetect@%u ", k);

        assert_non_null(strstr(text, cut));
    }
    for (const char *at = text; (at = strstr(at, "<- chosen")) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, deployed.plan->n_groups - 1);
    assert_non_null(strstr(text, "predicted rate"));
    assert_non_null(strstr(text, "no plan is faster than"));
}

static void a_plan_as_json_has_the_same_numbers(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(3);
    cleanup(deployed_finish) struct deployed deployed = deploy(street);
    cleanup(json_decrefp) json_t *json = plan_to_json(deployed.plan);

    assert_non_null(json);
    assert_float_equal(json_number_value(json_object_get(json, "rate")), deployed.plan->rate,
                       0);
    assert_int_equal(json_array_size(json_object_get(json, "groups")), deployed.plan->n_groups);
    assert_int_equal(json_array_size(json_object_get(json, "devices")), 3);
    assert_int_equal(json_array_size(json_object_get(json, "cuts")), deployed.plan->n_cuts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_one_device_everything_is_one_stage),
        cmocka_unit_test(tensors_are_packed_on_slow_links_where_the_manifest_allows_it),
        cmocka_unit_test(zstd_needs_no_word_in_the_manifest_and_comes_with_slow_links_only),
        cmocka_unit_test(zstd_goes_on_top_of_fewer_bits),
        cmocka_unit_test(where_zstd_saves_next_to_nothing_it_is_left_out),
        cmocka_unit_test(a_codec_may_be_pinned_within_what_the_manifest_allows),
        cmocka_unit_test(what_stays_on_a_device_is_not_packed),
        cmocka_unit_test(packing_takes_time_at_both_ends),
        cmocka_unit_test(parts_of_a_cut_network_say_their_layers_and_read_each_other),
        cmocka_unit_test(a_flow_that_passes_groups_by_has_room_for_the_whole_window),
        cmocka_unit_test(a_slow_replica_makes_the_window_wider),
        cmocka_unit_test(no_more_frames_are_under_way_than_was_said),
        cmocka_unit_test(every_replica_is_a_stage_and_little_memory_means_a_small_window),
        cmocka_unit_test(the_explanation_shows_each_cut_the_choice_the_bound_and_the_gap),
        cmocka_unit_test(a_plan_as_json_has_the_same_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
