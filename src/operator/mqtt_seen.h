/* Which messages were read already, by packet id and a hash of topic and payload, so that one
 * that a broker delivers again is known.
 *
 * A broker that gets no acknowledgement delivers a message again under the same packet id, and
 * says so (its "dup" flag). It uses an id for another message only after it got the
 * acknowledgement. So there is one entry per id, an entry counts for what comes with the flag
 * only, and a message without the flag takes the entry of its id. Each has the stamp under
 * which it was read last: entries are forgotten by it, once the broker is known to have the
 * acknowledgements. What was delivered again has to be acknowledged again.
 */
#ifndef OPERATOR_MQTT_SEEN_H
#define OPERATOR_MQTT_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MQTT_IDS = 1 << 16 };

struct mqtt_seen;

struct mqtt_seen *mqtt_seen_create(void);
void mqtt_seen_destroy(struct mqtt_seen *seen); /* accepts NULL */

/* FNV-1a of both, 64 bits; never 0. */
uint64_t mqtt_seen_hash(const char *topic, const void *payload, size_t size);

void mqtt_seen_add(struct mqtt_seen *seen, uint16_t id, uint64_t hash, uint64_t stamp);
/* Whether a message that is delivered again is known; then it was read under `stamp` last. */
bool mqtt_seen_again(struct mqtt_seen *seen, uint16_t id, uint64_t hash, uint64_t stamp);
/* Forgets what was read under `stamp` or earlier, and not again. */
void mqtt_seen_forget(struct mqtt_seen *seen, uint64_t stamp);
size_t mqtt_seen_count(const struct mqtt_seen *seen);
/* The hash of an id, or 0, and the stamp under which it was read first. */
uint64_t mqtt_seen_get(const struct mqtt_seen *seen, uint16_t id, uint64_t *ret_first);

#endif
