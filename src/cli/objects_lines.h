/* Lines that pods wrote, as kubelets keep them: "2026-01-31T12:00:00.123456789Z
 * text". Pure. */
#ifndef CLI_OBJECTS_LINES_H
#define CLI_OBJECTS_LINES_H

#include <stdbool.h>

#include "base/json.h"

/* {"time", "kind": "log", "stage", "text"}; NULL: it is no such line. The time that a stage
 * itself put before its words takes the place of the kubelet's. */
json_t *objects_line(const char *stage, const char *line);

/* {"time", "kind": "say", "text"} of a controller's line with "shop/street: " before what
 * operators say; NULL: it has not. */
json_t *objects_line_said(const char *prefix, const char *line);

/* Whether the line is later than the last one seen of the same pod, whose beginning is `last`;
 * "": none was. */
bool objects_line_is_later(const char *line, const char *last);
/* That beginning, malloc'ed. */
char *objects_line_moment(const char *line);

#endif
