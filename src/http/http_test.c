/* Requests against a server on a Unix socket in the same loop, which says what a test tells it
 * to, however that is cut into pieces. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "http/http.h"

struct server {
    uv_loop_t loop;
    uv_pipe_t door;
    char folder[32], socket[64];
    const char *says; /* to every caller, when its request is complete */
    bool slowly;      /* a byte at a time */
    bool stays;       /* does not hang up */
    char asked[4096]; /* by the last caller */
    struct http *http;
    unsigned n_done, n_lines, n_opened;
    int status, code; /* of the last answer */
    bool reached;     /* by the last question */
    uint64_t retry_ms;
    char said[512];
    char trouble[256];
};

struct caller {
    uv_pipe_t pipe;
    uv_write_t writing;
    uv_timer_t timer;
    struct server *server;
    unsigned n_handles;
    size_t n_said;
    size_t n_heard;
};

static void release(uv_handle_t *handle)
{
    struct caller *caller = handle->data;

    if (--caller->n_handles == 0) {
        free(caller);
    }
}

static void hang_up(struct caller *caller)
{
    if (!uv_is_closing((uv_handle_t *)&caller->pipe)) {
        uv_close((uv_handle_t *)&caller->pipe, release);
        uv_close((uv_handle_t *)&caller->timer, release);
    }
}

static void say(struct caller *caller);

static void on_time(uv_timer_t *timer)
{
    say(timer->data);
}

static void on_said(uv_write_t *writing, int status)
{
    struct caller *caller = writing->data;
    const struct server *server = caller->server;

    if (status == 0 && server->says[caller->n_said] != '\0') {
        uv_timer_start(&caller->timer, on_time, 1, 0);
    } else if (status < 0 || !server->stays) {
        hang_up(caller);
    }
}

static void say(struct caller *caller)
{
    const struct server *server = caller->server;
    size_t n = server->slowly ? 1 : strlen(server->says);
    uv_buf_t words = uv_buf_init((char *)server->says + caller->n_said, (unsigned)n);

    caller->n_said += n;
    caller->writing.data = caller;
    uv_write(&caller->writing, (uv_stream_t *)&caller->pipe, &words, 1, on_said);
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_room)
{
    struct caller *caller = handle->data;

    (void)wanted;
    *ret_room = uv_buf_init(caller->server->asked + caller->n_heard,
                            (unsigned)(sizeof(caller->server->asked) - 1 - caller->n_heard));
}

static void on_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct caller *caller = stream->data;
    struct server *server = caller->server;

    (void)room;
    if (n < 0) {
        hang_up(caller);
        return;
    }
    caller->n_heard += (size_t)n;
    server->asked[caller->n_heard] = '\0';
    if (server->says != NULL && caller->n_said == 0 && strstr(server->asked, "\r\n\r\n")) {
        say(caller);
    }
}

static void on_call(uv_stream_t *door, int status)
{
    struct caller *caller = memory_new(1, sizeof(*caller));

    assert_int_equal(status, 0);
    caller->server = door->data;
    caller->n_handles = 2;
    caller->pipe.data = caller;
    caller->timer.data = caller;
    uv_pipe_init(door->loop, &caller->pipe, 0);
    uv_timer_init(door->loop, &caller->timer);
    assert_int_equal(uv_accept(door, (uv_stream_t *)&caller->pipe), 0);
    uv_read_start((uv_stream_t *)&caller->pipe, give_room, on_heard);
}

static int setup(void **state)
{
    struct server *server = memory_new(1, sizeof(*server));

    strcpy(server->folder, "/tmp/brume-http-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->socket, sizeof(server->socket), "%s/socket", server->folder);
    uv_loop_init(&server->loop);
    uv_pipe_init(&server->loop, &server->door, 0);
    server->door.data = server;
    assert_int_equal(uv_pipe_bind(&server->door, server->socket), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server->door, 8, on_call), 0);
    const struct http_place place = {.name = "the test's server",
                                     .url = "http://localhost/v1",
                                     .socket = server->socket,
                                     .token = "secret"};
    server->http = http_create(&server->loop, &place);
    *state = server;
    return 0;
}

