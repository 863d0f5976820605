/* Which events are written, in virtual time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "kube/correlator.h"

#define WALL 1769860800000

static struct correlator *correlator;
static json_t *street;

static int setup(void **state)
{
    (void)state;
    correlator = correlator_create("brume", "pod-1");
    street = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:{}}}", "apiVersion",
                       "brume.dev/v1alpha1", "kind", "Application", "metadata", "namespace",
                       "s", "name", "street", "uid", "1-2", "resourceVersion", "7", "labels");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    correlator_destroy(correlator);
    json_decref(street);
    return 0;
}

static enum correlator_verdict say(const json_t *object, const char *message, uint64_t now,
                                   struct correlator_write *write)
{
    const struct correlator_event event = {object, false, "Started", message};

    return correlator_judge(correlator, &event, now, WALL + now, write);
}

/* What is written, as text; malloc'ed, NULL: nothing. */
static char *said(const json_t *object, const char *message, uint64_t now)
{
    static const char *const words[] = {"", "POST", "PATCH"};
    struct correlator_write write;
    char *text = NULL;

    enum correlator_verdict verdict = say(object, message, now, &write);
    if (verdict != CORRELATOR_DROP) {
        cleanup(memory_free) char *body = json_dumps(write.body, JSON_COMPACT);
        text = memory_format("%s %s/%s %s", words[verdict], write.space,
                             verdict == CORRELATOR_COUNT ? write.name : "", body);
    }
    correlator_write_finish(&write);
    return text;
}

static void an_event_is_written_and_then_counted(void **state)
{
    cleanup(memory_free) char *first = said(street, "it runs\n", 0);
    cleanup(memory_free) char *second = said(street, "it runs\n", 61000);

    (void)state;
    assert_string_equal(
        first,
        "POST s/ {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
        "\"street.188fcf053de38000\",\"namespace\":\"s\"},\"involvedObject\":{\"apiVersion\":"
        "\"brume.dev/v1alpha1\",\"kind\":\"Application\",\"namespace\":\"s\",\"name\":"
        "\"street\",\"uid\":\"1-2\",\"resourceVersion\":\"7\"},\"reason\":\"Started\","
        "\"message\":\"it runs \",\"type\":\"Normal\",\"source\":{\"component\":\"brume\","
        "\"host\":\"pod-1\"},\"firstTimestamp\":\"2026-01-31T12:00:00Z\",\"lastTimestamp\":"
        "\"2026-01-31T12:00:00Z\",\"count\":1,\"reportingComponent\":\"brume\","
        "\"reportingInstance\":\"pod-1\"}");
    assert_string_equal(second,
                        "PATCH s/street.188fcf053de38000 {\"count\":2,\"lastTimestamp\":"
                        "\"2026-01-31T12:01:01Z\"}");
}

static void another_message_or_an_hour_later_is_a_new_one(void **state)
{
    struct correlator_write write;

    (void)state;
    assert_int_equal(say(street, "a", 0, &write), CORRELATOR_CREATE);
    correlator_write_finish(&write);
    assert_int_equal(say(street, "b", 0, &write), CORRELATOR_CREATE);
    correlator_write_finish(&write);
    assert_int_equal(say(street, "a", 3599999, &write), CORRELATOR_COUNT);
    correlator_write_finish(&write);
    assert_int_equal(say(street, "a", 3599999 + 3600000, &write), CORRELATOR_CREATE);
    correlator_write_finish(&write);
}

static void what_is_gone_is_written_anew(void **state)
{
    struct correlator_write write;

    (void)state;
    say(street, "a", 0, &write);
    correlator_write_finish(&write);
    assert_int_equal(say(street, "a", 1, &write), CORRELATOR_COUNT);
    correlator_forget(correlator, "elsewhere", write.name);
    correlator_forget(correlator, write.space, write.name);
    correlator_write_finish(&write);
    assert_int_equal(say(street, "a", 2, &write), CORRELATOR_CREATE);
    correlator_write_finish(&write);
}

static void one_object_does_not_drown_the_others(void **state)
{
    json_t *other = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Node",
                              "metadata", "name", "node-1");
    unsigned n_written = 0;

    (void)state;
    for (uint64_t now = 0; now < 10000; now += 10) {
        cleanup(memory_free) char *text = said(street, "again", now);
        n_written += text != NULL ? 1 : 0;
    }
    assert_in_range(n_written, CORRELATOR_BURST + 9, CORRELATOR_BURST + 10);
    cleanup(memory_free) char *text = said(other, "ready", 10000);
    assert_non_null(strstr(text, "POST default/"));
    json_decref(other);
}

static void the_tables_stay_small(void **state)
{
    struct correlator_write write;

    (void)state;
    for (unsigned i = 0; i < 3 * CORRELATOR_OBJECTS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i);
        json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Node",
                                   "metadata", "name", name);
        assert_int_equal(say(object, "a", i, &write), CORRELATOR_CREATE);
        correlator_write_finish(&write);
        assert_int_equal(say(object, "a", i, &write), CORRELATOR_COUNT);
        correlator_write_finish(&write);
        json_decref(object);
    }
}

static void long_words_are_cut(void **state)
{
    char name[254], message[3000];
    struct correlator_write write;

    (void)state;
    memset(name, 'a', sizeof(name));
    name[229] = '.';
    name[253] = '\0';
    memset(message, 'b', sizeof(message));
    message[2999] = '\0';
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "Node",
                               "metadata", "name", name);
    say(object, message, 0, &write);
    assert_int_equal(strlen(write.name), 229 + 17);
    assert_int_equal(json_string_length(json_object_get(write.body, "message")),
                     CORRELATOR_MESSAGE_MAX);
    correlator_write_finish(&write);
    json_decref(object);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_event_is_written_and_then_counted),
        STORY(another_message_or_an_hour_later_is_a_new_one),
        STORY(what_is_gone_is_written_anew),
        STORY(one_object_does_not_drown_the_others),
        STORY(the_tables_stay_small),
        STORY(long_words_are_cut),
    };

    return cmocka_run_group_tests_name("kube correlator", tests, NULL, NULL);
}
