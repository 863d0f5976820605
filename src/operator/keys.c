#include "operator/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SLOTS = 4 * KEYS_MAX }; /* a power of two */

/* FNV-1a, 32 bits (Fowler, Noll, Vo), over both texts with their zeros. */
static uint32_t hash(uint32_t from, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    do {
        from = (from ^ *at) * 16777619U;
    } while (*at++ != '\0');
    return from;
}

uint32_t keys_number(struct keys *keys, const char *type, const char *device)
{
    uint32_t slot = hash(hash(2166136261U, type), device) % SLOTS;

    if (keys->slots == NULL) {
        keys->slots = memory_new(SLOTS, sizeof(*keys->slots));
    }
    for (; keys->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        const struct key *key = &keys->list[keys->slots[slot] - 1];

        if (strcmp(key->type, type) == 0 && strcmp(key->device, device) == 0) {
            return keys->slots[slot] - 1U;
        }
    }
    if (keys->n == KEYS_MAX) {
        return KEYS_FULL;
    }
    keys->list = memory_grow(keys->list, keys->n, sizeof(*keys->list));
    keys->list[keys->n] = (struct key){memory_text(type), memory_text(device)};
    keys->slots[slot] = (uint16_t)(keys->n + 1);
    return keys->n++;
}

void keys_save(const struct keys *keys, struct keep *keep)
{
    keep_u64(keep, keys->n);
    for (uint32_t i = 0; i < keys->n; i++) {
        keep_text(keep, keys->list[i].type);
        keep_text(keep, keys->list[i].device);
    }
}

void keys_restore(struct keys *keys, struct kept *kept)
{
    size_t n = kept_count(kept, KEYS_MAX, 2);

    for (size_t i = 0; i < n && !kept->torn; i++) {
        const char *type = kept_text(kept);
        const char *device = kept_text(kept);

        kept->torn = kept->torn || keys_number(keys, type, device) != i;
    }
}

void keys_finish(struct keys *keys)
{
    for (uint32_t i = 0; i < keys->n; i++) {
        free(keys->list[i].type);
        free(keys->list[i].device);
    }
    free(keys->list);
    free(keys->slots);
    *keys = (struct keys){0};
}
