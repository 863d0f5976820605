#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "controller/control.h"
#include "net/credentials.h"
#include "net/hello.h"
#include "net/link.h"
#include "net/tls.h"

/* A controller's end and somebody who dials it. */
struct talk {
    uv_loop_t loop;
    struct control *control;
    struct credentials credentials;
    struct tls_context *tls; /* of the caller; NULL: links are plain */
    struct link *caller;
    bool opened;
    unsigned n_hellos;
};

static void hello(void *owner, const char *stage)
{
    struct talk *talk = owner;

    assert_string_equal(stage, "fit-1");
    talk->n_hellos++;
}

static void said(void *owner, const char *stage, const json_t *message)
{
    (void)owner;
    (void)stage;
    (void)message;
}

static void lost(void *owner, const char *stage)
{
    (void)owner;
    (void)stage;
}

static const struct control_events control_events = {hello, said, lost};

static void caller_opened(void *owner, struct link *link)
{
    struct talk *talk = owner;

    (void)link;
    talk->opened = true;
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
    struct talk *talk = owner;

    (void)link;
    (void)why;
    talk->caller = NULL;
}

static const struct link_events caller_events = {caller_opened, caller_came, caller_closed};

static void say_hello(struct talk *talk, const char *token)
{
    char *text = hello_to_text(&(struct hello){
        .from = "fit-1", .to = "controller", .token = (char *)(uintptr_t)token});

    link_send_text(talk->caller, MESSAGE_HELLO, text);
    free(text);
}

static int begin(void **state, bool encrypted)
{
    struct talk *talk = calloc(1, sizeof(*talk));
    struct error err;

    assert_non_null(talk);
    uv_loop_init(&talk->loop);
    const struct control_setup setup = {
        .host = "127.0.0.1", .encrypted = encrypted, .events = &control_events, .owner = talk};
    cleanup(memory_wipe) char *line = NULL;
    assert_int_equal(control_create(&talk->loop, &setup, &talk->control, &err), 0);
    assert_int_equal(control_expect(talk->control, "fit-1", &line, &err), 0);
    assert_int_equal(credentials_from_line(line, strlen(line), &talk->credentials, &err), 0);
    assert_int_equal(talk->credentials.key != NULL, encrypted);
    if (encrypted) {
        assert_int_equal(tls_context_create(&talk->credentials, &talk->tls, &err), 0);
    }
    const struct link_place place = {
        .address = control_address(talk->control), .tls = talk->tls, .name = "controller"};
    assert_int_equal(link_dial(&talk->loop, &place, &caller_events, talk, &talk->caller, &err),
                     0);
    while (!talk->opened) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    /* Once more, so that the controller's end is sure to have come to know of it. */
    uv_run(&talk->loop, UV_RUN_NOWAIT);
    *state = talk;
    return 0;
}

static int start(void **state)
{
    return begin(state, false);
}

static int start_encrypted(void **state)
{
    return begin(state, true);
}

/* The loop runs out by itself: no link is left that nobody would close. */
static int stop(void **state)
{
    struct talk *talk = *state;

    control_destroy(talk->control);
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_null(talk->caller);
    assert_int_equal(uv_loop_close(&talk->loop), 0);
    tls_context_unref(talk->tls);
    credentials_finish(&talk->credentials);
    free(talk);
    return 0;
}

static void a_stage_is_let_in_by_its_token(void **state)
{
    struct talk *talk = *state;

    say_hello(talk, talk->credentials.token);
    while (talk->n_hellos == 0) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    assert_non_null(talk->caller);
}

static void a_wrong_token_closes_the_link(void **state)
{
    struct talk *talk = *state;

    say_hello(talk, "00000000000000000000000000000000");
    while (talk->caller != NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    assert_int_equal(talk->n_hellos, 0);
}

static void who_says_nothing_does_not_keep_the_controller_from_ending(void **state)
{
    const struct talk *talk = *state;

    assert_non_null(talk->caller);
}

static void a_hello_after_the_end_is_heard_by_nobody(void **state)
{
    struct talk *talk = *state;

    say_hello(talk, talk->credentials.token);
    control_destroy(STEAL(talk->control));
    while (talk->caller != NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    assert_int_equal(talk->n_hellos, 0);
}

#define STORY(name)                                                          \
    {#name, name, start, stop, NULL},                                        \
    {                                                                        \
#name " when links are encrypted", name, start_encrypted, stop, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_stage_is_let_in_by_its_token),
        STORY(a_wrong_token_closes_the_link),
        STORY(who_says_nothing_does_not_keep_the_controller_from_ending),
        STORY(a_hello_after_the_end_is_heard_by_nobody),
    };
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
