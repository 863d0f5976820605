/* What is seen of an object, against an API server on loopback. Nothing here happens by itself:
 * the course of the object is looked at, not gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "controller/resources_state.h"
#include "controller/server.h"
#include "kube/api.h"
#include "kube/server_fixture.h"

struct story {
    uv_loop_t loop;
    struct server_fixture *server;
    struct resources resources;
    int status;        /* of what the API server answers, */
    char answer[1024]; /* and its text */
    char asked[1024];  /* method, path and body of the last question */
};

static void on_asked(void *owner, const struct server_request *request)
{
    struct story *story = owner;

    snprintf(story->asked, sizeof(story->asked), "%s %s %s", request->method, request->path,
             request->body);
    server_answer(request->caller, story->status, NULL, story->answer);
}

/* Nobody is told of it, and nothing of it is looked at: it is leaving. */
static int setup(void **state)
{
    struct story *story = memory_new(1, sizeof(*story));

    uv_loop_init(&story->loop);
    story->status = 200;
    story->server = server_fixture_open(&story->loop, on_asked, story);
    struct resources *resources = &story->resources;
    resources->setup = (struct resources_setup){.loop = &story->loop, .files = "/files"};
    resources->setup.api = server_api(story->server, &story->loop);
    const struct server_setup server = {.loop = &story->loop};
    resources->server = server_create(&server);
    resources->leaving = true;
    uv_timer_init(&story->loop, &resources->timer);
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    struct story *story = *state;
    struct resources *resources = &story->resources;

    kube_api_close(resources->setup.api);
    server_fixture_close(story->server);
    uv_close((uv_handle_t *)&resources->timer, NULL);
    server_destroy(resources->server);
    while (resources->entries != NULL) {
        struct entry *entry = resources->entries;
        resources->entries = entry->next;
        resources_free(entry);
    }
    assert_int_equal(uv_loop_close(&story->loop), 0);
    free(story);
    return 0;
}

/* "street" in "shop", as the API server gives it; malloc'ed. */
static char *object_text(const char *uid, int version, int generation, const char *more)
{
    char *text = memory_format(
        "{'apiVersion': 'brume.dev/v1alpha1', 'kind': 'Application', 'metadata': {'name': "
        "'street', 'namespace': 'shop', 'uid': '%s', 'resourceVersion': '%d', 'generation': "
        "%d, 'finalizers': ['brume.dev/stages']}, 'spec': {'operators': [{'name': 'a', "
        "'use': 'count', 'with': {'n': %d}}]}%s}",
        uid, version, generation, generation, more);

    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c == '\'' ? '"' : *c);
    }
    return text;
}

static json_t *object_of(const char *uid, int version, int generation, const char *more)
{
    cleanup(memory_free) char *text = object_text(uid, version, generation, more);
    json_t *object = json_loads(text, 0, NULL);

    assert_non_null(object);
    return object;
}

static struct entry *comes(struct story *story, const char *uid, int version, int generation)
{
    cleanup(json_decrefp) json_t *object = object_of(uid, version, generation, "");

    resources_came(&story->resources, object);
    return resources_find(&story->resources, "shop/street");
}

/* As if the server had taken what it asks for. */
static void is_held(struct entry *entry)
{
    json_decref(entry->applied);
    entry->applied = json_incref(entry->request);
    entry->generation = json_integer_value(
        json_object_get(json_object_get(entry->object, "metadata"), "generation"));
    entry->course.held = true;
    entry->course.changed = false;
}

