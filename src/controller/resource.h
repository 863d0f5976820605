/* What is said of an Application at its object: status, conditions and events; and when it is
 * worth a write. Pure; times in milliseconds since 1970.
 *
 * The status comes from what is known of the application (record.h). What a person waits for
 * (the phase, a condition, where a stage is) is written at once. Numbers that move all the time
 * are written when they have moved and RESOURCE_RATES_MS have passed, counts later still, so
 * that what stands still causes no writes at all. Empty texts are left out: some API servers
 * take them for null.
 */
#ifndef CONTROLLER_RESOURCE_H
#define CONTROLLER_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

enum {
    RESOURCE_RATES_MS = 5000,
    RESOURCE_COUNTS_MS = 30000,
    RESOURCE_RATE_PERCENT = 2, /* a rate that moved by less stays as it was written */
    RESOURCE_PLAN_MOST = 512,  /* bytes of a plan in short */
};

struct resource_facts {
    int64_t generation;   /* of the manifest that the rest is said of */
    const json_t *record; /* record_status(), or NULL: it was never started */
    const char *refused;  /* why the manifest is, or NULL */
    const char *waits;    /* why it is not started yet, or NULL */
    unsigned retry_s;     /* it failed, and is tried again after that; 0: it is not */
};

/* `before` is the status that was written last, or that was found (NULL: none): times of
 * conditions that have not changed come from there. */
json_t *resource_status(const struct resource_facts *facts, const json_t *before,
                        uint64_t now_ms);

/* When `after` should be written, which is at once if it is not later than `now_ms`; 0: it need
 * not be. */
uint64_t resource_due(const json_t *before, const json_t *after, uint64_t written_ms,
                      uint64_t now_ms);
/* The merge patch for it: {"status": what differs}; `before` may be NULL. */
json_t *resource_patch(const json_t *before, const json_t *after);

struct resource_event {
    bool warning;
    const char *reason; /* static */
    char *message;      /* malloc'ed */
};
/* What a session said (front.h) as an event on the object; false: it is none. */
bool resource_event(const json_t *message, struct resource_event *ret_event);
/* Calls `tell` for each stage that is on another device than before. */
void resource_moves(const json_t *before, const json_t *after,
                    void (*tell)(void *owner, const struct resource_event *event), void *owner);

/* ---- what these are made of ------------------------------------------------------------ */

/* "camera..fit on node-1 | detect on node-2, node-3", of plan_to_json(); malloc'ed. */
char *resource_plan(const json_t *plan);

/* What is the matter with an application that runs, or NULL; malloc'ed. `ret_reason` is
 * static. */
char *resource_degraded(const json_t *record, const char **ret_reason);
/* resource_condition.c. */
json_t *resource_conditions(const struct resource_facts *facts, const json_t *before,
                            uint64_t now_ms);

/* The text under a key; "" when there is none. */
static inline const char *resource_text(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));

    return value != NULL ? value : "";
}

#endif
