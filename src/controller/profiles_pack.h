/* The files of a profile store (planner/profile.h) as the data of a ConfigMap, and back. Pure.
 *
 * A ConfigMap has room for a mebibyte: the files that were measured longest ago are left out.
 * The key "order" has the names of the others, oldest first.
 */
#ifndef CONTROLLER_PROFILES_PACK_H
#define CONTROLLER_PROFILES_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

#define PROFILES_ORDER "order"

enum { PROFILES_MOST = 1000000 }; /* bytes of all keys and values */

struct profiles_file {
    char *name, *text;
    uint64_t when; /* it was written */
};

/* Sorts the files. */
json_t *profiles_pack(struct profiles_file *files, size_t n_files, size_t most);
/* The merge patch that makes `after` of `before` (NULL: an empty one); NULL: they are alike. */
json_t *profiles_patch(const json_t *before, const json_t *after);
/* Tells the files, oldest first. What cannot be the name of one is left out. */
void profiles_unpack(const json_t *data,
                     void (*tell)(void *owner, const char *name, const char *text),
                     void *owner);
bool profiles_is_name(const char *name);

#endif
