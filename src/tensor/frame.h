/* A frame is what flows on an edge of the graph: a sequence number given at the source, a
 * capture time, and the tensors. A frame without tensors is empty: its operator had nothing to
 * say, and sent it on so that nobody waits for the number.
 *
 * Shared by reference count and immutable once sent, like tensors.
 */
#ifndef TENSOR_FRAME_H
#define TENSOR_FRAME_H

#include <stdint.h>

#include "tensor/tensor.h"

enum {
    FRAME_TENSORS_MAX = 64,
    FRAME_ORIGIN_MAX = 120,
    FRAME_SIZE_MAX =
        (512 << 20) - (64 << 10), /* bytes of its tensors: what a message carries */
};

/* See struct brume_view in the SDK, whose layout this is. */
struct frame_view {
    uint32_t width, height;
    float scale_x, scale_y;
    float offset_x, offset_y;
};

struct frame {
    uint64_t sequence;
    uint64_t captured_ns; /* since 1970 */
    struct frame_view view;
    char *origin; /* what it was made of, the name of a file, say; NULL: not known */
    unsigned n_tensors;
    struct tensor **tensors; /* owned references */
    /* private */
    unsigned refs;
};

/* Takes the references in `tensors` (the array itself is copied). */
struct frame *frame_create(uint64_t sequence, uint64_t captured_ns,
                           const struct frame_view *view, unsigned n_tensors,
                           struct tensor *const *tensors);
/* Says what the frame was made of, before it is sent; NULL: not known. Of more than
 * FRAME_ORIGIN_MAX bytes the end is kept, and of what cannot be printed question marks. */
void frame_set_origin(struct frame *frame, const char *origin);
struct frame *frame_ref(struct frame *frame);
struct frame *frame_unref(struct frame *frame); /* returns NULL; accepts NULL */
void frame_unrefp(struct frame **frame);
size_t frame_size(const struct frame *frame); /* bytes of its tensors */

#endif
