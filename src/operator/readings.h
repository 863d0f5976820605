/* READINGS: taken apart, checked, and put together again.
 *
 * What comes in is not believed: readings_input() checks shapes, counts and names before
 * anything is allocated, and says what is wrong. Numbers may be anything, NaN too: whoever
 * computes with them asks reading_is_usable() and counts what it leaves out.
 */
#ifndef OPERATOR_READINGS_H
#define OPERATOR_READINGS_H

#include <brume/operator.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    READINGS_MAX = 2000000,        /* in one frame */
    READINGS_TEXT_MAX = 128 << 20, /* bytes of the names in one frame */
    READINGS_NAME_MAX = 255,       /* bytes of a type or a device */
    READINGS_REMEMBERED = 1000000, /* by one operator */
};
#define READINGS_TIME_MAX  1e11  /* seconds on either side of 1970; to the millisecond exact */
#define READINGS_VALUE_MAX 1e290 /* sums of so many stay finite */

struct reading {
    double time, value;        /* seconds since 1970; in the unit of its type */
    const char *type, *device; /* type is not empty */
};

/* Readings that came in. */
struct readings {
    size_t n;
    struct reading *list; /* names point into text */
    char *text;
};

/* The readings on an input port; a frame without tensors has none. */
int readings_input(struct brume_call *call, unsigned port, struct readings *ret_readings);
void readings_finish(struct readings *readings); /* accepts zeroed memory */
void readings_finishp(struct readings *readings);

/* Are time and value finite and within READINGS_TIME_MAX and READINGS_VALUE_MAX? */
bool reading_is_usable(const struct reading *reading);

/* Readings that go out; begin with zeroed memory. */
struct readings_out {
    size_t n, room;
    double *rows; /* time, value */
    char *text;
    size_t size, text_room;
    bool full; /* something did not fit */
};

/* Control characters in a name become spaces. */
void readings_add(struct readings_out *out, const struct reading *reading);
/* Says them on a port, in the order in which they were added; nothing when there are none. */
int readings_output(struct brume_call *call, unsigned port, const struct readings_out *out);
void readings_out_finish(struct readings_out *out); /* accepts zeroed memory */
void readings_out_finishp(struct readings_out *out);

/* For infer() of what gives readings on output ports 0 to n_ports - 1. */
int readings_infer(struct brume_call *call, unsigned n_ports);

#endif
