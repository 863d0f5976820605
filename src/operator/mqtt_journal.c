#include "operator/mqtt_journal.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const char magic[8] = "brumeMQ1";

enum { HEAD_SIZE = 48, MESSAGE_HEAD_SIZE = 12, SEEN_SIZE = 10, TOPIC_MAX = 65535 };

void mqtt_batch_add(struct mqtt_batch *batch, const struct mqtt_message *message)
{
    batch->messages = memory_grow(batch->messages, batch->n, sizeof(*batch->messages));
    batch->messages[batch->n++] = *message;
    batch->size += mqtt_message_size(message);
}

void mqtt_batch_move(struct mqtt_batch *to, struct mqtt_batch *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mqtt_batch_add(to, &from->messages[i]);
        from->size -= mqtt_message_size(&from->messages[i]);
    }
    from->n -= n;
    if (n > 0) {
        memmove(from->messages, from->messages + n, from->n * sizeof(*from->messages));
    }
}

void mqtt_batch_finish(struct mqtt_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        free(batch->messages[i].topic);
        free(batch->messages[i].payload);
    }
    free(batch->messages);
    *batch = (struct mqtt_batch){0};
}

size_t mqtt_message_size(const struct mqtt_message *message)
{
    return message->size + strlen(message->topic) + 1;
}

size_t mqtt_batch_fit(const struct mqtt_batch *batch, size_t most)
{
    size_t size = 0;
    size_t n = 0;

    while (n < batch->n && n < most) {
        size += mqtt_message_size(&batch->messages[n]);
        if (size > MQTT_BATCH_SIZE) {
            break;
        }
        n++;
    }
    return n;
}

static uint64_t checksum(const uint8_t *bytes, size_t size)
{
    return mqtt_seen_hash("", bytes + 16, size - 16);
}

static uint8_t *put(uint8_t *to, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(to, bytes, size);
    }
    return to + size;
}

static uint8_t *put_number(uint8_t *to, uint64_t number, size_t size)
{
    uint64_t little = htole64(number);

    return put(to, &little, size);
}

static uint64_t get_number(const uint8_t *from, size_t size)
{
    uint64_t little = 0;

    memcpy(&little, from, size);
    return le64toh(little);
}

static bool is_older(const struct mqtt_seen *seen, uint16_t id, uint64_t first, uint64_t *hash)
{
    uint64_t stamp;

    *hash = mqtt_seen_get(seen, id, &stamp);
    return *hash != 0 && stamp < first;
}

uint8_t *mqtt_journal_encode(const struct mqtt_batch *batch, const struct mqtt_seen *seen,
                             const char *run, size_t *ret_size)
{
    uint64_t first = batch->n > 0 ? batch->messages[0].stamp : UINT64_MAX;
    size_t run_size = run != NULL ? strlen(run) : 0;
    size_t size = HEAD_SIZE + run_size;
    uint32_t n_seen = 0;
    uint64_t hash;

    for (size_t i = 0; i < batch->n; i++) {
        size += MESSAGE_HEAD_SIZE + mqtt_message_size(&batch->messages[i]) - 1;
    }
    for (unsigned id = 0; id < MQTT_IDS; id++) {
        n_seen += is_older(seen, (uint16_t)id, first, &hash);
    }
    size += (size_t)n_seen * SEEN_SIZE;
    uint8_t *bytes = memory_new(size, 1);
    uint8_t *to = put(bytes, magic, sizeof(magic)) + 8;
    to = put_number(to, batch->frame, 8);
    to = put_number(to, batch->captured_ns, 8);
    to = put_number(to, run_size, 4);
    to = put_number(to, batch->n, 4);
    to = put_number(to, n_seen, 8);
    to = put(to, run, run_size);
    for (size_t i = 0; i < batch->n; i++) {
        const struct mqtt_message *message = &batch->messages[i];
        size_t topic_size = strlen(message->topic);

        to = put_number(to, message->id, 2);
        to = put_number(to, message->qos, 2);
        to = put_number(to, topic_size, 4);
        to = put_number(to, message->size, 4);
        to = put(to, message->topic, topic_size);
        to = put(to, message->payload, message->size);
    }
    for (unsigned id = 0; id < MQTT_IDS; id++) {
        if (is_older(seen, (uint16_t)id, first, &hash)) {
            to = put_number(put_number(to, id, 2), hash, 8);
        }
    }
    put_number(bytes + 8, checksum(bytes, size), 8);
    *ret_size = size;
    return bytes;
}

