/* What a frame says, for people and as JSON: the sinks that write text share it. */
#ifndef OPERATOR_DESCRIBE_H
#define OPERATOR_DESCRIBE_H

#include <brume/operator.h>

#include "base/json.h"

enum { DESCRIBE_TEXT_MAX = 2000 };

/* The frame on input port 0 as one line. Kinds are told from what there is: boxes as "dog 0.85,
 * car 0.73", values as "person 3", readings as "gate CO 3.5 at 2026-01-31T12:00:00.000Z", text
 * as itself, anything else by its shapes. */
int describe_text(struct brume_call *call, size_t size, char *ret_text);

/* The same as members of `object`: "boxes", "readings", "values", "text" or "tensors". */
int describe_json(struct brume_call *call, json_t *object);

#endif
