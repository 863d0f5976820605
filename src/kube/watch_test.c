/* A watch against a server on loopback. What is told becomes a trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "kube/api.h"
#include "kube/server_fixture.h"
#include "kube/watch.h"

#define OBJECT(name, version) \
    "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, name, version) \
    "{\"type\":\"" type "\",\"object\":" OBJECT(name, version) "}\n"
#define LIST(version, items) \
    "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"

struct story {
    uv_loop_t loop;
    struct server_fixture *server;
    struct kube_api *api;
    struct kube_watch *watch;
    const char *const *script; /* what the server does, one after the other; see on_asked() */
    unsigned n_asked;
    char asked[2048], told[2048];
};

/* "{…": this answer. "@…": a stream of that, which ends. "~…": one that stays open. "#": hangs
 * up. "401": refused. NULL: says nothing. */
static void on_asked(void *owner, const struct server_request *request)
{
    struct story *story = owner;
    const char *what = story->script[story->n_asked];
    const char *query = strchr(request->path, '?');
    size_t n = strlen(story->asked);

    snprintf(story->asked + n, sizeof(story->asked) - n, "%s %s;",
             strstr(query, "watch=1") != NULL ? "watch" : "list",
             strstr(query, "resourceVersion=") != NULL ? strrchr(query, '=') + 1 : "");
    if (what == NULL) {
        return;
    }
    story->n_asked++;
    if (*what == '{') {
        server_answer(request->caller, 200, NULL, what);
    } else if (*what == '4') {
        server_answer(request->caller, (int)strtol(what, NULL, 10), NULL,
                      "{\"message\":\"refused\"}");
    } else if (*what == '#') {
        server_hang_up(request->caller);
    } else {
        server_stream(request->caller);
        server_say(request->caller, what + 1);
        if (*what == '@') {
            server_end(request->caller);
        }
    }
}

static void trace(struct story *story, const char *mark, const char *word)
{
    size_t n = strlen(story->told);

    snprintf(story->told + n, sizeof(story->told) - n, "%s%s ", mark, word);
}

static const char *name_of(const json_t *object)
{
    return json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
}

static void on_object(void *owner, const json_t *object)
{
    trace(owner, "+", name_of(object));
}

static void on_removed(void *owner, const json_t *object)
{
    trace(owner, "-", name_of(object));
}

static void on_complete(void *owner)
{
    trace(owner, "complete", "");
}

static void on_trouble(void *owner, const char *why)
{
    trace(owner, why != NULL ? "!" : "ok", why != NULL ? why : "");
}

static int setup(void **state)
{
    struct story *story = memory_new(1, sizeof(*story));

    uv_loop_init(&story->loop);
    story->server = server_fixture_open(&story->loop, on_asked, story);
    story->api = server_api(story->server, &story->loop);
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    struct story *story = *state;

    kube_watch_close(story->watch);
    kube_api_close(story->api);
    server_fixture_close(story->server);
    uv_run(&story->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&story->loop), 0);
    free(story);
    return 0;
}

static void watch(struct story *story, const char *const *script)
{
    const struct kube_watch_listener listener = {on_object, on_removed, on_complete, on_trouble,
                                                 story};

    story->script = script;
    story->watch = kube_watch_open(story->api, "/api/v1/nodes", &listener);
    assert_false(kube_watch_is_complete(story->watch));
}

static void until_told(struct story *story, const char *trace)
{
    while (strlen(story->told) < strlen(trace)) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    assert_string_equal(story->told, trace);
}

static void count(void *owner, const json_t *object)
{
    unsigned *n = owner;

    assert_non_null(name_of(object));
    (*n)++;
}

static void changes_are_told_as_they_come(void **state)
{
    static const char *const script[] = {
        LIST("10", OBJECT("a", "1") "," OBJECT("b", "2")),
        "~" EVENT("DELETED", "a", "11") EVENT("ADDED", "c", "12"), NULL};
    struct story *story = *state;
    unsigned n = 0;

    watch(story, script);
    until_told(story, "+a +b complete -a +c ");
    assert_string_equal(story->asked, "list ;watch 10;");
    assert_true(kube_watch_is_complete(story->watch));
    assert_null(kube_watch_find(story->watch, NULL, "a"));
    assert_string_equal(name_of(kube_watch_find(story->watch, NULL, "c")), "c");
    kube_watch_each(story->watch, count, &n);
    assert_int_equal(n, 2);
}

static void a_watch_goes_on_where_it_ended(void **state)
{
    static const char *const script[] = {LIST("10", ""), "@" EVENT("ADDED", "a", "11"), "#",
                                         "~" EVENT("ADDED", "b", "12"), NULL};
    struct story *story = *state;

    watch(story, script);
    until_told(story, "complete +a +b ");
    /* libcurl asks once more of itself when a connection that it uses again breaks */
    assert_non_null(strstr(story->asked, "list ;watch 10;watch 11;watch 11;"));
}

static void a_version_that_is_too_old_lists_again(void **state)
{
    static const char *const script[] = {
        LIST("10", OBJECT("a", "1")),
        "410",
        LIST("20", OBJECT("b", "2")),
        "~{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n",
        LIST("30", OBJECT("c", "3")),
        "~",
        NULL};
    struct story *story = *state;

    watch(story, script);
    until_told(story, "+a complete -a +b "
                      "!the API server ended a watch: too old -b +c ok ");
    assert_non_null(strstr(story->asked, "list ;watch 10;list ;watch 20;list ;"));
}

static void a_line_that_cannot_be_read_is_asked_for_again(void **state)
{
    static const char *const script[] = {LIST("10", ""),
                                         "~" EVENT("ADDED", "a", "11") "nonsense\n",
                                         "~" EVENT("ADDED", "b", "12"), NULL};
    struct story *story = *state;

    watch(story, script);
    until_told(story, "complete +a +b ");
    assert_string_equal(story->asked, "list ;watch 10;watch 11;");
}

static void who_is_refused_waits_and_tells(void **state)
{
    static const char *const script[] = {"403", LIST("10", ""), "401",
                                         "~" EVENT("ADDED", "a", "11"), NULL};
    struct story *story = *state;

    watch(story, script);
    until_told(story, "!the API server: refused ok complete !the API server: refused ok +a ");
}

static void a_watch_may_be_closed_at_any_time(void **state)
{
    static const char *const script[] = {LIST("10", ""), "~", NULL};
    struct story *story = *state;

    watch(story, script);
    kube_watch_close(story->watch);
    story->n_asked = 0;
    watch(story, script);
    while (story->n_asked < 1) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    kube_watch_close(story->watch);
    story->n_asked = 0;
    watch(story, script);
    while (story->n_asked < 2) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    assert_string_equal(story->told, "complete ");
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(changes_are_told_as_they_come),
        STORY(a_watch_goes_on_where_it_ended),
        STORY(a_version_that_is_too_old_lists_again),
        STORY(a_line_that_cannot_be_read_is_asked_for_again),
        STORY(who_is_refused_waits_and_tells),
        STORY(a_watch_may_be_closed_at_any_time),
    };

    return cmocka_run_group_tests_name("kube watch", tests, test_folder_make,
                                       test_folder_remove);
}
