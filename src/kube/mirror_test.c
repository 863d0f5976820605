/* A copy of a collection is kept, in virtual time, against a server that is made of words. What
 * the listener is told becomes a trace: "+space/name@version -…", "complete", "!trouble", "ok".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "kube/mirror.h"

struct story {
    struct mirror *mirror;
    uint64_t now;
    char told[2048];
};

static void trace(struct story *story, const char *mark, const json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const char *space = json_string_value(json_object_get(metadata, "namespace"));
    size_t n = strlen(story->told);

    snprintf(story->told + n, sizeof(story->told) - n, "%s%s/%s@%s ", mark,
             space != NULL ? space : "", json_string_value(json_object_get(metadata, "name")),
             json_string_value(json_object_get(metadata, "resourceVersion")));
}

static void on_object(void *owner, const json_t *object)
{
    struct story *story = owner;
    const json_t *metadata = json_object_get(object, "metadata");
    const char *space = json_string_value(json_object_get(metadata, "namespace"));
    const char *name = json_string_value(json_object_get(metadata, "name"));

    trace(story, "+", object);
    assert_ptr_equal(mirror_find(story->mirror, space, name), object);
}

static void on_removed(void *owner, const json_t *object)
{
    trace(owner, "-", object);
}

static void on_complete(void *owner)
{
    struct story *story = owner;
    size_t n = strlen(story->told);

    snprintf(story->told + n, sizeof(story->told) - n, "complete ");
}

static void on_trouble(void *owner, const char *why)
{
    struct story *story = owner;
    size_t n = strlen(story->told);

    snprintf(story->told + n, sizeof(story->told) - n, "%s%s ", why != NULL ? "!" : "",
             why != NULL ? why : "ok");
}

static int setup(void **state)
{
    struct story *story = memory_new(1, sizeof(*story));
    const struct kube_watch_listener listener = {on_object, on_removed, on_complete, on_trouble,
                                                 story};

    story->mirror = mirror_create("/api/v1/pods", &listener, 7);
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    struct story *story = *state;

    mirror_destroy(story->mirror);
    free(story);
    return 0;
}

/* What was told since this was asked last. */
static void told(struct story *story, const char *trace)
{
    assert_string_equal(story->told, trace);
    *story->told = '\0';
}

/* The next thing is asked at once. */
static void asks(struct story *story, enum mirror_step step, const char *path)
{
    uint64_t wait = 0;

    assert_int_equal(mirror_next(story->mirror, story->now, &wait), step);
    cleanup(memory_free) char *its = mirror_path(story->mirror);
    assert_string_equal(its, path);
    assert_int_equal(mirror_next(story->mirror, story->now, &wait), MIRROR_BUSY);
}

/* The next thing is asked after a pause. */
static void pauses(struct story *story, uint64_t least, uint64_t most)
{
    uint64_t wait = 0;

    assert_int_equal(mirror_next(story->mirror, story->now, &wait), MIRROR_PAUSE);
    assert_in_range(wait, least, most);
    story->now += wait;
}

#define LIST(more) "/api/v1/pods?limit=500" more
#define WATCH(version) \
    "/api/v1/pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=30&resourceVersion=" version

/* "a@5" or "a@5#uid": the space is s. */
static json_t *make(const char *words)
{
    char name[16] = "", version[16] = "", uid[16] = "u";

    assert_true(sscanf(words, "%15[^@]@%15[^#]#%15s", name, version, uid) >= 2 ||
                sscanf(words, "@%15s", version) == 1);
    return json_pack("{s:{s:s, s:s, s:s, s:s}}", "metadata", "namespace", "s", "name", name,
                     "uid", uid, "resourceVersion", version);
}

/* Objects with spaces between. */
static void lists(struct story *story, const char *version, const char *more, const char *words)
{
    cleanup(memory_free) char *copy = memory_text(words);
    json_t *items = json_array();
    char *rest = copy;

    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (*word != '\0') {
            json_array_append_new(items, make(word));
        }
    }
    json_t *list =
        json_pack("{s:s, s:s, s:{s:s, s:s*}, s:o}", "kind", "PodList", "apiVersion", "v1",
                  "metadata", "resourceVersion", version, "continue", more, "items", items);
    mirror_listed(story->mirror, story->now, list);
    json_decref(list);
}

static bool says(struct story *story, const char *type, const char *words)
{
    json_t *event = json_pack("{s:s, s:o}", "type", type, "object", make(words));
    cleanup(memory_free) char *line = json_dumps(event, 0);

    json_decref(event);
    return mirror_line(story->mirror, story->now, line);
}

