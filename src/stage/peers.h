/* The data links of a stage: it dials those it sends to, again and again until they answer, and
 * lets in those that know the token, and have the certificates where links are encrypted. What
 * comes on a link becomes an event of the core; what the core wants sent goes out on the right
 * link. */
#ifndef STAGE_PEERS_H
#define STAGE_PEERS_H

#include <uv.h>

#include "base/json.h"
#include "stage/config.h"
#include "stage/core.h"

struct error;
struct peers;
struct tls_context;

struct peers_events {
    /* Feeds an event to the core; takes event->frame. -EPROTO: the peer broke the rules. */
    int (*event)(void *owner, const struct core_event *event, struct error *err);
    uint64_t (*done)(void *owner);                                /* the core's mark */
    void (*lost)(void *owner, const char *peer, const char *why); /* an established link */
    void (*called)(void *owner, const char *address); /* by a controller: it listens there */
};

/* Borrowed, but for `host` and `token`, which are only read during the call, and `tls`, which
 * is referred to. */
struct peers_setup {
    const struct stage_config *config;
    const char *host; /* numeric: where to listen, on any free port */
    const char *token;
    unsigned life;           /* how often this stage was started before */
    struct tls_context *tls; /* NULL: links are not encrypted */
    const struct peers_events *events;
    void *owner;
};

int peers_create(uv_loop_t *loop, const struct peers_setup *setup, struct peers **ret_peers,
                 struct error *err);
void peers_destroy(struct peers *peers); /* accepts NULL */

unsigned peers_port(const struct peers *peers);
/* Where the receiver `stage` listens; dials it, anew if the address changed. */
void peers_set_address(struct peers *peers, const char *stage, const char *address);
/* How often the sender `stage` was started before: an earlier one is not heard any more. */
void peers_set_life(struct peers *peers, const char *stage, unsigned life);
/* Carries out a SEND effect; takes what it needs out of it. */
void peers_send(struct peers *peers, struct core_effect *effect);
/* [{"to": …, "bytes": …, "frames": …}, …] since the stage began. */
json_t *peers_report(const struct peers *peers);

#endif
