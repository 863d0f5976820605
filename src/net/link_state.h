/* What link.c and link_receive.c share. */
#ifndef NET_LINK_STATE_H
#define NET_LINK_STATE_H

#include "net/address.h"
#include "net/link.h"

enum {
    STAGING_SIZE = 16 << 10,
    PIECE_SIZE = 128 << 10,  /* of a payload: enough to wake for */
    WORTH_WAITING = 4 << 10, /* less of it is taken as it comes */
};

struct link {
    uv_tcp_t tcp;
    uv_connect_t connect;
    const struct link_events *events;
    void *owner; /* NULL together with events: closing */
    bool trusted, closing_after_sending;
    unsigned n_sending;
    struct link_counters counters;
    char peer[ADDRESS_TEXT_MAX];
    /* Receiving: bytes staged[start..end) are not parsed yet; while `payload` is set, it is
     * being filled. */
    uint8_t staged[STAGING_SIZE];
    size_t start, end;
    struct message message;
    uint8_t *payload;
    size_t filled;
    int low_water; /* of the socket: SO_RCVLOWAT; 0: as it was */
};

static inline bool link_is_open(const struct link *link)
{
    return link->events != NULL;
}

/* Tells the owner, then closes. */
void link_lost(struct link *link, const char *why);
void link_receive_start(struct link *link);

#endif
