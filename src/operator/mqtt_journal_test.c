#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "operator/mqtt_journal.h"
#include "operator/mqtt_topic.h"

static void add(struct mqtt_batch *batch, uint16_t id, const char *topic, const char *payload)
{
    struct mqtt_message message = {
        .id = id,
        .qos = id > 0 ? 1 : 0,
        .topic = memory_text(topic),
        .payload = *payload != '\0' ? memory_text(payload) : NULL,
        .size = (uint32_t)strlen(payload),
        .stamp = 10 + batch->n,
    };

    mqtt_batch_add(batch, &message);
}

static uint64_t hash_of(const char *topic, const char *payload)
{
    return mqtt_seen_hash(topic, payload, strlen(payload));
}

/* A journal of frame 7 in run "r": two messages, and one older that may come again. */
static uint8_t *example(size_t *ret_size)
{
    struct mqtt_seen *seen = mqtt_seen_create();
    struct mqtt_batch batch = {.frame = 7, .captured_ns = 5};

    add(&batch, 3, "a/b", "payload");
    add(&batch, 0, "c", "");
    mqtt_seen_add(seen, 2, hash_of("a", "older"), 9);
    mqtt_seen_add(seen, 3, hash_of("a/b", "payload"), 10);
    mqtt_seen_add(seen, 4, hash_of("a", "in no frame yet"), 12);
    uint8_t *bytes = mqtt_journal_encode(&batch, seen, "r", ret_size);
    mqtt_batch_finish(&batch);
    mqtt_seen_destroy(seen);
    return bytes;
}

static void a_journal_gives_back_what_it_got(void **state)
{
    size_t size;
    cleanup(memory_free) uint8_t *bytes = example(&size);
    struct mqtt_seen *seen = mqtt_seen_create();
    struct mqtt_batch batch = {0};
    struct error err;
    (void)state;

    assert_int_equal(mqtt_journal_decode(bytes, size, "r", &batch, seen, &err), 0);
    assert_int_equal(batch.frame, 7);
    assert_int_equal(batch.captured_ns, 5);
    assert_int_equal(batch.n, 2);
    assert_string_equal(batch.messages[0].topic, "a/b");
    assert_memory_equal(batch.messages[0].payload, "payload", 7);
    assert_int_equal(batch.messages[1].qos, 0);
    assert_int_equal(batch.messages[1].size, 0);
    assert_int_equal(mqtt_seen_count(seen), 2);
    assert_true(mqtt_seen_again(seen, 2, hash_of("a", "older"), 1));
    assert_true(mqtt_seen_again(seen, 3, hash_of("a/b", "payload"), 1));
    mqtt_batch_finish(&batch);
    mqtt_seen_destroy(seen);
}

static void the_messages_of_another_run_are_not_known(void **state)
{
    size_t size;
    cleanup(memory_free) uint8_t *bytes = example(&size);
    struct mqtt_seen *seen = mqtt_seen_create();
    struct mqtt_batch batch = {0};
    struct error err;
    (void)state;

    assert_int_equal(mqtt_journal_decode(bytes, size, NULL, &batch, seen, &err), 0);
    assert_int_equal(batch.n, 0);
    assert_int_equal(mqtt_seen_count(seen), 1);
    mqtt_seen_destroy(seen);
}

static void a_damaged_journal_is_refused(void **state)
{
    size_t size;
    cleanup(memory_free) uint8_t *bytes = example(&size);
    struct mqtt_seen *seen = mqtt_seen_create();
    struct mqtt_batch batch = {0};
    struct error err;
    (void)state;

    for (size_t n = 0; n < size; n++) {
        assert_int_equal(mqtt_journal_decode(bytes, n, "r", &batch, seen, &err), -EBADMSG);
        bytes[n] ^= 1;
        assert_int_equal(mqtt_journal_decode(bytes, size, "r", &batch, seen, &err), -EBADMSG);
        bytes[n] ^= 1;
    }
    mqtt_seen_destroy(seen);
}

