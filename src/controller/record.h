/* What is known of an application that a server holds: what its session said (front.h), as a
 * status and a log. Pure; times are given. */
#ifndef CONTROLLER_RECORD_H
#define CONTROLLER_RECORD_H

#include "base/json.h"

struct record;

enum { RECORD_LINES_MAX = 2000 }; /* of the log; older ones are dropped */

enum record_phase {
    RECORD_MEASURING,
    RECORD_STARTING,
    RECORD_RUNNING,
    RECORD_UPDATING,
    RECORD_DRAINING,
    RECORD_FINISHED,
    RECORD_FAILED,
};

struct record *record_create(const char *name, uint64_t now_ms);
void record_destroy(struct record *record); /* accepts NULL */

/* A session begins: of an earlier one the log stays. */
void record_begin(struct record *record, const char *fabric);
/* What the session says; `now_ms` since 1970. */
void record_take(struct record *record, const json_t *message, uint64_t now_ms);
/* What the server does itself: an update, a drain. `why` goes into the log unless it is "". */
void record_enter(struct record *record, enum record_phase phase, const char *why,
                  uint64_t now_ms);

enum record_phase record_phase(const struct record *record);
/* {"name", "fabric", "phase", "message", "created": "2026-…Z", "age_seconds", "delivered",
 * "lost", "rate", "latency_ms": {"p50", "p90"}, "predicted": {"rate", "latency_ms"}, "stages",
 * "ready", "note", "failures", "devices", "plan", "report"}; what is not known is null.
 * `failures` is how often a stage was lost since the record began, `ready` how many stages are,
 * `note` the last one, until something is under way again. */
json_t *record_status(const struct record *record, uint64_t now_ms);
/* {"lines": [{"time", "kind", "text"}, …], "next": N}: those from number `since` on. */
json_t *record_log(const struct record *record, uint64_t since);

#endif
