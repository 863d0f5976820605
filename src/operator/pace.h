/* A source's pace: frame s is due at an absolute time, so that a late one does not delay those
 * that follow. */
#ifndef OPERATOR_PACE_H
#define OPERATOR_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    double per_second; /* 0: as fast as frames are wanted */
    bool begun;
    uint64_t first; /* sequence number of the first frame asked for, due at once */
    uint64_t begun_ns;
};

/* Milliseconds until frame `sequence` is due; 0: now. */
uint64_t pace_wait_ms(struct pace *pace, uint64_t sequence, uint64_t now_ns);

/* The same for what has times of its own, replayed `speed` times as fast as it happened. */
struct event_pace {
    double speed; /* 0: as fast as frames are wanted */
    bool begun;
    double first; /* seconds: the first asked for, due at once */
    uint64_t begun_ns;
};

/* Milliseconds until what happened at `time` is due; 0: now. What is earlier than the first is
 * due as well. */
uint64_t event_pace_wait_ms(struct event_pace *pace, double time, uint64_t now_ns);

#endif
