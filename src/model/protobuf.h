/* The wire format of protocol buffers, as far as model files need it: fields are read in place,
 * one after another, without a schema and without unpacking (unpacking an ONNX file copies all
 * of its weights). A message is a span of bytes; what it means is up to the reader of the
 * format.
 *
 *     struct protobuf_reader reader = protobuf_read(message);
 *     struct protobuf_field field;
 *     int r;
 *     while ((r = protobuf_next(&reader, &field)) == 0) { ... }
 *     if (r < 0) ... the bytes are no message
 *
 * Source: protobuf.dev, "Encoding". Groups, which proto3 has not, are refused.
 */
#ifndef MODEL_PROTOBUF_H
#define MODEL_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct protobuf_span {
    const uint8_t *bytes;
    size_t size;
};

enum protobuf_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2,
    PROTOBUF_FIXED32 = 5,
};

enum { PROTOBUF_END = 1 };

struct protobuf_reader {
    const uint8_t *at, *end;
};

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value; /* of a number; 0 for bytes */
    struct protobuf_span
        body;                 /* the bytes of a text, a message or packed numbers; else empty */
    struct protobuf_span all; /* with its tag and length: what a copy of the field needs */
};

struct protobuf_reader protobuf_read(struct protobuf_span message);

/* The next field; PROTOBUF_END behind the last; -EBADMSG when the bytes are no message. */
int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret_field);

/* The next number of a packed list; PROTOBUF_END or -EBADMSG likewise. */
int protobuf_next_number(struct protobuf_reader *reader, uint64_t *ret_value);

/* Whether a span is a text without a zero byte, in UTF-8, as proto3 wants its strings. */
bool protobuf_is_text(struct protobuf_span span);

/* Grows as it is written to. When memory runs out it stays `failed` and writes nothing more, so
 * one check at the end is enough. Zeroed memory is an empty writer. */
struct protobuf_writer {
    uint8_t *bytes;
    size_t size, capacity;
    bool failed;
};

void protobuf_write_number(struct protobuf_writer *writer, uint32_t number, uint64_t value);
void protobuf_write_bytes(struct protobuf_writer *writer, uint32_t number, const void *bytes,
                          size_t size);
void protobuf_write_text(struct protobuf_writer *writer, uint32_t number, const char *text);
/* Bytes as they are: a field's `all`. */
void protobuf_write_raw(struct protobuf_writer *writer, struct protobuf_span bytes);

/* A message within the message: what is written between the two calls is its body. */
size_t protobuf_begin(struct protobuf_writer *writer, uint32_t number);
void protobuf_end(struct protobuf_writer *writer, size_t begun);

void protobuf_writer_finish(struct protobuf_writer *writer);

#endif
