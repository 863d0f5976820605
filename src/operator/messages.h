/* MESSAGES: payloads with the topic that each came from, as they come in on a port and go out.
 */
#ifndef OPERATOR_MESSAGES_H
#define OPERATOR_MESSAGES_H

#include <brume/operator.h>
#include <stddef.h>
#include <stdint.h>

struct messages_input {
    size_t n;
    const char *bytes;   /* borrowed from the frame */
    const int64_t *ends; /* NULL: one message, all of `size` */
    size_t size;
    char *text;          /* malloc'ed */
    const char **topics; /* n; point into text */
};

/* Checks what came in; BYTES are one message without a topic. 0, or the error of brume_fail().
 */
int messages_input(struct brume_call *call, unsigned port, struct messages_input *ret_input);
/* Payload i, borrowed, not zero-terminated. */
const char *messages_payload(const struct messages_input *input, size_t i, size_t *ret_size);
void messages_input_finishp(struct messages_input *input); /* accepts zeroed memory */

/* Zero it before; messages_writer_finishp() frees what is in it. */
struct messages_writer {
    size_t n;
    int64_t *ends;
    struct messages_buffer {
        size_t size, room;
        char *bytes;
    } payloads, topics;
};

void messages_writer_add(struct messages_writer *writer, const char *payload, size_t size,
                         const char *topic);
/* Puts the three tensors on the port; without messages nothing, so that the frame is empty. */
int messages_writer_output(struct brume_call *call, unsigned port,
                           const struct messages_writer *writer);
void messages_writer_finishp(struct messages_writer *writer);

/* For infer(). */
int messages_writer_infer(struct brume_call *call, unsigned port);

#endif
