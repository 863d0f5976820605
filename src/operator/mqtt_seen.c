#include "operator/mqtt_seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct entry {
    uint64_t hash;        /* 0: none */
    uint64_t first, last; /* stamps */
};

struct mqtt_seen {
    size_t n;
    struct entry entries[MQTT_IDS];
};

struct mqtt_seen *mqtt_seen_create(void)
{
    return memory_new(1, sizeof(struct mqtt_seen));
}

void mqtt_seen_destroy(struct mqtt_seen *seen)
{
    free(seen);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * 0x100000001b3;
    }
    return hash;
}

uint64_t mqtt_seen_hash(const char *topic, const void *payload, size_t size)
{
    uint64_t hash = mix(0xcbf29ce484222325, topic, strlen(topic) + 1);

    hash = mix(hash, payload, size);
    return hash != 0 ? hash : 1;
}

void mqtt_seen_add(struct mqtt_seen *seen, uint16_t id, uint64_t hash, uint64_t stamp)
{
    struct entry *entry = &seen->entries[id];

    seen->n += entry->hash == 0;
    entry->hash = hash;
    entry->first = stamp;
    entry->last = stamp;
}

bool mqtt_seen_again(struct mqtt_seen *seen, uint16_t id, uint64_t hash, uint64_t stamp)
{
    struct entry *entry = &seen->entries[id];

    if (entry->hash != hash) {
        return false;
    }
    entry->last = stamp;
    return true;
}

void mqtt_seen_forget(struct mqtt_seen *seen, uint64_t stamp)
{
    for (size_t i = 0; seen->n > 0 && i < MQTT_IDS; i++) {
        struct entry *entry = &seen->entries[i];

        if (entry->hash != 0 && entry->last <= stamp) {
            entry->hash = 0;
            seen->n--;
        }
    }
}

size_t mqtt_seen_count(const struct mqtt_seen *seen)
{
    return seen->n;
}

uint64_t mqtt_seen_get(const struct mqtt_seen *seen, uint16_t id, uint64_t *ret_first)
{
    *ret_first = seen->entries[id].first;
    return seen->entries[id].hash;
}
