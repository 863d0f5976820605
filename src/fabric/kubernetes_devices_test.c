/* Which nodes are devices. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "fabric/device.h"
#include "fabric/kubernetes_devices.h"
#include "fabric/kubernetes_sample.h"

#define NODE(name, spec, ready)                             \
    "{'metadata':{'name':'" name "'},'spec':{" spec         \
    "},'status':{'allocatable':{'cpu':'1','memory':'1Gi'}," \
    "'conditions':[{'type':'Ready','status':'" ready "'}]}}"
#define POD(space, run, node, cpu)                                                          \
    "{'metadata':{'namespace':'" space "','labels':{'brume.dev/run':'" run                  \
    "'}},'spec':{'nodeName':'" node "','containers':[{'resources':{'requests':{'cpu':'" cpu \
    "'}}}]}}"

struct chosen {
    int r;
    size_t n;
    struct fabric_device *devices;
    char *note;
    struct error err;
};

static struct chosen choose(const char *nodes, const char *pods)
{
    json_t *all_nodes = sample(nodes), *all_pods = sample(pods);
    const struct kubernetes_choice choice = {
        .nodes = all_nodes, .pods = all_pods, .space = "shop", .run = "1a2b3c"};
    struct chosen chosen = {0};

    chosen.r =
        kubernetes_choose(&choice, &chosen.n, &chosen.devices, &chosen.note, &chosen.err);
    json_decref(all_nodes);
    json_decref(all_pods);
    return chosen;
}

static void finish(struct chosen *chosen)
{
    for (size_t i = 0; i < chosen->n; i++) {
        device_finish(&chosen->devices[i]);
    }
    memory_free(&chosen->devices);
    memory_free(&chosen->note);
}

static void nodes_are_devices_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    struct chosen chosen = choose("[" NODE("node10", "", "True") "," NODE(
                                      "node9", "", "True") "," NODE("node1", "", "True") "]",
                                  "[]");

    assert_int_equal(chosen.r, 0);
    assert_int_equal(chosen.n, 3);
    assert_string_equal(chosen.devices[0].name, "node1");
    assert_string_equal(chosen.devices[1].name, "node9");
    assert_string_equal(chosen.devices[2].name, "node10");
    assert_null(chosen.note);
    finish(&chosen);
}

static void what_others_ask_for_is_not_free_but_what_the_run_has_is(void **state)
{
    (void)state;
    struct chosen chosen =
        choose("[" NODE("a", "", "True") "]",
               "[" POD("shop", "1a2b3c", "a", "300m") "," POD(
                   "shop", "other", "a", "100m") "," POD("else", "1a2b3c", "a", "50m") ","
                                                                                       "{}]");

    assert_int_equal(chosen.r, 0);
    assert_float_equal(chosen.devices[0].cores, 0.85, 1e-9);
    finish(&chosen);
}

static void nodes_that_cannot_be_used_are_left_out_with_a_word(void **state)
{
    (void)state;
    struct chosen chosen =
        choose("[" NODE("a", "", "True") "," NODE("b", "", "False") "," NODE(
                   "c", "'unschedulable':true", "True") "," NODE("d", "", "True") "]",
               "[" POD("else", "x", "d", "960m") "]");

    assert_int_equal(chosen.r, 0);
    assert_int_equal(chosen.n, 1);
    assert_string_equal(chosen.devices[0].name, "a");
    assert_non_null(strstr(chosen.note, "b is left out: it is not ready"));
    assert_non_null(strstr(chosen.note, "c is left out: it is cordoned"));
    assert_non_null(strstr(chosen.note, "d is left out: other pods have left 0.04 cores and "
                                        "1Gi of it"));
    finish(&chosen);
}

static void a_node_with_pods_of_the_run_is_a_device_whatever_it_is_like(void **state)
{
    (void)state;
    struct chosen chosen =
        choose("[" NODE("a", "", "False") "]", "[" POD("shop", "1a2b3c", "a", "2") "]");

    assert_int_equal(chosen.r, 0);
    assert_int_equal(chosen.n, 1);
    finish(&chosen);
}

static void a_cluster_without_a_device_is_refused(void **state)
{
    (void)state;
    struct chosen none = choose("[]", "[]");
    struct chosen away = choose("[" NODE("a", "", "False") "]", "[]");

    assert_int_equal(none.r, -ENODEV);
    assert_string_equal(none.err.text, "no node of the cluster can be used: it has none");
    assert_int_equal(away.r, -ENODEV);
    assert_non_null(strstr(away.err.text, "a is left out: it is not ready"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_devices_in_the_order_of_their_numbers),
        cmocka_unit_test(what_others_ask_for_is_not_free_but_what_the_run_has_is),
        cmocka_unit_test(nodes_that_cannot_be_used_are_left_out_with_a_word),
        cmocka_unit_test(a_node_with_pods_of_the_run_is_a_device_whatever_it_is_like),
        cmocka_unit_test(a_cluster_without_a_device_is_refused),
    };

    return cmocka_run_group_tests_name("kubernetes_devices", tests, NULL, NULL);
}
