#include "operator/packed.h"

#include <stdlib.h>

size_t packed_count(const struct brume_tensor *tensor)
{
    size_t n = 1;

    for (uint32_t i = 0; i < tensor->rank; i++) {
        n *= tensor->shape[i];
    }
    return n;
}

void *packed_scratch(struct packed_scratch *scratch, size_t size)
{
    if (size > scratch->room) {
        free(scratch->bytes);
        scratch->bytes = malloc(size);
        scratch->room = scratch->bytes != NULL ? size : 0;
    }
    return scratch->bytes;
}

void packed_scratch_free(struct packed_scratch *scratch)
{
    free(scratch->bytes);
}
