/* Alerts: their words, their number, and a web server that does not always take them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "operator/alert_text.h"
#include "operator/at_most.h"
#include "operator/rig.h"

enum { REQUESTS_MAX = 8, REQUEST_SIZE = 4096, HANG_UP = 0, SAY_NOTHING = 1 };

/* A web server on 127.0.0.1 that gives answer i to request i: a status, HANG_UP, or SAY_NOTHING
 * until the client leaves. */
struct server {
    int fd;
    char url[64];
    pthread_t thread;
    int answers[REQUESTS_MAX];
    size_t n;
    char requests[REQUESTS_MAX][REQUEST_SIZE];
};

static void read_request(int fd, char *request)
{
    size_t size = 0;
    size_t wanted = SIZE_MAX;

    while (size < wanted && size < REQUEST_SIZE - 1) {
        ssize_t n = read(fd, request + size, REQUEST_SIZE - 1 - size);

        if (n <= 0) {
            return;
        }
        size += (size_t)n;
        request[size] = '\0';
        const char *body = strstr(request, "\r\n\r\n");
        const char *length = strstr(request, "Content-Length: ");
        if (body != NULL && length != NULL) {
            wanted = (size_t)(body + 4 - request) + strtoul(length + 16, NULL, 10);
        }
    }
}

static void answer(int fd, int status)
{
    char text[128];
    char byte;

    if (status == SAY_NOTHING) {
        while (read(fd, &byte, 1) > 0) {
        }
    } else if (status != HANG_UP) {
        snprintf(text, sizeof(text),
                 "HTTP/1.1 %d x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", status);
        assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    }
}

static void *serve(void *owner)
{
    struct server *server = owner;
    int fd;

    while (server->n < REQUESTS_MAX && (fd = accept(server->fd, NULL, NULL)) >= 0) {
        read_request(fd, server->requests[server->n]);
        answer(fd, server->answers[server->n++]);
        close(fd);
    }
    return NULL;
}

