/* A stage's shell and a controller that the test plays, on one loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/test.h"
#include "net/hello.h"
#include "stage/shell.h"
#include "stage/shell_state.h"

/* Three frames of noise that nobody wants. */
static const char deployment[] =
    "{'application': 'noise', 'window': 4, 'operators': ["
    "{'name': 'noise', 'origin': 'noise', 'use': 'noise-source', 'group': 'all', 'params': ["
    "{'name': 'size', 'value': '8x8'}, {'name': 'frames', 'value': '3'}], 'inputs': []},"
    "{'name': 'out', 'origin': 'out', 'use': 'null-sink', 'group': 'all', 'params': [],"
    " 'inputs': [{'from': 'noise', 'port': 0}]}],"
    "'stages': [{'name': 'all-1', 'group': 'all', 'device': 'here', 'workers': 1}],"
    "'channels': []}";

/* 40 readings of a sensor, and what their average remembers. */
static const char averaging[] =
    "{'application': 'air', 'window': 4, 'operators': ["
    "{'name': 'sensors', 'origin': 'sensors', 'use': 'sensor-source', 'group': 'all',"
    " 'params': [{'name': 'frames', 'value': '40'}], 'inputs': []},"
    "{'name': 'mean', 'origin': 'mean', 'use': 'average', 'group': 'all',"
    " 'params': [{'name': 'count', 'value': '5'}], 'inputs': [{'from': 'sensors', 'port': 0}]},"
    "{'name': 'out', 'origin': 'out', 'use': 'null-sink', 'group': 'all', 'params': [],"
    " 'inputs': [{'from': 'mean', 'port': 0}]}],"
    "'stages': [{'name': 'all-1', 'group': 'all', 'device': 'here', 'workers': 1}],"
    "'channels': []}";

struct desk {
    uv_loop_t loop;
    struct listener *listener;
    struct shell *shell;
    struct link *stage; /* the stage's link; NULL: none */
    char address[64];
    char *data_address; /* from `ready` */
    char heard[256]; /* since the last link: hello, and the types of what came, but reports */
    unsigned n_reports;  /* since then */
    struct link *caller; /* somebody who dials the stage */
    bool caller_opened;
    bool answers;         /* each checkpoint is kept */
    json_t *first, *last; /* of the checkpoints that came */
};

static void note(struct desk *desk, const char *what)
{
    size_t used = strlen(desk->heard);

    snprintf(desk->heard + used, sizeof(desk->heard) - used, "%s%s", used > 0 ? " " : "", what);
}

static void stage_opened(void *owner, struct link *link)
{
    struct desk *desk = owner;

    desk->stage = link;
    desk->heard[0] = '\0';
    desk->n_reports = 0;
}

static void answer(struct desk *desk)
{
    cleanup(json_decrefp) json_t *json = json_pack("{sssOsO}", "type", "kept", "operator",
                                                   json_object_get(desk->last, "operator"),
                                                   "mark", json_object_get(desk->last, "mark"));
    cleanup(memory_free) char *text = json_dumps(json, 0);

    link_send_text(desk->stage, MESSAGE_CONTROL, text);
}

static void take_checkpoint(struct desk *desk, json_t *message)
{
    if (desk->first == NULL) {
        desk->first = json_incref(message);
    }
    json_decref(desk->last);
    desk->last = json_incref(message);
    if (desk->answers) {
        answer(desk);
    }
}

static void stage_came(void *owner, struct link *link, const struct message *message,
                       void *payload)
{
    struct desk *desk = owner;
    cleanup(json_decrefp) json_t *json = json_loadb(payload, message->size, 0, NULL);
    const char *type = json_string_value(json_object_get(json, "type"));

    (void)link;
    free(payload);
    assert_non_null(json);
    if (message->kind == MESSAGE_HELLO) {
        note(desk, "hello");
    } else if (strcmp(type, "report") == 0 || strcmp(type, "alive") == 0) {
        desk->n_reports++;
    } else if (strcmp(type, "checkpoint") == 0) {
        take_checkpoint(desk, json);
    } else {
        note(desk, type);
    }
    if (type != NULL && strcmp(type, "ready") == 0) {
        free(desk->data_address);
        desk->data_address = memory_text(json_string_value(json_object_get(json, "address")));
    }
}

