/* Messages out. They wait in line until the loop has done all that it has to do now, so that
 * small ones, such as the credit and the marks that answer a batch of frames, go out in one
 * system call; nothing waits for longer than that, and a line of FLUSH_SIZE bytes for nothing.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/link_state.h"
#include "tensor/frame.h"

enum {
    FLUSH_SIZE = 64 << 10,
    BUFFERS_MAX = 256, /* of one write */
};
_Static_assert(BUFFERS_MAX >= 1 + PAYLOAD_PIECES_MAX, "any message fits");

/* Messages that go out together. */
struct batch {
    uv_write_t request;
    struct link *link;
    struct sending *first;
    unsigned n;
};

size_t sending_count(const struct sending *sending)
{
    return 1 + (sending->frame != NULL ? sending->payload->n_pieces : sending->size > 0);
}

struct payload_piece sending_piece(const struct sending *sending, size_t index)
{
    if (index == 0) {
        return (struct payload_piece){sending->header, MESSAGE_HEADER_SIZE};
    }
    return sending->frame != NULL ? sending->payload->pieces[index - 1]
                                  : (struct payload_piece){sending->bytes, sending->size};
}

void sending_destroy(struct sending *sending)
{
    frame_unref(sending->frame);
    free(sending->bytes);
    free(sending);
}

struct sending *link_next(struct link *link)
{
    struct sending *sending = link->first;

    link->first = sending->next;
    sending->next = NULL;
    return sending;
}

void link_sent(struct link *link, unsigned n, int status)
{
    link->n_sending -= n;
    if (status < 0 && status != UV_ECANCELED) {
        link_lost(link, uv_strerror(status));
    } else if (link->closing_after_sending && link->n_sending == 0) {
        link_close(link);
    }
}

static void batch_sent(uv_write_t *request, int status)
{
    struct batch *batch = request->data;
    struct link *link = batch->link;
    unsigned n = batch->n;

    while (batch->first != NULL) {
        struct sending *sending = batch->first;
        batch->first = sending->next;
        sending_destroy(sending);
    }
    free(batch);
    link_sent(link, n, status);
}

/* Moves as much of the line into the batch as one write takes; returns its number of buffers.
 */
static unsigned fill(struct link *link, struct batch *batch, uv_buf_t buffers[BUFFERS_MAX])
{
    struct sending **end = &batch->first;
    unsigned n = 0;

    while (link->first != NULL && n + sending_count(link->first) <= BUFFERS_MAX) {
        struct sending *sending = link_next(link);

        for (size_t i = 0; i < sending_count(sending); i++) {
            struct payload_piece piece = sending_piece(sending, i);

            buffers[n].base = (char *)(uintptr_t)piece.data;
            buffers[n++].len = piece.size;
            link->n_waiting -= piece.size;
            link->counters.sent += piece.size;
        }
        *end = sending;
        end = &sending->next;
        batch->n++;
    }
    link->counters.writes++;
    return n;
}

static void flush(struct link *link)
{
    uv_buf_t buffers[BUFFERS_MAX];

    while (link->first != NULL && !uv_is_closing((uv_handle_t *)&link->tcp)) {
        struct batch *batch = memory_new(1, sizeof(*batch));
        unsigned n = fill(link, batch, buffers);

        batch->link = link;
        batch->request.data = batch;
        if (uv_write(&batch->request, (uv_stream_t *)&link->tcp, buffers, n, batch_sent) < 0) {
            batch_sent(&batch->request, UV_ECANCELED);
        }
    }
}

static void loop_is_through(uv_prepare_t *soon)
{
    struct link *link = soon->data;

    uv_prepare_stop(soon);
    if (link->tls != NULL) {
        link_secure_flush(link);
    } else {
        flush(link);
    }
}

static void line_up(struct link *link, struct sending *sending, const struct message *message)
{
    message_encode(message, sending->header);
    link->n_sending++;
    link->n_waiting += MESSAGE_HEADER_SIZE + message->size;
    if (link->first == NULL) {
        link->first = sending;
    } else {
        link->last->next = sending;
    }
    link->last = sending;
    if (link->n_waiting >= FLUSH_SIZE) {
        loop_is_through(&link->soon);
    } else {
        uv_prepare_start(&link->soon, loop_is_through);
    }
}

void link_send(struct link *link, const struct message *message, const void *payload)
{
    if (!link_is_open(link)) {
        return;
    }
    struct sending *sending = memory_new(1, sizeof(*sending));
    if (message->size > 0) {
        sending->bytes = memory_new(message->size, 1);
        sending->size = message->size;
        memcpy(sending->bytes, payload, message->size);
    }
    line_up(link, sending, message);
}

void link_send_frame(struct link *link, const struct message *message, struct frame *frame)
{
    struct message sized = *message;
    struct error err;

    if (!link_is_open(link)) {
        return;
    }
    struct sending *sending = memory_new(1, sizeof(*sending) + sizeof(*sending->payload));
    sending->payload = (struct payload *)(sending + 1);
    int r = payload_encode(frame, sending->payload, &err);
    assert(r == 0);
    sending->frame = frame_ref(frame);
    sized.size = (uint32_t)sending->payload->size;
    link->counters.frames_sent++;
    line_up(link, sending, &sized);
}

void link_send_text(struct link *link, enum message_kind kind, const char *text)
{
    const struct message message = {.kind = kind, .size = (uint32_t)strlen(text)};

    link_send(link, &message, text);
}

void link_send_free(struct link *link)
{
    while (link->first != NULL) {
        sending_destroy(link_next(link));
    }
}
