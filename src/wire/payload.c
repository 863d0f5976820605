#include "wire/payload.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "wire/message.h"

struct head {
    uint64_t captured_ns;
    uint32_t view[6]; /* floats by their bits */
    uint32_t n_tensors;
    uint32_t origin_size;
};

struct entry {
    uint8_t type;
    uint8_t rank;
    uint16_t codec; /* 0: as it is */
    uint32_t size;
    uint32_t dims[TENSOR_RANK_MAX];
};

_Static_assert(sizeof(struct head) == 40 && sizeof(struct entry) == 40, "no padding");
_Static_assert(sizeof(struct frame_view) == sizeof(((struct head *)0)->view), "six words");
_Static_assert(FRAME_SIZE_MAX + PAYLOAD_HEAD_MAX + (FRAME_TENSORS_MAX * TENSOR_ALIGNMENT) <=
                   MESSAGE_PAYLOAD_MAX,
               "every frame can be sent");

static const uint8_t padding[TENSOR_ALIGNMENT];

static size_t align_up(size_t offset)
{
    return (offset + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT;
}

static void add_piece(struct payload *payload, const void *data, size_t size)
{
    if (size > 0) {
        payload->pieces[payload->n_pieces++] = (struct payload_piece){data, size};
        payload->size += size;
    }
}

static void encode_entry(const struct tensor *tensor, uint8_t *bytes)
{
    struct entry entry = {
        .type = (uint8_t)tensor->shape.type,
        .rank = (uint8_t)tensor->shape.rank,
        .size = htole32((uint32_t)tensor->size),
    };

    for (uint32_t i = 0; i < tensor->shape.rank; i++) {
        entry.dims[i] = htole32(tensor->shape.dims[i]);
    }
    memcpy(bytes, &entry, sizeof(entry));
}

int payload_encode(const struct frame *frame, struct payload *ret_payload, struct error *err)
{
    struct head head = {
        .captured_ns = htole64(frame->captured_ns),
        .n_tensors = htole32(frame->n_tensors),
    };
    size_t table_size = sizeof(head) + frame->n_tensors * sizeof(struct entry);
    size_t origin_size = frame->origin != NULL ? strlen(frame->origin) : 0;

    head.origin_size = htole32((uint32_t)origin_size);
    memcpy(head.view, &frame->view, sizeof(head.view));
    for (size_t i = 0; i < sizeof(head.view) / sizeof(*head.view); i++) {
        head.view[i] = htole32(head.view[i]);
    }
    ret_payload->size = 0;
    ret_payload->n_pieces = 0;
    memcpy(ret_payload->head, &head, sizeof(head));
    memcpy(ret_payload->head + table_size, frame->origin != NULL ? frame->origin : "",
           origin_size);
    add_piece(ret_payload, ret_payload->head, table_size + origin_size);
    for (unsigned i = 0; i < frame->n_tensors; i++) {
        const struct tensor *tensor = frame->tensors[i];

        encode_entry(tensor, ret_payload->head + sizeof(head) + i * sizeof(struct entry));
        add_piece(ret_payload, padding, align_up(ret_payload->size) - ret_payload->size);
        add_piece(ret_payload, tensor->data, tensor->size);
    }
    if (ret_payload->size > MESSAGE_PAYLOAD_MAX) {
        return error_set(err, -E2BIG, "a frame of %zu bytes is over the limit of %d",
                         ret_payload->size, MESSAGE_PAYLOAD_MAX);
    }
    return 0;
}

/* The buffer that the tensors of a received frame share. */
struct block {
    void *bytes;
    unsigned refs;
};

static void block_release(void *owner)
{
    struct block *block = owner;

    if (__atomic_sub_fetch(&block->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(block->bytes);
        free(block);
    }
}

/* Checks entry `i` and wraps its data. `*offset` is where the data before it ends. */
static int decode_tensor(struct block *block, size_t size, unsigned i, size_t *offset,
                         struct tensor **ret_tensor, struct error *err)
{
    struct entry entry;
    struct tensor_shape shape = {0};
    size_t start = align_up(*offset), wanted;

    memcpy(&entry, (uint8_t *)block->bytes + sizeof(struct head) + i * sizeof(entry),
           sizeof(entry));
    shape.type = (enum tensor_type)entry.type;
    shape.rank = entry.rank;
    for (uint32_t d = 0; d < TENSOR_RANK_MAX && d < shape.rank; d++) {
        shape.dims[d] = le32toh(entry.dims[d]);
    }
    int r = tensor_shape_size(&shape, &wanted, err);
    if (r < 0) {
        return error_set(err, -EPROTO, "tensor %u of a frame has no valid shape", i);
    }
    if (entry.codec != 0) {
        return error_set(err, -EPROTO, "unknown codec %u", le16toh(entry.codec));
    }
    if (le32toh(entry.size) != wanted || start > size || size - start < wanted) {
        return error_set(err, -EPROTO, "tensor %u of a frame is cut short", i);
    }
    r = tensor_wrap(&shape, (uint8_t *)block->bytes + start, block_release, block, ret_tensor,
                    err);
    if (r < 0) {
        return r;
    }
    block->refs++;
    *offset = start + wanted;
    return 0;
}

/* `offset` is where the first one may begin. */
static int decode_tensors(struct block *block, size_t size, size_t offset, unsigned n,
                          struct tensor **tensors, struct error *err)
{
    unsigned done = 0;
    int r = 0;

    while (done < n && r == 0) {
        r = decode_tensor(block, size, done, &offset, &tensors[done], err);
        done += r == 0;
    }
    if (r == 0 && offset != size) {
        r = error_set(err, -EPROTO, "%zu bytes too many in a frame", size - offset);
    }
    for (unsigned i = 0; r < 0 && i < done; i++) {
        tensor_unref(tensors[i]);
    }
    return r;
}

static void take_origin(struct frame *frame, const void *bytes, size_t size)
{
    char origin[FRAME_ORIGIN_MAX + 1] = "";

    memcpy(origin, bytes, size);
    frame_set_origin(frame, origin);
}

int payload_decode(uint64_t sequence, void *bytes, size_t size, struct frame **ret_frame,
                   struct error *err)
{
    struct block *block = memory_new(1, sizeof(*block));
    struct tensor *tensors[FRAME_TENSORS_MAX];
    struct frame_view view;
    struct head head;
    int r = 0;

    *block = (struct block){.bytes = bytes, .refs = 1};
    if (size < sizeof(head)) {
        block_release(block);
        return error_set(err, -EPROTO, "a frame of %zu bytes is cut short", size);
    }
    memcpy(&head, bytes, sizeof(head));
    unsigned n = le32toh(head.n_tensors);
    size_t origin_size = le32toh(head.origin_size);
    size_t table_size = sizeof(head) + n * sizeof(struct entry);
    if (n > FRAME_TENSORS_MAX || origin_size > FRAME_ORIGIN_MAX ||
        size < table_size + origin_size ||
        memchr((uint8_t *)bytes + table_size, '\0', origin_size) != NULL) {
        block_release(block);
        return error_set(err, -EPROTO, "a frame with %u tensors in %zu bytes", n, size);
    }
    for (size_t i = 0; i < sizeof(head.view) / sizeof(*head.view); i++) {
        head.view[i] = le32toh(head.view[i]);
    }
    memcpy(&view, head.view, sizeof(view));
    r = decode_tensors(block, size, table_size + origin_size, n, tensors, err);
    if (r == 0) {
        *ret_frame = frame_create(sequence, le64toh(head.captured_ns), &view, n, tensors);
        take_origin(*ret_frame, (uint8_t *)bytes + table_size, origin_size);
    }
    block_release(block);
    return r;
}
