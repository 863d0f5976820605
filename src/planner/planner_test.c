/* What the planner does for an application: a camera, a network, pictures drawn on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "graph/deployment.h"
#include "planner/planner.h"
#include "planner/street.h"

struct solved {
    struct planner_problem *problem;
    struct plan *plan;
};

static void solved_finish(struct solved *solved)
{
    plan_destroy(solved->plan);
    planner_problem_destroy(solved->problem);
}

static int street_solve(struct street *street, struct solved *solved, struct error *err)
{
    int r = planner_prepare(&street->input, &solved->problem, err);

    return r < 0 ? r : planner_solve(solved->problem, &solved->plan, err);
}

static struct solved street_plan(struct street *street)
{
    struct solved solved = {0};
    struct error err = {0};

    if (street_solve(street, &solved, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return solved;
}

static double rate_of(size_t n_devices, int replicas)
{
    cleanup(street_destroyp) struct street *street = street_create(n_devices);

    street_measure(street, "small", 1);
    street->input.replicas = replicas;
    street->outputs[1] = street->outputs[5] = 230400; /* pictures of 320 x 240 */
    cleanup(solved_finish) struct solved solved = street_plan(street);

    assert_true(solved.plan->bound >= solved.plan->rate);
    return solved.plan->rate;
}

static void two_devices_are_nearly_twice_as_fast_and_three_three_times(void **state)
{
    (void)state;
    double one = rate_of(1, 0);

    assert_true(rate_of(2, 0) >= 1.9 * one);
    assert_true(rate_of(3, 0) >= 2.8 * one);
}

static void without_replicas_the_network_is_cut(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);

    street_measure(street, "small", 1);
    street->input.replicas = 1;
    cleanup(solved_finish) struct solved solved = street_plan(street);
    size_t chosen = 0;
    double best = 0;

    for (size_t i = 0; i < solved.plan->n_cuts; i++) {
        chosen += solved.plan->cuts[i].chosen;
        best = solved.plan->cuts[i].rate > best ? solved.plan->cuts[i].rate : best;
    }
    assert_true(chosen >= 1);
    assert_true(solved.plan->rate >= 0.985 * best);
    for (size_t i = 0; i < solved.plan->n_groups; i++) {
        assert_int_equal(solved.plan->groups[i].n_replicas, 1);
    }
}

static void a_network_too_large_for_any_device_is_cut_to_fit(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(4);

    street_measure(street, "small", 1);
    for (size_t i = 0; i < 4; i++) {
        street->devices[i].memory = 140000000;
    }
    cleanup(solved_finish) struct solved solved = street_plan(street);

    assert_true(solved.plan->rate > 0);
    assert_true(solved.plan->single_rate == 0);
    for (size_t i = 0; i < 4; i++) {
        assert_true(solved.plan->devices[i].memory <= 140000000);
    }
}

static void parts_of_a_pinned_cut_can_be_placed(void **state)
{
    static const struct planner_place places[] = {
        {"camera", "device-1"}, {"detect#0", "device-1"}, {"detect#1", "device-2"}};
    static const struct planner_place bad[] = {
        {"detect#2", "device-1"}, {"detect#", "device-1"}, {"fit#0", "device-1"}};
    static const unsigned cuts[] = {5};
    cleanup(street_destroyp) struct street *street = street_create(2);
    struct error err = {0};

    (void)state;
    street->input.replicas = 1;
    street->input.cut_pinned = true;
    street->input.cuts = cuts;
    street->input.n_cuts = 1;
    street->input.places = places;
    street->input.n_places = 3;
    cleanup(solved_finish) struct solved solved = street_plan(street);
    for (size_t i = 0; i < solved.plan->n_groups; i++) {
        const struct plan_group *group = &solved.plan->groups[i];
        for (unsigned atom = group->from; atom < group->to; atom++) {
            const struct planner_atom *at = &solved.problem->atoms[atom];
            assert_true(!at->model || group->replicas[0].device == (at->from == 5));
        }
    }
    for (size_t i = 0; i < 3; i++) {
        cleanup(solved_finish) struct solved none = {0};

        street->input.places = &bad[i];
        street->input.n_places = 1;
        assert_int_equal(street_solve(street, &none, &err), -EINVAL);
        assert_non_null(strstr(err.text, "there is no such part"));
    }
    street->input.places = places + 1;
    street->input.cut_pinned = false;
    cleanup(solved_finish) struct solved none = {0};
    assert_int_equal(street_solve(street, &none, &err), -EINVAL);
}

static void what_fits_nowhere_is_refused_with_the_operators_name(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);
    struct error err = {0};

    street->devices[0].memory = street->devices[1].memory = 60000000;
    cleanup(solved_finish) struct solved solved = {0};

    assert_int_equal(street_solve(street, &solved, &err), -ENODEV);
    assert_non_null(strstr(err.text, "detect"));
}

