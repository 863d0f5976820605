/* Encrypted links: between the socket and the messages stands net/tls.h.
 *
 * Receiving: what came is decrypted to where a link without encryption would receive it.
 * Sending: messages wait in a line; as long as the socket has less than UNDER_WAY_MOST bytes to
 * send, the next piece of them is encrypted into memory of its own. So a frame of any size
 * costs as much memory as a small one.
 *
 * An error while encrypting is nobody's message: the socket is shut down, and the end of what
 * can be read tells the owner.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/link_state.h"

enum {
    CHUNK_SIZE = 64 << 10, /* of messages, encrypted at once */
    UNDER_WAY_MOST = 256 << 10,
};

/* Bytes for the socket. */
struct encrypted {
    uv_write_t request;
    struct link *link;
    uint8_t *bytes;
    size_t size;
};

/* What the first message has next. */
static struct payload_piece next_piece(const struct sending *sending)
{
    struct payload_piece piece = sending_piece(sending, sending->piece);

    piece.data = (const uint8_t *)piece.data + sending->offset;
    piece.size -= sending->offset;
    return piece;
}

/* Encrypts up to `most` bytes of the first message; the message goes when nothing is left of
 * it.
 */
static int encrypt_piece(struct link *link, size_t most, size_t *ret_n, struct error *err)
{
    struct sending *sending = link->first;
    struct payload_piece piece = next_piece(sending);
    size_t n = piece.size < most ? piece.size : most;
    int r = n > 0 ? tls_send(link->tls, piece.data, n, err) : 0;

    if (r < 0) {
        return r;
    }
    link->n_waiting -= n;
    sending->offset += n;
    if (n == piece.size) {
        sending->piece++;
        sending->offset = 0;
    }
    if (sending->piece == sending_count(sending)) {
        sending_destroy(link_next(link));
        link->n_sending--;
    }
    *ret_n = n;
    return 0;
}

static void fail_later(struct link *link, const struct error *err)
{
    int fd;

    link->trouble = memory_text(err->text);
    if (uv_fileno((uv_handle_t *)&link->tcp, &fd) == 0) {
        shutdown(fd, SHUT_RDWR);
    }
}

static void encrypted_destroy(struct encrypted *encrypted)
{
    encrypted->link->n_encrypted -= encrypted->size;
    free(encrypted->bytes);
    free(encrypted);
}

static void taken(uv_write_t *request, int status)
{
    struct encrypted *encrypted = request->data;
    struct link *link = encrypted->link;

    encrypted_destroy(encrypted);
    if (status == 0) {
        link_secure_flush(link);
    }
    link_sent(link, 1, status);
}

/* Hands the socket what the filter has for it. */
static void flush(struct link *link)
{
    size_t n;
    uint8_t *bytes = tls_take(link->tls, &n);

    if (bytes == NULL) {
        return;
    }
    struct encrypted *encrypted = memory_new(1, sizeof(*encrypted));
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)n);
    *encrypted = (struct encrypted){.link = link, .bytes = bytes, .size = n};
    encrypted->request.data = encrypted;
    link->counters.sent += n;
    link->counters.writes++;
    link->n_encrypted += n;
    link->n_sending++;
    if (uv_write(&encrypted->request, (uv_stream_t *)&link->tcp, &buffer, 1, taken) < 0) {
        encrypted_destroy(encrypted);
        link_sent(link, 1, UV_ECANCELED);
    }
}

void link_secure_flush(struct link *link)
{
    struct error err;

    while (!uv_is_closing((uv_handle_t *)&link->tcp) && link_name(link) != NULL &&
           link->first != NULL && link->trouble == NULL && link->n_encrypted < UNDER_WAY_MOST) {
        size_t n = 0, all = 0;
        int r = 0;

        while (r == 0 && link->first != NULL && all < CHUNK_SIZE) {
            r = encrypt_piece(link, CHUNK_SIZE - all, &n, &err);
            all += n;
        }
        flush(link);
        if (r < 0) {
            fail_later(link, &err);
        }
    }
}

void link_secure_start(struct link *link)
{
    struct error err;

    if (tls_shake_hands(link->tls, &err) < 0) {
        fail_later(link, &err);
    }
    flush(link);
}

/* The other end should know why; whether it hears it does not matter. */
static void say_why(struct link *link)
{
    size_t n;
    uint8_t *bytes = tls_take(link->tls, &n);
    uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned)n);

    if (bytes != NULL) {
        uv_try_write((uv_stream_t *)&link->tcp, &buffer, 1);
    }
    free(bytes);
}

static int shake_hands(struct link *link, struct error *err)
{
    int r = tls_shake_hands(link->tls, err);

    if (r == TLS_MORE && !link->trusted && link->counters.received > LINK_STRANGER_MAX) {
        return error_set(err, -EPROTO, "sent %zu bytes before it showed a certificate",
                         (size_t)link->counters.received);
    }
    if (r >= 0) {
        flush(link);
    }
    if (r == 0) {
        if (link->dialled) {
            link->events->opened(link->owner, link);
        }
        link_secure_flush(link);
    }
    return r;
}

static int receive(struct link *link, struct error *err)
{
    int r = 0;

    while (r == 0 && link_is_open(link)) {
        uv_buf_t room = link_room(link);
        size_t n = 0;

        r = tls_receive(link->tls, room.base, room.len, &n, err);
        if (r == 0) {
            r = link_took(link, n, err);
        }
    }
    if (link_is_open(link)) {
        flush(link);
    }
    return r;
}

int link_secure_took(struct link *link, size_t n, struct error *err)
{
    int r = 0;

    if (!link_is_open(link)) {
        return 0;
    }
    tls_feed(link->tls, tls_buffer(link->tls), n);
    if (link_name(link) == NULL) {
        r = shake_hands(link, err);
    }
    if (r == 0) {
        r = receive(link, err);
    }
    if (r < 0) {
        say_why(link);
    } else if (r == TLS_END && link_is_open(link)) {
        link_lost(link, "closed the link");
    }
    return r < 0 ? r : 0;
}
