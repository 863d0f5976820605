/* Two candidates and one server on loopback, which keeps one lease as the API server does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "kube/api.h"
#include "kube/lease.h"
#include "kube/server_fixture.h"

struct candidate {
    struct kube_api *api;
    struct kube_lease *lease;
    unsigned n_won, n_lost, n_troubles;
    char why[128];
};

struct story {
    uv_loop_t loop; /* of the candidates; the server has one of its own, in a thread */
    uv_loop_t server_loop;
    uv_async_t stop;
    uv_thread_t thread;
    struct server_fixture *server;
    bool forbidden;
    json_t *lease;
    unsigned version;
    struct candidate candidates[2];
};

static const char *version_of(const json_t *lease)
{
    const char *version = json_string_value(
        json_object_get(json_object_get(lease, "metadata"), "resourceVersion"));

    return version != NULL ? version : "";
}

static bool put(struct story *story, const char *body)
{
    json_t *lease = json_loads(body, 0, NULL);
    char version[16];

    if (strcmp(version_of(lease), version_of(story->lease)) != 0) {
        json_decref(lease);
        return false;
    }
    json_decref(story->lease);
    story->lease = lease;
    snprintf(version, sizeof(version), "%u", ++story->version);
    json_object_set_new(json_object_get(lease, "metadata"), "resourceVersion",
                        json_string(version));
    return true;
}

static void on_asked(void *owner, const struct server_request *request)
{
    static const char leases[] = "/apis/coordination.k8s.io/v1/namespaces/s/leases";
    struct story *story = owner;
    bool is_post = strcmp(request->method, "POST") == 0;

    if (story->forbidden) {
        server_answer(request->caller, 403, NULL, "{\"message\":\"not you\"}");
    } else if (strncmp(request->path, leases, strlen(leases)) != 0 ||
               strcmp(request->path + strlen(leases), is_post ? "" : "/brume") != 0) {
        server_answer(request->caller, 400, NULL, "{\"message\":\"where?\"}");
    } else if (strcmp(request->method, "GET") == 0 && story->lease == NULL) {
        server_answer(request->caller, 404, NULL, "{\"message\":\"not found\"}");
    } else if (strcmp(request->method, "GET") != 0 && !put(story, request->body)) {
        server_answer(request->caller, 409, NULL, "{\"message\":\"conflict\"}");
    } else {
        cleanup(memory_free) char *text = json_dumps(story->lease, JSON_COMPACT);
        server_answer(request->caller, 200, NULL, text);
    }
}

static void serve(void *owner)
{
    struct story *story = owner;

    uv_run(&story->server_loop, UV_RUN_DEFAULT);
}

static void on_stop(uv_async_t *stop)
{
    struct story *story = stop->data;

    server_fixture_close(story->server);
    uv_close((uv_handle_t *)stop, NULL);
}

static void on_won(void *owner)
{
    struct candidate *candidate = owner;

    candidate->n_won++;
}

static void on_lost(void *owner, const char *why)
{
    struct candidate *candidate = owner;

    candidate->n_lost++;
    snprintf(candidate->why, sizeof(candidate->why), "%s", why);
}

static void on_trouble(void *owner, const char *why)
{
    struct candidate *candidate = owner;

    candidate->n_troubles++;
    snprintf(candidate->why, sizeof(candidate->why), "%s", why != NULL ? why : "");
}

static int setup(void **state)
{
    struct story *story = memory_new(1, sizeof(*story));

    uv_loop_init(&story->loop);
    uv_loop_init(&story->server_loop);
    uv_async_init(&story->server_loop, &story->stop, on_stop);
    story->stop.data = story;
    story->server = server_fixture_open(&story->server_loop, on_asked, story);
    for (unsigned i = 0; i < 2; i++) {
        story->candidates[i].api = server_api(story->server, &story->loop);
    }
    *state = story;
    return 0;
}

static void begin(struct story *story, unsigned i, const char *identity)
{
    const struct kube_lease_events events = {on_won, on_lost, on_trouble,
                                             &story->candidates[i]};

    if (i == 0) {
        uv_thread_create(&story->thread, serve, story);
    }
    story->candidates[i].lease =
        kube_lease_open(story->candidates[i].api, "s", "brume", identity, &events);
}

static int teardown(void **state)
{
    struct story *story = *state;

    for (unsigned i = 0; i < 2; i++) {
        kube_lease_close(story->candidates[i].lease);
        kube_api_close(story->candidates[i].api);
    }
    uv_run(&story->loop, UV_RUN_DEFAULT);
    uv_async_send(&story->stop);
    uv_thread_join(&story->thread);
    assert_int_equal(uv_loop_close(&story->loop), 0);
    assert_int_equal(uv_loop_close(&story->server_loop), 0);
    json_decref(story->lease);
    free(story);
    return 0;
}

static void until(struct story *story, const unsigned *counter)
{
    while (*counter == 0) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

static void who_closes_hands_it_over(void **state)
{
    struct story *story = *state;
    struct candidate *one = &story->candidates[0], *other = &story->candidates[1];

    begin(story, 0, "one");
    until(story, &one->n_won);
    assert_true(kube_lease_holds(one->lease));
    begin(story, 1, "other");
    kube_lease_close(one->lease);
    one->lease = NULL;
    until(story, &other->n_won);
    assert_int_equal(one->n_lost, 0);
    assert_int_equal(other->n_troubles, 0);
}

static void one_holds_it_the_other_takes_it_when_it_is_given_up(void **state)
{
    struct story *story = *state;
    struct candidate *one = &story->candidates[0], *other = &story->candidates[1];

    begin(story, 0, "one");
    begin(story, 1, "other");
    while (one->n_won + other->n_won == 0) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    struct candidate *holder = one->n_won > 0 ? one : other;
    struct candidate *waits = holder == one ? other : one;
    assert_true(kube_lease_holds(holder->lease));
    assert_int_equal(waits->n_won + one->n_lost + other->n_lost, 0);
    kube_lease_close(holder->lease);
    holder->lease = NULL;
    until(story, &waits->n_won);
}

static void who_is_refused_is_told_why(void **state)
{
    struct story *story = *state;

    story->forbidden = true;
    begin(story, 0, "one");
    until(story, &story->candidates[0].n_troubles);
    assert_string_equal(story->candidates[0].why, "the API server: not you");
    assert_false(kube_lease_holds(story->candidates[0].lease));
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(who_closes_hands_it_over),
        STORY(one_holds_it_the_other_takes_it_when_it_is_given_up),
        STORY(who_is_refused_is_told_why),
    };

    return cmocka_run_group_tests_name("kube lease", tests, test_folder_make,
                                       test_folder_remove);
}
