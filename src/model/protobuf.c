#include "model/protobuf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_MAX = (1 << 29) - 1, /* of a field */
    VARINT_MAX = 10,            /* bytes */
    LENGTH_SIZE = 5, /* a message's length is written this wide, as it is not known before */
};

struct protobuf_reader protobuf_read(struct protobuf_span message)
{
    return (struct protobuf_reader){
        .at = message.bytes,
        .end = message.size == 0 ? message.bytes : message.bytes + message.size,
    };
}

int protobuf_next_number(struct protobuf_reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (reader->at == reader->end) {
        return PROTOBUF_END;
    }
    for (unsigned i = 0; i < VARINT_MAX && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret_value = value;
            return 0;
        }
    }
    return -EBADMSG;
}

static int take(struct protobuf_reader *reader, uint64_t size, struct protobuf_span *ret_span)
{
    if (size > (uint64_t)(reader->end - reader->at)) {
        return -EBADMSG;
    }
    *ret_span = (struct protobuf_span){.bytes = reader->at, .size = (size_t)size};
    reader->at += size;
    return 0;
}

static uint64_t little_endian(struct protobuf_span span)
{
    uint64_t value = 0;

    for (size_t i = 0; i < span.size; i++) {
        value |= (uint64_t)span.bytes[i] << (8 * i);
    }
    return value;
}

static int read_body(struct protobuf_reader *reader, struct protobuf_field *field)
{
    struct protobuf_span fixed;
    uint64_t size;

    switch ((unsigned)field->wire) {
    case PROTOBUF_VARINT:
        return protobuf_next_number(reader, &field->value) == 0 ? 0 : -EBADMSG;
    case PROTOBUF_BYTES:
        if (protobuf_next_number(reader, &size) != 0) {
            return -EBADMSG;
        }
        return take(reader, size, &field->body);
    case PROTOBUF_FIXED64:
    case PROTOBUF_FIXED32:
        if (take(reader, field->wire == PROTOBUF_FIXED64 ? 8 : 4, &fixed) < 0) {
            return -EBADMSG;
        }
        field->value = little_endian(fixed);
        return 0;
    default:
        return -EBADMSG;
    }
}

int protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret_field)
{
    const uint8_t *start = reader->at;
    struct protobuf_field field = {0};
    uint64_t tag;

    int r = protobuf_next_number(reader, &tag);
    if (r != 0) {
        return r;
    }
    if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX) {
        return -EBADMSG;
    }
    field.number = (uint32_t)(tag >> 3);
    field.wire = (enum protobuf_wire)(tag & 7);
    if (read_body(reader, &field) < 0) {
        return -EBADMSG;
    }
    field.all = (struct protobuf_span){.bytes = start, .size = (size_t)(reader->at - start)};
    *ret_field = field;
    return 0;
}

/* Bytes that follow a character's first byte; -1: no first byte. */
static int n_continued(uint8_t byte)
{
    if (byte < 0x80) {
        return 0;
    }
    if (byte >= 0xc2 && byte < 0xe0) {
        return 1;
    }
    if (byte >= 0xe0 && byte < 0xf0) {
        return 2;
    }
    return byte >= 0xf0 && byte < 0xf5 ? 3 : -1;
}

bool protobuf_is_text(struct protobuf_span span)
{
    static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};

    for (size_t i = 0; i < span.size; i++) {
        int n = n_continued(span.bytes[i]);

        if (n < 0 || (size_t)n >= span.size - i) {
            return false;
        }
        uint32_t point = n == 0 ? span.bytes[i] : span.bytes[i] & (0x3fu >> n);
        for (int j = 0; j < n; j++) {
            i++;
            if ((span.bytes[i] & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (span.bytes[i] & 0x3f);
        }
        if (point < least[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
            return false;
        }
    }
    return true;
}

static uint8_t *reserve(struct protobuf_writer *writer, size_t size)
{
    if (writer->failed || size > SIZE_MAX / 4 - writer->size) {
        writer->failed = true;
        return NULL;
    }
    if (size > writer->capacity - writer->size) {
        size_t capacity = 2 * (writer->size + size) + 64;
        uint8_t *bytes = realloc(writer->bytes, capacity);

        if (bytes == NULL) {
            writer->failed = true;
            return NULL;
        }
        writer->bytes = bytes;
        writer->capacity = capacity;
    }
    uint8_t *at = writer->bytes + writer->size;
    writer->size += size;
    return at;
}

void protobuf_write_raw(struct protobuf_writer *writer, struct protobuf_span bytes)
{
    uint8_t *at = reserve(writer, bytes.size);

    if (at != NULL && bytes.size > 0) {
        memcpy(at, bytes.bytes, bytes.size);
    }
}

static void write_varint(struct protobuf_writer *writer, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    size_t n = 0;

    for (; value >= 0x80; value >>= 7) {
        bytes[n++] = (uint8_t)(value | 0x80);
    }
    bytes[n++] = (uint8_t)value;
    protobuf_write_raw(writer, (struct protobuf_span){bytes, n});
}

void protobuf_write_number(struct protobuf_writer *writer, uint32_t number, uint64_t value)
{
    write_varint(writer, (uint64_t)number << 3 | PROTOBUF_VARINT);
    write_varint(writer, value);
}

void protobuf_write_bytes(struct protobuf_writer *writer, uint32_t number, const void *bytes,
                          size_t size)
{
    write_varint(writer, (uint64_t)number << 3 | PROTOBUF_BYTES);
    write_varint(writer, size);
    protobuf_write_raw(writer, (struct protobuf_span){bytes, size});
}

void protobuf_write_text(struct protobuf_writer *writer, uint32_t number, const char *text)
{
    protobuf_write_bytes(writer, number, text, strlen(text));
}

size_t protobuf_begin(struct protobuf_writer *writer, uint32_t number)
{
    write_varint(writer, (uint64_t)number << 3 | PROTOBUF_BYTES);
    reserve(writer, LENGTH_SIZE);
    return writer->size;
}

void protobuf_end(struct protobuf_writer *writer, size_t begun)
{
    if (writer->failed) {
        return;
    }
    assert(begun >= LENGTH_SIZE && begun <= writer->size);
    size_t size = writer->size - begun;
    if (size >= (size_t)1 << (7 * LENGTH_SIZE)) {
        writer->failed = true;
        return;
    }
    for (size_t i = 0; i < LENGTH_SIZE; i++) {
        writer->bytes[begun - LENGTH_SIZE + i] =
            (uint8_t)((size >> (7 * i) & 0x7f) | (i + 1 < LENGTH_SIZE ? 0x80 : 0));
    }
}

void protobuf_writer_finish(struct protobuf_writer *writer)
{
    free(writer->bytes);
    *writer = (struct protobuf_writer){0};
}
