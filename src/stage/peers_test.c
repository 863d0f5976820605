/* Who is let in at a stage's data links: the stage is real, its senders are the test's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "net/hello.h"
#include "net/link.h"
#include "stage/peers.h"

static const char text[] =
    "{\"application\": \"noise\", \"window\": 4, \"operators\": ["
    "{\"name\": \"noise\", \"origin\": \"noise\", \"use\": \"noise-source\", \"group\": "
    "\"from\","
    " \"params\": [], \"inputs\": []},"
    "{\"name\": \"out\", \"origin\": \"out\", \"use\": \"null-sink\", \"group\": \"to\","
    " \"params\": [], \"inputs\": [{\"from\": \"noise\", \"port\": 0}]}],"
    "\"stages\": [{\"name\": \"from-1\", \"group\": \"from\", \"device\": \"a\", \"workers\": "
    "1},"
    "{\"name\": \"to-1\", \"group\": \"to\", \"device\": \"b\", \"workers\": 1}],"
    "\"channels\": [{\"id\": 1, \"from_operator\": \"noise\", \"from_port\": 0,"
    " \"from_group\": \"from\", \"to_group\": \"to\", \"credit\": 4}]}";

struct hall {
    uv_loop_t loop;
    struct deployment *deployment;
    struct stage_config *config;
    struct peers *peers;
    char address[64];
    unsigned n_hellos, n_losses; /* that the core heard of */
    char called[64];
    struct link *sender; /* NULL: it was shown out, or fenced */
    struct hello hello;  /* that it says */
};

static int event(void *owner, const struct core_event *event, struct error *err)
{
    struct hall *hall = owner;

    (void)err;
    hall->n_hellos += event->kind == CORE_HELLO_CAME;
    hall->n_losses += event->kind == CORE_LINK_LOST;
    return 0;
}

static uint64_t done(void *owner)
{
    (void)owner;
    return 0;
}

static void lost(void *owner, const char *peer, const char *why)
{
    (void)owner;
    (void)peer;
    (void)why;
}

static void called(void *owner, const char *address)
{
    struct hall *hall = owner;

    snprintf(hall->called, sizeof(hall->called), "%s", address);
}

static const struct peers_events peers_events = {event, done, lost, called};

static void sender_opened(void *owner, struct link *link)
{
    const struct hall *hall = owner;
    cleanup(memory_free) char *words = hello_to_text(&hall->hello);

    link_send_text(link, MESSAGE_HELLO, words);
}

static void sender_came(void *owner, struct link *link, const struct message *message,
                        void *payload)
{
    (void)owner;
    (void)link;
    (void)message;
    free(payload);
}

static void sender_closed(void *owner, struct link *link, const char *why)
{
    struct hall *hall = owner;

    (void)why;
    if (hall->sender == link) {
        hall->sender = NULL;
    }
}

static const struct link_events sender_events = {sender_opened, sender_came, sender_closed};

static unsigned one_output(void *owner, const char *use)
{
    (void)owner;
    return strcmp(use, "null-sink") == 0 ? 0 : 1;
}

static int start(void **state)
{
    struct hall *hall = memory_new(1, sizeof(*hall));
    cleanup(json_decrefp) json_t *json = json_loads(text, 0, NULL);
    struct error err;

    uv_loop_init(&hall->loop);
    assert_int_equal(deployment_from_json(json, &hall->deployment, &err), 0);
    assert_int_equal(
        stage_config_create(hall->deployment, "to-1", one_output, NULL, &hall->config, &err),
        0);
    const struct peers_setup setup = {.config = hall->config,
                                      .host = "127.0.0.1",
                                      .token = "data",
                                      .events = &peers_events,
                                      .owner = hall};
    assert_int_equal(peers_create(&hall->loop, &setup, &hall->peers, &err), 0);
    snprintf(hall->address, sizeof(hall->address), "127.0.0.1:%u", peers_port(hall->peers));
    hall->hello = (struct hello){.from = "from-1", .to = "to-1", .token = "data"};
    *state = hall;
    return 0;
}

static int stop(void **state)
{
    struct hall *hall = *state;

    peers_destroy(hall->peers);
    link_close(hall->sender);
    uv_run(&hall->loop, UV_RUN_DEFAULT);
    stage_config_destroy(hall->config);
    deployment_destroy(hall->deployment);
    assert_int_equal(uv_loop_close(&hall->loop), 0);
    free(hall);
    return 0;
}

/* True: it was let in. */
static bool dial(struct hall *hall, unsigned life)
{
    unsigned before = hall->n_hellos;
    struct error err;

    hall->hello.life = life;
    link_close(STEAL(hall->sender));
    assert_int_equal(link_dial(&hall->loop, &(struct link_place){.address = hall->address},
                               &sender_events, hall, &hall->sender, &err),
                     0);
    while (hall->sender != NULL && hall->n_hellos == before) {
        uv_run(&hall->loop, UV_RUN_ONCE);
    }
    return hall->n_hellos > before;
}

static void until_shown_out(struct hall *hall)
{
    while (hall->sender != NULL) {
        uv_run(&hall->loop, UV_RUN_ONCE);
    }
}

static void a_sender_that_was_replaced_is_not_heard_any_more(void **state)
{
    struct hall *hall = *state;

    assert_true(dial(hall, 0));
    peers_set_life(hall->peers, "from-1", 1);
    assert_int_equal(hall->n_losses, 1);
    until_shown_out(hall);
    assert_false(dial(hall, 0));
    assert_true(dial(hall, 1));
}

static void the_one_that_takes_its_place_is_proof_enough(void **state)
{
    struct hall *hall = *state;

    assert_true(dial(hall, 1));
    assert_false(dial(hall, 0));
    assert_int_equal(hall->n_hellos, 1);
}

static void what_is_old_news_changes_nothing(void **state)
{
    struct hall *hall = *state;

    assert_true(dial(hall, 2));
    peers_set_life(hall->peers, "from-1", 1);
    peers_set_life(hall->peers, "from-1", 2);
    peers_set_life(hall->peers, "who", 9);
    uv_run(&hall->loop, UV_RUN_NOWAIT);
    assert_non_null(hall->sender);
    assert_int_equal(hall->n_losses, 0);
}

static void a_call_of_the_controller_is_passed_on_and_hung_up(void **state)
{
    struct hall *hall = *state;

    hall->hello.from = HELLO_CONTROLLER;
    hall->hello.address = "127.0.0.1:7000";
    assert_false(dial(hall, 0));
    assert_string_equal(hall->called, "127.0.0.1:7000");
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_sender_that_was_replaced_is_not_heard_any_more),
        STORY(the_one_that_takes_its_place_is_proof_enough),
        STORY(what_is_old_news_changes_nothing),
        STORY(a_call_of_the_controller_is_passed_on_and_hung_up),
    };

    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
