/* What the parts of the data links share: peers.c keeps them up, peers_hear.c takes what comes,
 * peers_send.c sends. */
#ifndef STAGE_PEERS_STATE_H
#define STAGE_PEERS_STATE_H

#include "net/door.h"
#include "net/tls.h"
#include "stage/peers.h"

enum {
    RETRY_FIRST_MS = 20,
    RETRY_MOST_MS = 500,
};

/* A receiver that this stage sends to, or a sender that it hears. */
struct peer {
    struct peers *peers;
    bool out;
    unsigned index; /* of the core's out- or in-link */
    const char *name;
    char *address; /* of a receiver; NULL: not known yet */
    unsigned life; /* of a sender: the latest that is known */
    struct link *link;
    bool established; /* the core knows of the link */
    uv_timer_t retry;
    unsigned wait_ms;
    struct link_counters before; /* of links that are gone */
};

struct peers {
    uv_loop_t *loop;
    const struct stage_config *config;
    const struct peers_events *events;
    void *owner;
    char *token;
    unsigned life;           /* of this stage */
    struct tls_context *tls; /* or NULL */
    struct door *door;
    unsigned n_timers; /* retry timers not yet closed */
    bool destroyed;
    struct peer *in, *out;
};

extern const struct link_events peer_events; /* of a link that has said who it is */

void peer_add_counters(struct link_counters *sum, const struct link *link);
/* Closes the link and tells the core. */
void peer_forget_link(struct peer *peer);
/* The same for a link that broke: the controller hears of it, a receiver is dialled again. */
void peer_lost(struct peer *peer, const char *why);
void peer_came(void *owner, struct link *link, const struct message *message, void *payload);
/* A sender that this stage knows is let in. */
bool peer_hello_came(void *owner, struct link *link, const struct message *message,
                     const struct hello *hello);

#endif
