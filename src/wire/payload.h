/* The payload of a frame: capture time, view, origin, then each tensor, in the memory of its
 * own.
 *
 *    0  u64  captured_ns         8  u32  view width, height, f32 scale x, y, offset x, y
 *   32  u32  count of tensors   36  u32  size of the origin, at most 120
 *   40       per tensor 40 bytes: u8 type, u8 rank, u16 codec, u32 size, u32 dimensions[8]
 *            then the origin, without a zero
 *
 * Tensor data follows, each aligned to 64 bytes from the start of the payload: received into an
 * aligned buffer, every tensor can be read in place. Sending gathers from the tensors' own
 * memory. Both directions copy nothing.
 */
#ifndef WIRE_PAYLOAD_H
#define WIRE_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/frame.h"

struct error;

enum {
    PAYLOAD_HEAD_MAX = 40 + FRAME_TENSORS_MAX * 40 + FRAME_ORIGIN_MAX,
    PAYLOAD_PIECES_MAX = 1 + 2 * FRAME_TENSORS_MAX,
};

struct payload_piece {
    const void *data;
    size_t size;
};

/* A frame ready to be sent: the head is in `head`, the pieces point into it, into the frame's
 * tensors and to padding. Valid as long as both live; must not be moved. */
struct payload {
    size_t size; /* of all pieces */
    size_t n_pieces;
    struct payload_piece pieces[PAYLOAD_PIECES_MAX];
    uint8_t head[PAYLOAD_HEAD_MAX];
};

/* -E2BIG when the payload is over MESSAGE_PAYLOAD_MAX, as no frame of FRAME_SIZE_MAX is. */
int payload_encode(const struct frame *frame, struct payload *ret_payload, struct error *err);

/* Takes over `bytes` (aligned_alloc'ed to TENSOR_ALIGNMENT, `size` bytes): the frame's tensors
 * lie in it, and the last one frees it; freed on failure, too. -EPROTO for what is malformed.
 */
int payload_decode(uint64_t sequence, void *bytes, size_t size, struct frame **ret_frame,
                   struct error *err);

#endif
