/* Which events are written, and how: a new one, or one more of one that is there. Pure: the
 * time and a name are given. Both tables are bounded; the oldest goes. */
#ifndef KUBE_CORRELATOR_H
#define KUBE_CORRELATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

struct correlator;

enum {
    CORRELATOR_EVENTS_MAX = 512,
    CORRELATOR_OBJECTS_MAX = 512,
    CORRELATOR_BURST = 10, /* of an object; then one a second */
    CORRELATOR_MEMORY_MS = 3600 * 1000,
    CORRELATOR_MESSAGE_MAX = 1024,
};

struct correlator_event {
    const json_t *object; /* with apiVersion, kind, metadata */
    bool warning;
    const char *reason, *message;
};

enum correlator_verdict {
    CORRELATOR_DROP,   /* there were too many on this object */
    CORRELATOR_CREATE, /* POST *ret_body to the events of *ret_space */
    CORRELATOR_COUNT,  /* PATCH *ret_name in there with *ret_body */
};

struct correlator_write {
    char *space, *name; /* malloc'ed; DROP: NULL */
    json_t *body;       /* a new reference */
};

struct correlator *correlator_create(const char *component, const char *host);
void correlator_destroy(struct correlator *correlator); /* accepts NULL */

enum correlator_verdict correlator_judge(struct correlator *correlator,
                                         const struct correlator_event *event, uint64_t now_ms,
                                         uint64_t wall_ms, struct correlator_write *ret_write);
/* It is not there (any more): the next of its kind is a new one. */
void correlator_forget(struct correlator *correlator, const char *space, const char *name);

void correlator_write_finish(struct correlator_write *write);

#endif
