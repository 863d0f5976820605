/* A link is a TCP connection that carries messages, on a libuv loop, encrypted or not.
 *
 * Small messages are parsed out of a staging buffer; the payload of a big one is received
 * straight into the aligned memory that becomes its tensors. Sending gathers header, head and
 * tensors from where they lie. Between socket and engine nothing is copied but by the kernel.
 * An encrypted link (net/tls.h) decrypts to the same places, and encrypts from them, piece by
 * piece as the socket takes it.
 *
 * Order of events: opened (of a dialled link, once its hands were shaken), then came any number
 * of times, then closed once, unless the owner closes first: after link_close() there are no
 * events. Callbacks never come from inside a call that the owner makes.
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include <stdbool.h>
#include <uv.h>

#include "wire/message.h"

struct error;
struct frame;
struct link;
struct listener;
struct tls_context;

enum {
    LINK_STRANGER_MAX = 64 << 10, /* payload bytes taken from who has not said who it is */
};

struct link_events {
    void (*opened)(void *owner, struct link *link);
    /* Takes `payload`: message->size bytes from aligned_alloc(), or NULL when there are none.
     * The callback may close the link. */
    void (*came)(void *owner, struct link *link, const struct message *message, void *payload);
    /* The link is gone and will be freed; `why` is a sentence without a subject. */
    void (*closed)(void *owner, struct link *link, const char *why);
};

struct link_counters {
    uint64_t sent, received; /* bytes, as they are on the wire */
    uint64_t frames_sent, frames_received;
    uint64_t writes; /* that the system was asked for */
};

/* Where to dial or to listen. Borrowed for the call; links refer to the context. */
struct link_place {
    const char *address;     /* numeric, with a port: "10.99.0.2:7000", "[::1]:7000" */
    struct tls_context *tls; /* NULL: links are not encrypted */
    const char *name;        /* whom an encrypted link is to reach */
};

/* -EINVAL when the address is none. */
int link_dial(uv_loop_t *loop, const struct link_place *place, const struct link_events *events,
              void *owner, struct link **ret_link, struct error *err);

/* Hands the link to another owner: an accepted link that has said who it is. */
void link_adopt(struct link *link, const struct link_events *events, void *owner);
/* From now on payloads of any legal size are taken. */
void link_trust(struct link *link);

/* What is sent goes out when the loop has nothing else to do now, in as few writes as can be.
 */
void link_send(struct link *link, const struct message *message, const void *payload);
/* A MESSAGE_FRAME; refers to the frame, of FRAME_SIZE_MAX at most, until it is sent. */
void link_send_frame(struct link *link, const struct message *message, struct frame *frame);
/* `message` is of a kind that carries JSON; `text` is its payload. */
void link_send_text(struct link *link, enum message_kind kind, const char *text);

size_t link_queue(const struct link *link); /* bytes that wait to be sent */
void link_count(const struct link *link, struct link_counters *ret_counters);
const char *link_peer(const struct link *link); /* its address, for messages */
/* The name in the certificate of the other end; NULL: it has not shown one, or not had to. */
const char *link_name(const struct link *link);
/* Of a link that was closed: because of what the other end sent. */
bool link_was_refused(const struct link *link);
bool link_is_encrypted(const struct link *link);
/* The host of this end, as an address without a port: where the peer can reach this machine. */
void link_near_host(const struct link *link, char *ret_host, size_t size);
/* Sends what is queued, then closes: for a last word. */
void link_close_after_sending(struct link *link);
void link_close(struct link *link); /* accepts NULL */

/* Port 0: any free one. Accepted links have `events` and `owner` until they are adopted. */
int listener_open(uv_loop_t *loop, const struct link_place *place,
                  const struct link_events *events, void *owner, struct listener **ret_listener,
                  struct error *err);
unsigned listener_port(const struct listener *listener);
void listener_close(struct listener *listener); /* accepts NULL */

#endif
