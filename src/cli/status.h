/* The status of applications (docs/rest.yaml), for people. Of a cluster's there is more to
 * tell: "namespace", "observed" (it is said of the manifest as it is now), "conditions",
 * "events", and "summary", its plan in short.
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdbool.h>

#include "base/json.h"

enum status_form { STATUS_TABLE, STATUS_WIDE, STATUS_JSON, STATUS_YAML };

/* -EINVAL for what is none. */
int status_parse_form(const char *text, enum status_form *ret_form);

/* What became of it, for one who waits. */
enum status_outcome {
    STATUS_OPEN,
    STATUS_GOOD,    /* it runs, or has run, as its manifest says */
    STATUS_BAD,     /* it does not, or its last update was undone */
    STATUS_REFUSED, /* its manifest cannot run */
};
enum status_outcome status_outcome(const json_t *status);
/* A sentence, of one that is not good. */
const char *status_reason(const json_t *status);

/* Prints a list of them; `head`: with the names of the columns. `single`: the one of them, not
 * a list, where that makes a difference. */
void status_print(const json_t *items, enum status_form form, bool head, bool single);

/* Everything about one. */
void status_describe(const json_t *status);

#endif
