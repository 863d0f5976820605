/* What nodes and the pods on them make of devices. */
#include <string.h>

#include "fabric/device.h"
#include "fabric/kubernetes_node.h"
#include "fabric/kubernetes_sample.h"

#define READY                                                   \
    "'conditions':[{'type':'MemoryPressure','status':'False'}," \
    "{'type':'Ready','status':'True','message':'kubelet is posting ready status'}]"

static const char usual[] =
    "{'metadata':{'name':'node-1','labels':{'kubernetes.io/arch':'arm64',"
    "'kubernetes.io/os':'linux','brume.dev/has':'camera_gps','brume.dev/link':'100M'}},"
    "'spec':{},'status':{'capacity':{'cpu':'4','memory':'4Gi'},"
    "'allocatable':{'cpu':'3800m','memory':'3932160Ki'}," READY ","
    "'addresses':[{'type':'Hostname','address':'node-1'},"
    "{'type':'InternalIP','address':'10.0.0.7'}]}}";

static void labels_and_what_is_left_make_a_device(void **state)
{
    (void)state;
    const struct kubernetes_room taken = {.cores = 0.3, .memory = (uint64_t)1 << 30};
    json_t *node = sample(usual);
    struct fabric_device device;
    char *note;

    kubernetes_node_describe(node, &taken, &device, &note);
    assert_string_equal(device.name, "node-1");
    assert_string_equal(device.type, "arm64-4");
    assert_string_equal(device.address, "10.0.0.7");
    assert_float_equal(device.cores, 3.5, 1e-9);
    assert_int_equal(device.memory, 3932160ULL * 1024 - ((uint64_t)1 << 30));
    assert_int_equal(device.n_has, 2);
    assert_string_equal(device.has[0], "camera");
    assert_string_equal(device.has[1], "gps");
    assert_float_equal(device.link_rate, 12.5e6, 0);
    assert_false(device.emulated);
    assert_null(note);
    device_finish(&device);
    json_decref(node);
}

static void what_is_more_than_taken_is_nothing_left(void **state)
{
    (void)state;
    const struct kubernetes_room taken = {.cores = 9, .memory = UINT64_MAX};
    json_t *node = sample(usual);
    struct fabric_device device;
    char *note;

    kubernetes_node_describe(node, &taken, &device, &note);
    assert_float_equal(device.cores, 0, 0);
    assert_int_equal(device.memory, 0);
    device_finish(&device);
    json_decref(node);
}

static void the_type_is_as_said_or_as_the_machine_is(void **state)
{
    (void)state;
    static const struct {
        const char *labels, *type;
    } rows[] = {
        {"'brume.dev/type':'pi4','node.kubernetes.io/instance-type':'k3s'", "pi4"},
        {"'node.kubernetes.io/instance-type':'m5.large','kubernetes.io/arch':'amd64'",
         "m5.large-amd64-4"},
        {"'kubernetes.io/arch':'arm64'", "arm64-4"},
        {"'a':'b'", "riscv64-4"},
    };
    const struct kubernetes_room taken = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cleanup(memory_free) char *text = memory_format(
            "{'metadata':{'name':'n','labels':{%s}},'status':{'capacity':{'cpu':4},"
            "'nodeInfo':{'architecture':'riscv64'}}}",
            rows[i].labels);
        json_t *node = sample(text);
        struct fabric_device device;
        char *note;

        kubernetes_node_describe(node, &taken, &device, &note);
        assert_string_equal(device.type, rows[i].type);
        device_finish(&device);
        json_decref(node);
    }
}

static void links_are_rates_as_labels_can_say_them(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        double rate;
    } rows[] = {{"100M", 12.5e6}, {"100Mbit", 12.5e6}, {"1G", 125e6},
                {"54k", 6750},    {"fast", 0},         {"0M", 0}};
    const struct kubernetes_room taken = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cleanup(memory_free) char *text = memory_format(
            "{'metadata':{'name':'node-7','labels':{'brume.dev/link':'%s'}}}", rows[i].label);
        json_t *node = sample(text);
        struct fabric_device device;
        char *note;

        kubernetes_node_describe(node, &taken, &device, &note);
        assert_float_equal(device.link_rate, rows[i].rate, 0);
        assert_true((note == NULL) == (rows[i].rate > 0));
        if (note != NULL) {
            assert_non_null(strstr(note, "node-7"));
            assert_non_null(strstr(note, rows[i].label));
        }
        memory_free(&note);
        device_finish(&device);
        json_decref(node);
    }
}

