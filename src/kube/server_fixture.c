#include "kube/server_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "kube/api.h"
#include "kube/config.h"

enum { HEARD_MAX = 64 << 10 };

struct server_caller {
    struct server_caller *next;
    struct server_fixture *server;
    uv_tcp_t socket;
    char heard[HEARD_MAX];
    size_t n_heard;
};

struct server_fixture {
    uv_tcp_t *door;
    server_asked_fn asked;
    void *owner;
    struct server_caller *callers;
    char url[64];
};

struct writing {
    uv_write_t write;
    char *text;
};

static void release(uv_handle_t *handle)
{
    free(handle->data);
}

void server_hang_up(struct server_caller *caller)
{
    struct server_caller **at = &caller->server->callers;

    while (*at != caller) {
        at = &(*at)->next;
    }
    *at = caller->next;
    caller->socket.data = caller;
    uv_close((uv_handle_t *)&caller->socket, release);
}

static void on_said(uv_write_t *write, int status)
{
    struct writing *writing = write->data;

    (void)status;
    free(writing->text);
    free(writing);
}

/* Takes the text. */
static void say(struct server_caller *caller, char *text)
{
    struct writing *writing = memory_new(1, sizeof(*writing));
    uv_buf_t bytes = uv_buf_init(text, (unsigned)strlen(text));

    writing->text = text;
    writing->write.data = writing;
    if (uv_write(&writing->write, (uv_stream_t *)&caller->socket, &bytes, 1, on_said) < 0) {
        free(text);
        free(writing);
    }
}

void server_answer(struct server_caller *caller, int status, const char *headers,
                   const char *body)
{
    say(caller, memory_format("HTTP/1.1 %d So\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                              strlen(body), headers != NULL ? headers : "", body));
}

void server_stream(struct server_caller *caller)
{
    say(caller, memory_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

void server_say(struct server_caller *caller, const char *piece)
{
    say(caller, memory_format("%zx\r\n%s\r\n", strlen(piece), piece));
}

void server_end(struct server_caller *caller)
{
    say(caller, memory_text("0\r\n\r\n"));
}

static char *header_of(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);

    return at == NULL ? NULL
                      : memory_format("%.*s", (int)strcspn(at + strlen(name), "\r"),
                                      at + strlen(name));
}

/* One complete request, if there is one; libcurl asks the next when it has its answer. */
static void hear(struct server_caller *caller)
{
    const char *end = strstr(caller->heard, "\r\n\r\n");

    if (end == NULL) {
        return;
    }
    size_t n_head = (size_t)(end - caller->heard) + 4;
    cleanup(memory_free) char *head = memory_format("%.*s", (int)n_head, caller->heard);
    cleanup(memory_free) char *length = header_of(head, "\r\nContent-Length: ");
    cleanup(memory_free) char *token = header_of(head, "\r\nAuthorization: Bearer ");
    size_t n_body = length != NULL ? strtoul(length, NULL, 10) : 0;
    if (caller->n_heard < n_head + n_body) {
        return;
    }
    cleanup(memory_free) char *body =
        memory_format("%.*s", (int)n_body, caller->heard + n_head);
    cleanup(memory_free) char *line = memory_format("%.*s", (int)strcspn(head, "\r"), head);
    char *rest = line;
    const char *method = strsep(&rest, " "), *path = strsep(&rest, " ");
    caller->n_heard -= n_head + n_body;
    memmove(caller->heard, caller->heard + n_head + n_body, caller->n_heard + 1);
    const struct server_request request = {caller, method, path, token, body, head};
    caller->server->asked(caller->server->owner, &request);
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_room)
{
    struct server_caller *caller = handle->data;

    (void)wanted;
    *ret_room = uv_buf_init(caller->heard + caller->n_heard,
                            (unsigned)(HEARD_MAX - 1 - caller->n_heard));
}

static void on_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct server_caller *caller = stream->data;

    (void)room;
    if (n < 0) {
        server_hang_up(caller);
        return;
    }
    caller->n_heard += (size_t)n;
    caller->heard[caller->n_heard] = '\0';
    hear(caller);
}

static void on_call(uv_stream_t *door, int status)
{
    struct server_fixture *server = door->data;
    struct server_caller *caller = memory_new(1, sizeof(*caller));

    assert(status == 0);
    caller->server = server;
    caller->socket.data = caller;
    uv_tcp_init(door->loop, &caller->socket);
    if (uv_accept(door, (uv_stream_t *)&caller->socket) < 0) {
        abort();
    }
    caller->next = server->callers;
    server->callers = caller;
    uv_read_start((uv_stream_t *)&caller->socket, give_room, on_heard);
}

struct server_fixture *server_fixture_open(struct uv_loop_s *loop, server_asked_fn asked,
                                           void *owner)
{
    struct server_fixture *server = memory_new(1, sizeof(*server));
    struct sockaddr_in address;
    int size = sizeof(address);

    server->asked = asked;
    server->owner = owner;
    server->door = memory_new(1, sizeof(*server->door));
    server->door->data = server;
    uv_tcp_init(loop, server->door);
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_tcp_bind(server->door, (const struct sockaddr *)&address, 0) < 0 ||
        uv_listen((uv_stream_t *)server->door, 16, on_call) < 0 ||
        uv_tcp_getsockname(server->door, (struct sockaddr *)&address, &size) < 0) {
        abort();
    }
    snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    return server;
}

void server_shut_door(struct server_fixture *server)
{
    if (server->door != NULL) {
        server->door->data = server->door;
        uv_close((uv_handle_t *)server->door, release);
        server->door = NULL;
    }
}

void server_fixture_close(struct server_fixture *server)
{
    while (server->callers != NULL) {
        server_hang_up(server->callers);
    }
    server_shut_door(server);
    free(server);
}

const char *server_url(const struct server_fixture *server)
{
    return server->url;
}

void server_kubeconfig(const struct server_fixture *server, const char *user, const char *path)
{
    cleanup(memory_free) char *text =
        memory_format("current-context: a\n"
                      "contexts: [{name: a, context: {cluster: a, user: a}}]\n"
                      "clusters: [{name: a, cluster: {server: '%s'}}]\n"
                      "users: [{name: a, user: %s}]\n",
                      server->url, user);
    struct error err;

    if (file_write(path, text, strlen(text), &err) < 0) {
        abort();
    }
}

struct kube_api *server_api(const struct server_fixture *server, struct uv_loop_s *loop)
{
    const struct kube_surroundings around = {.kubeconfig = "config"};
    struct kube_config *config = NULL;
    struct kube_api *api = NULL;
    struct error err;

    server_kubeconfig(server, "{token: secret}", "config");
    if (kube_config_load_from(&around, &config, &err) < 0 ||
        kube_api_open(loop, config, &api, &err) < 0) {
        abort();
    }
    return api;
}
