/* What is left to the cluster when an Application's fabric is dismissed, against an API server
 * on loopback. */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "fabric/kubernetes.h"
#include "fabric/later.h"
#include "kube/api.h"
#include "kube/server_fixture.h"

enum { NEAR, DARK, N_NODES };

static uv_loop_t loop;
static struct server_fixture *server;
static struct kube_api *api;
static char asked[2048];
static unsigned n_asked;

static void on_asked(void *owner, const struct server_request *request)
{
    size_t n = strlen(asked);

    (void)owner;
    n_asked++;
    snprintf(asked + n, sizeof(asked) - n, "%s %s\n", request->method, request->path);
    server_answer(request->caller, 200, NULL, "{}");
}

static int start(void **state)
{

    (void)state;
    uv_loop_init(&loop);
    server = server_fixture_open(&loop, on_asked, NULL);
    api = server_api(server, &loop);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    kube_api_close(api);
    server_fixture_close(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* Of an Application with nodes of which one is not heard. */
static struct kubernetes *fabric_of(void)
{
    struct kubernetes *kubernetes = memory_new(1, sizeof(*kubernetes));

    kubernetes->site.loop = &loop;
    kubernetes->later = later_create(&loop);
    kubernetes->api = api;
    kubernetes->space = memory_text("shop");
    kubernetes->application = memory_text("street");
    kubernetes->places = memory_new(N_NODES, sizeof(*kubernetes->places));
    kubernetes->places[NEAR].heard = true;
    return kubernetes;
}

static struct kubernetes_stage *add(struct kubernetes *kubernetes, const char *pod,
                                    size_t device)
{
    struct kubernetes_stage *stage = memory_new(1, sizeof(*stage));

    stage->kubernetes = kubernetes;
    stage->name = memory_text(pod);
    snprintf(stage->pod, sizeof(stage->pod), "%s", pod);
    stage->device = device;
    stage->step = KUBERNETES_RUNS;
    stage->next = kubernetes->stages;
    kubernetes->stages = stage;
    return stage;
}

static bool was_asked(const char *question)
{
    cleanup(memory_free) char *line =
        memory_format("DELETE /api/v1/namespaces/shop/%s\n", question);

    return strstr(asked, line) != NULL;
}

static void pods_that_nobody_would_end_go_by_force(void **state)
{
    struct kubernetes *kubernetes = fabric_of();

    (void)state;
    add(kubernetes, "near", NEAR);
    add(kubernetes, "dark", DARK);
    add(kubernetes, "silent", NEAR)->abandoned = true;
    kubernetes_ops.dismiss(&kubernetes->fabric);
    while (n_asked < 7) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(was_asked("pods/near"));
    assert_true(was_asked("pods/dark?gracePeriodSeconds=0"));
    assert_true(was_asked("pods/silent?gracePeriodSeconds=0"));
    assert_true(was_asked("secrets/dark"));
    assert_true(was_asked("secrets/brume-run-street"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pods_that_nobody_would_end_go_by_force, start, stop),
    };

    return cmocka_run_group_tests_name("kubernetes_dismiss", tests, test_folder_make,
                                       test_folder_remove);
}
