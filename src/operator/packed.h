/* What `pack` and `unpack` share.
 *
 * The last tensor of a packed frame: what `pack` did to the others, for `unpack`.
 *
 * int32 [n, 14], a row for each of the n tensors before it: how its numbers were changed
 * (enum packed_numbers); the element type that it then had, before zstd made u8[m] of it (0:
 * zstd did not), whether it was split into planes, and its rank; the bits of float32 offset and
 * step (of bytes); and the dimensions (of what zstd made smaller).
 */
#ifndef OPERATOR_PACKED_H
#define OPERATOR_PACKED_H

#include <brume/operator.h>
#include <stddef.h>

enum { PACKED_TENSORS_MAX = 63 }; /* of a frame */

enum packed_numbers { PACKED_AS_THEY_WERE, PACKED_HALVES, PACKED_BYTES, PACKED_NUMBERS_END };

struct packed_row {
    int32_t numbers, type, split, rank;
    float offset, step;
    uint32_t shape[BRUME_RANK_MAX];
};

enum { PACKED_ROW = 6 + BRUME_RANK_MAX };

/* Elements of a tensor. */
size_t packed_count(const struct brume_tensor *tensor);

/* Memory between two steps, which grows with the largest tensor seen. Begins as {0}. */
struct packed_scratch {
    size_t room;
    void *bytes;
};
void *packed_scratch(struct packed_scratch *scratch, size_t size); /* NULL: no memory */
void packed_scratch_free(struct packed_scratch *scratch);

_Static_assert(sizeof(struct packed_row) == PACKED_ROW * sizeof(int32_t), "no padding");

#endif
