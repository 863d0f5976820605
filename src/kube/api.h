/* Requests to the API server of a cluster.
 *
 * Happy path: kube_api_open, kube_ask: `done` comes from the loop, with the answer and no
 * error. Failure modes: what http.h says, with the server's own sentence. Every request has a
 * timeout. What the server was too busy for (429, 503), or what did not reach it, is asked
 * again, later and later, until KUBE_TRIES are over or the request is forgotten; only what may
 * be asked twice (GET, PUT, PATCH, DELETE), and POST when it surely did not reach it. Requests
 * are let out at KUBE_RATE a second at most, in the order in which they came; a burst of
 * KUBE_BURST is free.
 */
#ifndef KUBE_API_H
#define KUBE_API_H

#include <stdint.h>

#include "base/json.h"

struct error;
struct kube_api;
struct kube_config;
struct kube_request;
struct uv_loop_s;

enum { KUBE_RATE = 50, KUBE_BURST = 100, KUBE_TRIES = 6 };

/* Zero is what is usual. Copied; `body` is only read during the call. */
struct kube_call {
    const char *method; /* "GET" */
    const char *path;   /* "/api/v1/nodes?limit=500", escaped */
    const json_t *body;
    const char *type; /* of the body: by method, application/json, or for a PATCH
                         application/merge-patch+json */
    uint64_t timeout_ms;
};

/* `answer` is borrowed, NULL when it is no JSON (then `text` is it) or there was none. `err` is
 * NULL or as http.h has it: -ENOENT, -EACCES, -EBUSY (409), -EINVAL (422), -ETIMEDOUT, …;
 * -ESTALE for 410. */
struct kube_answer {
    const json_t *json;
    const char *text;
};
typedef void (*kube_done_fn)(void *owner, const struct kube_answer *answer,
                             const struct error *err);

/* Takes `config`, on failure too. Does not connect yet. */
int kube_api_open(struct uv_loop_s *loop, struct kube_config *config, struct kube_api **ret_api,
                  struct error *err);
/* Forgets all requests and watches must be closed; accepts NULL. libuv's handles go when the
 * loop runs next. */
void kube_api_close(struct kube_api *api);

struct kube_request *kube_ask(struct kube_api *api, const struct kube_call *call,
                              kube_done_fn done, void *owner);
void kube_forget(struct kube_api *api, struct kube_request *request); /* accepts NULL */

/* Without a loop; blocks. */
int kube_ask_now(struct kube_config *config, const struct kube_call *call, json_t **ret_answer,
                 struct error *err);
/* The same, for one that has a loop and waits all the same (opening, closing). */
int kube_api_ask_now(struct kube_api *api, const struct kube_call *call, json_t **ret_answer,
                     struct error *err);

struct uv_loop_s *kube_api_loop(struct kube_api *api);
const char *kube_api_namespace(const struct kube_api *api);

#endif
