/* An Application object as the status of an application (docs/rest.yaml, cli/status.h), and
 * events on it as lines. Pure; times in milliseconds since 1970. What an object has that is not
 * as its definition says counts as not there. */
#ifndef CLI_OBJECTS_STATUS_H
#define CLI_OBJECTS_STATUS_H

#include "base/json.h"

json_t *objects_status(const json_t *object, uint64_t now_ms);
/* Of the items of a list. */
json_t *objects_statuses(const json_t *list, uint64_t now_ms);

/* {"time", "age_seconds", "type", "reason", "message", "count"} of an Event. */
json_t *objects_event(const json_t *event, uint64_t now_ms);
/* Of the items of a list, the latest last. */
json_t *objects_events(const json_t *list, uint64_t now_ms);
/* What objects_event() made, as a line of a log: {"time", "kind", "text"}. */
json_t *objects_event_line(const json_t *event);

/* Puts a list of what has a "time" in its order; of the same moment what was before stays
 * before. */
void objects_sort(json_t *list);

#endif
