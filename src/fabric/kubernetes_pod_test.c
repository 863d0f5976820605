/* What is promised of a stage's pod, one promise after the other. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "fabric/kubernetes_object.h"
#include "fabric/kubernetes_pod.h"
#include "fabric/kubernetes_sample.h"

#define GI ((uint64_t)1 << 30)
#define MI ((uint64_t)1 << 20)

static const struct fabric_device node = {
    .name = (char *)"node-2.example", .cores = 1.5, .memory = 2 * GI};
static const struct fabric_start start = {.stage = "detect-1",
                                          .device = "node-2.example",
                                          .life = 3,
                                          .controller = "10.1.0.5:7000",
                                          .credentials = "secret-token",
                                          .memory = 100 * MI,
                                          .cores = 0.25};
static const struct kubernetes_pod usual = {.space = "shop",
                                            .run = "1a2b3c",
                                            .application = "street",
                                            .start = &start,
                                            .device = &node,
                                            .image = "brume/stage-all:1",
                                            .random = "x7k2p"};

static json_t *describe(const struct kubernetes_pod *pod)
{
    return kubernetes_pod_describe(pod, "street-detect-1-3-x7k2p");
}

static const json_t *spec_part(const json_t *pod, const char *key)
{
    return kubernetes_part(pod, "spec", key);
}

static const json_t *container_part(const json_t *pod, const char *key)
{
    return json_object_get(json_array_get(spec_part(pod, "containers"), 0), key);
}

static void assert_json(const json_t *json, const char *text)
{
    json_t *wanted = sample(text);

    if (!json_equal(json, wanted)) {
        cleanup(memory_free) char *is = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        fail_msg("%s", is);
    }
    json_decref(wanted);
}

static void a_name_tells_whose_life_it_is(void **state)
{
    (void)state;
    char name[KUBERNETES_NAME];

    kubernetes_pod_name(&usual, name);
    assert_string_equal(name, "street-detect-1-3-x7k2p");
}

static void a_name_is_a_label_whatever_its_parts_are(void **state)
{
    (void)state;
    static const char *const parts[][2] = {
        {"a-very-long-name-of-an-application-that-goes-on-and-on-until-it-is",
         "and-a-stage-that-is-not-short-either-but-longer-than-one-wants-1"},
        {"s", "and-a-stage-that-is-not-short-either-but-longer-than-one-wants-1"},
        {"a-very-long-name-of-an-application-that-goes-on-and-on-until-it-is", "d-1"},
        {"-Street_9", "Détect"},
        {NULL, "detect-1"},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        struct fabric_start other = start;
        struct kubernetes_pod pod = usual;
        char name[KUBERNETES_NAME];

        other.stage = parts[i][1];
        other.life = 4294967295U;
        pod.application = parts[i][0];
        pod.start = &other;
        kubernetes_pod_name(&pod, name);
        assert_true(text_is_label(name));
        assert_non_null(strstr(name, "-4294967295-x7k2p"));
    }
}

static void labels_say_whose_it_is(void **state)
{
    (void)state;
    json_t *pod = describe(&usual);

    assert_json(kubernetes_part(pod, "metadata", "labels"),
                "{'app.kubernetes.io/managed-by':'brume','brume.dev/application':'street',"
                "'brume.dev/stage':'detect-1','brume.dev/run':'1a2b3c','brume.dev/life':'3'}");
    assert_string_equal(kubernetes_annotation(pod, KUBERNETES_DEVICE), "node-2.example");
    assert_string_equal(kubernetes_text(pod, "metadata", "namespace"), "shop");
    assert_null(kubernetes_part(pod, "metadata", "ownerReferences"));
    json_decref(pod);
}

static void the_application_owns_pod_and_secret(void **state)
{
    (void)state;
    static const char owners[] =
        "[{'apiVersion':'brume.dev/v1alpha1','kind':'Application','name':'street',"
        "'uid':'7-7','controller':true}]";
    json_t *resource = sample("{'apiVersion':'brume.dev/v1alpha1','kind':'Application',"
                              "'metadata':{'name':'street','uid':'7-7','namespace':'shop'}}");
    struct kubernetes_pod owned = usual;

    owned.resource = resource;
    json_t *pod = describe(&owned), *secret = kubernetes_pod_secret(&owned, "name");
    assert_json(kubernetes_part(pod, "metadata", "ownerReferences"), owners);
    assert_json(kubernetes_part(secret, "metadata", "ownerReferences"), owners);
    json_decref(pod);
    json_decref(secret);
    json_decref(resource);
}

static void it_is_for_one_node_and_one_life(void **state)
{
    (void)state;
    json_t *pod = describe(&usual);

    assert_json(spec_part(pod, "affinity"),
                "{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':"
                "{'nodeSelectorTerms':[{'matchFields':[{'key':'metadata.name','operator':'In',"
                "'values':['node-2.example']}]}]}}}");
    assert_string_equal(json_string_value(spec_part(pod, "restartPolicy")), "Never");
    json_decref(pod);
}

static void a_dead_node_costs_seconds_and_so_does_an_end(void **state)
{
    (void)state;
    json_t *pod = describe(&usual);
    const json_t *tolerations = spec_part(pod, "tolerations"), *toleration;
    size_t i;

    assert_int_equal(json_array_size(tolerations), 2);
    json_array_foreach(tolerations, i, toleration)
    {
        assert_string_equal(json_string_value(json_object_get(toleration, "effect")),
                            "NoExecute");
        assert_in_range(json_integer_value(json_object_get(toleration, "tolerationSeconds")), 1,
                        10);
    }
    assert_in_range(json_integer_value(spec_part(pod, "terminationGracePeriodSeconds")), 1, 2);
    json_decref(pod);
}

static void it_may_do_nothing_but_its_work(void **state)
{
    (void)state;
    json_t *pod = describe(&usual);

    assert_json(spec_part(pod, "securityContext"),
                "{'runAsNonRoot':true,'runAsUser':65532,'runAsGroup':65532,'fsGroup':65532,"
                "'seccompProfile':{'type':'RuntimeDefault'}}");
    assert_json(container_part(pod, "securityContext"),
                "{'allowPrivilegeEscalation':false,'readOnlyRootFilesystem':true,"
                "'capabilities':{'drop':['ALL']}}");
    assert_true(json_is_false(spec_part(pod, "automountServiceAccountToken")));
    assert_true(json_is_false(spec_part(pod, "enableServiceLinks")));
    assert_string_equal(json_string_value(spec_part(pod, "dnsPolicy")), "Default");
    json_decref(pod);
}

static void it_is_told_where_all_is(void **state)
{
    (void)state;
    json_t *pod = describe(&usual);

    assert_json(container_part(pod, "command"), "['brume-stage']");
    assert_json(container_part(pod, "args"),
                "['--name','detect-1','--controller','10.1.0.5:7000',"
                "'--credentials','/run/brume/credentials/line',"
                "'--files','/var/lib/brume/files']");
    assert_string_equal(json_string_value(container_part(pod, "image")), "brume/stage-all:1");
    assert_string_equal(json_string_value(container_part(pod, "imagePullPolicy")),
                        "IfNotPresent");
    json_decref(pod);
}

static void credentials_are_in_the_secret_alone(void **state)
{
    (void)state;
    json_t *pod = describe(&usual), *secret = kubernetes_pod_secret(&usual, "the-name");
    cleanup(memory_free) char *text = json_dumps(pod, JSON_COMPACT);

    assert_null(strstr(text, "secret-token"));
    assert_string_equal(kubernetes_text(secret, "stringData", "line"), "secret-token");
    assert_string_equal(kubernetes_text(secret, "metadata", "name"), "the-name");
    assert_true(json_is_true(json_object_get(secret, "immutable")));
    assert_non_null(strstr(text, "\"secretName\":\"street-detect-1-3-x7k2p\""));
    json_decref(pod);
    json_decref(secret);
}

static void what_it_writes_goes_with_it(void **state)
{
    (void)state;
    json_t *pod = describe(&usual);

    assert_json(spec_part(pod, "volumes"),
                "[{'name':'home','emptyDir':{}},"
                "{'name':'temporary','emptyDir':{'sizeLimit':'64Mi'}},"
                "{'name':'credentials','secret':{'secretName':'street-detect-1-3-x7k2p',"
                "'defaultMode':288}}]");
    assert_json(container_part(pod, "volumeMounts"),
                "[{'name':'home','mountPath':'/var/lib/brume'},"
                "{'name':'temporary','mountPath':'/tmp'},"
                "{'name':'credentials','mountPath':'/run/brume/credentials','readOnly':true}]");
    json_decref(pod);
}

static void outputs_go_to_the_volume_that_is_named(void **state)
{
    (void)state;
    const struct fabric_mount reads[] = {{(char *)"/var/lib/brume/files/a", false}};
    const struct fabric_mount writes[] = {{(char *)"/var/lib/brume/out/street", true}};
    json_t *resource = sample("{'metadata':{'name':'street','annotations':"
                              "{'brume.dev/output-claim':'disk'}}}");
    struct kubernetes_pod pod = usual;
    struct fabric_start other = start;

    other.n_mounts = 1;
    other.mounts = writes;
    pod.resource = resource;
    pod.start = &other;
    json_t *writer = describe(&pod);
    assert_json(json_array_get(spec_part(writer, "volumes"), 3),
                "{'name':'out','persistentVolumeClaim':{'claimName':'disk'}}");
    assert_json(json_array_get(container_part(writer, "volumeMounts"), 3),
                "{'name':'out','mountPath':'/var/lib/brume/out'}");
    json_decref(writer);

    other.mounts = reads; /* a volume need not be on every node */
    json_t *reader = describe(&pod);
    assert_int_equal(json_array_size(spec_part(reader, "volumes")), 3);
    json_decref(reader);
    json_decref(resource);
}