static void stage_closed(void *owner, struct link *link, const char *why)
{
    struct desk *desk = owner;

    (void)why;
    if (desk->stage == link) {
        desk->stage = NULL;
    }
}

static const struct link_events stage_events = {stage_opened, stage_came, stage_closed};

static void caller_opened(void *owner, struct link *link)
{
    struct desk *desk = owner;

    (void)link;
    desk->caller_opened = true;
}

static void caller_came(void *owner, struct link *link, const struct message *message,
                        void *payload)
{
    (void)owner;
    (void)link;
    (void)message;
    free(payload);
}

static void caller_closed(void *owner, struct link *link, const char *why)
{
    struct desk *desk = owner;

    (void)link;
    (void)why;
    desk->caller = NULL;
}

static const struct link_events caller_events = {caller_opened, caller_came, caller_closed};

static int start(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    struct error err;

    assert_non_null(desk);
    uv_loop_init(&desk->loop);
    assert_int_equal(listener_open(&desk->loop, &(struct link_place){.address = "127.0.0.1:0"},
                                   &stage_events, desk, &desk->listener, &err),
                     0);
    snprintf(desk->address, sizeof(desk->address), "127.0.0.1:%u",
             listener_port(desk->listener));
    const struct shell_options options = {
        .name = "all-1", .controller = desk->address, .token = "secret"};
    assert_int_equal(shell_create(&desk->loop, &options, &desk->shell, &err), 0);
    *state = desk;
    return 0;
}

/* Once the stage has ended, nothing of it keeps the loop. */
static int stop(void **state)
{
    struct desk *desk = *state;

    listener_close(desk->listener);
    link_close(desk->stage);
    uv_run(&desk->loop, UV_RUN_DEFAULT);
    assert_null(desk->caller);
    shell_destroy(desk->shell);
    assert_int_equal(uv_loop_close(&desk->loop), 0);
    free(desk->data_address);
    json_decref(desk->first);
    json_decref(desk->last);
    free(desk);
    return 0;
}

static void wait_for(struct desk *desk, const char *heard)
{
    while (strcmp(desk->heard, heard) != 0) {
        if (desk->n_reports > 3) {
            fail_msg("'%s' was heard, not '%s'", desk->heard, heard);
        }
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
}

/* ' stands for ". */
static void say(struct desk *desk, const char *words)
{
    cleanup(memory_free) char *text = memory_text(words);

    for (char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            *c = '"';
        }
    }
    link_send_text(desk->stage, MESSAGE_CONTROL, text);
}

static void configure(struct desk *desk)
{
    cleanup(memory_free) char *text =
        memory_format("{'type': 'configure', 'state': null, 'data_token': 'data', 'peers': {}, "
                      "'drain': false, 'deployment': %s}",
                      deployment);

    say(desk, text);
}

static void until_lost(struct desk *desk)
{
    while (desk->stage != NULL) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
}

