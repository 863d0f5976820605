#include "operator/aggregate.h"

#include <math.h>
#include <stdlib.h>

#include "operator/readings.h"

static void add_value(struct aggregate *aggregate, double value)
{
    if (aggregate->n_values == aggregate->room) {
        aggregate->room = aggregate->room == 0 ? 8 : 2 * aggregate->room;
        aggregate->values =
            reallocarray(aggregate->values, aggregate->room, sizeof(*aggregate->values));
        if (aggregate->values == NULL) {
            abort();
        }
    }
    aggregate->values[aggregate->n_values++] = value;
}

void aggregate_add(struct aggregate *aggregate, enum aggregate_function function, double value)
{
    bool first = aggregate->n++ == 0;

    aggregate->least = first || value < aggregate->least ? value : aggregate->least;
    aggregate->most = first || value > aggregate->most ? value : aggregate->most;
    if (function == AGGREGATE_MEAN || function == AGGREGATE_SUM) {
        exact_add(&aggregate->sum, value);
    } else if (function == AGGREGATE_PERCENTILE) {
        add_value(aggregate, value);
    }
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static double percentile_of(struct aggregate *aggregate, double percentile)
{
    double rank = (double)(aggregate->n_values - 1) * percentile / 100;
    size_t below = (size_t)rank;
    double part = rank - floor(rank);

    qsort(aggregate->values, aggregate->n_values, sizeof(*aggregate->values), compare);
    if (below + 1 >= aggregate->n_values) {
        return aggregate->values[aggregate->n_values - 1];
    }
    double low = aggregate->values[below];
    return low + part * (aggregate->values[below + 1] - low);
}

double aggregate_result(struct aggregate *aggregate, enum aggregate_function function,
                        double percentile)
{
    switch (function) {
    case AGGREGATE_MIN:
        return aggregate->least;
    case AGGREGATE_MAX:
        return aggregate->most;
    case AGGREGATE_MEAN:
        return exact_total(&aggregate->sum) / (double)aggregate->n;
    case AGGREGATE_COUNT:
        return (double)aggregate->n;
    case AGGREGATE_SUM:
        return exact_total(&aggregate->sum);
    case AGGREGATE_PERCENTILE:
        return percentile_of(aggregate, percentile);
    }
    return 0;
}

size_t aggregate_size(const struct aggregate *aggregate)
{
    return 1 + aggregate->sum.n + aggregate->n_values;
}

void aggregate_save(const struct aggregate *aggregate, struct keep *keep)
{
    keep_u64(keep, aggregate->n);
    keep_f64(keep, aggregate->least);
    keep_f64(keep, aggregate->most);
    exact_save(&aggregate->sum, keep);
    keep_u64(keep, aggregate->n_values);
    for (size_t i = 0; i < aggregate->n_values; i++) {
        keep_f64(keep, aggregate->values[i]);
    }
}

void aggregate_restore(struct aggregate *aggregate, enum aggregate_function function,
                       struct kept *kept)
{
    aggregate->n = kept_u64(kept, UINT64_MAX);
    aggregate->least = kept_f64(kept);
    aggregate->most = kept_f64(kept);
    exact_restore(&aggregate->sum, kept);
    size_t n = kept_count(kept, READINGS_REMEMBERED, 8);
    for (size_t i = 0; i < n; i++) {
        add_value(aggregate, kept_f64(kept));
    }
    kept->torn = kept->torn || aggregate->n == 0 ||
                 (function == AGGREGATE_PERCENTILE && aggregate->n != n);
}

void aggregate_finish(struct aggregate *aggregate)
{
    exact_finish(&aggregate->sum);
    free(aggregate->values);
    *aggregate = (struct aggregate){0};
}
