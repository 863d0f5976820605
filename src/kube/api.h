/* Requests to the API server of a cluster.
 *
 * Happy path: kube_api_open, kube_ask: `done` comes from the loop, with the answer and no
 * error. Failure modes: what http.h says, with the server's own sentence. Every request has a
 * timeout. What the server was too busy for (429, 503), or what did not reach it, is asked
 * again, later and later, until KUBE_TRIES or the time are over or the request is forgotten;
 * only what may be asked twice (GET, PUT, PATCH, DELETE: of a PUT that was done the second
 * answer may be a 409, of a DELETE a 404), and POST when it was surely not done. A token that
 * is refused (401) is renewed once. Requests are let out at KUBE_RATE a second at most; a burst
 * of KUBE_BURST is free. What waits goes by its urgency, then in the order in which it came;
 * its time begins when it is let out. When more than KUBE_WAIT_MOST wait, what is idle is
 * dropped.
 */
#ifndef KUBE_API_H
#define KUBE_API_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct error;
struct http_exchange;
struct http_listener;
struct http_request;
struct kube_api;
struct kube_config;
struct kube_request;
struct uv_loop_s;

enum { KUBE_RATE = 50, KUBE_BURST = 100, KUBE_TRIES = 6, KUBE_WAIT_MOST = 250 };

enum kube_urgency {
    KUBE_USUAL,
    KUBE_URGENT, /* before the usual: stages, and what is kept of runs */
    KUBE_IDLE,   /* after it: nobody misses it much */
};

/* Zero is what is usual. Copied; `body` is only read during the call. */
struct kube_call {
    const char *method; /* "GET" */
    const char *path;   /* "/api/v1/nodes?limit=500", escaped */
    const json_t *body;
    const char *type;    /* of the body: by method, application/json, or for a PATCH
                            application/merge-patch+json */
    uint64_t timeout_ms; /* from the first try until it is answered, all tries together: 30 s */
    bool once;           /* not again, for one who has rules of his own */
    enum kube_urgency urgency;
};

/* `json` is borrowed, NULL when the answer is no JSON (then `text` is it) or there was none;
 * `text` is never NULL. `err` is NULL or as http.h has it: -ENOENT, -EACCES, -EBUSY (409),
 * -ESTALE (410), -EINVAL (422), -EAGAIN (429, 503), -ETIMEDOUT, …; or what the credential
 * plug-in failed with. */
struct kube_answer {
    const json_t *json;
    const char *text;
    int status; /* 0: there was no answer */
};
typedef void (*kube_done_fn)(void *owner, const struct kube_answer *answer,
                             const struct error *err);

/* Takes `config`, on failure too. Does not connect yet. */
int kube_api_open(struct uv_loop_s *loop, struct kube_config *config, struct kube_api **ret_api,
                  struct error *err);
/* Forgets all requests; watches must be closed. Accepts NULL. libuv's handles go when the loop
 * runs next. */
void kube_api_close(struct kube_api *api);

/* The request is gone when `done` is called, which may ask, forget others, but not close. */
struct kube_request *kube_ask(struct kube_api *api, const struct kube_call *call,
                              kube_done_fn done, void *owner);
void kube_forget(struct kube_api *api, struct kube_request *request); /* accepts NULL */

/* Without a loop; blocks. `ret_answer` may be NULL; -EPROTO: the answer is no JSON. */
int kube_ask_now(struct kube_config *config, const struct kube_call *call, json_t **ret_answer,
                 struct error *err);
/* The same, for one that has a loop and waits all the same (opening, closing). */
int kube_api_ask_now(struct kube_api *api, const struct kube_call *call, json_t **ret_answer,
                     struct error *err);

/* A stream of lines, as http_follow() has it, from who we are now; neither held back nor tried
 * again. NULL: see `err`. */
struct http_exchange *kube_follow(struct kube_api *api, const struct http_request *request,
                                  const struct http_listener *listener, void *owner,
                                  struct error *err);
void kube_unfollow(struct kube_api *api, struct http_exchange *exchange); /* accepts NULL */
/* A stream ended with a 401: the token is renewed for the next. */
void kube_api_refused(struct kube_api *api);

struct uv_loop_s *kube_api_loop(struct kube_api *api);
const char *kube_api_namespace(const struct kube_api *api);
/* Where the server is, and who we are. */
struct kube_config *kube_api_config(struct kube_api *api);

#endif