static void a_pod_takes_what_its_containers_ask_for_together(void **state)
{
    (void)state;
    static const struct {
        const char *pod;
        double cores;
        uint64_t memory;
    } rows[] = {
        {"{'spec':{'containers':[{'resources':{'requests':{'cpu':'100m','memory':'64Mi'}}},"
         "{'resources':{'requests':{'cpu':'1'}}},{'resources':{}}]},"
         "'status':{'phase':'Running'}}",
         1.1, 64 << 20},
        {"{'spec':{'containers':[{'resources':{'requests':{'cpu':'100m','memory':'64Mi'}}}],"
         "'initContainers':[{'resources':{'requests':{'cpu':'500m','memory':'1Mi'}}}]},"
         "'status':{'phase':'Pending'}}",
         0.5, 64 << 20},
        {"{'spec':{'containers':[{'resources':{'requests':{'cpu':'100m'}}}],"
         "'initContainers':[{'restartPolicy':'Always',"
         "'resources':{'requests':{'cpu':'500m','memory':'1Mi'}}}],"
         "'overhead':{'cpu':'250m','memory':'1Mi'}}}",
         0.85, 2 << 20},
        {"{'spec':{'containers':[{'resources':{'requests':{'cpu':'1'}}}]},"
         "'status':{'phase':'Succeeded'}}",
         0, 0},
        {"{'spec':{'containers':[{'resources':{'requests':{'cpu':'1'}}}]},"
         "'status':{'phase':'Failed'}}",
         0, 0},
        {"{}", 0, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *pod = sample(rows[i].pod);
        struct kubernetes_room room = kubernetes_pod_room(pod);

        assert_float_equal(room.cores, rows[i].cores, 1e-9);
        assert_int_equal(room.memory, rows[i].memory);
        json_decref(pod);
    }
}

static void a_node_says_why_it_is_not_usable(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *status, *why;
    } rows[] = {
        {"", READY, NULL},
        {"", "'conditions':[]", "is not ready"},
        {"",
         "'conditions':[{'type':'Ready','status':'Unknown','message':"
         "'Kubelet stopped posting node status.'}]",
         "is not ready: Kubelet stopped posting node status"},
        {"'unschedulable':true,'taints':[{'key':'node.kubernetes.io/unschedulable',"
         "'effect':'NoSchedule'}]",
         READY, "is cordoned: kubectl uncordon node-2"},
        {"'taints':[{'key':'node-role.kubernetes.io/master','effect':'NoSchedule'}]", READY,
         "has the taint node-role.kubernetes.io/master:NoSchedule, as one of the control "
         "plane"},
        {"'taints':[{'key':'gpu','value':'yes','effect':'PreferNoSchedule'}]", READY, NULL},
        {"'taints':[{'key':'gpu','value':'yes','effect':'NoExecute'}]", READY,
         "has the taint gpu:NoExecute"},
        {"'taints':[{'key':'node.kubernetes.io/unreachable','effect':'NoExecute'}]", READY,
         NULL},
        {"'taints':[{'key':'node.kubernetes.io/not-ready','effect':'NoSchedule'}]", READY,
         "has the taint node.kubernetes.io/not-ready:NoSchedule"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cleanup(memory_free) char *text =
            memory_format("{'metadata':{'name':'node-2'},'spec':{%s},'status':{%s}}",
                          rows[i].spec, rows[i].status);
        json_t *node = sample(text);
        char why[KUBERNETES_WHY] = "";

        assert_true(kubernetes_node_is_usable(node, why) == (rows[i].why == NULL));
        assert_true(kubernetes_node_is_heard(node) == (strcmp(rows[i].status, READY) == 0));
        assert_string_equal(why, rows[i].why == NULL ? "" : rows[i].why);
        json_decref(node);
    }
}

static void a_node_that_goes_or_is_no_linux_is_not_usable(void **state)
{
    (void)state;
    json_t *going = sample("{'metadata':{'name':'a','deletionTimestamp':"
                           "'2026-01-31T12:00:00Z'},'status':{" READY "}}");
    json_t *other = sample("{'metadata':{'name':'b','labels':{'kubernetes.io/os':'windows'}},"
                           "'status':{" READY "}}");
    char why[KUBERNETES_WHY];

    assert_false(kubernetes_node_is_usable(going, why));
    assert_string_equal(why, "is being removed from the cluster");
    assert_false(kubernetes_node_is_usable(other, why));
    assert_string_equal(why, "runs windows, not Linux");
    json_decref(going);
    json_decref(other);
}

static void nonsense_of_a_server_is_nothing_at_all(void **state)
{
    (void)state;
    static const char odd[] =
        "{'metadata':{'labels':[]},'status':{'allocatable':{'cpu':'many','memory':[]},"
        "'addresses':{},'conditions':'Ready'},'spec':{'taints':[1,{}]}}";
    static const char *const texts[] = {"[]", "{'metadata':3}", odd};
    const struct kubernetes_room taken = {0};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        json_t *node = sample(texts[i]);
        char why[KUBERNETES_WHY];
        struct fabric_device device;
        char *note;

        kubernetes_node_describe(node, &taken, &device, &note);
        assert_float_equal(device.cores, 0, 0);
        assert_false(kubernetes_node_is_usable(node, why));
        device_finish(&device);
        memory_free(&note);
        json_decref(node);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_and_what_is_left_make_a_device),
        cmocka_unit_test(what_is_more_than_taken_is_nothing_left),
        cmocka_unit_test(the_type_is_as_said_or_as_the_machine_is),
        cmocka_unit_test(links_are_rates_as_labels_can_say_them),
        cmocka_unit_test(a_pod_takes_what_its_containers_ask_for_together),
        cmocka_unit_test(a_node_says_why_it_is_not_usable),
        cmocka_unit_test(a_node_that_goes_or_is_no_linux_is_not_usable),
        cmocka_unit_test(nonsense_of_a_server_is_nothing_at_all),
    };

    return cmocka_run_group_tests_name("kubernetes_node", tests, NULL, NULL);
}
