/* Arbitrary bytes as an MQTT source's journal; what is one is written again, byte by byte. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/mqtt_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Makes the hash right, so that what lies behind it is read. */
static void mend(uint8_t *bytes, size_t size)
{
    uint64_t hash = mqtt_seen_hash("", bytes + 16, size - 16);

    for (size_t i = 0; i < 8; i++) {
        bytes[8 + i] = (uint8_t)(hash >> (8 * i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(memory_free) uint8_t *bytes = memory_new(size + 1, 1);
    cleanup(memory_free) uint8_t *again = NULL;
    struct mqtt_batch batch = {0};
    struct mqtt_seen *seen = mqtt_seen_create();
    struct mqtt_seen *none = mqtt_seen_create();
    struct error err;
    size_t n = 0;

    if (size > 0) {
        memcpy(bytes, data, size);
    }
    if (size > 16) {
        mend(bytes, size);
    }
    if (mqtt_journal_decode(bytes, size, "run", &batch, seen, &err) == 0 && batch.n > 0) {
        again = mqtt_journal_encode(&batch, none, "run", &n);
        if (n > size || memcmp(again + 16, bytes + 16, 24) != 0) {
            abort();
        }
    }
    mqtt_batch_finish(&batch);
    mqtt_seen_destroy(seen);
    mqtt_seen_destroy(none);
    return 0;
}