/* Up to an open watch from version 10 on, of a, b. */
static void begin(struct story *story)
{
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "10", NULL, "a@3 b@5");
    asks(story, MIRROR_WATCH, WATCH("10"));
    mirror_opened(story->mirror, story->now);
    told(story, "+s/a@3 +s/b@5 complete ");
}

static void a_list_comes_in_pages_and_then_changes_come(void **state)
{
    struct story *story = *state;

    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "10", "a/b=", "a@3");
    asks(story, MIRROR_LIST, LIST("&continue=a%2Fb%3D"));
    told(story, "");
    assert_false(mirror_is_complete(story->mirror));
    lists(story, "10", NULL, "b@5");
    told(story, "+s/a@3 +s/b@5 complete ");
    assert_true(mirror_is_complete(story->mirror));
    asks(story, MIRROR_WATCH, WATCH("10"));
    mirror_opened(story->mirror, story->now);
    assert_true(says(story, "MODIFIED", "a@11"));
    assert_true(says(story, "ADDED", "c@12"));
    assert_true(says(story, "DELETED", "b@13"));
    assert_true(says(story, "DELETED", "nobody@14"));
    assert_true(says(story, "NOVELTY", "a@15"));
    told(story, "+s/a@11 +s/c@12 -s/b@13 ");
    assert_null(mirror_find(story->mirror, "s", "b"));
    assert_null(mirror_find(story->mirror, NULL, "a"));
}

static void what_stands_in_a_list_knows_its_kind(void **state)
{
    struct story *story = *state;

    begin(story);
    const json_t *object = mirror_find(story->mirror, "s", "a");
    assert_string_equal(json_string_value(json_object_get(object, "kind")), "Pod");
    assert_string_equal(json_string_value(json_object_get(object, "apiVersion")), "v1");
}

static void a_watch_that_ends_is_resumed_from_the_last_version(void **state)
{
    struct story *story = *state;

    begin(story);
    says(story, "MODIFIED", "a@11");
    story->now += 30000;
    mirror_watch_ended(story->mirror, story->now, 0, NULL);
    asks(story, MIRROR_WATCH, WATCH("11"));
    mirror_opened(story->mirror, story->now);
    says(story, "BOOKMARK", "@40");
    story->now += 30000;
    mirror_watch_ended(story->mirror, story->now, 0, NULL);
    asks(story, MIRROR_WATCH, WATCH("40"));
    told(story, "+s/a@11 ");
}

static void a_broken_connection_is_resumed_after_a_pause(void **state)
{
    struct story *story = *state;

    begin(story);
    says(story, "MODIFIED", "a@11");
    mirror_watch_ended(story->mirror, story->now, -EIO, "reset");
    pauses(story, 250, 500);
    asks(story, MIRROR_WATCH, WATCH("11"));
    mirror_opened(story->mirror, story->now);
    says(story, "MODIFIED", "a@12");
    told(story, "+s/a@11 +s/a@12 ");
}

static void trouble_that_lasts_is_told_once_and_its_end(void **state)
{
    struct story *story = *state;
    uint64_t least = 250;

    begin(story);
    for (unsigned i = 0; i < 10; i++) {
        mirror_watch_ended(story->mirror, story->now, -ECONNREFUSED, "nobody there");
        told(story, i == 1 ? "!nobody there " : "");
        pauses(story, least, least * 2);
        least = least * 2 < MIRROR_MOST_MS / 2 ? least * 2 : MIRROR_MOST_MS / 2;
        asks(story, MIRROR_WATCH, WATCH("10"));
    }
    mirror_opened(story->mirror, story->now);
    told(story, "ok ");
    story->now += MIRROR_SHORT_MS;
    mirror_watch_ended(story->mirror, story->now, -EIO, "reset");
    pauses(story, 250, 500);
    told(story, "");
}

static void a_first_list_that_fails_is_told_at_once(void **state)
{
    struct story *story = *state;

    asks(story, MIRROR_LIST, LIST(""));
    mirror_list_failed(story->mirror, story->now, -EACCES, "forbidden");
    told(story, "!forbidden ");
    pauses(story, 250, 500);
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "1", NULL, "");
    told(story, "ok complete ");
}

static void what_was_missed_is_told_after_a_new_list(void **state)
{
    struct story *story = *state;

    begin(story);
    story->now += 60000;
    mirror_watch_ended(story->mirror, story->now, -ESTALE, "too old resource version");
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "90", NULL, "a@3 c@70");
    told(story, "-s/b@5 +s/c@70 ");
    asks(story, MIRROR_WATCH, WATCH("90"));
}

