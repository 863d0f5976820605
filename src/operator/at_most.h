/* At most so many in any stretch of time, whatever comes: pure, it is given `now`. */
#ifndef OPERATOR_AT_MOST_H
#define OPERATOR_AT_MOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AT_MOST_MEMORY = 1000 }; /* of a larger number, this many in as much less time */

struct at_most {
    size_t n; /* in any window; 0: no limit */
    uint64_t window_ns;
    uint64_t *taken_ns; /* ring of the last n that were let through */
    uint64_t n_taken;
    uint64_t n_dropped; /* since the last that was let through */
};

/* "10/min" is at_most_init(…, 10, 10.0 / 60); 0 per second: no limit. */
void at_most_init(struct at_most *limit, double count, double per_second);
void at_most_finish(struct at_most *limit); /* accepts zeroed memory */

/* Whether one more may go now; counts it if not. Whoever lets it through sets n_dropped to 0.
 */
bool at_most_take(struct at_most *limit, uint64_t now_ns);

#endif