static void a_frame_has_an_end(void **state)
{
    struct mqtt_batch batch = {0};
    struct mqtt_batch rest = {0};
    (void)state;

    for (uint16_t i = 1; i <= 5; i++) {
        add(&batch, i, "t", "x");
    }
    assert_int_equal(mqtt_batch_fit(&batch, 3), 3);
    assert_int_equal(mqtt_batch_fit(&batch, 9), 5);
    batch.messages[4].size = MQTT_BATCH_SIZE - 4 * 3 - 2;
    assert_int_equal(mqtt_batch_fit(&batch, 9), 5);
    batch.messages[4].size++;
    assert_int_equal(mqtt_batch_fit(&batch, 9), 4);
    batch.messages[4].size = 1;
    mqtt_batch_move(&rest, &batch, 3);
    assert_int_equal(batch.n, 2);
    assert_int_equal(batch.size, 6);
    assert_int_equal(batch.messages[0].id, 4);
    assert_int_equal(rest.size, 9);
    mqtt_batch_finish(&batch);
    mqtt_batch_finish(&rest);
}

static void what_was_delivered_again_is_owed_again(void **state)
{
    struct mqtt_seen *seen = mqtt_seen_create();
    uint64_t first;
    (void)state;

    mqtt_seen_add(seen, 1, 11, 1);
    mqtt_seen_add(seen, 2, 22, 2);
    assert_false(mqtt_seen_again(seen, 1, 12, 3));
    assert_false(mqtt_seen_again(seen, 3, 11, 3));
    assert_true(mqtt_seen_again(seen, 1, 11, 3));
    mqtt_seen_forget(seen, 2);
    assert_int_equal(mqtt_seen_count(seen), 1);
    assert_int_equal(mqtt_seen_get(seen, 1, &first), 11);
    assert_int_equal(first, 1);
    mqtt_seen_add(seen, 1, 13, 4); /* a new message has the id */
    assert_false(mqtt_seen_again(seen, 1, 11, 5));
    mqtt_seen_forget(seen, 4);
    assert_int_equal(mqtt_seen_count(seen), 0);
    mqtt_seen_destroy(seen);
}

static void topics_are_split_at_commas(void **state)
{
    size_t n;
    char **topics = mqtt_topic_split(" a/# ,, +/b,c d ", &n);
    (void)state;

    assert_int_equal(n, 3);
    assert_string_equal(topics[0], "a/#");
    assert_string_equal(topics[1], "+/b");
    assert_string_equal(topics[2], "c d");
    mqtt_topic_free(n, topics);
}

static void a_template_is_filled_in(void **state)
{
    struct mqtt_about about = {
        .type = {6, "CO/NO2trailing"},
        .device = {0, ""},
        .topic = {5, "a/b+c"},
    };
    cleanup(memory_free) char *words = mqtt_topic_fill("x/{type}/{device}/{topic}", &about);
    cleanup(memory_free) char *none = mqtt_topic_fill("x", &about);
    (void)state;

    assert_string_equal(words, "x/CO_NO2/_/a/b_c");
    assert_string_equal(none, "x");
}

static void a_template_is_checked(void **state)
{
    static const char *const wrong[] = {"", "a/+", "a/#", "{typ}", "{type", "a}", "{}"};
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(mqtt_topic_check(wrong[i], &err), -EINVAL);
    }
    assert_int_equal(mqtt_topic_check("a/{type}{device}/{topic}", &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_gives_back_what_it_got),
        cmocka_unit_test(the_messages_of_another_run_are_not_known),
        cmocka_unit_test(a_damaged_journal_is_refused),
        cmocka_unit_test(a_frame_has_an_end),
        cmocka_unit_test(what_was_delivered_again_is_owed_again),
        cmocka_unit_test(topics_are_split_at_commas),
        cmocka_unit_test(a_template_is_filled_in),
        cmocka_unit_test(a_template_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
