/* What of an application's log was told already. Not for others. */
#ifndef CLI_OBJECTS_LOG_H
#define CLI_OBJECTS_LOG_H

#include "cli/objects_state.h"

struct objects_log {
    struct objects *objects;
    const struct source_reading *reading;
    const char *uid;     /* of the object; its pods bear it as the name of their run */
    json_t *moments;     /* by pod: of the last line that was told */
    json_t *events;      /* by name: the version that was told */
    const json_t *about; /* the object */
    int code;            /* why not all of it can be told; EX_OK: it can */
};

/* Of its pods; malloc'ed. */
char *objects_log_pods_path(const struct objects_log *log);
/* Of what a pod's only container wrote, after `moment`, if that is not "". */
char *objects_log_path(const struct objects_log *log, const char *pod, const char *moment,
                       bool follow);

/* Goes on telling until the object is gone. */
void objects_log_follow(struct objects_log *log);

#endif