static void close_all(uv_handle_t *handle, void *owner)
{
    struct server *server = owner;

    if (uv_is_closing(handle)) {
        return;
    }
    uv_close(handle, handle == (uv_handle_t *)&server->door ? NULL : release);
}

static int teardown(void **state)
{
    struct server *server = *state;

    http_destroy(server->http);
    uv_run(&server->loop, UV_RUN_NOWAIT);
    uv_walk(&server->loop, close_all, server);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&server->loop), 0);
    unlink(server->socket);
    rmdir(server->folder);
    free(server);
    return 0;
}

static void on_done(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct server *server = owner;

    server->n_done++;
    server->status = answer->status;
    server->reached = answer->reached;
    server->retry_ms = answer->retry_ms;
    server->code = err != NULL ? err->code : 0;
    snprintf(server->trouble, sizeof(server->trouble), "%s", err != NULL ? err->text : "");
    if (server->n_lines == 0) {
        snprintf(server->said, sizeof(server->said), "%s", answer->body);
    }
}

static void on_opened(void *owner)
{
    struct server *server = owner;

    assert_int_equal(server->n_lines, 0);
    server->n_opened++;
}

static void on_line(void *owner, const char *line)
{
    struct server *server = owner;
    size_t n = strlen(server->said);

    server->n_lines++;
    snprintf(server->said + n, sizeof(server->said) - n, "[%s]", line);
}

static const struct http_listener listener = {on_opened, on_line, on_done};

static void until(struct server *server, const unsigned *counter, unsigned value)
{
    while (*counter < value) {
        uv_run(&server->loop, UV_RUN_ONCE);
    }
}

static void an_answer_comes_whole_however_it_is_cut(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/hello?a=b"};

    server->says = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    server->slowly = true;
    http_ask(server->http, &request, on_done, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->status, 200);
    assert_int_equal(server->code, 0);
    assert_string_equal(server->said, "hello");
    assert_int_equal(strncmp(server->asked, "GET /v1/hello?a=b HTTP/1.1\r\n", 27), 0);
    assert_non_null(strstr(server->asked, "Authorization: Bearer secret\r\n"));
}

static void what_is_sent_arrives(void **state)
{
    struct server *server = *state;
    const struct http_request request = {
        .method = "PUT", .path = "/", .body = "{\"a\":1}", .size = 7};

    server->says = "HTTP/1.1 204 No Content\r\n\r\n";
    http_ask(server->http, &request, on_done, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->status, 204);
    assert_int_equal(strncmp(server->asked, "PUT ", 4), 0);
    assert_non_null(strstr(server->asked, "Content-Type: application/json\r\n"));
}

static void what_the_server_says_of_an_error_is_told(void **state)
{
    static const struct {
        const char *says, *trouble;
        int code;
    } rows[] = {
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 27\r\n\r\n{\"message\":\"no such thing\"}",
         "the test's server: no such thing", -ENOENT},
        {"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}",
         "the test's server: {} (status 409)", -EBUSY},
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "the test's server: status 403",
         -EACCES},
        {"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", "the test's server: status 410",
         -ESTALE},
        {"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", "the test's server: status 429",
         -EAGAIN},
        {"HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\na\nb\nc",
         "the test's server: a (status 500)", -EIO},
    };
    struct server *server = *state;
    const struct http_request request = {.path = "/"};

    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        server->says = rows[i].says;
        http_ask(server->http, &request, on_done, server);
        until(server, &server->n_done, i + 1);
        assert_int_equal(server->code, rows[i].code);
        assert_string_equal(server->trouble, rows[i].trouble);
    }
}

static void an_answer_that_is_too_large_is_refused(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/", .most = 4};

    server->says = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    http_ask(server->http, &request, on_done, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->code, -EMSGSIZE);
    assert_string_equal(server->trouble, "the test's server sent more than 4 bytes at once");
}

static void a_busy_server_may_say_when_to_come_again(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/"};

    server->says = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    http_ask(server->http, &request, on_done, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->code, -EAGAIN);
    assert_true(server->reached);
    assert_int_equal(server->retry_ms, 7000);
}

