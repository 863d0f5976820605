/* A histogram of durations, with relative buckets: 16 per octave, so a quantile is right within
 * 4.5 %. Fixed size, mergeable, sparse as JSON. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

#include "base/json.h"

struct error;

enum { HISTOGRAM_BUCKETS = 16 * 36 };

struct histogram {
    uint64_t n;
    uint32_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *histogram, const struct histogram *other);
/* The value below which the part `q` (0..1) lies; 0 when it is empty. */
double histogram_quantile(const struct histogram *histogram, double q);

json_t *histogram_to_json(const struct histogram *histogram); /* [[bucket, count], …] */
int histogram_from_json(const json_t *json, struct histogram *ret_histogram, struct error *err);

#endif
