/* An HTTP server in the loop. A question is answered in the call that asks: nothing here takes
 * long. libmicrohttpd does the work; serving.c is its home. */
#ifndef CONTROLLER_SERVING_H
#define CONTROLLER_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct serving;

enum {
    SERVING_CONNECTIONS_MAX = 64,
    SERVING_OK = 200,
    SERVING_NOT_FOUND = 404,
    SERVING_METHOD = 405,
    SERVING_CONFLICT = 409,
    SERVING_TOO_LARGE = 413,
    SERVING_UNPROCESSABLE = 422,
    SERVING_UNAVAILABLE = 503,
};

struct serving_question {
    const char *method; /* "GET" */
    const char *path;
    const char *body; /* NULL: there was none */
    size_t size;
    bool too_large; /* the body was, and is not here */
    void *connection;
};

struct serving_answer {
    unsigned status;
    const char *type; /* static: "application/json" */
    char *text;       /* malloc'ed */
};

struct serving_setup {
    uv_loop_t *loop;
    int socket;          /* that listens; taken */
    size_t body_most;    /* bytes */
    unsigned patience_s; /* with a connection that says nothing */
    unsigned from_one;   /* connections from one address at most; 0: as many as there are */
    void (*ask)(void *owner, const struct serving_question *question,
                struct serving_answer *ret_answer);
    void *owner;
};

struct serving *serving_open(const struct serving_setup *setup);
void serving_close(struct serving *serving); /* accepts NULL */

/* What follows "?key=" in the URL, or NULL. */
const char *serving_argument(const struct serving_question *question, const char *key);

#endif
