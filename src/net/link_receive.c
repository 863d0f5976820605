/* Bytes in, messages out: small ones by way of the staging buffer, the rest of a big payload
 * straight into its own memory.
 *
 * On a slow link a payload comes packet by packet. Woken for each, a weak device would spend
 * more on waking than on working; so the socket is told to wait until a good piece of the
 * payload is there (SO_RCVLOWAT). Not so an encrypted link, where a record may end anywhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "net/link_state.h"
#include "tensor/tensor.h"

static void deliver(struct link *link)
{
    void *payload = STEAL(link->payload);

    link->filled = 0;
    if (link->message.kind == MESSAGE_FRAME) {
        link->counters.frames_received++;
    }
    if (link->events == NULL) {
        free(payload);
        return;
    }
    link->events->came(link->owner, link, &link->message, payload);
}

/* Starts the payload of the message whose header was parsed. */
static int begin_payload(struct link *link, struct error *err)
{
    size_t size = link->message.size;

    if (!link->trusted && size > LINK_STRANGER_MAX) {
        return error_set(err, -EPROTO, "sent %zu bytes before it said who it is", size);
    }
    if (size > 0) {
        link->payload =
            aligned_alloc(TENSOR_ALIGNMENT, (size / TENSOR_ALIGNMENT + 1) * TENSOR_ALIGNMENT);
        if (link->payload == NULL) {
            return error_set(err, -ENOMEM, "sent %zu bytes, more than there is memory", size);
        }
    }
    return 0;
}

static void move_staged(struct link *link)
{
    size_t n = link->end - link->start, missing = link->message.size - link->filled;

    n = n < missing ? n : missing;
    memcpy(link->payload + link->filled, link->staged + link->start, n);
    link->start += n;
    link->filled += n;
}

/* Returns 0, MESSAGE_MORE when what is staged is no whole message, or what is wrong. */
static int take_message(struct link *link, struct error *err)
{
    if (link->payload == NULL) {
        int r = message_decode(link->staged + link->start, link->end - link->start,
                               &link->message, err);
        if (r != 0) {
            return r;
        }
        link->start += MESSAGE_HEADER_SIZE;
        r = begin_payload(link, err);
        if (r < 0) {
            return r;
        }
    }
    if (link->payload != NULL) {
        move_staged(link);
        if (link->filled < link->message.size) {
            return MESSAGE_MORE;
        }
    }
    deliver(link);
    return 0;
}

static int parse_staged(struct link *link, struct error *err)
{
    int r = 0;

    while (r == 0 && link_is_open(link)) {
        r = take_message(link, err);
    }
    memmove(link->staged, link->staged + link->start, link->end - link->start);
    link->end -= link->start;
    link->start = 0;
    return r < 0 ? r : 0;
}

/* The least that is worth waking for: the rest of the payload, up to a piece; else anything. */
static void set_low_water(struct link *link)
{
    size_t missing = link->payload != NULL ? link->message.size - link->filled : 1;
    int wanted = (int)(missing < PIECE_SIZE ? missing : PIECE_SIZE), fd;

    wanted = wanted < WORTH_WAITING ? 1 : wanted;
    if (wanted != link->low_water && uv_fileno((uv_handle_t *)&link->tcp, &fd) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted)) == 0) {
        link->low_water = wanted;
    }
}

uv_buf_t link_room(struct link *link)
{
    return link->payload != NULL
               ? (uv_buf_t){(char *)link->payload + link->filled,
                            link->message.size - link->filled}
               : (uv_buf_t){(char *)link->staged + link->end, STAGING_SIZE - link->end};
}

int link_took(struct link *link, size_t n, struct error *err)
{
    if (link->payload == NULL) {
        link->end += n;
        return parse_staged(link, err);
    }
    link->filled += n;
    if (link->filled == link->message.size) {
        deliver(link);
    }
    return 0;
}

static void give_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct link *link = handle->data;

    (void)suggested;
    *buffer = link->tls == NULL ? link_room(link)
                                : (uv_buf_t){(char *)tls_buffer(link->tls), TLS_BUFFER_SIZE};
}

static void bytes_came(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct link *link = stream->data;
    struct error err;

    (void)buffer;
    if (n < 0) {
        link_lost(link, n == UV_EOF ? "closed the link" : uv_strerror((int)n));
        return;
    }
    link->counters.received += (uint64_t)n;
    int r = link->tls != NULL ? link_secure_took(link, (size_t)n, &err)
                              : link_took(link, (size_t)n, &err);
    if (r < 0 && link_is_open(link)) {
        link->refused = true;
        link_lost(link, err.text);
    } else if (link_is_open(link) && link->tls == NULL) {
        set_low_water(link);
    }
}

void link_receive_start(struct link *link)
{
    uv_read_start((uv_stream_t *)&link->tcp, give_memory, bytes_came);
}
