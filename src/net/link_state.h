/* What link.c, link_send.c, link_receive.c and link_secure.c share. */
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
    struct sending *next;
    uint8_t header[MESSAGE_HEADER_SIZE];
    struct frame *frame;
    struct payload *payload; /* of the frame; in the same memory as this */
    void *bytes;             /* of any other kind, `size` of them */
    size_t size;
    size_t piece, offset; /* what is next to be encrypted: the header is piece 0 */
};

struct link {
    uv_tcp_t tcp;
    uv_prepare_t soon; /* when the loop is about to wait: what waits is sent */
    unsigned n_handles;
    uv_connect_t connect;
    const struct link_events *events;
    void *owner; /* NULL together with events: closing */
    bool trusted, closing_after_sending;
    bool refused;       /* it broke the rules */
    unsigned n_sending; /* messages and writes that are not through */
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
    /* Sending: messages that wait in line. */
    struct sending *first, *last;
    size_t n_waiting; /* bytes of them */
    /* Encrypted: they wait until there is room for them in the socket's queue, too. */
    struct tls *tls; /* NULL: it is not */
    bool dialled;
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

/* What a message has to send, the header first; the pieces are borrowed. */
size_t sending_count(const struct sending *sending);
struct payload_piece sending_piece(const struct sending *sending, size_t index);
/* Takes the first message out of the line. */
struct sending *link_next(struct link *link);
void sending_destroy(struct sending *sending);
/* `n` of `n_sending` are through. */
void link_sent(struct link *link, unsigned n, int status);
void link_send_free(struct link *link);

/* Begins the handshake of a link that was dialled. */
void link_secure_start(struct link *link);
/* Bytes came from the socket; they lie in the buffer of the context. */
int link_secure_took(struct link *link, size_t n, struct error *err);
/* Encrypts what waits, as far as there is room. */
void link_secure_flush(struct link *link);

#endif
