/* The kubernetes fabric before an API server that does what a real one seldom does: pods that
 * end before they ran, answers that do not come, and others who write what is ours. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "fabric/kubernetes_sample.h"
#include "kube/api.h"
#include "kube/server_fixture.h"

#define LIST "{'metadata':{'resourceVersion':'1'},'items':[%s]}"
#define NODE                                                                           \
    "{'metadata':{'name':'node1','resourceVersion':'1'},'spec':{},'status':{"          \
    "'addresses':[{'type':'InternalIP','address':'10.0.0.1'}],"                        \
    "'allocatable':{'cpu':'4','memory':'4Gi'},'conditions':[{'type':'Ready','status':" \
    "'True'}]}}"
#define APPLICATION "{'metadata':{'name':'street','uid':'u1'}}"

struct story {
    uv_loop_t loop;
    struct server_fixture *server;
    struct kube_api *api;
    struct cluster *cluster;
    struct fabric *fabric;
    struct server_caller *watch; /* of pods */
    char asked[8192];            /* what changes something: "POST …/pods;" */
    char pod[KUBERNETES_NAME];   /* the last that was made */
    json_t *kept;                /* the secret of the run, or NULL */
    unsigned version;
    int refuse; /* so many that delete a pod, or write what is kept */
    unsigned n_complete, n_done, n_gone;
    char trouble[512], noted[1024];
};

/* ' is ". */
static void answer(struct server_caller *caller, int status, const char *text)
{
    json_t *json = sample(text);
    char *body = json_dumps(json, JSON_COMPACT);

    server_answer(caller, status, NULL, body);
    free(body);
    json_decref(json);
}

static void note_asked(struct story *story, const struct server_request *request)
{
    size_t n = strlen(story->asked);
    const char *path = strstr(request->path, "/namespaces/brume/");

    snprintf(story->asked + n, sizeof(story->asked) - n, "%s %s;", request->method,
             path != NULL ? path + strlen("/namespaces/brume/") : request->path);
}

static void made_pod(struct story *story, const char *body)
{
    json_t *pod = json_loads(body, 0, NULL);

    snprintf(story->pod, sizeof(story->pod), "%s", kubernetes_text(pod, "metadata", "name"));
    json_decref(pod);
}

static bool is_kept(const struct server_request *request)
{
    return strstr(request->path, "/secrets/brume-run-street") != NULL ||
           strstr(request->body, "\"brume-run-street\"") != NULL;
}

/* As the API does: who does not know the version of what is there is refused. */
static void on_keep(struct story *story, const struct server_request *request)
{
    bool is_new = strcmp(request->method, "POST") == 0;
    json_t *body = json_loads(request->body, 0, NULL);
    const char *known = kubernetes_text(body, "metadata", "resourceVersion");

    if (is_new ? story->kept != NULL
               : !kubernetes_is(known,
                                kubernetes_text(story->kept, "metadata", "resourceVersion"))) {
        json_decref(body);
        answer(request->caller, story->kept == NULL ? 404 : 409, "{'message':'changed'}");
        return;
    }
    cleanup(memory_free) char *version = memory_format("%u", ++story->version);
    json_object_set_new(json_object_get(body, "metadata"), "resourceVersion",
                        json_string(version));
    json_decref(story->kept);
    story->kept = body;
    char *text = json_dumps(body, JSON_COMPACT);
    server_answer(request->caller, 200, NULL, text);
    free(text);
}

static void on_read_kept(struct story *story, const struct server_request *request)
{
    char *text = story->kept != NULL ? json_dumps(story->kept, JSON_COMPACT) : NULL;

    server_answer(request->caller, text != NULL ? 200 : 404, NULL, text != NULL ? text : "{}");
    free(text);
}