static void writes(struct story *story, struct entry *entry, const char *phase)
{
    json_decref(entry->writing);
    entry->writing = json_pack("{ss}", "phase", phase);
    entry->course.asking = true;
    resources_do(entry, COURSE_WRITE);
    while (entry->asking != NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

static json_int_t generation_told(struct entry *entry)
{
    free(entry->waits);
    entry->waits = memory_text("for a test");
    cleanup(json_decrefp) json_t *status = resources_status(entry);

    return json_integer_value(json_object_get(status, "observedGeneration"));
}

static void a_change_that_an_answer_brings_is_noticed(void **state)
{
    struct story *story = *state;
    struct entry *entry = comes(story, "u-1", 10, 1);
    cleanup(memory_free) char *answer =
        object_text("u-1", 12, 2, ", 'status': {'phase': 'Starting'}");

    is_held(entry);
    snprintf(story->answer, sizeof(story->answer), "%s", answer);
    writes(story, entry, "Starting");
    assert_true(entry->course.changed);
    assert_int_equal(generation_told(entry), 1);

    /* The watch comes behind, and has nothing new. */
    comes(story, "u-1", 11, 2);
    comes(story, "u-1", 12, 2);
    assert_true(entry->course.changed);
    assert_int_equal(generation_told(entry), 1);
    is_held(entry);
    assert_int_equal(generation_told(entry), 2);
}

static void an_answer_about_one_that_is_gone_does_not_bring_it_back(void **state)
{
    struct story *story = *state;
    struct entry *entry = comes(story, "u-1", 10, 1);
    cleanup(memory_free) char *answer = object_text("u-1", 11, 1, "");

    snprintf(story->answer, sizeof(story->answer), "%s", answer);
    entry->course.there = false;
    writes(story, entry, "Starting");
    assert_false(entry->course.there);
}

static void goes(struct story *story, const char *uid, int version)
{
    cleanup(json_decrefp) json_t *object = object_of(uid, version, 1, "");

    resources_went(&story->resources, object);
}

static void one_that_is_gone_is_gone_however_old_it_is_told(void **state)
{
    struct story *story = *state;
    struct entry *entry = comes(story, "u-1", 10, 1);

    comes(story, "u-1", 20, 1);
    goes(story, "u-1", 10);
    assert_false(entry->course.there);
}

static void the_end_of_the_first_is_not_the_end_of_another_of_its_name(void **state)
{
    struct story *story = *state;
    struct entry *entry = comes(story, "u-1", 10, 1);

    comes(story, "u-2", 20, 1);
    goes(story, "u-1", 30);
    assert_true(entry->course.there);
}

static void comes_with(struct story *story, int version, const char *status)
{
    cleanup(memory_free) char *more = memory_format(", 'status': {%s}", status);
    cleanup(json_decrefp) json_t *object = object_of("u-1", version, 1, more);

    resources_came(&story->resources, object);
}

static void answers(struct story *story, int status, int version, const char *more)
{
    cleanup(memory_free) char *text = object_text("u-1", version, 1, more);

    story->status = status;
    snprintf(story->answer, sizeof(story->answer), "%s", text);
}

static void a_status_is_for_the_object_as_it_was_seen(void **state)
{
    struct story *story = *state;
    struct entry *entry = comes(story, "u-1", 10, 1);

    answers(story, 200, 11, ", 'status': {'phase': 'Starting'}");
    writes(story, entry, "Starting");
    assert_string_equal(
        story->asked,
        "PATCH /apis/brume.dev/v1alpha1/namespaces/shop/applications/street/status "
        "{\"status\":{\"phase\":\"Starting\"},"
        "\"metadata\":{\"uid\":\"u-1\",\"resourceVersion\":\"10\"}}");
    assert_string_equal(resource_text(entry->said, "phase"), "Starting");
    assert_null(entry->writing);
    answers(story, 200, 12, ", 'status': {'phase': 'Running'}");
    writes(story, entry, "Running");
    assert_non_null(strstr(story->asked, "\"resourceVersion\":\"11\""));
}

static void what_others_wrote_is_taken_away(void **state)
{
    struct story *story = *state;
    struct entry *entry = comes(story, "u-1", 10, 1);

    comes_with(story, 11, "'phase': 'Starting', 'message': 'by hand'");
    answers(story, 200, 12, ", 'status': {'phase': 'Starting', 'plan': 'by hand'}");
    writes(story, entry, "Starting");
    assert_non_null(strstr(story->asked, "{\"status\":{\"message\":null},"));
    writes(story, entry, "Starting");
    assert_non_null(strstr(story->asked, "{\"status\":{\"plan\":null},"));
}

static void what_was_changed_meanwhile_is_not_written(void **state)
{
    struct story *story = *state;
    struct entry *entry = comes(story, "u-1", 10, 1);

    story->status = 409;
    snprintf(story->answer, sizeof(story->answer), "{\"message\":\"changed\"}");
    writes(story, entry, "Running");
    assert_null(entry->said);
    assert_null(entry->written);
    comes_with(story, 11, "'phase': 'Finished'");
    assert_string_equal(resource_text(entry->written, "phase"), "Finished");
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_change_that_an_answer_brings_is_noticed),
        STORY(an_answer_about_one_that_is_gone_does_not_bring_it_back),
        STORY(one_that_is_gone_is_gone_however_old_it_is_told),
        STORY(the_end_of_the_first_is_not_the_end_of_another_of_its_name),
        STORY(a_status_is_for_the_object_as_it_was_seen),
        STORY(what_others_wrote_is_taken_away),
        STORY(what_was_changed_meanwhile_is_not_written),
    };

    return cmocka_run_group_tests_name("resources", tests, test_folder_make,
                                       test_folder_remove);
}
