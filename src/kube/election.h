/* The rules by which one of several candidates holds a Lease. Pure: the time is given, what the
 * server said comes in, and what to ask next is asked for.
 *
 *   happy path     election_next() says ELECTION_READ (election_read()), then ELECTION_WRITE if
 *                  the lease may be taken (election_written(): it is held), and again every
 *                  KUBE_LEASE_RENEW_MS. Who does not hold it reads it as often
 *   failure modes  a lease that another holds may be taken when it was not changed for its
 *                  duration, as seen from here, by the clock here: clocks need not agree, only
 *                  run about equally fast. A write carries the version that was read, so one
 * that comes late, or second, is refused. Who could not renew it for KUBE_LEASE_GIVE_UP_MS,
 * counted from when the last renewal that was answered was asked for, holds it no more, before
 * any other may take it
 *
 * Of two processes none may have the other's identity.
 */
#ifndef KUBE_ELECTION_H
#define KUBE_ELECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct election;

enum {
    ELECTION_AGAIN_MS = 250,    /* after a failure */
    ELECTION_BEATEN_MS = 100,   /* at most, after another was faster */
    ELECTION_TIMEOUT_MS = 1000, /* of a request */
    ELECTION_DURATION_MOST_S = 3600,
};

enum election_step {
    ELECTION_BUSY,  /* what was begun is not over */
    ELECTION_PAUSE, /* nothing to ask yet */
    ELECTION_READ,
    ELECTION_WRITE, /* election_wish(): with POST if election_is_new(), else with PUT */
};

struct election *election_create(const char *space, const char *name, const char *identity,
                                 uint64_t seed);
void election_destroy(struct election *election); /* accepts NULL */

/* Must be called again after *ret_wait_ms at the latest, and after all that came in; the lease
 * may be lost in it. ELECTION_READ and ELECTION_WRITE count as begun from here on. */
enum election_step election_next(struct election *election, uint64_t now_ms,
                                 uint64_t *ret_wait_ms);

bool election_is_new(const struct election *election);
json_t *election_wish(const struct election *election, uint64_t wall_ms); /* a new reference */

/* What is there; NULL: nothing. */
void election_read(struct election *election, uint64_t now_ms, const json_t *lease);
void election_written(struct election *election, uint64_t now_ms, const json_t *lease);
/* Of what was begun; `code` as kube_ask() has it. */
void election_failed(struct election *election, uint64_t now_ms, int code, const char *why);

bool election_holds(const struct election *election);
/* What the last request failed with; NULL: it did not. */
const char *election_trouble(const struct election *election);
/* Why it holds it no more. */
const char *election_why(const struct election *election);

/* How `lease`, as it was read, is given up; NULL: it is not ours. A new reference. */
json_t *election_release(const struct election *election, const json_t *lease,
                         uint64_t wall_ms);

#endif