static struct server *server_start(const int *answers, size_t n)
{
    struct server *server = memory_new(1, sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    memcpy(server->answers, answers, n * sizeof(*answers));
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d/alerts",
             ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

/* No more requests; returns how many there were. */
static size_t server_stop(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    return server->n;
}

static const double rows[][2] = {{1078941600, 2.5}, {1078941600.5, -1360}};
static const char names[] = "CO\tstreet\nNO\"x\t\n";

static int try_frame(struct operator_instance *alert, uint64_t sequence, struct error *err)
{
    cleanup(frame_unrefp) struct frame *frame = rig_readings(2, rows, names);

    return rig_try(alert, sequence, &frame, err);
}

static void the_terminal_gets_a_line_per_reading(void **state)
{
    cleanup(operator_closep) struct operator_instance *alert = RIG_OPEN("alert");
    cleanup(operator_closep) struct operator_instance *worded =
        RIG_OPEN("alert", "text", "{type}={value}, {type}!");
    cleanup(frame_unrefp) struct frame *frame = rig_readings(2, rows, names);
    cleanup(memory_free) char *line = rig_hear(worded, 0, &frame);
    struct operator_result result;
    struct error err;
    (void)state;

    assert_string_equal(line, "CO=2.5, CO!");
    assert_int_equal(operator_process(alert, 0, &frame, &result, &err), 0);
    assert_int_equal(result.n_said, 2);
    assert_string_equal(result.said[0], "street CO: 2.5 at 2004-03-10T18:00:00Z");
    assert_string_equal(result.said[1], "NO\"x: -1360 at 2004-03-10T18:00:00.500Z");
    operator_result_finish(&result);
}

static void a_long_text_is_cut(void **state)
{
    const struct alert_reading reading = {
        .type = "temperature", .device = "", .time = "", .value = 1};
    char text[16];
    (void)state;

    alert_text_fill("{device}  {type} of {type}", &reading, sizeof(text), text);
    assert_string_equal(text, "temperature of ");
    alert_text_fill("{type} {type}", &reading, sizeof(text), text);
    assert_string_equal(text, "temperature tem");
}

static void what_is_over_the_limit_is_counted_and_told(void **state)
{
    cleanup(operator_closep) struct operator_instance *alert =
        RIG_OPEN("alert", "at-most", "3/h", "text", "{type}");
    cleanup(frame_unrefp) struct frame *frame = rig_readings(2, rows, names);
    (void)state;

    for (uint64_t i = 0; i < 5; i++) {
        struct operator_result result;
        struct error err;

        assert_int_equal(operator_process(alert, i, &frame, &result, &err), 0);
        assert_int_equal(result.n_said, i == 0 ? 2 : i == 1 ? 1 : 0);
        operator_result_finish(&result);
    }
}

static void a_limit_holds_in_any_window(void **state)
{
    const uint64_t second = 1000000000;
    struct at_most limit;
    (void)state;

    at_most_init(&limit, 2, 2.0 / 60);
    assert_true(at_most_take(&limit, 0));
    assert_true(at_most_take(&limit, 50 * second));
    assert_false(at_most_take(&limit, 59 * second));
    assert_true(at_most_take(&limit, 60 * second));
    assert_false(at_most_take(&limit, 61 * second));
    assert_false(at_most_take(&limit, 109 * second));
    assert_int_equal(limit.n_dropped, 3);
    assert_true(at_most_take(&limit, 110 * second));
    at_most_finish(&limit);
    at_most_init(&limit, 0.5, 0.5);
    assert_true(at_most_take(&limit, 0));
    assert_false(at_most_take(&limit, 1 * second));
    assert_true(at_most_take(&limit, 2 * second));
    at_most_finish(&limit);
    at_most_init(&limit, 0, 0);
    assert_true(at_most_take(&limit, 0));
    assert_true(at_most_take(&limit, 0));
    at_most_finish(&limit);
}

static void a_webhook_gets_json_with_a_key(void **state)
{
    struct server *server = server_start((int[]){200, 204}, 2);
    struct operator_instance *alert =
        RIG_OPEN("alert", "to", "webhook", "url", server->url, "run", "a1\r\nEvil: 1");
    struct error err = {0};
    (void)state;

    assert_int_equal(try_frame(alert, 7, &err), 0);
    operator_close(alert);
    assert_int_equal(server_stop(server), 2);
    assert_non_null(strstr(server->requests[0], "POST /alerts HTTP/1.1\r\n"));
    assert_non_null(strstr(server->requests[0], "Content-Type: application/json\r\n"));
    assert_non_null(strstr(server->requests[0], "\r\nIdempotency-Key: a1--Evil--1-7-0\r\n"));
    assert_string_equal(strstr(server->requests[0], "\r\n\r\n") + 4,
                        "{\"text\":\"street CO: 2.5 at 2004-03-10T18:00:00Z\",\"type\":\"CO\","
                        "\"device\":\"street\",\"value\":2.5,\"time\":\"2004-03-10T18:00:00Z\","
                        "\"run\":\"a1--Evil--1\",\"sequence\":7,\"index\":0,\"dropped\":0}");
    assert_non_null(strstr(server->requests[1], "\r\nIdempotency-Key: a1--Evil--1-7-1\r\n"));
    free(server);
}

static void a_post_is_tried_again_with_the_same_key(void **state)
{
    struct server *server = server_start((int[]){503, HANG_UP, 429, 200, 200}, 5);
    struct operator_instance *alert = RIG_OPEN("alert", "to", "webhook", "url", server->url,
                                               "run", "a1", "pause", "1ms", "timeout", "1min");
    struct error err = {0};
    (void)state;

    assert_int_equal(try_frame(alert, 7, &err), 0);
    operator_close(alert);
    assert_int_equal(server_stop(server), 5);
    for (size_t i = 0; i < 5; i++) {
        const char *key =
            i < 4 ? "\r\nIdempotency-Key: a1-7-0\r\n" : "\r\nIdempotency-Key: a1-7-1\r\n";

        assert_non_null(strstr(server->requests[i], key));
    }
    free(server);
}

static void a_server_that_says_nothing_is_not_waited_for(void **state)
{
    struct server *server = server_start((int[]){SAY_NOTHING, SAY_NOTHING}, 2);
    struct operator_instance *alert =
        RIG_OPEN("alert", "to", "webhook", "url", server->url, "attempts", "2", "pause", "1ms",
                 "timeout", "100ms");
    struct error err = {0};
    (void)state;

    assert_true(try_frame(alert, 0, &err) < 0);
    assert_non_null(strstr(err.text, "alert: after 2 attempts: cannot post to '127.0.0.1': "));
    operator_close(alert);
    server_stop(server);
    free(server);
}

static void a_post_that_is_refused_costs_the_frame(void **state)
{
    static const struct {
        int answers[2];
        const char *sentence;
        size_t n_requests;
    } cases[] = {
        {{404}, "alert: '127.0.0.1' answered 404", 1},
        {{302}, "alert: '127.0.0.1' answered 302", 1},
        {{500, 502}, "alert: after 2 attempts: '127.0.0.1' answered 502", 2},
        {{500, HANG_UP},
         "alert: after 2 attempts: cannot post to '127.0.0.1': Empty reply from server",
         2},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct server *server = server_start(cases[i].answers, 2);
        struct operator_instance *alert = RIG_OPEN("alert", "to", "webhook", "url", server->url,
                                                   "attempts", "2", "pause", "1ms");
        struct error err = {0};

        assert_true(try_frame(alert, 0, &err) < 0);
        assert_string_equal(err.text, cases[i].sentence);
        operator_close(alert);
        assert_int_equal(server_stop(server), cases[i].n_requests);
        free(server);
    }
}

static void a_server_that_is_not_there_costs_the_frame(void **state)
{
    struct server *server = server_start((int[]){200}, 1);
    struct operator_instance *alert =
        RIG_OPEN("alert", "to", "webhook", "url", server->url, "attempts", "2", "pause", "0ms");
    struct error err = {0};
    (void)state;

    server_stop(server);
    assert_true(try_frame(alert, 0, &err) < 0);
    assert_non_null(strstr(err.text, "alert: after 2 attempts: cannot post to '127.0.0.1': "));
    operator_close(alert);
    free(server);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    static const struct {
        const char *name, *value, *sentence;
    } cases[] = {
        {"url", "", "alert: 'url' is missing: where should the webhook go?"},
        {"url", "file:///etc/passwd",
         "alert: 'url' must be an address such as https://example.org/alerts"},
        {"url", "example.org/x",
         "alert: 'url' must be an address such as https://example.org/alerts"},
        {"text", "{type} {kind}",
         "alert: 'text' has '{kind}' in it; {type}, {value}, {time} and {device} are known"},
        {"text", "{type",
         "alert: 'text' has '{type' in it; {type}, {value}, {time} and {device} are known"},
    };
    struct error err = {0};
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        RIG_REFUSE(&err, "alert", "to", "webhook", cases[i].name, cases[i].value);
        assert_string_equal(err.text, cases[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_terminal_gets_a_line_per_reading),
        cmocka_unit_test(a_long_text_is_cut),
        cmocka_unit_test(what_is_over_the_limit_is_counted_and_told),
        cmocka_unit_test(a_limit_holds_in_any_window),
        cmocka_unit_test(a_webhook_gets_json_with_a_key),
        cmocka_unit_test(a_post_is_tried_again_with_the_same_key),
        cmocka_unit_test(a_server_that_says_nothing_is_not_waited_for),
        cmocka_unit_test(a_post_that_is_refused_costs_the_frame),
        cmocka_unit_test(a_server_that_is_not_there_costs_the_frame),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
    };

    setenv("no_proxy", "*", 1); // NOLINT(concurrency-mt-unsafe): no thread yet
    return cmocka_run_group_tests(tests, NULL, NULL);
}
