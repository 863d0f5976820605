/* Which operators there are.
 *
 * Light ones are built in: one file and one line of the table in registry.c each. Those that
 * need libraries are plug-ins, `operator-NAME.so` (see base/plugin.h), so that a device carries
 * only the libraries it uses; they are linked like a user's own, against the SDK header alone.
 * A user's are NAME.so in the folders of BRUME_OPERATORS (colon-separated). A name is looked up
 * in that order; what was loaded stays until the program ends. For one thread.
 */
#ifndef OPERATOR_REGISTRY_H
#define OPERATOR_REGISTRY_H

#include <brume/operator.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

/* -ENOENT: no such operator; -ENOPKG: one that this build lacks a library for; other errors:
 * there is a file, which cannot be used, and why. */
int registry_find(const char *name, const struct brume_operator **ret_type, struct error *err);

/* The names there are, sorted, without loading anything; NULL past the last. The folders are
 * read when it is first called. */
const char *registry_name(size_t index);

/* Whether an operator that was found is a user's own. */
bool registry_is_foreign(const char *name);

#endif
