#include "base/histogram.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/error.h"

enum { PER_OCTAVE = 16 };

static unsigned bucket_of(uint64_t value)
{
    if (value < 1) {
        return 0;
    }
    double place = log2((double)value) * PER_OCTAVE;
    return place < HISTOGRAM_BUCKETS - 1 ? (unsigned)place : HISTOGRAM_BUCKETS - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->n++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->counts[i] += other->counts[i];
    }
    histogram->n += other->n;
}

double histogram_quantile(const struct histogram *histogram, double q)
{
    double wanted = q * (double)histogram->n, below = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += histogram->counts[i];
        if (histogram->counts[i] > 0 && below >= wanted) {
            return exp2((i + 0.5) / PER_OCTAVE);
        }
    }
    return 0;
}

json_t *histogram_to_json(const struct histogram *histogram)
{
    json_t *json = json_array();

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->counts[i] > 0) {
            json_array_append_new(json, json_pack("[ii]", (int)i, (int)histogram->counts[i]));
        }
    }
    return json;
}

int histogram_from_json(const json_t *json, struct histogram *ret_histogram, struct error *err)
{
    struct histogram histogram = {0};
    size_t i;
    json_t *pair;

    json_array_foreach(json, i, pair)
    {
        json_int_t bucket = json_integer_value(json_array_get(pair, 0));
        json_int_t count = json_integer_value(json_array_get(pair, 1));

        if (bucket < 0 || bucket >= HISTOGRAM_BUCKETS || count < 0 || count > UINT32_MAX) {
            return error_set(err, -EINVAL, "a histogram with bucket %lld, count %lld",
                             (long long)bucket, (long long)count);
        }
        histogram.counts[bucket] = (uint32_t)count;
        histogram.n += (uint64_t)count;
    }
    *ret_histogram = histogram;
    return 0;
}
