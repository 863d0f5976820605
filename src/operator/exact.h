/* Sums without rounding: what is added can be taken off again, and nothing is left behind.
 *
 * The sum is kept as doubles that do not overlap, of growing magnitude, whose mathematical sum
 * it is: GROW-EXPANSION with Knuth's TWO-SUM, zeros left out, of J. R. Shewchuk, "Adaptive
 * Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates" (1997), theorem 10.
 * exact_total() rounds it once, to nearest, as Python's math.fsum() does. So a total depends on
 * what is in the sum and on nothing else: not on the order, nor on what was there before.
 * Numbers must be finite, and small enough for no partial sum to overflow.
 */
#ifndef OPERATOR_EXACT_H
#define OPERATOR_EXACT_H

#include <stddef.h>

#include "operator/keep.h"

enum {
    EXACT_PARTS_MAX = 1100
}; /* a double has 2098 bits to be in, and two parts never touch */

struct exact {
    size_t n, room;
    double *parts;
};

void exact_add(struct exact *sum, double number); /* to take off, add the negative */
double exact_total(const struct exact *sum);
void exact_save(const struct exact *sum, struct keep *keep);
void exact_restore(struct exact *sum, struct kept *kept); /* into zeroed memory */
void exact_finish(struct exact *sum);                     /* accepts zeroed memory */

#endif