static void an_old_version_may_be_told_as_an_event(void **state)
{
    struct story *story = *state;

    begin(story);
    assert_false(mirror_line(story->mirror, story->now,
                             "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":"
                             "\"too old\",\"reason\":\"Expired\",\"code\":410}}"));
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "90", NULL, "a@3 b@80");
    asks(story, MIRROR_WATCH, WATCH("90"));
    mirror_opened(story->mirror, story->now);
    assert_false(mirror_line(story->mirror, story->now,
                             "{\"type\":\"ERROR\",\"object\":{\"code\":410}}"));
    pauses(story, 500, 1000); /* the second in a row is a failure */
    asks(story, MIRROR_LIST, LIST(""));
    told(story, "+s/b@80 !the API server ended a watch: it did not say why ");
}

static void any_other_error_lists_again_after_a_pause(void **state)
{
    struct story *story = *state;

    begin(story);
    assert_false(mirror_line(story->mirror, story->now,
                             "{\"type\":\"ERROR\",\"object\":{\"message\":\"etcd\",\"code\":500"
                             "}}"));
    pauses(story, 250, 500);
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "11", NULL, "a@3 b@5");
    told(story, "");
}

static void a_list_that_grows_old_between_its_pages_comes_in_one_piece(void **state)
{
    struct story *story = *state;

    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "10", "more", "a@3 z@4");
    asks(story, MIRROR_LIST, LIST("&continue=more"));
    mirror_list_failed(story->mirror, story->now, -ESTALE, "expired");
    asks(story, MIRROR_LIST, "/api/v1/pods");
    lists(story, "20", NULL, "a@3");
    told(story, "!expired +s/a@3 ok complete ");
    asks(story, MIRROR_WATCH, WATCH("20"));
    mirror_watch_ended(story->mirror, story->now + 5000, -ESTALE, "too old");
    pauses(story, 1, 10000);
    asks(story, MIRROR_LIST, LIST(""));
}

static void one_piece_that_is_too_much_is_asked_for_in_pages_again(void **state)
{
    static const int codes[] = {-EMSGSIZE, -ETIMEDOUT};
    struct story *story = *state;

    for (unsigned i = 0; i < 2; i++) {
        asks(story, MIRROR_LIST, LIST(""));
        lists(story, "10", "more", "a@3");
        asks(story, MIRROR_LIST, LIST("&continue=more"));
        mirror_list_failed(story->mirror, story->now, -ESTALE, "expired");
        if (i > 0) {
            pauses(story, 250, MIRROR_MOST_MS);
        }
        asks(story, MIRROR_LIST, "/api/v1/pods");
        mirror_list_failed(story->mirror, story->now, -EIO, "away");
        pauses(story, 250, MIRROR_MOST_MS);
        asks(story, MIRROR_LIST, "/api/v1/pods");
        mirror_list_failed(story->mirror, story->now, codes[i], "too much");
        pauses(story, 250, MIRROR_MOST_MS);
    }
    asks(story, MIRROR_LIST, LIST(""));
}

static void what_only_writers_need_is_not_kept(void **state)
{
    struct story *story = *state;
    json_t *list = json_loads(
        "{\"metadata\": {\"resourceVersion\": \"9\"}, \"items\": [{\"metadata\": {"
        "\"name\": \"a\", \"namespace\": \"s\", \"resourceVersion\": \"3\", \"managedFields\": "
        "[{}], \"annotations\": "
        "{\"kubectl.kubernetes.io/last-applied-configuration\": \"{}\", \"b\": \"c\"}}}]}",
        0, NULL);

    asks(story, MIRROR_LIST, LIST(""));
    mirror_listed(story->mirror, story->now, list);
    json_decref(list);
    asks(story, MIRROR_WATCH, WATCH("9"));
    assert_true(mirror_line(story->mirror, story->now,
                            "{\"type\": \"ADDED\", \"object\": {\"metadata\": {\"name\": "
                            "\"b\", \"namespace\": \"s\", \"resourceVersion\": \"11\", "
                            "\"managedFields\": [{}]}}}"));
    const json_t *a = json_object_get(mirror_find(story->mirror, "s", "a"), "metadata");
    const json_t *b = json_object_get(mirror_find(story->mirror, "s", "b"), "metadata");
    assert_non_null(b);
    assert_null(json_object_get(a, "managedFields"));
    assert_null(json_object_get(b, "managedFields"));
    assert_int_equal(json_object_size(json_object_get(a, "annotations")), 1);
}

static void a_page_that_fails_is_asked_for_again(void **state)
{
    struct story *story = *state;

    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "10", "more", "a@3");
    asks(story, MIRROR_LIST, LIST("&continue=more"));
    mirror_list_failed(story->mirror, story->now, -ETIMEDOUT, "no answer");
    pauses(story, 250, 500);
    asks(story, MIRROR_LIST, LIST("&continue=more"));
    mirror_list_failed(story->mirror, story->now, -EINVAL, "no such token");
    pauses(story, 500, 1000);
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "11", NULL, "a@3");
    told(story, "!no answer !no such token +s/a@3 ok complete ");
}