static void requests_are_what_the_plan_foresees(void **state)
{
    (void)state;
    json_t *pod = describe(&usual);

    assert_json(container_part(pod, "resources"),
                "{'requests':{'cpu':'250m','memory':'104857600'},"
                "'limits':{'cpu':'1500m','memory':'224395264'}}");
    json_decref(pod);
}

static void limits_are_never_below_requests_nor_above_the_device(void **state)
{
    (void)state;
    static const struct {
        double cores, free_cores;
        uint64_t memory, free_memory;
        struct kubernetes_limits limits;
    } rows[] = {
        /* nothing foreseen: little is asked for, and the device is the limit */
        {0, 2, 0, GI, {10, 2000, 16 * MI, GI}},
        {0.001, 2, 4 * MI, GI, {10, 2000, 16 * MI, 70 * MI}},
        {1, 2, 800 * MI, GI, {1000, 2000, 800 * MI, GI}},
        /* more than there is: the scheduler is to say so */
        {3, 2, 2 * GI, GI, {3000, 3000, 2 * GI, 2 * GI}},
        {0.5, 2, 0, 0, {500, 2000, 16 * MI, 0}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fabric_start what = {.cores = rows[i].cores, .memory = rows[i].memory};
        struct fabric_device on = {.cores = rows[i].free_cores, .memory = rows[i].free_memory};
        struct kubernetes_limits limits = kubernetes_pod_limits(&what, &on);

        assert_int_equal(limits.cpu, rows[i].limits.cpu);
        assert_int_equal(limits.cpu_most, rows[i].limits.cpu_most);
        assert_int_equal(limits.memory, rows[i].limits.memory);
        assert_int_equal(limits.memory_most, rows[i].limits.memory_most);
    }
}

static void writing_where_nothing_stays_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool writable, good;
    } rows[] = {
        {"/var/lib/brume/out", true, true},    {"/var/lib/brume/state", true, true},
        {"/var/lib/brume", true, true},        {"/home/me/out", true, false},
        {"/var/lib/brumes", true, false},      {"/var/lib/brume/../x", true, false},
        {"/home/me/picture.png", false, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct fabric_mount mount = {(char *)rows[i].path, rows[i].writable};
        const struct fabric_start what = {.stage = "out-1", .n_mounts = 1, .mounts = &mount};
        struct error err;

        assert_int_equal(kubernetes_pod_check(&what, &err), rows[i].good ? 0 : -EACCES);
        if (!rows[i].good) {
            assert_non_null(strstr(err.text, rows[i].path));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_tells_whose_life_it_is),
        cmocka_unit_test(a_name_is_a_label_whatever_its_parts_are),
        cmocka_unit_test(labels_say_whose_it_is),
        cmocka_unit_test(the_application_owns_pod_and_secret),
        cmocka_unit_test(it_is_for_one_node_and_one_life),
        cmocka_unit_test(a_dead_node_costs_seconds_and_so_does_an_end),
        cmocka_unit_test(it_may_do_nothing_but_its_work),
        cmocka_unit_test(it_is_told_where_all_is),
        cmocka_unit_test(credentials_are_in_the_secret_alone),
        cmocka_unit_test(what_it_writes_goes_with_it),
        cmocka_unit_test(outputs_go_to_the_volume_that_is_named),
        cmocka_unit_test(requests_are_what_the_plan_foresees),
        cmocka_unit_test(limits_are_never_below_requests_nor_above_the_device),
        cmocka_unit_test(writing_where_nothing_stays_is_refused),
    };

    return cmocka_run_group_tests_name("kubernetes_pod", tests, NULL, NULL);
}