static void a_slow_link_makes_the_planner_send_less(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);

    street_measure(street, "small", 1);
    cleanup(solved_finish) struct solved fast = street_plan(street);

    street->devices[0].link_rate = street->devices[1].link_rate = 500000;
    cleanup(solved_finish) struct solved slow = street_plan(street);

    assert_true(slow.plan->traffic * slow.plan->rate < fast.plan->traffic * fast.plan->rate);
    assert_true(slow.plan->rate >= slow.plan->single_rate * (1 - 1e-6));
    for (size_t i = 0; i < 2; i++) {
        assert_true(slow.plan->devices[i].up <= 500000 * 1.0001);
        assert_true(slow.plan->devices[i].down <= 500000 * 1.0001);
    }
}

static void pins_are_kept(void **state)
{
    (void)state;
    static char *const has[] = {"camera"};
    static const struct planner_place place = {"out", "device-1"};
    static const unsigned cuts[] = {3, 6};
    cleanup(street_destroyp) struct street *street = street_create(3);

    street_measure(street, "small", 1);
    street->operators[0].n_has = 1;
    street->operators[0].has = (char **)has;
    street->devices[2].n_has = 1;
    street->devices[2].has = has;
    street->input.n_places = 1;
    street->input.places = &place;
    street->input.cut_pinned = true;
    street->input.cuts = cuts;
    street->input.n_cuts = 2;
    cleanup(solved_finish) struct solved solved = street_plan(street);
    const struct plan *plan = solved.plan;

    assert_int_equal(plan->groups[0].replicas[0].device, 2);
    assert_int_equal(plan->groups[plan->n_groups - 1].replicas[0].device, 0);
    size_t inside = 0;

    for (size_t i = 1; i < plan->n_groups; i++) {
        unsigned k = solved.problem->atoms[plan->groups[i].from].from;

        inside += k > 0;
        assert_true(k == 0 || k == 3 || k == 6);
    }
    assert_int_equal(inside, 2);
}

static void both_ends_on_one_device_and_the_network_on_another_is_a_plan(void **state)
{
    (void)state;
    static const struct planner_place places[] = {
        {"camera", "device-6"}, {"detect", "device-2"}, {"out", "device-6"}};
    cleanup(street_destroyp) struct street *street = street_create(6);

    street_measure(street, "small", 1);
    street->input.places = places;
    street->input.n_places = 3;
    street->input.replicas = 1;
    cleanup(solved_finish) struct solved solved = street_plan(street);

    assert_true(solved.plan->rate > 0);
    assert_true(solved.plan->n_groups >= 3);
}

static void what_cannot_be_pinned_is_explained(void **state)
{
    (void)state;
    static const struct planner_place place = {"detect", "nowhere"};
    static const unsigned cuts[] = {12};
    cleanup(street_destroyp) struct street *street = street_create(2);
    struct planner_problem *problem = NULL;
    struct error err = {0};

    street->input.n_places = 1;
    street->input.places = &place;
    assert_int_equal(planner_prepare(&street->input, &problem, &err), -EINVAL);
    assert_non_null(strstr(err.text, "no device 'nowhere'"));
    street->input.n_places = 0;
    street->input.cut_pinned = true;
    street->input.cuts = cuts;
    street->input.n_cuts = 1;
    assert_int_equal(planner_prepare(&street->input, &problem, &err), -EINVAL);
    assert_non_null(strstr(err.text, "'detect' cannot be cut at 12"));
    street->input.cut_pinned = false;
    street->operators[0].device = "device-9";
    assert_int_equal(planner_prepare(&street->input, &problem, &err), -ENODEV);
    assert_non_null(strstr(err.text, "street.yaml:5"));
    assert_null(problem);
}

static void the_manifest_pins_cuts_too_and_who_asks_for_a_plan_overrules_it(void **state)
{
    (void)state;
    static const unsigned other[] = {3};
    unsigned cuts[] = {6};
    cleanup(street_destroyp) struct street *street = street_create(2);
    struct graph_operator *detect = &street->operators[3];

    street_measure(street, "small", 1);
    street->input.replicas = 1;
    detect->cut_pinned = true;
    detect->n_cuts = 1;
    detect->cuts = cuts;
    cleanup(solved_finish) struct solved pinned = street_plan(street);
    street->input.cut_pinned = true;
    street->input.n_cuts = 1;
    street->input.cuts = other;
    cleanup(solved_finish) struct solved overruled = street_plan(street);
    street->input.cut_pinned = false;
    detect->n_cuts = 0; /* `cut: none` */
    cleanup(solved_finish) struct solved whole = street_plan(street);

    for (size_t i = 0; i < pinned.problem->n_atoms; i++) {
        unsigned k = pinned.problem->atoms[i].from;
        assert_true(k == 0 || k == 6);
    }
    for (size_t i = 0; i < overruled.problem->n_atoms; i++) {
        unsigned k = overruled.problem->atoms[i].from;
        assert_true(k == 0 || k == 3);
    }
    assert_int_equal(whole.problem->n_atoms, street->graph.n_operators);
}

