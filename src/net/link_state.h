/* What link.c, link_receive.c and link_secure.c share. */
#ifndef NET_LINK_STATE_H
#define NET_LINK_STATE_H

#include "net/address.h"
#include "net/link.h"
#include "net/tls.h"
#include "wire/payload.h"

enum {
    STAGING_SIZE = 16 << 10,
    PIECE_SIZE = 128 << 10,  /* of a payload: enough to wake for */
    WORTH_WAITING = 4 << 10, /* less of it is taken as it comes */
};

/* One message on its way out. */
struct sending {
    uv_write_t request;
    struct link *link;
    uint8_t header[MESSAGE_HEADER_SIZE];
    struct frame *frame;
    struct payload payload; /* of the frame */
    void *bytes;            /* of any other kind */
    /* While it waits to be encrypted. */
    struct sending *next;
    size_t size;          /* of `bytes` */
    size_t piece, offset; /* what is next: the header is piece 0 */
};

struct link {
    uv_tcp_t tcp;
    uv_connect_t connect;
    const struct link_events *events;
    void *owner; /* NULL together with events: closing */
    bool trusted, closing_after_sending;
    bool refused; /* it broke the rules */
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
    /* Encrypted: messages wait until there is room for them in the socket's queue. */
    struct tls *tls; /* NULL: it is not */
    bool dialled;
    struct sending *first, *last;
    size_t n_waiting;   /* bytes of them */
    size_t n_encrypted; /* bytes that the socket has not taken */
    char *trouble;      /* why no more can be encrypted, or NULL */
};

static inline bool link_is_open(const struct link *link)
{
    return link->events != NULL;
}

/* Tells the owner, then closes. */
void link_lost(struct link *link, const char *why);
void link_receive_start(struct link *link);
/* Where to put bytes of messages, and that `n` are there. */
uv_buf_t link_room(struct link *link);
int link_took(struct link *link, size_t n, struct error *err);

void sending_destroy(struct sending *sending);
/* A write of `n_sending` is through. */
void link_sent(struct link *link, int status);

/* Begins the handshake of a link that was dialled. */
void link_secure_start(struct link *link);
/* Bytes came from the socket; they lie in the buffer of the context. */
int link_secure_took(struct link *link, size_t n, struct error *err);
/* Takes the message, of `size` bytes together. */
void link_secure_send(struct link *link, struct sending *sending, size_t size);
void link_secure_free(struct link *link);

#endif