static void on_read(struct story *story, const struct server_request *request)
{
    bool watches = strstr(request->path, "watch=1") != NULL;
    bool pods = strncmp(request->path, "/api/v1/pods", 12) == 0;
    cleanup(memory_free) char *nodes = memory_format(LIST, NODE);
    cleanup(memory_free) char *none = memory_format(LIST, "");

    if (is_kept(request)) {
        on_read_kept(story, request);
    } else if (strstr(request->path, "/proxy/") != NULL) {
        answer(request->caller, 404, "{'message':'no'}");
    } else if (watches) {
        server_stream(request->caller);
        story->watch = pods ? request->caller : story->watch;
    } else {
        answer(request->caller, 200, pods ? none : nodes);
    }
}

static void on_asked(void *owner, const struct server_request *request)
{
    struct story *story = owner;

    if (strcmp(request->method, "GET") == 0) {
        on_read(story, request);
        return;
    }
    note_asked(story, request);
    if (strcmp(request->method, "POST") == 0 && strstr(request->path, "/pods") != NULL) {
        made_pod(story, request->body);
    }
    bool deletes = strcmp(request->method, "DELETE") == 0;
    if (story->refuse > 0 &&
        (deletes ? strstr(request->path, "/pods/") != NULL : is_kept(request))) {
        story->refuse--;
        answer(request->caller, 403, "{'message':'not now'}");
    } else if (!deletes && is_kept(request)) {
        on_keep(story, request);
    } else {
        answer(request->caller, 200, "{}");
    }
}

static void on_complete(void *owner)
{
    ((struct story *)owner)->n_complete++;
}

static void on_gone(void *owner, const char *stage, const char *how, bool starved)
{
    (void)stage;
    (void)how;
    (void)starved;
    ((struct story *)owner)->n_gone++;
}

static void on_noted(void *owner, const char *text)
{
    struct story *story = owner;
    size_t n = strlen(story->noted);

    snprintf(story->noted + n, sizeof(story->noted) - n, "%s;", text);
}

static void on_done(void *owner, const struct error *err)
{
    struct story *story = owner;

    story->n_done++;
    snprintf(story->trouble, sizeof(story->trouble), "%s", err != NULL ? err->text : "");
}

