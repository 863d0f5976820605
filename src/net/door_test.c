#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "base/test.h"
#include "net/door.h"
#include "net/hello.h"
#include "net/secure_rig.h"

enum { CALLERS_MAX = DOOR_STRANGERS_MAX + 1 };

/* Somebody who dials: says hello with `from`, or nothing when that is NULL. Who dials a house
 * with encrypted links has a certificate of that name, or of nobody's. */
struct caller {
    struct house *house;
    struct tls_context *tls;
    struct link *link; /* NULL: shown out */
    const char *from;
    bool opened;
};

struct house {
    struct authority *authority; /* NULL: links are plain */
    struct tls_context *tls;
    uv_loop_t loop;
    struct door *door;
    struct link *guest; /* who was let in */
    char address[64];
    unsigned n_callers;
    struct caller callers[CALLERS_MAX];
};

static void guest_opened(void *owner, struct link *link)
{
    (void)owner;
    (void)link;
}

static void anything_came(void *owner, struct link *link, const struct message *message,
                          void *payload)
{
    (void)owner;
    (void)link;
    (void)message;
    free(payload);
}

static void guest_closed(void *owner, struct link *link, const char *why)
{
    struct house *house = owner;

    (void)link;
    (void)why;
    house->guest = NULL;
}

static const struct link_events guest_events = {guest_opened, anything_came, guest_closed};

static void caller_opened(void *owner, struct link *link)
{
    struct caller *caller = owner;

    caller->opened = true;
    if (caller->from != NULL) {
        char *text = hello_to_text(&(struct hello){
            .from = (char *)(uintptr_t)caller->from, .to = "house", .token = "secret"});
        link_send_text(link, MESSAGE_HELLO, text);
        free(text);
    }
}

static void caller_closed(void *owner, struct link *link, const char *why)
{
    struct caller *caller = owner;

    (void)link;
    (void)why;
    caller->link = NULL;
}

static const struct link_events caller_events = {caller_opened, anything_came, caller_closed};

static bool said_hello(void *owner, struct link *link, const struct message *message,
                       const struct hello *hello)
{
    struct house *house = owner;

    assert_int_equal(message->kind, MESSAGE_HELLO);
    assert_string_equal(hello->to, "house");
    if (strcmp(hello->from, "friend") != 0 || !hello_token_equal(hello->token, "secret")) {
        return false;
    }
    house->guest = link;
    link_trust(link);
    link_adopt(link, &guest_events, house);
    return true;
}

/* Every story is told of plain links and of encrypted ones: the state of a test is the answer.
 */
static struct house *open_house(void **state, unsigned patience_ms)
{
    struct house *house = calloc(1, sizeof(*house));
    assert_non_null(house);
    if (*(const bool *)*state) {
        house->authority = secure_rig_authority();
        house->tls = secure_rig_context(house->authority, "house");
    }
    const struct door_setup setup = {.address = "127.0.0.1:0",
                                     .tls = house->tls,
                                     .hello = said_hello,
                                     .owner = house,
                                     .patience_ms = patience_ms};
    struct error err;

    uv_loop_init(&house->loop);
    assert_int_equal(door_open(&house->loop, &setup, &house->door, &err), 0);
    snprintf(house->address, sizeof(house->address), "127.0.0.1:%u", door_port(house->door));
    return house;
}

/* Until the link is up, or refused: on a busy machine patience may be over by then. */
static void call(struct caller *caller)
{
    uv_loop_t *loop = &caller->house->loop;
    const struct link_place place = {
        .address = caller->house->address, .tls = caller->tls, .name = "house"};
    struct error err;

    assert_int_equal(link_dial(loop, &place, &caller_events, caller, &caller->link, &err), 0);
    while (!caller->opened && caller->link != NULL) {
        uv_run(loop, UV_RUN_ONCE);
    }
}

static struct caller *dial(struct house *house, const char *from)
{
    assert_true(house->n_callers < CALLERS_MAX);
    struct caller *caller = &house->callers[house->n_callers++];

    *caller = (struct caller){.house = house, .from = from};
    if (house->authority != NULL) {
        caller->tls = secure_rig_context(house->authority, from != NULL ? from : "nobody");
    }
    call(caller);
    return caller;
}

static void wait_until_shown_out(struct caller *caller)
{
    while (caller->link != NULL) {
        uv_run(&caller->house->loop, UV_RUN_ONCE);
    }
}

/* The loop runs out by itself, for nobody is left who keeps it. */
static void close_house(struct house *house)
{
    door_close(house->door);
    link_close(house->guest);
    uv_run(&house->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&house->loop), 0);
    for (unsigned i = 0; i < house->n_callers; i++) {
        assert_null(house->callers[i].link);
        tls_context_unref(house->callers[i].tls);
    }
    tls_context_unref(house->tls);
    authority_destroy(house->authority);
    free(house);
}

static void who_is_known_is_let_in_and_outlives_patience(void **state)
{
    struct house *house = open_house(state, 20);
    const struct caller *known;

    do { /* twenty milliseconds may be too few for a busy machine */
        known = dial(house, "friend");
        while (house->guest == NULL && known->link != NULL) {
            uv_run(&house->loop, UV_RUN_ONCE);
        }
    } while (house->guest == NULL);
    wait_until_shown_out(dial(house, NULL));
    assert_non_null(house->guest);
    assert_non_null(known->link);
    close_house(house);
}

