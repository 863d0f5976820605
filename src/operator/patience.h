/* For sinks whose place cannot be written now and may be again: a full disk, a lock. The frame
 * waits, and the stream with it, instead of being lost. The user is told once that it does, and
 * once that it is over. */
#ifndef OPERATOR_PATIENCE_H
#define OPERATOR_PATIENCE_H

#include <brume/operator.h>
#include <stdbool.h>

#include "base/base.h"

/* Does writing fail with this errno for want of room? */
bool patience_helps(int code);
/* For process() to return. Says the sentence unless `*told`, which it sets. */
int patience_wait(struct brume_call *call, bool *told, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* What was to be written to `path` has been; clears `*told`. */
void patience_over(struct brume_call *call, bool *told, const char *path);

#endif
