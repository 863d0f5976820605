#include "tensor/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

struct frame *frame_create(uint64_t sequence, uint64_t captured_ns,
                           const struct frame_view *view, unsigned n_tensors,
                           struct tensor *const *tensors)
{
    struct frame *frame = memory_new(1, sizeof(*frame) + n_tensors * sizeof(*frame->tensors));

    assert(n_tensors <= FRAME_TENSORS_MAX);
    frame->sequence = sequence;
    frame->captured_ns = captured_ns;
    if (view != NULL) {
        frame->view = *view;
    }
    frame->n_tensors = n_tensors;
    frame->tensors = (struct tensor **)(frame + 1);
    for (unsigned i = 0; i < n_tensors; i++) {
        frame->tensors[i] = tensors[i];
    }
    frame->refs = 1;
    return frame;
}

void frame_set_origin(struct frame *frame, const char *origin)
{
    size_t size = origin != NULL ? strlen(origin) : 0;

    free(frame->origin);
    frame->origin = NULL;
    if (size > FRAME_ORIGIN_MAX) {
        frame->origin = memory_format("...%s", origin + size - FRAME_ORIGIN_MAX + 3);
    } else if (size > 0) {
        frame->origin = memory_text(origin);
    }
    if (frame->origin != NULL) {
        text_make_printable(frame->origin);
    }
}

struct frame *frame_ref(struct frame *frame)
{
    if (frame != NULL) {
        unsigned before = __atomic_fetch_add(&frame->refs, 1, __ATOMIC_RELAXED);
        assert(before > 0);
    }
    return frame;
}

struct frame *frame_unref(struct frame *frame)
{
    if (frame != NULL && __atomic_sub_fetch(&frame->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        for (unsigned i = 0; i < frame->n_tensors; i++) {
            tensor_unref(frame->tensors[i]);
        }
        free(frame->origin);
        free(frame);
    }
    return NULL;
}

void frame_unrefp(struct frame **frame)
{
    *frame = frame_unref(*frame);
}

size_t frame_size(const struct frame *frame)
{
    size_t size = 0;

    for (unsigned i = 0; i < frame->n_tensors; i++) {
        size += frame->tensors[i]->size;
    }
    return size;
}
