/* Requests to a server that speaks HTTP: a container engine on its Unix socket, the API server
 * of a cluster over TLS. libcurl does the work (transfer.h is its home).
 *
 * An `http` belongs to one loop and one server; its connections are kept and used again.
 *
 * Happy path: http_create, http_ask: `done` comes from the loop, with the answer and no error.
 * http_follow: `opened` once, `line` for each line, `done` when the server ends the answer.
 * Failure modes: no connection, no answer in time, an answer larger than was allowed, a status
 * of 400 or more: `done` gets an error, one sentence with what the server itself said of it. A
 * request that is forgotten calls nobody.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct http;
struct http_exchange;
struct uv_loop_s;

#define HTTP_TIMEOUT_MS  30000
#define HTTP_ANSWER_MOST ((size_t)4 << 20)

/* Where a server is, whom it must be, and who we are. Texts may be NULL but `name` and `url`.
 * What is in PEM is a file, or the text itself, which then wins. */
struct http_place {
    const char *name;   /* begins every error: "the container engine" */
    const char *url;    /* every path goes behind it: "http://localhost/v1.41" */
    const char *socket; /* of a Unix socket, instead of TCP to where the URL says */
    const char *proxy;  /* on the way to it: "http://10.0.0.1:3128"; else as the environment
                           has it */
    const char *server_name; /* in its certificate, and asked for; else the URL's host */
    const char *token;       /* sent as a bearer token */
    const char *authority, *authority_pem; /* who may vouch for the server; else the system's */
    const char *certificate, *certificate_pem; /* prove who we are */
    const char *key, *key_pem;
    bool insecure; /* nobody need vouch for the server */
};

/* Zero is what is usual. All of it is copied. */
struct http_request {
    const char *method; /* "GET" */
    const char *path;   /* "/containers/json?all=1", escaped */
    const char *type;   /* of the body: "application/json" */
    const void *body;
    size_t size;
    size_t most;         /* bytes of the answer, or of a line: HTTP_ANSWER_MOST */
    uint64_t timeout_ms; /* until the answer is complete, or a stream begins: HTTP_TIMEOUT_MS */
    uint64_t silence_ms; /* between two pieces of a stream: any */
};

struct http_answer {
    int status;       /* 0: there was none, or what was to be a good one broke off */
    const char *body; /* ends with a zero; empty for streams */
    size_t size;
    bool reached;      /* something of the request was sent: it may have been done */
    uint64_t retry_ms; /* that the server asks to wait before the next; 0: it does not */
};

/* `err` is NULL when the status is below 400. Else its code is -ENOENT for 404, -EACCES for 401
 * and 403, -EBUSY for 409, -ESTALE for 410, -EINVAL for 400 and 422, -EAGAIN for 429 and 503,
 * -ETIMEDOUT, what connecting failed with (-EHOSTUNREACH: the name is not known), -EPROTO for a
 * server whose certificate is not believed, or ours that cannot be used, or -EIO. */
typedef void (*http_done_fn)(void *owner, const struct http_answer *answer,
                             const struct error *err);

struct http_listener {
    void (*opened)(void *owner); /* or NULL */
    void (*line)(void *owner, const char *line);
    http_done_fn done;
};

struct http *http_create(struct uv_loop_s *loop, const struct http_place *place);

/* What is asked from now on goes there, and is from who we are now; copied. For the same server
 * with another token or certificate: connections that serve both are used again. */
void http_set_place(struct http *http, const struct http_place *place);

/* Forgets all requests; accepts NULL. Not from a callback of one. The memory of libuv's handles
 * goes when the loop runs next. */
void http_destroy(struct http *http);

/* Callbacks may ask, follow and forget. The exchange is gone when `done` is called. */
struct http_exchange *http_ask(struct http *http, const struct http_request *request,
                               http_done_fn done, void *owner);
struct http_exchange *http_follow(struct http *http, const struct http_request *request,
                                  const struct http_listener *listener, void *owner);

/* Calls nobody, and does not wait; the server may still do what was asked. Accepts NULL. */
void http_forget(struct http *http, struct http_exchange *exchange);

/* Waits until the server has answered all that was asked, and calls nobody. What is followed is
 * forgotten. Blocks, `timeout_ms` at most. */
void http_settle(struct http *http, uint64_t timeout_ms);

/* Asks without a loop; blocks. The body, malloc'ed, is the caller's, that of a refusal too; it
 * is untouched when there was no answer. NULL: it is of no use. */
int http_ask_now(const struct http_place *place, const struct http_request *request,
                 char **ret_body, struct error *err);
/* The same, with all that is to be said of the answer, always; its body is malloc'ed. */
int http_ask_answer(const struct http_place *place, const struct http_request *request,
                    struct http_answer *ret_answer, struct error *err);

/* As it may stand in a query; malloc'ed. */
char *http_escape(const char *text);

#endif
