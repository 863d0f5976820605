/* What stateful operators leave out, counted: part of what they remember. */
#ifndef OPERATOR_READINGS_DROPPED_H
#define OPERATOR_READINGS_DROPPED_H

#include <stdint.h>

#include "operator/keep.h"

/* Readings that an operator leaves out are counted by reason; the 1st, 10th, 100th, … is said.
 */
enum readings_reason {
    READINGS_LATE,    /* what it belongs to was given out already */
    READINGS_NUMBERS, /* not usable */
    READINGS_KEYS,    /* one type and device too many */
    READINGS_FULL,    /* READINGS_REMEMBERED */
    READINGS_REASONS
};
struct readings_dropped {
    uint64_t counts[READINGS_REASONS];
};
void readings_drop(struct brume_call *call, struct readings_dropped *dropped,
                   enum readings_reason reason);
void readings_dropped_save(const struct readings_dropped *dropped, struct keep *keep);
void readings_dropped_restore(struct readings_dropped *dropped, struct kept *kept);

#endif
