#include "operator/at_most.h"

#include <stdlib.h>

#include "base/memory.h"

void at_most_init(struct at_most *limit, double count, double per_second)
{
    *limit = (struct at_most){0};
    if (per_second <= 0) {
        return;
    }
    limit->n = count >= AT_MOST_MEMORY ? AT_MOST_MEMORY : count >= 1 ? (size_t)count : 1;
    double window_ns = (double)limit->n / per_second * 1e9;
    limit->window_ns = window_ns < 1e18 ? (uint64_t)window_ns : (uint64_t)1e18;
    limit->taken_ns = memory_new(limit->n, sizeof(*limit->taken_ns));
}

void at_most_finish(struct at_most *limit)
{
    free(limit->taken_ns);
    *limit = (struct at_most){0};
}

bool at_most_take(struct at_most *limit, uint64_t now_ns)
{
    if (limit->n == 0) {
        return true;
    }
    uint64_t *oldest = &limit->taken_ns[limit->n_taken % limit->n];
    if (limit->n_taken >= limit->n && now_ns - *oldest < limit->window_ns) {
        limit->n_dropped++;
        return false;
    }
    *oldest = now_ns;
    limit->n_taken++;
    return true;
}
