/* When a request may go out, and whether one that failed may go out again. Pure: the time and
 * the dice are given. */
#ifndef KUBE_PACE_H
#define KUBE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* A bucket of tokens: full at first, filled at `rate` a second up to `burst`. */
struct pace {
    double rate, burst;
    double tokens;
    uint64_t then_ms;
};

void pace_init(struct pace *pace, double rate, double burst, uint64_t now_ms);
/* Takes a token and returns 0, or how long to wait for one. */
uint64_t pace_take(struct pace *pace, uint64_t now_ms);

/* 1, 2, 4, … times `first_ms` for the first, second, … failure in a row, at most `most_ms`, and
 * of that between a half and all: `dice` is from 0 up to 1. */
uint64_t pace_backoff(unsigned n_failures, uint64_t first_ms, uint64_t most_ms, double dice);

/* How a request went that was answered with an error, or not at all. */
struct pace_failure {
    const char *method;
    unsigned n_tries;  /* this one, too */
    bool renewed;      /* it was told to before */
    int status;        /* 0: no answer */
    bool reached;      /* the server may have done it */
    bool hopeless;     /* the same again would fail the same way */
    uint64_t retry_ms; /* that the server asks to wait; 0: it does not */
};

enum pace_verdict {
    PACE_GIVE_UP,
    PACE_AGAIN, /* after *ret_wait_ms */
    PACE_RENEW, /* with a new token, at once */
};

enum pace_verdict pace_judge(const struct pace_failure *failure, double dice,
                             uint64_t *ret_wait_ms);

#endif
