#include "kube/pace.h"

#include <math.h>
#include <string.h>

#include "kube/api.h"

enum { FIRST_MS = 250, MOST_MS = 5000, DOUBLINGS_MAX = 20 };

void pace_init(struct pace *pace, double rate, double burst, uint64_t now_ms)
{
    *pace = (struct pace){.rate = rate, .burst = burst, .tokens = burst, .then_ms = now_ms};
}

uint64_t pace_take(struct pace *pace, uint64_t now_ms)
{
    if (now_ms > pace->then_ms) {
        double more = (double)(now_ms - pace->then_ms) / 1000 * pace->rate;
        pace->tokens = fmin(pace->burst, pace->tokens + more);
        pace->then_ms = now_ms;
    }
    if (pace->tokens >= 1) {
        pace->tokens -= 1;
        return 0;
    }
    return (uint64_t)ceil((1 - pace->tokens) / pace->rate * 1000);
}

uint64_t pace_backoff(unsigned n_failures, uint64_t first_ms, uint64_t most_ms, double dice)
{
    unsigned doublings = n_failures > 0 ? n_failures - 1 : 0;
    double wait = (double)first_ms;

    for (unsigned i = 0; i < doublings && i < DOUBLINGS_MAX; i++) {
        wait *= 2;
    }
    wait = fmin(wait, (double)most_ms);
    return (uint64_t)(wait / 2 + wait / 2 * dice);
}

/* Asked twice it is done once, or refused the second time. */
static bool may_be_twice(const char *method)
{
    return strcmp(method, "POST") != 0;
}

static bool may_be_again(const struct pace_failure *failure)
{
    bool surely_not_done = !failure->reached || failure->status == 429;

    if (failure->hopeless || failure->n_tries >= KUBE_TRIES) {
        return false;
    }
    switch (failure->status) {
    case 0:
    case 502:
    case 504:
        return surely_not_done || may_be_twice(failure->method);
    case 429:
        return true;
    case 503:
        return failure->retry_ms > 0 || may_be_twice(failure->method);
    case 500:
        return failure->retry_ms > 0 && may_be_twice(failure->method);
    default:
        return false;
    }
}

enum pace_verdict pace_judge(const struct pace_failure *failure, double dice,
                             uint64_t *ret_wait_ms)
{
    if (failure->status == 401 && !failure->renewed) {
        return PACE_RENEW;
    }
    if (!may_be_again(failure)) {
        return PACE_GIVE_UP;
    }
    uint64_t wait = pace_backoff(failure->n_tries, FIRST_MS, MOST_MS, dice);
    *ret_wait_ms = wait > failure->retry_ms ? wait : failure->retry_ms;
    return PACE_AGAIN;
}
