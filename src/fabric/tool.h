/* Runs the network tools of the system, `ip` and `tc`, in their batch mode: many lines on
 * standard input, no shell, and one start for all of them. */
#ifndef FABRIC_TOOL_H
#define FABRIC_TOOL_H

#include "base/base.h"

struct error;
struct ledger;

/* A text that grows. */
struct script {
    char *text;
    size_t size;
};

void script_add(struct script *script, const char *format, ...) PRINTF_LIKE(2, 3);
void script_finish(struct script *script);

/* Runs `tool` ("ip" or "tc") over the script inside a namespace (NULL: this one). What the tool
 * complains of becomes the error. Blocks until it ends.
 *
 * With a ledger (may be NULL) the tool is entered there before it gets its first line, so that
 * undoing the ledger of a killed run ends the tool first, and it makes nothing afterwards. */
int tool_batch(const char *tool, const char *namespace, const struct script *script,
               struct ledger *ledger, struct error *err);

#endif