/* What is left to be read. */
struct reader {
    const uint8_t *at;
    size_t left;
};

static const uint8_t *take(struct reader *reader, size_t size)
{
    const uint8_t *at = reader->at;

    if (size > reader->left) {
        return NULL;
    }
    reader->at += size;
    reader->left -= size;
    return at;
}

static int read_message(struct reader *reader, struct mqtt_batch *batch)
{
    const uint8_t *head = take(reader, MESSAGE_HEAD_SIZE);
    size_t topic_size = head != NULL ? get_number(head + 4, 4) : 0;
    size_t size = head != NULL ? get_number(head + 8, 4) : 0;
    const uint8_t *topic = take(reader, topic_size);
    const uint8_t *payload = take(reader, size);

    if (head == NULL || topic == NULL || payload == NULL || topic_size > TOPIC_MAX ||
        head[2] > 2 || head[3] != 0 || memchr(topic, '\0', topic_size) != NULL) {
        return -EBADMSG;
    }
    struct mqtt_message message = {
        .id = (uint16_t)get_number(head, 2),
        .qos = head[2],
        .topic = memory_format("%.*s", (int)topic_size, (const char *)topic),
        .payload = size > 0 ? memory_new(size, 1) : NULL,
        .size = (uint32_t)size,
    };
    if (size > 0) {
        memcpy(message.payload, payload, size);
    }
    mqtt_batch_add(batch, &message);
    return 0;
}

static int read_all(struct reader *reader, const uint8_t *head, struct mqtt_batch *batch,
                    struct mqtt_seen *seen)
{
    uint64_t n = get_number(head + 36, 4);
    uint64_t n_seen = get_number(head + 40, 8);

    if (n > MQTT_BATCH_MESSAGES || n_seen > MQTT_IDS) {
        return -EBADMSG;
    }
    while (n-- > 0) {
        if (read_message(reader, batch) < 0) {
            return -EBADMSG;
        }
    }
    if (reader->left != n_seen * SEEN_SIZE) {
        return -EBADMSG;
    }
    while (n_seen-- > 0) {
        const uint8_t *one = take(reader, SEEN_SIZE);
        uint64_t hash = get_number(one + 2, 8);

        if (hash == 0) {
            return -EBADMSG;
        }
        mqtt_seen_add(seen, (uint16_t)get_number(one, 2), hash, 0);
    }
    return 0;
}

int mqtt_journal_decode(const uint8_t *bytes, size_t size, const char *run,
                        struct mqtt_batch *ret_batch, struct mqtt_seen *seen, struct error *err)
{
    cleanup(mqtt_batch_finish) struct mqtt_batch batch = {0};
    struct reader reader = {bytes, size};
    size_t wanted_size = run != NULL ? strlen(run) : 0;
    const uint8_t *head = take(&reader, HEAD_SIZE);

    if (head == NULL || memcmp(head, magic, sizeof(magic)) != 0 ||
        get_number(head + 8, 8) != checksum(bytes, size)) {
        return error_set(err, -EBADMSG, "it is damaged, or no journal of MQTT messages");
    }
    size_t run_size = get_number(head + 32, 4);
    const uint8_t *its_run = take(&reader, run_size);
    if (its_run == NULL || read_all(&reader, head, &batch, seen) < 0) {
        return error_set(err, -EBADMSG, "its parts do not fit together");
    }
    if (run_size != wanted_size || (run_size > 0 && memcmp(its_run, run, run_size) != 0)) {
        return 0;
    }
    for (size_t i = 0; i < batch.n; i++) {
        const struct mqtt_message *message = &batch.messages[i];

        if (message->qos > 0) {
            mqtt_seen_add(seen, message->id,
                          mqtt_seen_hash(message->topic, message->payload, message->size), 0);
        }
    }
    batch.frame = get_number(head + 16, 8);
    batch.captured_ns = get_number(head + 24, 8);
    *ret_batch = batch;
    batch = (struct mqtt_batch){0};
    return 0;
}