static void who_says_nothing_does_not_keep_a_stage_from_ending(void **state)
{
    struct desk *desk = *state;
    struct error err;

    wait_for(desk, "hello");
    configure(desk);
    wait_for(desk, "hello ready working finished");
    assert_int_equal(link_dial(&desk->loop, &(struct link_place){.address = desk->data_address},
                               &caller_events, desk, &desk->caller, &err),
                     0);
    while (!desk->caller_opened) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
    uv_run(&desk->loop, UV_RUN_NOWAIT);
    assert_non_null(desk->caller);
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

static void what_is_said_before_the_link_is_up_does_not_come_before_hello(void **state)
{
    struct desk *desk = *state;

    shell_say(desk->shell, json_pack("{ss}", "type", "early"));
    wait_for(desk, "hello");
    configure(desk);
    wait_for(desk, "hello ready working finished");
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

static void what_fails_before_the_link_is_up_is_told_after_hello(void **state)
{
    struct desk *desk = *state;
    struct error err;

    error_set(&err, -EIO, "the disk is full");
    shell_fail(desk->shell, &err);
    wait_for(desk, "hello failed");
    until_lost(desk);
}

static void what_fails_while_the_link_is_down_is_told_after_the_next_hello(void **state)
{
    struct desk *desk = *state;
    struct error err;

    wait_for(desk, "hello");
    configure(desk);
    wait_for(desk, "hello ready working finished");
    link_close(STEAL(desk->stage));
    while (desk->shell->control != NULL) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
    error_set(&err, -EIO, "the disk is full");
    shell_fail(desk->shell, &err);
    wait_for(desk, "hello failed");
    until_lost(desk);
}

static void that_it_has_finished_is_said_again_after_each_hello(void **state)
{
    struct desk *desk = *state;

    wait_for(desk, "hello");
    configure(desk);
    wait_for(desk, "hello ready working finished");
    link_close(STEAL(desk->stage));
    while (desk->stage == NULL) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
    wait_for(desk, "hello ready working finished");
    assert_true(desk->n_reports > 0);
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

/* Somebody dials the stage's data links and says hello. */
static void call(struct desk *desk, const struct hello *hello)
{
    cleanup(memory_free) char *text = hello_to_text(hello);
    struct error err;

    assert_int_equal(link_dial(&desk->loop, &(struct link_place){.address = desk->data_address},
                               &caller_events, desk, &desk->caller, &err),
                     0);
    while (!desk->caller_opened) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
    link_send_text(desk->caller, MESSAGE_HELLO, text);
    while (desk->caller != NULL) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
}

static void a_controller_that_comes_back_elsewhere_calls_and_is_dialled(void **state)
{
    struct desk *desk = *state;
    struct listener *elsewhere = NULL;
    char address[64];
    struct error err;

    wait_for(desk, "hello");
    configure(desk);
    wait_for(desk, "hello ready working finished");
    assert_int_equal(listener_open(&desk->loop, &(struct link_place){.address = "127.0.0.1:0"},
                                   &stage_events, desk, &elsewhere, &err),
                     0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(elsewhere));
    listener_close(STEAL(desk->listener));
    desk->heard[0] = '\0';
    call(desk, &(struct hello){
                   .from = "controller", .to = "all-1", .token = "data", .address = address});
    wait_for(desk, "hello ready working finished");
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
    listener_close(elsewhere);
}

static void nobody_else_tells_a_stage_whom_to_dial(void **state)
{
    struct desk *desk = *state;

    wait_for(desk, "hello");
    configure(desk);
    wait_for(desk, "hello ready working finished");
    call(desk, &(struct hello){
                   .from = "controller", .to = "all-1", .token = "guess", .address = "::1:9"});
    assert_string_equal(desk->shell->controller, desk->address);
    assert_non_null(desk->shell->control);
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

static void a_stage_that_is_stopped_before_the_link_is_up_just_ends(void **state)
{
    const struct desk *desk = *state;

    shell_stop(desk->shell);
}

/* The same with another sink; see tests/fixture/lazy_sink.c. */
static void configure_lazy(struct desk *desk, const char *takes)
{
    static const char sink[] = "'use': 'null-sink', 'group': 'all', 'params': [";
    const char *at = strstr(deployment, sink);
    cleanup(memory_free) char *text = memory_format(
        "{'type': 'configure', 'state': null, 'data_token': 'data', 'peers': {}, "
        "'drain': false, 'deployment': %.*s'use': 'lazy-sink', 'group': 'all', 'params': "
        "[{'name': 'takes', 'value': '%s'}%s}",
        (int)(at - deployment), deployment, takes, at + sizeof(sink) - 1);

    say(desk, text);
}

static void a_sink_that_takes_its_frames_later_gets_each_again(void **state)
{
    struct desk *desk = *state;

    wait_for(desk, "hello");
    configure_lazy(desk, "true");
    wait_for(desk, "hello ready working say say say say say say finished");
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

static void a_sink_that_takes_nothing_does_not_keep_a_stage_from_ending(void **state)
{
    struct desk *desk = *state;

    wait_for(desk, "hello");
    configure_lazy(desk, "false");
    wait_for(desk, "hello ready working say");
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

/* Of a stage that may be started again elsewhere; `checkpoints` is an object. */
static void configure_averaging(struct desk *desk, const char *checkpoints, json_int_t done)
{
    cleanup(memory_free) char *text =
        memory_format("{'type': 'configure', 'state': null, 'data_token': 'data', 'peers': {}, "
                      "'drain': false, 'done': %lld, 'checkpoints': %s, 'deployment': %s}",
                      (long long)done, checkpoints, averaging);

    say(desk, text);
}

static json_int_t mark_of(const json_t *checkpoint)
{
    return json_integer_value(json_object_get(checkpoint, "mark"));
}

static void until_checkpoint(struct desk *desk)
{
    while (desk->last == NULL) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
}

static void a_checkpoint_is_kept_when_the_controller_says_so(void **state)
{
    struct desk *desk = *state;

    wait_for(desk, "hello");
    configure_averaging(desk, "{}", 0);
    until_checkpoint(desk);
    while (desk->n_reports < 2) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
    assert_int_equal(core_done(desk->shell->core), 0);
    assert_ptr_equal(desk->first, desk->last);
    desk->answers = true;
    answer(desk);
    wait_for(desk, "hello ready working finished");
    assert_int_equal(mark_of(desk->last), 40);
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

/* As if it were the machine of the first life that had died at its first checkpoint. */
static void another_life_takes_up_what_the_controller_kept(void **state)
{
    struct desk *desk = *state, *next;

    desk->answers = true;
    wait_for(desk, "hello");
    configure_averaging(desk, "{}", 0);
    wait_for(desk, "hello ready working finished");
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
    assert_true(mark_of(desk->first) < 40);

    start((void **)&next);
    next->answers = true;
    wait_for(next, "hello");
    cleanup(memory_free) char *checkpoints =
        memory_format("{'mean': {'mark': %lld, 'data': '%s'}}", (long long)mark_of(desk->first),
                      json_string_value(json_object_get(desk->first, "data")));
    configure_averaging(next, checkpoints, mark_of(desk->first));
    wait_for(next, "hello ready working finished");
    assert_true(mark_of(next->first) > mark_of(desk->first));
    assert_true(json_equal(next->last, desk->last));
    say(next, "{'type': 'stop'}");
    until_lost(next);
    stop((void **)&next);
}

static void a_controller_that_is_away_holds_nothing_up(void **state)
{
    struct desk *desk = *state;

    wait_for(desk, "hello");
    configure_averaging(desk, "{}", 0);
    until_checkpoint(desk);
    link_close(STEAL(desk->stage));
    while (core_done(desk->shell->core) == 0) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
    desk->answers = true;
    while (!desk->shell->finished || desk->stage == NULL || mark_of(desk->last) < 40) {
        uv_run(&desk->loop, UV_RUN_ONCE);
    }
    say(desk, "{'type': 'stop'}");
    until_lost(desk);
}

static void a_checkpoint_that_is_none_is_told(void **state)
{
    struct desk *desk = *state;

    wait_for(desk, "hello");
    configure_averaging(desk, "{'mean': {'mark': 3, 'data': 'c2V2ZW4'}}", 3);
    wait_for(desk, "hello failed");
    until_lost(desk);
    assert_string_equal(desk->shell->failure,
                        "'mean': the controller sent a checkpoint that is none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_says_nothing_does_not_keep_a_stage_from_ending,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            what_is_said_before_the_link_is_up_does_not_come_before_hello, start, stop),
        cmocka_unit_test_setup_teardown(what_fails_before_the_link_is_up_is_told_after_hello,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            what_fails_while_the_link_is_down_is_told_after_the_next_hello, start, stop),
        cmocka_unit_test_setup_teardown(that_it_has_finished_is_said_again_after_each_hello,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_sink_that_takes_its_frames_later_gets_each_again,
                                        start, stop),
        cmocka_unit_test_setup_teardown(
            a_sink_that_takes_nothing_does_not_keep_a_stage_from_ending, start, stop),
        cmocka_unit_test_setup_teardown(
            a_controller_that_comes_back_elsewhere_calls_and_is_dialled, start, stop),
        cmocka_unit_test_setup_teardown(a_checkpoint_is_kept_when_the_controller_says_so, start,
                                        stop),
        cmocka_unit_test_setup_teardown(another_life_takes_up_what_the_controller_kept, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_controller_that_is_away_holds_nothing_up, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_checkpoint_that_is_none_is_told, start, stop),
        cmocka_unit_test_setup_teardown(nobody_else_tells_a_stage_whom_to_dial, start, stop),
        cmocka_unit_test_setup_teardown(a_stage_that_is_stopped_before_the_link_is_up_just_ends,
                                        start, stop),
    };
    return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