static void what_was_replaced_is_told_as_removed_first(void **state)
{
    struct story *story = *state;

    begin(story);
    says(story, "ADDED", "a@11#other");
    told(story, "-s/a@3 +s/a@11 ");
    mirror_watch_ended(story->mirror, story->now, -ESTALE, "too old");
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "30", NULL, "a@11#other b@22#other");
    told(story, "-s/b@5 +s/b@22 ");
}

static void what_comes_twice_is_told_once(void **state)
{
    struct story *story = *state;

    begin(story);
    says(story, "ADDED", "a@3");
    says(story, "MODIFIED", "b@11");
    says(story, "MODIFIED", "b@11");
    told(story, "+s/b@11 ");
}

static void a_line_that_cannot_be_read_is_asked_for_again(void **state)
{
    struct story *story = *state;

    begin(story);
    says(story, "MODIFIED", "a@11");
    assert_false(mirror_line(story->mirror, story->now, "{\"type\":\"MODIFIED\",\"obj"));
    pauses(story, 250, 500);
    asks(story, MIRROR_WATCH, WATCH("11"));
    mirror_opened(story->mirror, story->now);
    assert_false(mirror_line(story->mirror, story->now, "{\"type\":\"ADDED\",\"object\":{}}"));
    told(story, "+s/a@11 !the API server sent an event that is none ");
    pauses(story, 500, 1000);
    asks(story, MIRROR_LIST, LIST(""));
    lists(story, "20", NULL, "a@12 b@5");
    told(story, "+s/a@12 ok ");
}

static void a_list_that_is_none_is_asked_for_again(void **state)
{
    struct story *story = *state;

    asks(story, MIRROR_LIST, LIST(""));
    mirror_listed(story->mirror, story->now, NULL);
    told(story, "!the API server sent a list that is none ");
    pauses(story, 250, 500);
    asks(story, MIRROR_LIST, LIST(""));
}

static void a_watch_that_ends_at_once_again_and_again_is_trouble(void **state)
{
    struct story *story = *state;

    begin(story);
    mirror_watch_ended(story->mirror, story->now + 1, 0, NULL);
    pauses(story, 200, 501);
    asks(story, MIRROR_WATCH, WATCH("10"));
    mirror_opened(story->mirror, story->now);
    mirror_watch_ended(story->mirror, story->now + 1, 0, NULL);
    told(story, "!the API server ends watches as soon as they begin ");
    pauses(story, 500, 1001);
}

static void a_selector_stays_in_the_path(void **state)
{
    const struct kube_watch_listener listener = {on_object, on_removed, NULL, NULL, *state};
    struct mirror *mirror = mirror_create("/api/v1/pods?labelSelector=a%3Db", &listener, 1);
    uint64_t wait;

    assert_int_equal(mirror_next(mirror, 0, &wait), MIRROR_LIST);
    cleanup(memory_free) char *path = mirror_path(mirror);
    assert_string_equal(path, "/api/v1/pods?labelSelector=a%3Db&limit=500");
    mirror_list_failed(mirror, 0, -EIO, "nobody hears this");
    mirror_destroy(mirror);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_list_comes_in_pages_and_then_changes_come),
        STORY(what_stands_in_a_list_knows_its_kind),
        STORY(a_watch_that_ends_is_resumed_from_the_last_version),
        STORY(a_broken_connection_is_resumed_after_a_pause),
        STORY(trouble_that_lasts_is_told_once_and_its_end),
        STORY(a_first_list_that_fails_is_told_at_once),
        STORY(what_was_missed_is_told_after_a_new_list),
        STORY(an_old_version_may_be_told_as_an_event),
        STORY(any_other_error_lists_again_after_a_pause),
        STORY(a_list_that_grows_old_between_its_pages_comes_in_one_piece),
        STORY(one_piece_that_is_too_much_is_asked_for_in_pages_again),
        STORY(what_only_writers_need_is_not_kept),
        STORY(a_page_that_fails_is_asked_for_again),
        STORY(what_was_replaced_is_told_as_removed_first),
        STORY(what_comes_twice_is_told_once),
        STORY(a_line_that_cannot_be_read_is_asked_for_again),
        STORY(a_list_that_is_none_is_asked_for_again),
        STORY(a_watch_that_ends_at_once_again_and_again_is_trouble),
        STORY(a_selector_stays_in_the_path),
    };

    return cmocka_run_group_tests_name("kube mirror", tests, NULL, NULL);
}
