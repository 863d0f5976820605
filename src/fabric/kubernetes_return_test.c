/* A run in a cluster that outlives its controller: what was kept of it, its stages, and nodes
 * that come and go meanwhile. The Application is played by a ConfigMap, which owns as well as
 * any; nodes that fail by ones that there never were, with room for nothing, so that nobody
 * else in the cluster takes them for devices. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/bench.h"
#include "fabric/bench_cluster.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "fabric/kubernetes_sample.h"
#include "kube/config.h"

/* A controller, as far as a fabric knows. */
struct desk {
    struct bench *bench;
    struct kube_api *api;
    struct cluster *cluster;
    unsigned n_complete;
};

static json_t *application; /* its owner */

static void on_complete(void *owner)
{
    ((struct desk *)owner)->n_complete++;
}

static struct desk *sit_down(void)
{
    struct desk *desk = memory_new(1, sizeof(*desk));
    const struct cluster_events events = {.complete = on_complete, .owner = desk};
    struct kube_config *config = NULL;
    struct error err;

    desk->bench = bench_begin("kubernetes");
    assert_int_equal(kube_config_load(&config, &err), 0);
    assert_int_equal(kube_api_open(&desk->bench->loop, config, &desk->api, &err), 0);
    desk->cluster = cluster_open(desk->api, &events);
    bench_until(desk->bench, &desk->n_complete, 1);
    const struct fabric_config with = {.application = "street",
                                       .cluster = desk->cluster,
                                       .space = bench_space,
                                       .resource = application};
    bench_open_on(desk->bench, &with);
    return desk;
}

/* `leaves`: the run goes on. */
static void get_up(struct desk *desk, bool leaves)
{
    struct fabric *fabric = STEAL(desk->bench->fabric);

    if (leaves) {
        fabric->ops->leave(fabric);
    } else {
        fabric->ops->close(fabric);
    }
    assert_string_equal(desk->bench->noted, "");
    cluster_close(desk->cluster);
    kube_api_close(desk->api);
    bench_close(desk->bench);
    memory_free(&desk);
}

static void start(struct desk *desk)
{
    assert_int_equal(bench_start(desk->bench, "detect", "device-2", "wait"), 0);
    bench_until_heard(desk->bench, "[detect wait]");
    bench_until(desk->bench, &desk->bench->n_done, 1);
}

static void save(struct desk *desk, const char *text)
{
    desk->bench->fabric->ops->save(desk->bench->fabric, text);
}

static void what_was_left_is_found_again(void **state)
{
    (void)state;
    struct desk *desk = sit_down();

    assert_null(desk->bench->fabric->ops->saved(desk->bench->fabric));
    start(desk);
    save(desk, "first");
    save(desk, "second");
    save(desk, "what a controller must know: äöü \"quoted\"");
    get_up(desk, true);
    assert_int_equal(bench_count("pods"), 1);

    desk = sit_down();
    assert_string_equal(desk->bench->fabric->ops->saved(desk->bench->fabric),
                        "what a controller must know: äöü \"quoted\"");
    bench_list(desk->bench);
    assert_int_equal(desk->bench->n_seen, 1);
    assert_string_equal(desk->bench->seen, "detect");
    assert_string_equal(desk->bench->device, "device-2");
    bench_stop(desk->bench, "detect");
    bench_until(desk->bench, &desk->bench->n_done, 1);
    assert_int_equal(bench_count("pods"), 0);
    get_up(desk, false);
    assert_int_equal(bench_count("secrets"), 0);
}

static void an_end_while_nobody_was_there_is_seen(void **state)
{
    (void)state;
    struct desk *desk = sit_down();

    start(desk);
    save(desk, "state");
    get_up(desk, true);
    cleanup(memory_free) char *pod = bench_pod();
    cleanup(memory_free) char *path = memory_format("pods/%s", pod);
    bench_delete(path);

    desk = sit_down();
    bench_list(desk->bench);
    assert_int_equal(desk->bench->n_seen, 0);
    get_up(desk, false);
    assert_int_equal(bench_count("pods"), 0);
    assert_int_equal(bench_count("secrets"), 0);
}

static void stages_of_which_nothing_was_kept_end(void **state)
{
    (void)state;
    struct desk *desk = sit_down();

    start(desk);
    get_up(desk, true);
    assert_int_equal(bench_count("pods"), 1);

    desk = sit_down();
    assert_null(desk->bench->fabric->ops->saved(desk->bench->fabric));
    bench_list(desk->bench);
    assert_int_equal(desk->bench->n_seen, 0);
    while (bench_count("pods") > 0) {
        uv_run(&desk->bench->loop, UV_RUN_ONCE);
    }
    get_up(desk, false);
}

static void all_is_owned_by_the_application(void **state)
{
    (void)state;
    struct desk *desk = sit_down();
    const char *uid = kubernetes_text(application, "metadata", "uid");
    static const char *const kinds[] = {"pods", "secrets"};

    start(desk);
    save(desk, "state");
    get_up(desk, true);
    for (size_t i = 0; i < 2; i++) {
        cleanup(memory_free) char *path =
            memory_format("%s?labelSelector=" KUBERNETES_APPLICATION "%%3Dstreet", kinds[i]);
        json_t *found = bench_look(path);
        const json_t *items = json_object_get(found, "items"), *item;
        size_t j;

        assert_int_equal(json_array_size(items), 1 + i);
        json_array_foreach(items, j, item)
        {
            const json_t *owner =
                json_array_get(kubernetes_part(item, "metadata", "ownerReferences"), 0);
            assert_string_equal(json_string_value(json_object_get(owner, "uid")), uid);
            assert_string_equal(kubernetes_label(item, KUBERNETES_RUN), uid);
        }
        json_decref(found);
    }
    get_up(sit_down(), false);
    assert_int_equal(bench_count("pods"), 0);
    assert_int_equal(bench_count("secrets"), 0);
}

