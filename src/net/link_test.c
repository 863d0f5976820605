#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/test.h"
#include "net/link.h"
#include "net/secure_rig.h"
#include "tensor/frame.h"
#include "wire/payload.h"

/* A talk between two ends on the loopback: what came is noted, the rest is each test's own.
 * Every story is told of plain links and of encrypted ones. */
struct talk {
    struct authority *authority;
    struct tls_context *near, *far; /* NULL: plain */
    uv_loop_t loop;
    struct listener *listener;
    struct link *dialled, *accepted;
    unsigned n_came, n_wanted;
    struct message last;
    void *payload; /* of the last message that had one */
    size_t payload_size;
    char why[128]; /* of the end that was closed first */
};

static void accepted(void *owner, struct link *link)
{
    struct talk *talk = owner;

    talk->accepted = link;
}

static void dialled(void *owner, struct link *link)
{
    struct talk *talk = owner;

    talk->dialled = link;
    link_trust(link);
}

static void came(void *owner, struct link *link, const struct message *message, void *payload)
{
    struct talk *talk = owner;

    (void)link;
    if (payload != NULL) {
        free(talk->payload);
        talk->payload = payload;
        talk->payload_size = message->size;
    }
    talk->last = *message;
    if (++talk->n_came == talk->n_wanted) {
        uv_stop(&talk->loop);
    }
}

static void closed(void *owner, struct link *link, const char *why)
{
    struct talk *talk = owner;

    if (link == talk->accepted) {
        talk->accepted = NULL;
    } else {
        talk->dialled = NULL;
    }
    if (talk->why[0] == '\0') {
        snprintf(talk->why, sizeof(talk->why), "%s", why);
    }
    uv_stop(&talk->loop);
}

static const struct link_events server_events = {accepted, came, closed};
static const struct link_events client_events = {dialled, came, closed};

