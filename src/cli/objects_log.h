/* Who speaks of an application, and what was told already. Not for others. */
#ifndef CLI_OBJECTS_LOG_H
#define CLI_OBJECTS_LOG_H

#include "cli/objects_state.h"

/* Pods that say something: its stages, all of it; the controller, of which lines that begin
 * with the application's name are what its operators say. */
struct objects_place {
    const char *space;
    char *path;   /* of the pods */
    char *prefix; /* of lines that count; NULL: all do */
    bool closed;  /* to us */
};
enum { OBJECTS_STAGES, OBJECTS_CONTROLLER, OBJECTS_PLACES };

struct objects_log {
    struct objects *objects;
    const struct source_reading *reading;
    const json_t *about; /* the object */
    struct objects_place places[OBJECTS_PLACES];
    json_t *moments; /* by "space/pod": of the last line that was heard */
    json_t *events;  /* by name: the version that was told */
    int code;        /* why not all of it can be told; EX_OK: it can */
};

/* Whether there is something to be read of it. */
bool objects_log_speaks(const json_t *pod);
/* Under which its moment is; malloc'ed. */
char *objects_log_key(const json_t *pod);
/* Of what its only container wrote after the last line that was heard; malloc'ed. */
char *objects_log_path(const struct objects_log *log, const json_t *pod, bool follow);
/* What such a line says, or NULL; notes the moment. */
json_t *objects_log_hear(struct objects_log *log, const struct objects_place *place,
                         const json_t *pod, const char *line);

/* Goes on telling until the object is gone. */
void objects_log_follow(struct objects_log *log);

#endif
