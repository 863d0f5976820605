/* Events as a server on loopback hears of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "kube/api.h"
#include "kube/event.h"
#include "kube/server_fixture.h"

struct story {
    uv_loop_t loop;
    struct server_fixture *server;
    struct kube_api *api;
    struct kube_events *events;
    json_t *object;
    int status; /* of all answers */
    unsigned n_asked, n_on_their_way;
    char asked[1024];
};

static void on_asked(void *owner, const struct server_request *request)
{
    struct story *story = owner;
    json_t *body = json_loads(request->body, 0, NULL);
    size_t n = strlen(story->asked);

    story->n_asked++;
    snprintf(story->asked + n, sizeof(story->asked) - n, "%s %.*s %d;", request->method,
             (int)strcspn(request->path, "."), request->path,
             (int)json_integer_value(json_object_get(body, "count")));
    json_decref(body);
    server_answer(request->caller, story->status, NULL, "{}");
}

static int setup(void **state)
{
    struct story *story = memory_new(1, sizeof(*story));

    story->status = 200;
    story->object = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "apiVersion", "v1", "kind",
                              "Pod", "metadata", "namespace", "s", "name", "p", "uid", "1");
    uv_loop_init(&story->loop);
    story->server = server_fixture_open(&story->loop, on_asked, story);
    story->api = server_api(story->server, &story->loop);
    story->events = kube_events_create(story->api, "brume", "pod-1");
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    struct story *story = *state;

    kube_events_destroy(story->events);
    kube_api_close(story->api);
    server_fixture_close(story->server);
    uv_run(&story->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&story->loop), 0);
    json_decref(story->object);
    free(story);
    return 0;
}

static void on_last(void *owner, const struct kube_answer *answer, const struct error *err)
{
    unsigned *n = owner;

    (void)answer;
    (void)err;
    (*n)++;
}

/* Until all that was said before is written. */
static void settle(struct story *story)
{
    const struct kube_call call = {.path = "/last", .once = true};
    unsigned n = story->n_asked, n_done = 0;

    while (story->n_asked == n) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    kube_ask(story->api, &call, on_last, &n_done);
    while (n_done == 0) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

static void what_happens_again_is_counted(void **state)
{
    struct story *story = *state;

    kube_events_say(story->events, story->object, false, "Started", "it runs");
    settle(story);
    kube_events_say(story->events, story->object, false, "Started", "it runs");
    settle(story);
    assert_string_equal(story->asked, "POST /api/v1/namespaces/s/events 1;GET /last 0;"
                                      "PATCH /api/v1/namespaces/s/events/p 2;GET /last 0;");
}

static void what_the_server_forgot_is_written_anew(void **state)
{
    struct story *story = *state;

    kube_events_say(story->events, story->object, true, "Lost", "it is gone");
    settle(story);
    story->status = 404;
    kube_events_say(story->events, story->object, true, "Lost", "it is gone");
    settle(story);
    kube_events_say(story->events, story->object, true, "Lost", "it is gone");
    settle(story);
    assert_string_equal(story->asked, "POST /api/v1/namespaces/s/events 1;GET /last 0;"
                                      "PATCH /api/v1/namespaces/s/events/p 2;GET /last 0;"
                                      "POST /api/v1/namespaces/s/events 1;GET /last 0;");
}

static void nobody_waits_for_what_is_on_its_way(void **state)
{
    struct story *story = *state;

    kube_events_say(story->events, story->object, false, "Started", "it runs");
    kube_events_say(story->events, story->object, false, "Started", "it runs on");
    kube_events_destroy(story->events);
    story->events = NULL;
    uv_run(&story->loop, UV_RUN_NOWAIT);
    assert_int_equal(story->n_asked, 0);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_happens_again_is_counted),
        STORY(what_the_server_forgot_is_written_anew),
        STORY(nobody_waits_for_what_is_on_its_way),
    };

    return cmocka_run_group_tests_name("kube event", tests, test_folder_make,
                                       test_folder_remove);
}
