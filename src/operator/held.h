/* Readings that wait for the watermark: they leave in order of time, equals as they came. A
 * binary heap. */
#ifndef OPERATOR_HELD_H
#define OPERATOR_HELD_H

#include "operator/keep.h"

struct held_reading {
    double time, value;
    uint64_t arrival; /* no two have the same */
    uint32_t key;
};

struct held {
    size_t n;
    size_t room;
    struct held_reading *heap; /* heap[0] leaves first */
};

void held_push(struct held *held, const struct held_reading *reading);
struct held_reading held_pop(struct held *held); /* there is one */
void held_save(const struct held *held, struct keep *keep);
/* Into none; at most `most`, of keys below n_keys. */
void held_restore(struct held *held, struct kept *kept, size_t most, uint32_t n_keys);
void held_finish(struct held *held); /* accepts zeroed memory */

#endif