static void who_asks_may_change(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/"};
    const struct http_place place = {.name = "the test's server",
                                     .url = "http://localhost/v2",
                                     .socket = server->socket,
                                     .token = "another"};

    server->says = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    http_set_place(server->http, &place);
    http_ask(server->http, &request, on_done, server);
    until(server, &server->n_done, 1);
    assert_int_equal(strncmp(server->asked, "GET /v2/ HTTP/1.1\r\n", 19), 0);
    assert_non_null(strstr(server->asked, "Authorization: Bearer another\r\n"));
}

static void silence_ends_a_request(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/", .timeout_ms = 1};

    http_ask(server->http, &request, on_done, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->code, -ETIMEDOUT);
    assert_string_equal(server->trouble, "the test's server does not answer");
}

static void silence_in_the_middle_of_a_stream_ends_it(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/", .silence_ms = 5};

    server->says = "HTTP/1.1 200 OK\r\n\r\none\n";
    server->stays = true;
    http_follow(server->http, &request, &listener, server);
    until(server, &server->n_done, 1);
    assert_string_equal(server->said, "[one]");
    assert_int_equal(server->code, -ETIMEDOUT);
}

static void a_stream_is_told_line_by_line(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/events", .timeout_ms = 10000};

    server->says = "HTTP/1.1 200 OK\r\n\r\none\ntwo\n\nhalf";
    server->slowly = true;
    http_follow(server->http, &request, &listener, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->n_opened, 1);
    assert_string_equal(server->said, "[one][two][]");
    assert_int_equal(server->code, 0);
}

static void a_stream_that_is_refused_never_opens(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/events"};

    server->says = "HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\na\nb\nc";
    http_follow(server->http, &request, &listener, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->n_opened + server->n_lines, 0);
    assert_int_equal(server->code, -EINVAL);
}

static void nobody_there_is_told(void **state)
{
    struct server *server = *state;
    const struct http_place place = {
        .name = "nobody", .url = "http://localhost", .socket = "/tmp/brume-nobody/socket"};
    const struct http_request request = {.path = "/"};
    struct http *http = http_create(&server->loop, &place);
    struct error err;

    http_ask(http, &request, on_done, server);
    until(server, &server->n_done, 1);
    assert_int_equal(server->code, -ENOENT);
    assert_false(server->reached);
    http_destroy(http);
    assert_int_equal(http_ask_now(&place, &request, NULL, &err), -ENOENT);
    assert_string_equal(err.text, "cannot reach nobody: No such file or directory");
}

static void what_is_forgotten_calls_nobody(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/"};
    struct http_exchange *one;

    server->says = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    one = http_ask(server->http, &request, on_done, server);
    http_follow(server->http, &request, &listener, server);
    http_forget(server->http, one);
    http_forget(server->http, NULL);
    until(server, &server->n_done, 1);
    uv_run(&server->loop, UV_RUN_NOWAIT);
    assert_int_equal(server->n_done, 1);
}

static void ask_again(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct server *server = owner;
    const struct http_request request = {.path = "/again"};

    on_done(owner, answer, err);
    http_ask(server->http, &request, on_done, server);
}

static void one_may_ask_from_an_answer(void **state)
{
    struct server *server = *state;
    const struct http_request request = {.path = "/"};

    server->says = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    http_ask(server->http, &request, ask_again, server);
    until(server, &server->n_done, 2);
    assert_non_null(strstr(server->asked, "/again"));
}

static void text_is_escaped_for_a_query(void **state)
{
    (void)state;
    cleanup(memory_free) char *escaped = http_escape("{\"a b\":1}&");

    assert_string_equal(escaped, "%7B%22a%20b%22%3A1%7D%26");
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_answer_comes_whole_however_it_is_cut),
        STORY(what_is_sent_arrives),
        STORY(what_the_server_says_of_an_error_is_told),
        STORY(an_answer_that_is_too_large_is_refused),
        STORY(a_busy_server_may_say_when_to_come_again),
        STORY(who_asks_may_change),
        STORY(silence_ends_a_request),
        STORY(silence_in_the_middle_of_a_stream_ends_it),
        STORY(a_stream_is_told_line_by_line),
        STORY(a_stream_that_is_refused_never_opens),
        STORY(nobody_there_is_told),
        STORY(what_is_forgotten_calls_nobody),
        STORY(one_may_ask_from_an_answer),
        cmocka_unit_test(text_is_escaped_for_a_query),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
