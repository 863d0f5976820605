/* What a window makes of the readings in it: one cell per window and key.
 *
 * Sums and means are exact until they are rounded once (exact.h). A percentile is interpolated
 * between the two nearest readings, at rank (n - 1) p / 100 from 0: definition 7 of Hyndman and
 * Fan, "Sample Quantiles in Statistical Packages" (1996), which NumPy and R use. 0 is the least
 * reading, 100 the greatest.
 */
#ifndef OPERATOR_AGGREGATE_H
#define OPERATOR_AGGREGATE_H

#include <stddef.h>
#include <stdint.h>

#include "operator/exact.h"

enum aggregate_function {
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_MEAN,
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_PERCENTILE
};

struct aggregate {
    uint64_t n;
    double least, most;
    struct exact sum;      /* for means and sums; */
    size_t n_values, room; /* for percentiles all values */
    double *values;
};

void aggregate_add(struct aggregate *aggregate, enum aggregate_function function, double value);
/* Of at least one reading. Sorts the values. */
double aggregate_result(struct aggregate *aggregate, enum aggregate_function function,
                        double percentile);
/* How many numbers it takes, for a bound on memory. */
size_t aggregate_size(const struct aggregate *aggregate);
void aggregate_save(const struct aggregate *aggregate, struct keep *keep);
void aggregate_restore(struct aggregate *aggregate, enum aggregate_function function,
                       struct kept *kept);          /* into a zeroed one */
void aggregate_finish(struct aggregate *aggregate); /* accepts zeroed memory */

#endif
