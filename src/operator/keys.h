/* Which (type, device) is it? Numbers from 0 in order of appearance: what an operator remembers
 * per key is an array. */
#ifndef OPERATOR_KEYS_H
#define OPERATOR_KEYS_H

#include <stdint.h>

#include "operator/keep.h"

enum { KEYS_MAX = 4096, KEYS_FULL = KEYS_MAX };

struct key {
    char *type, *device;
};

struct keys {
    uint32_t n;
    struct key *list;
    uint16_t *slots; /* a hash table of numbers + 1 */
};

/* The number of the key, which is added when it is new; KEYS_FULL when it is one too many. */
uint32_t keys_number(struct keys *keys, const char *type, const char *device);
void keys_save(const struct keys *keys, struct keep *keep);
void keys_restore(struct keys *keys, struct kept *kept); /* into none */
void keys_finish(struct keys *keys);                     /* accepts zeroed memory */

#endif