static size_t most_replicas(const struct plan *plan)
{
    size_t most = 0;

    for (size_t i = 0; i < plan->n_groups; i++) {
        most = plan->groups[i].n_replicas > most ? plan->groups[i].n_replicas : most;
    }
    return most;
}

static void the_manifest_limits_the_replicas_of_an_operator(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(4);

    street_measure(street, "small", 1);
    cleanup(solved_finish) struct solved free_plan = street_plan(street);
    street->operators[3].replicas = 2;
    cleanup(solved_finish) struct solved two = street_plan(street);
    street->operators[3].replicas = 1;
    cleanup(solved_finish) struct solved off = street_plan(street);

    assert_true(most_replicas(free_plan.plan) > 2);
    for (size_t i = 0; i < off.plan->n_groups; i++) {
        const struct plan_group *group = &off.plan->groups[i];
        for (unsigned k = group->from; k < group->to; k++) {
            assert_true(off.problem->atoms[k].operator!= 3 || group->n_replicas == 1);
        }
    }
    for (size_t i = 0; i < two.plan->n_groups; i++) {
        const struct plan_group *group = &two.plan->groups[i];
        for (unsigned k = group->from; k < group->to; k++) {
            assert_true(two.problem->atoms[k].operator!= 3 || group->n_replicas <= 2);
        }
    }
}

static void a_wish_that_cannot_be_met_is_named_with_what_is_missing(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(1);

    street_measure(street, "small", 1);
    street->graph.qos_rate = 1000;
    street->graph.qos_latency_ms = 1;
    cleanup(solved_finish) struct solved solved = street_plan(street);

    assert_true(solved.plan->unmet);
    assert_int_equal(solved.plan->n_notes, 2);
    assert_non_null(strstr(solved.plan->notes[0], "rate of 1e+03/s is not reached"));
    assert_non_null(strstr(solved.plan->notes[1], "latency of 0.001 s"));
}

static void for_latency_and_traffic_one_device_is_best_unless_a_rate_is_wished(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(3);

    street_measure(street, "small", 1);
    street->graph.objective = GRAPH_LATENCY;
    cleanup(solved_finish) struct solved quick = street_plan(street);

    assert_int_equal(quick.plan->n_groups, 1);
    street->graph.objective = GRAPH_TRAFFIC;
    cleanup(solved_finish) struct solved still = street_plan(street);

    assert_true(still.plan->traffic == 0);
    street->graph.qos_rate = 1.5 * still.plan->single_rate;
    cleanup(solved_finish) struct solved wished = street_plan(street);

    assert_false(wished.plan->unmet);
    assert_true(wished.plan->traffic > 0);
}

static void no_more_devices_are_used_than_the_sources_can_feed(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(5);

    street_measure(street, "small", 1);
    street->input.demand = 1;
    cleanup(solved_finish) struct solved solved = street_plan(street);

    assert_int_equal(solved.plan->n_groups, 1);
    assert_float_equal(solved.plan->rate, 1, 1e-6);
}

static void a_faster_device_gets_the_larger_share(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);

    street_measure(street, "small", 1);
    street_measure(street, "large", 0.5);
    street->devices[1].type = "large";
    cleanup(solved_finish) struct solved solved = street_plan(street);

    assert_true(solved.plan->rate > 2.7 * 0.3 / 0.0428 / 1.1);
    assert_true(solved.plan->devices[0].busy > 0.95);
    assert_true(solved.plan->devices[1].busy > 0.95);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manifest_pins_cuts_too_and_who_asks_for_a_plan_overrules_it),
        cmocka_unit_test(the_manifest_limits_the_replicas_of_an_operator),
        cmocka_unit_test(two_devices_are_nearly_twice_as_fast_and_three_three_times),
        cmocka_unit_test(without_replicas_the_network_is_cut),
        cmocka_unit_test(a_network_too_large_for_any_device_is_cut_to_fit),
        cmocka_unit_test(parts_of_a_pinned_cut_can_be_placed),
        cmocka_unit_test(what_fits_nowhere_is_refused_with_the_operators_name),
        cmocka_unit_test(a_slow_link_makes_the_planner_send_less),
        cmocka_unit_test(pins_are_kept),
        cmocka_unit_test(both_ends_on_one_device_and_the_network_on_another_is_a_plan),
        cmocka_unit_test(what_cannot_be_pinned_is_explained),
        cmocka_unit_test(a_wish_that_cannot_be_met_is_named_with_what_is_missing),
        cmocka_unit_test(for_latency_and_traffic_one_device_is_best_unless_a_rate_is_wished),
        cmocka_unit_test(no_more_devices_are_used_than_the_sources_can_feed),
        cmocka_unit_test(a_faster_device_gets_the_larger_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
