/* Requests against a server on loopback, which says what a test tells it to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "http/http.h"
#include "kube/api.h"
#include "kube/config.h"
#include "kube/server_fixture.h"

enum { ANSWERS_MAX = 16 };

struct answer {
    int status; /* -2: breaks off half-way; -1: hangs up; 0: does not answer */
    const char *headers, *body;
};

struct story {
    uv_loop_t loop;
    struct server_fixture *server;
    struct kube_api *api;
    const struct answer *answers; /* one after the other, the last again and again */
    unsigned n_answers, n_asked;
    char asked[4096]; /* "GET /a secret;PUT /b secret {};" */
    char head[2048];
    unsigned n_done;
    int code, status;
    char said[256], trouble[256];
};

static void on_asked(void *owner, const struct server_request *request)
{
    struct story *story = owner;
    unsigned last = story->n_answers - 1;
    const struct answer *answer =
        &story->answers[story->n_asked < last ? story->n_asked : last];
    size_t n = strlen(story->asked);

    story->n_asked++;
    snprintf(story->asked + n, sizeof(story->asked) - n, "%s %s %s%s%s;", request->method,
             request->path, request->token != NULL ? request->token : "-",
             *request->body != '\0' ? " " : "", request->body);
    snprintf(story->head, sizeof(story->head), "%s", request->head);
    if (answer->status < -1) {
        server_stream(request->caller);
        server_say(request->caller, answer->body);
    }
    if (answer->status < 0) {
        server_hang_up(request->caller);
    } else if (answer->status > 0) {
        server_answer(request->caller, answer->status, answer->headers, answer->body);
    }
}

static struct kube_config *configure(const struct story *story, const char *user)
{
    const struct kube_surroundings around = {.kubeconfig = "config"};
    struct kube_config *config = NULL;
    struct error err;