/* A node without a kubelet, called as the namespace is, and a pod of ours that is bound to it.
 */
static void patch_ghost(const char *below, const char *patch)
{
    cleanup(memory_free) char *path = memory_format("nodes/%s%s", bench_space, below);

    json_decref(bench_ask("PATCH", path, sample(patch)));
}

static void make_ghost(void)
{
    cleanup(memory_free) char *pods = memory_format("namespaces/%s/pods", bench_space);
    cleanup(memory_free) char *status = memory_format("%s/ghost/status", pods);
    cleanup(memory_free) char *pod = memory_format(
        "{'metadata':{'name':'ghost','labels':{'app.kubernetes.io/managed-by':'brume',"
        "'brume.dev/run':'%s','brume.dev/stage':'haunt','brume.dev/life':'4'},"
        "'annotations':{'brume.dev/device':'%s'}},'spec':{'nodeName':'%s',"
        "'terminationGracePeriodSeconds':30,"
        "'containers':[{'name':'stage','image':'brume/none:1'}]}}",
        kubernetes_text(application, "metadata", "uid"), bench_space, bench_space);
    cleanup(memory_free) char *node = memory_format("{'metadata':{'name':'%s'}}", bench_space);

    json_decref(bench_ask("POST", "nodes", sample(node)));
    patch_ghost("/status", "{'status':{'conditions':[{'type':'Ready','status':'True',"
                           "'reason':'Test','lastHeartbeatTime':null,"
                           "'lastTransitionTime':null}]}}");
    json_decref(bench_ask("POST", pods, sample(pod)));
    json_decref(bench_ask(
        "PATCH", status,
        sample("{'status':{'phase':'Running','containerStatuses':[{'name':'stage','ready':true,"
               "'restartCount':0,'image':'i','imageID':'i','state':{'running':{}}}]}}")));
}

static void drop_ghost(void)
{
    cleanup(memory_free) char *path = memory_format("nodes/%s", bench_space);

    json_decref(bench_ask("DELETE", path, NULL));
}

static void nodes_that_come_and_go_are_told(void **state)
{
    (void)state;
    struct desk *desk = sit_down();
    const struct fabric_start what = {.stage = "detect", .device = bench_space, .life = 1};
    struct error err;

    save(desk, "state");
    get_up(desk, true);
    make_ghost();
    desk = sit_down();
    struct bench *bench = desk->bench;
    bench_list(bench);
    assert_int_equal(bench->n_seen, 1);
    assert_string_equal(bench->seen, "haunt");

    patch_ghost("", "{'spec':{'unschedulable':true}}");
    while (strcmp(bench->lost, bench_space) != 0) {
        uv_run(&bench->loop, UV_RUN_ONCE);
    }
    assert_int_equal(bench->fabric->ops->start(bench->fabric, &what, NULL, NULL, &err),
                     -EHOSTUNREACH);
    assert_non_null(strstr(err.text, " cannot take stage 'detect': it is "));
    assert_int_equal(bench->n_gone, 0); /* what runs there runs on */
    patch_ghost("/status", "{'status':{'conditions':[{'type':'Ready','status':'Unknown',"
                           "'reason':'Test','message':'It is a ghost.',"
                           "'lastHeartbeatTime':null,'lastTransitionTime':null}]}}");
    bench_delete("pods/ghost"); /* whose kubelet will not hear of it */
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->gone, "haunt");
    assert_non_null(strstr(bench->how, "was lost with its node, which is not ready"));
    drop_ghost();
    do {
        uv_run(&bench->loop, UV_RUN_ONCE);
        (void)bench->fabric->ops->start(bench->fabric, &what, NULL, NULL, &err);
    } while (strstr(err.text, "was removed from the cluster") == NULL);
    get_up(desk, false);
    assert_int_equal(bench_count("pods"), 0);
}

static int make_all(void **state)
{
    (void)state;
    cleanup(memory_free) char *path = memory_format("namespaces/%s/configmaps", bench_space);

    application = bench_ask("POST", path,
                            sample("{'apiVersion':'v1','kind':'ConfigMap',"
                                   "'metadata':{'name':'street'}}"));
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    json_decref(application);
    bench_remove_space();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_left_is_found_again),
        cmocka_unit_test(an_end_while_nobody_was_there_is_seen),
        cmocka_unit_test(stages_of_which_nothing_was_kept_end),
        cmocka_unit_test(all_is_owned_by_the_application),
        cmocka_unit_test(nodes_that_come_and_go_are_told),
    };

    if (argc > 1) {
        return bench_stage(argc, argv);
    }
    return bench_make_space()
               ? cmocka_run_group_tests_name("kubernetes_return", tests, make_all, remove_all)
               : 0;
}
