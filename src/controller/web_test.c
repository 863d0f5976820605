/* A real client against the real server, in one loop. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "controller/serving.h"
#include "controller/web.h"
#include "http/http.h"
#include "net/address.h"

static uv_loop_t loop;
static struct web *web;
static struct http *client;
static const char *trouble; /* why it is not ready */
static unsigned n_told;     /* metrics */
static bool answered;
static int status;
static char body[512];

static const char *unready(void *owner)
{
    (void)owner;
    return trouble;
}

static char *metrics(void *owner)
{
    (void)owner;
    return memory_format("brume_leader %u\n", ++n_told);
}

static int start(void **state)
{
    const struct web_setup setup = {
        .loop = &loop, .address = "127.0.0.1:0", .unready = unready, .metrics = metrics};
    struct error err;

    (void)state;
    trouble = NULL;
    n_told = 0;
    uv_loop_init(&loop);
    assert_int_equal(web_open(&setup, &web, &err), 0);
    cleanup(memory_free) char *url = memory_format("http://%s", web_address(web));
    const struct http_place place = {.name = "the controller", .url = url};
    client = http_create(&loop, &place);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_destroy(client);
    web_close(web);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void done(void *owner, const struct http_answer *answer, const struct error *err)
{
    (void)owner;
    (void)err;
    answered = true;
    status = answer->status;
    snprintf(body, sizeof(body), "%s", answer->body);
}

static void ask(const char *method, const char *path)
{
    const struct http_request request = {.method = method, .path = path};

    answered = false;
    http_ask(client, &request, done, NULL);
    while (!answered) {
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static void it_says_that_it_is_well(void **state)
{
    (void)state;
    ask("GET", "/healthz");
    assert_int_equal(status, 200);
    assert_string_equal(body, "ok\n");
}

static void it_is_ready_unless_it_says_why_not(void **state)
{
    (void)state;
    ask("GET", "/readyz");
    assert_int_equal(status, 200);
    trouble = "the API server cannot be reached";
    ask("GET", "/readyz");
    assert_int_equal(status, 503);
    assert_string_equal(body, "the API server cannot be reached\n");
}

static void it_tells_its_metrics(void **state)
{
    (void)state;
    ask("GET", "/metrics");
    assert_int_equal(status, 200);
    assert_string_equal(body, "brume_leader 1\n");
}

static void metrics_are_not_counted_for_each_who_asks(void **state)
{
    (void)state;
    uint64_t began = clock_ms();

    ask("GET", "/metrics");
    ask("GET", "/metrics");
    if (clock_ms() - began < WEB_FRESH_MS) {
        assert_string_equal(body, "brume_leader 1\n");
    }
}

static int knock(const char *from)
{
    struct sockaddr_storage there, here;
    struct error err;
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(address_parse(web_address(web), &there, &err), 0);
    assert_int_equal(address_parse(from, &here, &err), 0);
    assert_int_equal(bind(door, (struct sockaddr *)&here, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(connect(door, (struct sockaddr *)&there, sizeof(struct sockaddr_in)), 0);
    return door;
}

static void one_who_takes_all_connections_keeps_nobody_out(void **state)
{
    int doors[SERVING_CONNECTIONS_MAX];
    char byte;

    (void)state;
    for (size_t i = 0; i < SERVING_CONNECTIONS_MAX; i++) {
        doors[i] = knock("127.0.0.2:0");
    }
    ask("GET", "/healthz");
    assert_int_equal(status, 200);
    assert_int_equal(recv(doors[SERVING_CONNECTIONS_MAX - 1], &byte, 1, 0), 0);
    assert_true(recv(doors[0], &byte, 1, MSG_DONTWAIT) < 0); /* it may still say something */
    for (size_t i = 0; i < SERVING_CONNECTIONS_MAX; i++) {
        close(doors[i]);
    }
}

static void nothing_else_is_there(void **state)
{
    (void)state;
    ask("GET", "/v1alpha1/applications");
    assert_int_equal(status, 404);
    ask("DELETE", "/metrics");
    assert_int_equal(status, 405);
}

static void an_address_that_is_taken_is_refused(void **state)
{
    const struct web_setup again = {.loop = &loop, .address = web_address(web)};
    struct web *other = NULL;
    struct error err;

    (void)state;
    assert_int_equal(web_open(&again, &other, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, web_address(web)));
    const struct web_setup nonsense = {.loop = &loop, .address = "everywhere"};
    assert_int_equal(web_open(&nonsense, &other, &err), -EINVAL);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(it_says_that_it_is_well),
        STORY(it_is_ready_unless_it_says_why_not),
        STORY(it_tells_its_metrics),
        STORY(metrics_are_not_counted_for_each_who_asks),
        STORY(one_who_takes_all_connections_keeps_nobody_out),
        STORY(nothing_else_is_there),
        STORY(an_address_that_is_taken_is_refused),
    };

    return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