static void until(struct story *story, const unsigned *count, unsigned n)
{
    while (*count < n) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

static void until_asked(struct story *story, const char *words)
{
    while (strstr(story->asked, words) == NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

static void open_fabric(struct story *story)
{
    json_t *application = sample(APPLICATION), *nothing = json_null();
    const struct fabric_config config = {.loop = &story->loop,
                                         .application = "street",
                                         .events = {on_gone, story, on_noted, NULL},
                                         .cluster = story->cluster,
                                         .space = "brume",
                                         .resource = application,
                                         .kept = nothing};
    struct error err;

    if (fabric_open("kubernetes", &config, &story->fabric, &err) < 0) {
        fail_msg("%s", err.text);
    }
    json_decref(application);
}

static int setup(void **state)
{
    struct story *story = memory_new(1, sizeof(*story));
    const struct cluster_events events = {.complete = on_complete, .owner = story};

    uv_loop_init(&story->loop);
    story->server = server_fixture_open(&story->loop, on_asked, story);
    story->api = server_api(story->server, &story->loop);
    story->cluster = cluster_open(story->api, &events);
    until(story, &story->n_complete, 1);
    open_fabric(story);
    while (story->watch == NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    *state = story;
    return 0;
}

static int teardown(void **state)
{
    struct story *story = *state;

    if (story->fabric != NULL) {
        story->fabric->ops->dismiss(story->fabric);
    }
    cluster_close(story->cluster);
    kube_api_close(story->api);
    server_fixture_close(story->server);
    uv_run(&story->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&story->loop), 0);
    json_decref(story->kept);
    free(story);
    return 0;
}

static void start(struct story *story)
{
    const struct fabric_start what = {.stage = "detect",
                                      .device = "node1",
                                      .controller = "10.0.0.9:7000",
                                      .credentials = "who I am"};
    struct error err;

    assert_int_equal(story->fabric->ops->start(story->fabric, &what, on_done, story, &err), 0);
    while (*story->pod == '\0') {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

/* What the watch tells of a pod of the run: its status, and more of its metadata. */
static void tell(struct story *story, const char *type, const char *name, const char *metadata,
                 const char *status)
{
    static unsigned version = 10;
    cleanup(memory_free) char *text = memory_format(
        "{'type':'%s','object':{'metadata':{'name':'%s','namespace':'brume','uid':'%s',"
        "'resourceVersion':'%u','labels':{'brume.dev/run':'u1','brume.dev/stage':'detect'}%s},"
        "'status':%s}}",
        type, name, name, version++, metadata, status);
    json_t *event = sample(text);
    char *line = json_dumps(event, JSON_COMPACT);
    cleanup(memory_free) char *ended = memory_format("%s\n", line);

    server_say(story->watch, ended);
    free(line);
    json_decref(event);
}

#define REFUSED "{'phase':'Failed','reason':'OutOfcpu','message':'no core is free'}"
#define RUNNING "{'phase':'Running','containerStatuses':[{'state':{'running':{}}}]}"

static void a_pod_that_ends_before_it_ran_is_told_once(void **state)
{
    struct story *story = *state;

    start(story);
    tell(story, "ADDED", story->pod, "", REFUSED);
    until(story, &story->n_done, 1);
    assert_non_null(strstr(story->trouble, "node1 does not start detect: it not taken by"));
    until_asked(story, "DELETE pods/");
    assert_int_equal(story->n_done, 1);
    assert_int_equal(story->n_gone, 0);
    assert_null(((struct kubernetes *)story->fabric)->stages);
}

static struct kubernetes *kubernetes_of(const struct story *story)
{
    return (struct kubernetes *)story->fabric;
}

/* It is time. */
static void hurry(uv_timer_t *timer)
{
    uv_timer_cb late = timer->timer_cb;

    uv_timer_stop(timer);
    late(timer);
}

static void a_pod_that_no_stage_has_is_removed_until_it_is_gone(void **state)
{
    struct story *story = *state;
    struct kubernetes *kubernetes = kubernetes_of(story);

    tell(story, "ADDED", "stray", "", RUNNING);
    while (kubernetes->sweep == NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    assert_string_equal(story->asked, ""); /* not at once */
    story->refuse = 1;
    hurry(kubernetes->sweep);
    until_asked(story, "DELETE pods/stray;");
    until_asked(story, "DELETE secrets/stray;");
    *story->asked = '\0';
    hurry(kubernetes->sweep);
    until_asked(story, "DELETE pods/stray;");
    tell(story, "DELETED", "stray", "", RUNNING);
    while (cluster_find_pod(story->cluster, "brume", "stray") != NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    hurry(kubernetes->sweep);
    assert_false(uv_is_active((uv_handle_t *)kubernetes->sweep));
}

static void a_stage_whose_pod_is_not_deleted_is_not_gone(void **state)
{
    struct story *story = *state;
    struct kubernetes *kubernetes = kubernetes_of(story);
    struct error err;

    start(story);
    tell(story, "ADDED", story->pod, "", RUNNING);
    until(story, &story->n_done, 1);
    story->refuse = 1;
    story->fabric->ops->stop(story->fabric, "detect", on_done, story, &err);
    until(story, &kubernetes->stages->n_refusals, 1);
    assert_non_null(strstr(story->noted, "the pod of detect cannot be deleted"));
    assert_int_equal(story->n_done, 1);
    *story->asked = '\0';
    hurry(kubernetes->stages->timer);
    until_asked(story, "DELETE pods/");
    assert_int_equal(story->n_done, 1);
    tell(story, "DELETED", story->pod, "", RUNNING);
    until(story, &story->n_done, 2);
    assert_string_equal(story->trouble, "");
    assert_null(kubernetes->stages);
}

static void save(struct story *story, const char *text)
{
    story->fabric->ops->save(story->fabric, text);
}

static void until_kept(struct story *story, const char *base64)
{
    while (!kubernetes_is(kubernetes_text(story->kept, "data", "state"), base64)) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
}

#define ONE   "b25l" /* as base64 */
#define TWO   "dHdv"
#define THREE "dGhyZWU="

/* Somebody writes it: who else, or this controller by a request whose answer was lost. */
static void write_between(struct story *story, const char *writer)
{
    json_t *metadata = json_object_get(story->kept, "metadata");

    json_object_set_new(metadata, "resourceVersion", json_string("99"));
    if (writer != NULL) {
        json_object_set_new(json_object_get(metadata, "annotations"), KUBERNETES_WRITER,
                            json_string(writer));
    }
}

static void what_another_controller_keeps_is_not_undone(void **state)
{
    struct story *story = *state;

    save(story, "one");
    until_kept(story, ONE);
    save(story, "two");
    until_kept(story, TWO);
    write_between(story, "another");
    save(story, "three");
    while (strstr(story->noted, "another controller keeps the state") == NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    *story->asked = '\0';
    save(story, "three");
    uv_run(&story->loop, UV_RUN_NOWAIT);
    assert_null(kubernetes_of(story)->saving);
    assert_string_equal(kubernetes_text(story->kept, "data", "state"), TWO);
    assert_string_equal(story->asked, "");
}

static void a_write_of_our_own_whose_answer_was_lost_is_known_again(void **state)
{
    struct story *story = *state;

    save(story, "one");
    until_kept(story, ONE);
    write_between(story, NULL);
    save(story, "three");
    until_kept(story, THREE);
    assert_string_equal(story->noted, "");
}

static void what_somebody_removed_is_kept_anew(void **state)
{
    struct story *story = *state;

    save(story, "one");
    until_kept(story, ONE);
    json_decref(STEAL(story->kept));
    save(story, "two");
    until_kept(story, TWO);
    assert_string_equal(story->noted, "");
}

static void what_could_not_be_kept_is_tried_again(void **state)
{
    struct story *story = *state;
    struct kubernetes *kubernetes = kubernetes_of(story);

    story->refuse = 1;
    save(story, "one");
    while (strstr(story->noted, "the state of the run is not kept") == NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    save(story, "two");
    assert_null(kubernetes->saving);
    assert_non_null(kubernetes->again);
    hurry(kubernetes->again);
    until_kept(story, TWO);
    while (kubernetes->saving != NULL) {
        uv_run(&story->loop, UV_RUN_ONCE);
    }
    assert_int_equal(kubernetes->n_failures, 0);
}

static void who_acts_no_more_keeps_nothing(void **state)
{
    struct story *story = *state;

    save(story, "one");
    cluster_yield(story->cluster);
    *story->asked = '\0';
    struct fabric *fabric = STEAL(story->fabric);
    fabric->ops->leave(fabric); /* it would wait for a server that does not answer meanwhile */
    uv_run(&story->loop, UV_RUN_NOWAIT);
    assert_string_equal(story->noted, "");
    assert_null(story->kept);
}

#define STORY(story) cmocka_unit_test_setup_teardown(story, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_pod_that_ends_before_it_ran_is_told_once),
        STORY(a_pod_that_no_stage_has_is_removed_until_it_is_gone),
        STORY(a_stage_whose_pod_is_not_deleted_is_not_gone),
        STORY(what_another_controller_keeps_is_not_undone),
        STORY(a_write_of_our_own_whose_answer_was_lost_is_known_again),
        STORY(what_somebody_removed_is_kept_anew),
        STORY(what_could_not_be_kept_is_tried_again),
        STORY(who_acts_no_more_keeps_nothing),
    };

    return cmocka_run_group_tests_name("kubernetes server", tests, test_folder_make,
                                       test_folder_remove);
}