static int begin(void **state, bool encrypted)
{
    struct talk *talk = calloc(1, sizeof(*talk));
    struct link *link;
    struct error err;
    char address[64];

    assert_non_null(talk);
    if (encrypted) {
        talk->authority = secure_rig_authority();
        talk->near = secure_rig_context(talk->authority, "near");
        talk->far = secure_rig_context(talk->authority, "far");
    }
    uv_loop_init(&talk->loop);
    const struct link_place here = {.address = "127.0.0.1:0", .tls = talk->far};
    assert_int_equal(
        listener_open(&talk->loop, &here, &server_events, talk, &talk->listener, &err), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", listener_port(talk->listener));
    const struct link_place there = {.address = address, .tls = talk->near, .name = "far"};
    assert_int_equal(link_dial(&talk->loop, &there, &client_events, talk, &link, &err), 0);
    while (talk->accepted == NULL || talk->dialled == NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
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

static int stop(void **state)
{
    struct talk *talk = *state;

    link_close(talk->accepted);
    link_close(talk->dialled);
    listener_close(talk->listener);
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&talk->loop), 0);
    tls_context_unref(talk->near);
    tls_context_unref(talk->far);
    authority_destroy(talk->authority);
    free(talk->payload);
    free(talk);
    return 0;
}

static struct frame *big_frame(uint64_t sequence)
{
    const struct tensor_shape shape = {.type = TENSOR_U8, .rank = 2, .dims = {1000, 777}};
    struct tensor *tensor;
    struct error err;

    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    for (size_t i = 0; i < tensor->size; i++) {
        ((uint8_t *)tensor->data)[i] = (uint8_t)(i * 31 + sequence);
    }
    return frame_create(sequence, 5, NULL, 1, &tensor);
}

/* What one end sent the other received, byte by byte, and nothing waits. */
static void assert_all_counted(const struct talk *talk, unsigned n_frames)
{
    struct link_counters near, far;

    link_count(talk->dialled, &near);
    link_count(talk->accepted, &far);
    assert_int_equal(near.sent, far.received);
    assert_int_equal(far.sent, near.received);
    assert_int_equal(near.frames_sent, n_frames);
    assert_int_equal(far.frames_received, n_frames);
    assert_int_equal(link_queue(talk->dialled), 0);
}

static void frames_and_small_messages_arrive_in_order_and_whole(void **state)
{
    struct talk *talk = *state;
    struct error err;

    link_trust(talk->accepted);
    for (uint64_t i = 0; i < 20; i++) {
        const struct message frame_message = {.kind = MESSAGE_FRAME, .sequence = i};
        const struct message credit = {.kind = MESSAGE_CREDIT, .sequence = i};
        struct frame *frame = big_frame(i);

        link_send_frame(talk->dialled, &frame_message, frame);
        frame_unref(frame);
        for (unsigned j = 0; j < i; j++) {
            link_send(talk->dialled, &credit, NULL);
        }
        talk->n_wanted = talk->n_came + 1 + (unsigned)i;
        uv_run(&talk->loop, UV_RUN_DEFAULT);
        assert_int_equal(talk->last.kind, i == 0 ? MESSAGE_FRAME : MESSAGE_CREDIT);

        cleanup(frame_unrefp) struct frame *sent = big_frame(i), *back = NULL;
        assert_int_equal(
            payload_decode(i, STEAL(talk->payload), talk->payload_size, &back, &err), 0);
        assert_memory_equal(back->tensors[0]->data, sent->tensors[0]->data,
                            sent->tensors[0]->size);
        assert_int_equal(talk->last.sequence, i);
    }
    assert_all_counted(talk, 20);
}

static void small_messages_of_one_turn_go_out_together(void **state)
{
    struct talk *talk = *state;
    struct link_counters before, after;

    link_count(talk->dialled, &before);
    for (uint64_t i = 0; i < 100; i++) {
        const struct message credit = {.kind = MESSAGE_CREDIT, .sequence = i};
        link_send(talk->dialled, &credit, NULL);
    }
    assert_int_equal(link_queue(talk->dialled), 100 * MESSAGE_HEADER_SIZE);
    talk->n_wanted = 100;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_int_equal(talk->last.sequence, 99);
    link_count(talk->dialled, &after);
    assert_int_equal(after.writes, before.writes + 1);
    assert_all_counted(talk, 0);
}

static void a_long_line_does_not_wait(void **state)
{
    struct talk *talk = *state;
    const struct message message = {.kind = MESSAGE_FRAME};
    struct link_counters counters;
    struct frame *frame = big_frame(0);

    link_trust(talk->accepted);
    link_send_frame(talk->dialled, &message, frame);
    frame_unref(frame);
    link_count(talk->dialled, &counters);
    assert_true(counters.writes > 0);
    talk->n_wanted = 1;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_int_equal(talk->last.kind, MESSAGE_FRAME);
}

static void what_waits_is_dropped_when_a_link_is_closed(void **state)
{
    struct talk *talk = *state;
    const struct message credit = {.kind = MESSAGE_CREDIT};

    link_send(talk->dialled, &credit, NULL);
    link_close(talk->dialled);
    talk->dialled = NULL;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_int_equal(talk->n_came, 0);
    assert_string_equal(talk->why, "closed the link");
}

static void a_stranger_may_not_send_much(void **state)
{
    struct talk *talk = *state;
    const struct message message = {.kind = MESSAGE_FRAME};
    struct frame *frame = big_frame(0);

    link_send_frame(talk->dialled, &message, frame);
    frame_unref(frame);
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_null(talk->accepted);
    assert_string_equal(talk->why, "sent 777128 bytes before it said who it is");
}

static void what_is_no_message_closes_the_link_behind_those_that_are(void **state)
{
    struct talk *talk = *state;
    const struct message credit = {.kind = MESSAGE_CREDIT, .sequence = 7};
    const struct message none = {.kind = MESSAGE_KIND_END};

    link_send(talk->dialled, &credit, NULL);
    link_send(talk->dialled, &none, NULL);
    link_send(talk->dialled, &credit, NULL);
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_null(talk->accepted);
    assert_int_equal(talk->n_came, 1);
    assert_int_equal(talk->last.sequence, 7);
    assert_string_equal(talk->why, "unknown message kind 10");
}

static void a_closed_link_is_told_to_the_other_end(void **state)
{
    struct talk *talk = *state;

    link_close(talk->dialled);
    talk->dialled = NULL;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_null(talk->accepted);
    assert_string_equal(talk->why, "closed the link");
}

static void a_last_word_is_sent_before_closing(void **state)
{
    struct talk *talk = *state;

    link_send_text(talk->dialled, MESSAGE_CONTROL, "{\"type\":\"stop\"}");
    link_close_after_sending(talk->dialled);
    talk->dialled = NULL;
    talk->n_wanted = 1;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_int_equal(talk->last.kind, MESSAGE_CONTROL);
    assert_memory_equal(talk->payload, "{\"type\":\"stop\"}", talk->last.size);
}

static void an_address_must_be_numeric(void **state)
{
    struct talk *talk = *state;
    struct link *link;
    struct error err;

    assert_true(link_dial(&talk->loop, &(struct link_place){.address = "example:80"},
                          &client_events, talk, &link, &err) < 0);
    assert_string_equal(err.text, "'example:80' is not a numeric address with a port");
}

#define STORY(name)                                                         \
    {#name, name, start, stop, NULL},                                       \
    {                                                                       \
#name " when they are encrypted", name, start_encrypted, stop, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(frames_and_small_messages_arrive_in_order_and_whole),
        STORY(small_messages_of_one_turn_go_out_together),
        STORY(a_long_line_does_not_wait),
        STORY(what_waits_is_dropped_when_a_link_is_closed),
        STORY(a_stranger_may_not_send_much),
        STORY(what_is_no_message_closes_the_link_behind_those_that_are),
        STORY(a_closed_link_is_told_to_the_other_end),
        STORY(a_last_word_is_sent_before_closing),
        cmocka_unit_test_setup_teardown(an_address_must_be_numeric, start, stop),
    };
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
