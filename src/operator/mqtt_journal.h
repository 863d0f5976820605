/* What an MQTT source must not forget: the messages of the frame under way, and which others
 * the broker may deliver again.
 *
 * Bytes in, bytes out; the source has the file. Little-endian:
 *
 *     "brumeMQ1"  u64 hash of all that follows
 *     u64 frame  u64 captured (ns)  u32 size of run  u32 n messages  u32 n seen  u32 0
 *     run
 *     each message: u16 id  u8 qos  u8 0  u32 size of topic  u32 size of payload  topic payload
 *     each seen:    u16 id  u64 hash
 */
#ifndef OPERATOR_MQTT_JOURNAL_H
#define OPERATOR_MQTT_JOURNAL_H

#include <stdint.h>

#include "operator/mqtt_seen.h"

struct error;

enum {
    MQTT_BATCH_SIZE = 16 << 20,   /* most bytes of topics and payloads in a frame */
    MQTT_BATCH_MESSAGES = 65535,  /* and messages */
    MQTT_JOURNAL_SIZE = 32 << 20, /* no journal is longer */
};

struct mqtt_message {
    uint16_t id; /* 0 with QoS 0 */
    uint8_t qos;
    char *topic;
    void *payload; /* malloc'ed; NULL when empty */
    uint32_t size;
    uint64_t stamp; /* under which it was read; not in the journal */
};

/* Messages in the order in which they came. */
struct mqtt_batch {
    uint64_t frame, captured_ns;
    size_t size; /* of all together, by mqtt_message_size() */
    size_t n;
    struct mqtt_message *messages;
};

/* Takes what the message owns. */
void mqtt_batch_add(struct mqtt_batch *batch, const struct mqtt_message *message);
/* Moves the first n messages of `from` to the end of `to`. */
void mqtt_batch_move(struct mqtt_batch *to, struct mqtt_batch *from, size_t n);
void mqtt_batch_finish(struct mqtt_batch *batch); /* leaves it empty */
size_t mqtt_message_size(const struct mqtt_message *message);
/* How many of the first messages of `batch` make a frame: at most `most`, and MQTT_BATCH_SIZE
 * bytes. */
size_t mqtt_batch_fit(const struct mqtt_batch *batch, size_t most);

/* Of `seen` only what was read before the batch's first message is written: its own messages
 * are there anyway. `run` may be NULL. malloc'ed. */
uint8_t *mqtt_journal_encode(const struct mqtt_batch *batch, const struct mqtt_seen *seen,
                             const char *run, size_t *ret_size);

/* Adds to `seen` with stamp 0, the batch's messages too if it comes from the run named `run`;
 * that of another run is not taken: `ret_batch` stays empty, and n is 0. -EBADMSG when the
 * bytes are no journal; then `seen` may have got some. */
int mqtt_journal_decode(const uint8_t *bytes, size_t size, const char *run,
                        struct mqtt_batch *ret_batch, struct mqtt_seen *seen,
                        struct error *err);

#endif
