/* For tests: a server on loopback, in a loop, that answers what a test tells it to. */
#ifndef KUBE_SERVER_FIXTURE_H
#define KUBE_SERVER_FIXTURE_H

#include <stdbool.h>

struct kube_api;
struct server_caller;
struct server_fixture;
struct uv_loop_s;

/* One request; texts are borrowed, `head` is all of it. It is answered now, or later. */
struct server_request {
    struct server_caller *caller;
    const char *method, *path, *token, *body, *head;
};
typedef void (*server_asked_fn)(void *owner, const struct server_request *request);

struct server_fixture *server_fixture_open(struct uv_loop_s *loop, server_asked_fn asked,
                                           void *owner);
/* Hangs up on all. libuv's handles go when the loop runs next. */
void server_fixture_close(struct server_fixture *server);
const char *server_url(const struct server_fixture *server); /* "http://127.0.0.1:41234" */
/* Of a user of the server, in the file `path`. */
void server_kubeconfig(const struct server_fixture *server, const char *user, const char *path);
/* A client of the server, with a token, "secret"; its kubeconfig is the file `config`. */
struct kube_api *server_api(const struct server_fixture *server, struct uv_loop_s *loop);
/* Nobody can connect from now on; who is there stays. */
void server_shut_door(struct server_fixture *server);

/* The connection stays. `headers` end with "\r\n" each; may be NULL. */
void server_answer(struct server_caller *caller, int status, const char *headers,
                   const char *body);
/* Begins a stream; its pieces; its end. */
void server_stream(struct server_caller *caller);
void server_say(struct server_caller *caller, const char *piece);
void server_end(struct server_caller *caller);
void server_hang_up(struct server_caller *caller);

#endif
