/* What a controller tells whoever can reach it: GET /healthz, /readyz and /metrics, and nothing
 * else. Whether it is well, and numbers; no secret, no manifest. */
#ifndef CONTROLLER_WEB_H
#define CONTROLLER_WEB_H

#include <stdbool.h>
#include <uv.h>

struct error;
struct web;

#define WEB_ADDRESS "0.0.0.0:9464"

enum {
    WEB_FRESH_MS = 1000,     /* metrics are told again for so long */
    WEB_CONNECTIONS_MAX = 8, /* from one address: whoever fills them leaves room for others */
};

struct web_setup {
    uv_loop_t *loop;
    const char *address; /* numeric: "0.0.0.0:9464" */
    /* Why it is not ready, borrowed until the loop turns; NULL: it is. */
    const char *(*unready)(void *owner);
    char *(*metrics)(void *owner); /* malloc'ed */
    void *owner;
};

/* A port of 0 is any that is free. */
int web_open(const struct web_setup *setup, struct web **ret_web, struct error *err);
const char *web_address(const struct web *web); /* where it listens */
void web_close(struct web *web);                /* accepts NULL */

#endif