    server_kubeconfig(story->server, user, "config");
    if (kube_config_load_from(&around, &config, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return config;
}

static void open_api(struct story *story, const char *user)
{
    struct error err;

    assert_int_equal(kube_api_open(&story->loop, configure(story, user), &story->api, &err), 0);
}

static int setup(void **state)
{
    struct story *story = memory_new(1, sizeof(*story));

    uv_loop_init(&story->loop);
    story->server = server_fixture_open(&story->loop, on_asked, story);
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    struct story *story = *state;

    kube_api_close(story->api);
    server_fixture_close(story->server);
    uv_run(&story->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&story->loop), 0);
    free(story);
    return 0;
}

static void on_done(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct story *story = owner;
    const char *name = json_string_value(json_object_get(answer->json, "name"));

    story->n_done++;
    story->status = answer->status;
    story->code = err != NULL ? err->code : 0;
    snprintf(story->said, sizeof(story->said), "%s", name != NULL ? name : answer->text);
    snprintf(story->trouble, sizeof(story->trouble), "%s", err != NULL ? err->text : "");
}

static void until_done(struct story *story, unsigned n)
{
    while (story->n_done < n) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

static void ask(struct story *story, const struct kube_call *call)
{
    if (story->api == NULL) {
        open_api(story, "{token: secret}");
    }
    kube_ask(story->api, call, on_done, story);
}

static void a_question_is_answered_from_the_loop(void **state)
{
    static const struct answer answers[] = {{200, NULL, "{\"name\": \"street\"}"}};
    struct story *story = *state;
    const struct kube_call call = {.path = "/api/v1/pods?limit=1"};

    story->answers = answers;
    story->n_answers = 1;
    ask(story, &call);
    assert_int_equal(story->n_done, 0);
    until_done(story, 1);
    assert_string_equal(story->said, "street");
    assert_int_equal(story->code, 0);
    assert_int_equal(story->status, 200);
    assert_string_equal(story->asked, "GET /api/v1/pods?limit=1 secret;");
}

static void what_is_no_json_is_text(void **state)
{
    static const struct answer answers[] = {{200, NULL, "# HELP x\nx 1\n"}};
    struct story *story = *state;
    const struct kube_call call = {.path = "/metrics"};

    story->answers = answers;
    story->n_answers = 1;
    ask(story, &call);
    until_done(story, 1);
    assert_string_equal(story->said, "# HELP x\nx 1\n");
    assert_int_equal(story->code, 0);
}

static void a_patch_is_a_merge_unless_it_is_said(void **state)
{
    static const struct answer answers[] = {{200, NULL, "{}"}};
    struct story *story = *state;
    json_t *body = json_pack("{s:i}", "a", 1);
    struct kube_call call = {.method = "PATCH", .path = "/a", .body = body};

    story->answers = answers;
    story->n_answers = 1;
    ask(story, &call);
    until_done(story, 1);
    assert_string_equal(story->asked, "PATCH /a secret {\"a\":1};");
    assert_non_null(strstr(story->head, "\r\nContent-Type: application/merge-patch+json\r\n"));
    call.type = "application/apply-patch+yaml";
    ask(story, &call);
    until_done(story, 2);
    assert_non_null(strstr(story->head, "\r\nContent-Type: application/apply-patch+yaml\r\n"));
    json_decref(body);
}

static void a_refusal_is_the_servers_sentence(void **state)
{
    static const struct answer answers[] = {
        {404, NULL,
         "{\"kind\": \"Status\", \"message\": \"applications.brume.dev \\\"street\\\" not "
         "found\", \"reason\": \"NotFound\"}"},
        {410, NULL, "{\"message\": \"too old resource version\"}"},
    };
    struct story *story = *state;
    const struct kube_call call = {.path = "/a"};

    story->answers = answers;
    story->n_answers = 2;
    ask(story, &call);
    until_done(story, 1);
    assert_int_equal(story->code, -ENOENT);
    assert_int_equal(story->status, 404);
    assert_string_equal(story->trouble,
                        "the API server: applications.brume.dev \"street\" not found");
    ask(story, &call);
    until_done(story, 2);
    assert_int_equal(story->code, -ESTALE);
    assert_int_equal(story->n_asked, 2);
}

static void a_busy_server_is_asked_again(void **state)
{
    static const struct answer answers[] = {{429, "Retry-After: 0\r\n", "busy"},
                                            {503, NULL, "busy"},
                                            {-1, NULL, NULL},
                                            {200, NULL, "{\"name\": \"at last\"}"}};
    struct story *story = *state;
    const struct kube_call call = {.method = "DELETE", .path = "/a"};

    story->answers = answers;
    story->n_answers = 4;
    ask(story, &call);
    until_done(story, 1);
    assert_int_equal(story->code, 0);
    assert_string_equal(story->said, "at last");
    assert_int_equal(story->n_asked, 4);
}

static void what_may_not_be_twice_is_asked_once(void **state)
{
    static const struct answer answers[] = {{503, NULL, "busy"}};
    struct story *story = *state;
    const struct kube_call post = {.method = "POST", .path = "/a"};
    const struct kube_call once = {.path = "/a", .once = true};

    story->answers = answers;
    story->n_answers = 1;
    ask(story, &post);
    until_done(story, 1);
    assert_int_equal(story->code, -EAGAIN);
    assert_string_equal(story->trouble, "the API server: busy (status 503)");
    ask(story, &once);
    until_done(story, 2);
    assert_int_equal(story->n_asked, 2);
}

static void half_an_answer_is_none(void **state)
{
    static const struct answer answers[] = {
        {-2, NULL, "{\"name\": \"str"}, {200, NULL, "{\"name\": \"street\"}"}, {-2, NULL, "{"}};
    struct story *story = *state;
    const struct kube_call call = {.path = "/a"};
    const struct kube_call post = {.method = "POST", .path = "/a"};

    story->answers = answers;
    story->n_answers = 3;
    ask(story, &call);
    until_done(story, 1);
    assert_int_equal(story->code, 0);
    assert_string_equal(story->said, "street");
    ask(story, &post); /* which may have been done */
    until_done(story, 2);
    assert_int_equal(story->code, -EIO);
    assert_int_equal(story->status, 0);
    assert_int_equal(story->n_asked, 3);
}

static void no_wait_is_longer_than_the_time(void **state)
{
    static const struct answer answers[] = {{429, "Retry-After: 60\r\n", "busy"}};
    struct story *story = *state;
    const struct kube_call call = {.path = "/a", .timeout_ms = 5000};

    story->answers = answers;
    story->n_answers = 1;
    ask(story, &call);
    until_done(story, 1);
    assert_int_equal(story->code, -EAGAIN);
    assert_int_equal(story->n_asked, 1);
}

static void a_refused_token_is_renewed_once(void **state)
{
    static const struct answer answers[] = {{401, NULL, "{\"message\": \"Unauthorized\"}"},
                                            {200, NULL, "{}"},
                                            {401, NULL, "{\"message\": \"Unauthorized\"}"}};
    struct story *story = *state;
    const struct kube_call call = {.method = "POST", .path = "/a", .once = true};
    struct error err;

    assert_int_equal(file_write("token", "one", 3, &err), 0);
    story->answers = answers;
    story->n_answers = 3;
    open_api(story, "{tokenFile: token}");
    ask(story, &call);
    until_done(story, 1);
    assert_int_equal(story->code, 0);
    assert_int_equal(file_write("token", "two", 3, &err), 0);
    ask(story, &call);
    until_done(story, 2);
    assert_int_equal(story->code, -EACCES);
    assert_string_equal(story->asked, "POST /a one;POST /a one;POST /a two;POST /a two;");
}

static void a_failing_plug_in_is_told_from_the_loop(void **state)
{
    struct story *story = *state;
    const struct kube_call call = {.path = "/a"};

    open_api(story, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./none}}");
    ask(story, &call);
    assert_int_equal(story->n_done, 0);
    until_done(story, 1);
    assert_int_equal(story->code, -ENOENT);
    assert_int_equal(story->status, 0);
}

static void use_up_the_burst(struct story *story, unsigned n_more)
{
    static const struct answer answers[] = {{200, NULL, "{}"}};
    const struct kube_call call = {.path = "/a"};

    story->answers = answers;
    story->n_answers = 1;
    for (unsigned i = 0; i < KUBE_BURST + n_more; i++) {
        ask(story, &call);
    }
}

static void questions_go_out_by_urgency_and_then_in_order(void **state)
{
    struct story *story = *state;
    const struct kube_call calls[] = {{.path = "/idle", .urgency = KUBE_IDLE},
                                      {.path = "/one"},
                                      {.path = "/two"},
                                      {.path = "/urgent", .urgency = KUBE_URGENT}};

    use_up_the_burst(story, 5);
    uv_run(&story->loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < 4; i++) {
        ask(story, &calls[i]);
    }
    until_done(story, KUBE_BURST + 9);
    assert_true(strstr(story->asked, "/urgent") < strstr(story->asked, "/one"));
    assert_non_null(strstr(story->asked, "GET /one secret;GET /two secret;GET /idle secret;"));
    assert_int_equal(story->n_asked, KUBE_BURST + 9);
}

static void the_time_of_a_question_begins_when_it_is_let_out(void **state)
{
    struct story *story = *state;
    const struct kube_call call = {.path = "/late", .timeout_ms = 400};

    use_up_the_burst(story, KUBE_RATE); /* a second */
    ask(story, &call);
    until_done(story, KUBE_BURST + KUBE_RATE + 1);
    assert_non_null(strstr(story->asked, "GET /late"));
    assert_int_equal(story->code, 0);
}

static void when_too_much_waits_what_is_idle_is_dropped(void **state)
{
    struct story *story = *state;
    const struct kube_call idle = {.path = "/idle", .urgency = KUBE_IDLE};

    use_up_the_burst(story, KUBE_WAIT_MOST - 1);
    ask(story, &idle);
    ask(story, &idle);
    until_done(story, 1);
    assert_int_equal(story->code, -ETIMEDOUT);
    assert_non_null(strstr(story->trouble, "too much is asked of it"));
    assert_int_equal(story->n_done, 1); /* the other one waits on */
}

static void what_is_forgotten_calls_nobody(void **state)
{
    static const struct answer answers[] = {{503, NULL, "busy"}};
    struct story *story = *state;
    const struct kube_call call = {.path = "/a"};

    story->answers = answers;
    story->n_answers = 1;
    open_api(story, "{token: secret}");
    struct kube_request *waits = kube_ask(story->api, &call, on_done, story);
    struct kube_request *asks = kube_ask(story->api, &call, on_done, story);
    kube_forget(story->api, waits);
    kube_forget(story->api, NULL);
    while (story->n_asked < 1) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    kube_forget(story->api, asks);
    kube_ask(story->api, &call, on_done, story);
    kube_api_close(story->api);
    story->api = NULL;
    uv_run(&story->loop, UV_RUN_NOWAIT);
    assert_int_equal(story->n_done, 0);
}

/* The server's loop runs in a thread of its own, until somebody shuts its door. */
static void serve(void *owner)
{
    struct story *story = owner;

    uv_run(&story->loop, UV_RUN_DEFAULT);
}

static void on_last_asked(void *owner, const struct server_request *request)
{
    struct story *story = owner;

    on_asked(owner, request);
    if (story->n_asked == story->n_answers) {
        server_shut_door(story->server);
    }
}

static void one_may_wait_for_an_answer_without_a_loop(void **state)
{
    static const struct answer answers[] = {
        {503, "Connection: close\r\n", "busy"},
        {200, "Connection: close\r\n", "{\"name\": \"street\"}"},
        {200, "Connection: close\r\n", "no JSON"},
        {404, "Connection: close\r\n", "{\"message\": \"not there\"}"},
    };
    struct story *story = *state;
    const struct kube_call call = {.path = "/a"};
    json_t *answer = NULL;
    struct error err;
    uv_thread_t thread;

    server_fixture_close(story->server);
    story->server = server_fixture_open(&story->loop, on_last_asked, story);
    story->answers = answers;
    story->n_answers = 4;
    struct kube_config *config = configure(story, "{token: secret}");
    assert_int_equal(uv_thread_create(&thread, serve, story), 0);
    assert_int_equal(kube_ask_now(config, &call, &answer, &err), 0);
    assert_string_equal(json_string_value(json_object_get(answer, "name")), "street");
    json_decref(answer);
    assert_int_equal(kube_ask_now(config, &call, &answer, &err), -EPROTO);
    assert_int_equal(kube_ask_now(config, &call, NULL, &err), -ENOENT);
    assert_string_equal(err.text, "the API server: not there");
    uv_thread_join(&thread);
    kube_config_destroy(config);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_question_is_answered_from_the_loop),
        STORY(what_is_no_json_is_text),
        STORY(a_patch_is_a_merge_unless_it_is_said),
        STORY(a_refusal_is_the_servers_sentence),
        STORY(a_busy_server_is_asked_again),
        STORY(what_may_not_be_twice_is_asked_once),
        STORY(half_an_answer_is_none),
        STORY(no_wait_is_longer_than_the_time),
        STORY(a_refused_token_is_renewed_once),
        STORY(a_failing_plug_in_is_told_from_the_loop),
        STORY(questions_go_out_by_urgency_and_then_in_order),
        STORY(the_time_of_a_question_begins_when_it_is_let_out),
        STORY(when_too_much_waits_what_is_idle_is_dropped),
        STORY(what_is_forgotten_calls_nobody),
        STORY(one_may_wait_for_an_answer_without_a_loop),
    };

    return cmocka_run_group_tests_name("kube api", tests, test_folder_make, test_folder_remove);
}