static void who_is_not_known_is_shown_out(void **state)
{
    struct house *house = open_house(state, 0);

    wait_until_shown_out(dial(house, "foe"));
    assert_null(house->guest);
    close_house(house);
}

static void who_begins_with_anything_else_is_shown_out(void **state)
{
    struct house *house = open_house(state, 0);
    struct caller *caller = dial(house, NULL);

    link_send_text(caller->link, MESSAGE_CONTROL, "{\"type\":\"ready\"}");
    wait_until_shown_out(caller);
    caller = dial(house, NULL);
    link_send_text(caller->link, MESSAGE_HELLO, "good morning");
    wait_until_shown_out(caller);
    assert_null(house->guest);
    close_house(house);
}

static void who_says_nothing_is_shown_out_after_a_while(void **state)
{
    struct house *house = open_house(state, 20);
    struct caller *first = dial(house, NULL), *second = dial(house, NULL);

    wait_until_shown_out(first);
    wait_until_shown_out(second);
    close_house(house);
}

static void who_has_been_silent_for_longest_makes_room(void **state)
{
    struct house *house = open_house(state, 600000);

    for (unsigned i = 0; i < DOOR_STRANGERS_MAX; i++) {
        dial(house, NULL);
    }
    assert_non_null(house->callers[0].link);
    dial(house, NULL);
    wait_until_shown_out(&house->callers[0]);
    for (unsigned i = 1; i < house->n_callers; i++) {
        assert_non_null(house->callers[i].link);
    }
    close_house(house);
}

static void who_goes_by_himself_is_forgotten(void **state)
{
    struct house *house = open_house(state, 600000);

    for (unsigned i = 0; i < 3; i++) {
        struct caller *caller = dial(house, NULL);

        link_close(STEAL(caller->link));
    }
    dial(house, "friend");
    while (house->guest == NULL) {
        uv_run(&house->loop, UV_RUN_ONCE);
    }
    close_house(house);
}

static void strangers_leave_when_the_door_is_closed(void **state)
{
    struct house *house = open_house(state, 600000);

    dial(house, NULL);
    dial(house, NULL);
    /* Said too late: it is on its way when the door closes. */
    dial(house, "friend");
    close_house(house);
}

/* With the right token, and a certificate of the house: another one's. */
static void a_name_that_is_not_in_the_certificate_is_shown_out(void **state)
{
    struct house *house = open_house(state, 0);
    struct caller *caller = &house->callers[house->n_callers++];

    *caller = (struct caller){.house = house, .from = "friend"};
    caller->tls = secure_rig_context(house->authority, "foe");
    call(caller);
    wait_until_shown_out(caller);
    assert_null(house->guest);
    close_house(house);
}

/* With the right token, overheard perhaps, and a certificate that only looks right. */
static void a_foreign_certificate_is_shown_out_before_its_hello(void **state)
{
    struct house *house = open_house(state, 0);
    struct authority *foreign = secure_rig_authority();
    struct caller *caller = &house->callers[house->n_callers++];

    *caller = (struct caller){.house = house, .from = "friend"};
    caller->tls = secure_rig_stranger(house->authority, foreign, "friend");
    call(caller);
    wait_until_shown_out(caller);
    assert_null(house->guest);
    authority_destroy(foreign);
    close_house(house);
}

/* With the right token, in plain text. */
static void a_plain_hello_is_shown_out(void **state)
{
    struct house *house = open_house(state, 0);
    struct caller *caller = &house->callers[house->n_callers++];

    *caller = (struct caller){.house = house, .from = "friend"};
    call(caller);
    wait_until_shown_out(caller);
    assert_null(house->guest);
    close_house(house);
}

/* One who never begins the handshake is a stranger as good as any. */
static void who_shows_no_certificate_is_shown_out_after_a_while(void **state)
{
    struct house *house = open_house(state, 20);
    struct caller *caller = &house->callers[house->n_callers++];

    *caller = (struct caller){.house = house};
    call(caller);
    wait_until_shown_out(caller);
    close_house(house);
}

static bool plain = false, encrypted = true;

#define ENCRYPTED_STORY(name) cmocka_unit_test_prestate(name, &encrypted)
#define STORY(name)                                                     \
    cmocka_unit_test_prestate(name, &plain),                            \
    {                                                                   \
#name " when links are encrypted", name, NULL, NULL, &encrypted \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(who_is_known_is_let_in_and_outlives_patience),
        STORY(who_is_not_known_is_shown_out),
        STORY(who_begins_with_anything_else_is_shown_out),
        STORY(who_says_nothing_is_shown_out_after_a_while),
        STORY(who_has_been_silent_for_longest_makes_room),
        STORY(who_goes_by_himself_is_forgotten),
        STORY(strangers_leave_when_the_door_is_closed),
        ENCRYPTED_STORY(a_name_that_is_not_in_the_certificate_is_shown_out),
        ENCRYPTED_STORY(a_foreign_certificate_is_shown_out_before_its_hello),
        ENCRYPTED_STORY(a_plain_hello_is_shown_out),
        ENCRYPTED_STORY(who_shows_no_certificate_is_shown_out_after_a_while),
    };
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
