/* What is told of nodes and pods, against an API server on loopback. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "fabric/cluster.h"
#include "fabric/kubernetes_sample.h"
#include "kube/api.h"
#include "kube/server_fixture.h"

#define NODE(name)                                                                          \
    "{'metadata': {'name': '" name "', 'resourceVersion': '1'}, 'status': {'allocatable': " \
    "{'cpu': '4', 'memory': '1000000'}}}"
#define POD(name, node, cpu)                                                                   \
    "{'metadata': {'namespace': 'shop', 'name': '" name "', 'resourceVersion': '1'}, 'spec': " \
    "{'nodeName': '" node "', 'containers': [{'resources': {'requests': {'cpu': '" cpu         \
    "', 'memory': '1000'}}}]}, 'status': {'phase': 'Running'}}"
#define LIST(items) "{'metadata': {'resourceVersion': '5'}, 'items': [" items "]}"

static uv_loop_t loop;
static struct server_fixture *server;
static struct kube_api *api;
static struct cluster *cluster;

static void on_asked(void *owner, const struct server_request *request)
{
    const char *text = strncmp(request->path, "/api/v1/nodes?", 14) == 0
                           ? LIST(NODE("a") ", " NODE("b"))
                           : LIST(POD("x", "a", "1") ", " POD("y", "b", "250m") ", " POD(
                                 "z", "a", "500m") ", " POD("w", "gone", "1"));

    (void)owner;
    if (strstr(request->path, "watch=1") != NULL) {
        server_stream(request->caller);
        return;
    }
    cleanup(json_decrefp) json_t *json = sample(text);
    cleanup(memory_free) char *body = json_dumps(json, 0);
    server_answer(request->caller, 200, NULL, body);
}

static int start(void **state)
{

    (void)state;
    uv_loop_init(&loop);
    server = server_fixture_open(&loop, on_asked, NULL);
    api = server_api(server, &loop);
    cluster = cluster_open(api, NULL);
    while (!cluster_is_complete(cluster)) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    cluster_close(cluster);
    kube_api_close(api);
    server_fixture_close(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void each_node_tells_what_pods_leave_of_it(void **state)
{
    cleanup(json_decrefp) json_t *usage = cluster_usage(cluster);
    const json_t *nodes = json_object_get(usage, "nodes"), *node;
    size_t i;

    (void)state;
    assert_int_equal(json_array_size(nodes), 2);
    json_array_foreach(nodes, i, node)
    {
        bool first = strcmp(json_string_value(json_object_get(node, "name")), "a") == 0;
        assert_float_equal(json_number_value(json_object_get(node, "free_cores")),
                           first ? 2.5 : 3.75, 1e-9);
        assert_int_equal(json_integer_value(json_object_get(node, "free_memory")),
                         first ? 998000 : 999000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_node_tells_what_pods_leave_of_it, start, stop),
    };

    return cmocka_run_group_tests_name("cluster_usage", tests, test_folder_make,
                                       test_folder_remove);
}
