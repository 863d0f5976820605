/* What is of encrypted links alone; what they share with plain ones is in link_test.c. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "net/link_state.h"
#include "net/secure_rig.h"
#include "tensor/frame.h"
#include "wire/payload.h"

enum { BIG = 48 << 20 };

/* far listens; who dials is each test's own. */
struct talk {
    struct authority *authority;
    struct tls_context *near, *far;
    uv_loop_t loop;
    uv_check_t check;
    struct listener *listener;
    char address[64];
    struct link *dialled, *accepted;
    bool opened;
    unsigned n_came, n_wanted;
    struct message last;
    void *payload;
    size_t most_under_way; /* bytes that were encrypted and not taken, at the most */
    char why_near[160], why_far[160];
    bool refused; /* by far */
};

static void accepted(void *owner, struct link *link)
{
    struct talk *talk = owner;

    talk->accepted = link;
}

static void dialled(void *owner, struct link *link)
{
    struct talk *talk = owner;

    talk->opened = true;
    if (link_is_encrypted(link)) {
        assert_string_equal(link_name(link), "far");
    }
}

static void came(void *owner, struct link *link, const struct message *message, void *payload)
{
    struct talk *talk = owner;

    (void)link;
    free(talk->payload);
    talk->payload = payload;
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
        talk->refused = link_was_refused(link);
        snprintf(talk->why_far, sizeof(talk->why_far), "%s", why);
    } else {
        talk->dialled = NULL;
        snprintf(talk->why_near, sizeof(talk->why_near), "%s", why);
    }
}

static const struct link_events server_events = {accepted, came, closed};
static const struct link_events client_events = {dialled, came, closed};

static int start(void **state)
{
    struct talk *talk = calloc(1, sizeof(*talk));
    struct error err;

    assert_non_null(talk);
    talk->authority = secure_rig_authority();
    talk->near = secure_rig_context(talk->authority, "near");
    talk->far = secure_rig_context(talk->authority, "far");
    uv_loop_init(&talk->loop);
    const struct link_place place = {.address = "127.0.0.1:0", .tls = talk->far};
    assert_int_equal(
        listener_open(&talk->loop, &place, &server_events, talk, &talk->listener, &err), 0);
    snprintf(talk->address, sizeof(talk->address), "127.0.0.1:%u",
             listener_port(talk->listener));
    *state = talk;
    return 0;
}

static int stop(void **state)
{
    struct talk *talk = *state;

    link_close(talk->accepted);
    link_close(talk->dialled);
    listener_close(talk->listener);
    /* Links refer to their context for themselves. */
    tls_context_unref(talk->near);
    tls_context_unref(talk->far);
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&talk->loop), 0);
    authority_destroy(talk->authority);
    free(talk->payload);
    free(talk);
    return 0;
}

static void dial(struct talk *talk, struct tls_context *tls, const char *name)
{
    const struct link_place place = {.address = talk->address, .tls = tls, .name = name};
    struct error err;

    assert_int_equal(link_dial(&talk->loop, &place, &client_events, talk, &talk->dialled, &err),
                     0);
}

static void open_both(struct talk *talk)
{
    dial(talk, talk->near, "far");
    while (talk->accepted == NULL || link_name(talk->accepted) == NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    assert_string_equal(link_name(talk->accepted), "near");
    assert_true(talk->opened);
}

/* Until one of them has gone and then the other, which was told or was not. */
static void until_both_are_gone(struct talk *talk)
{
    while (talk->dialled != NULL || talk->accepted != NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    assert_int_equal(talk->n_came, 0);
}

static struct frame *frame_of(size_t size)
{
    const struct tensor_shape shape = {.type = TENSOR_U8, .rank = 1, .dims = {(uint32_t)size}};
    struct tensor *tensor;
    struct error err;

    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)tensor->data)[i] = (uint8_t)(i * 31 + i / 255);
    }
    return frame_create(3, 5, NULL, 1, &tensor);
}

static void watch(uv_check_t *check)
{
    struct talk *talk = check->data;

    if (talk->dialled->n_encrypted > talk->most_under_way) {
        talk->most_under_way = talk->dialled->n_encrypted;
    }
}

static void a_big_frame_takes_no_more_memory_under_way_than_a_small_one(void **state)
{
    struct talk *talk = *state;
    const struct message message = {.kind = MESSAGE_FRAME, .sequence = 3};
    cleanup(frame_unrefp) struct frame *frame = frame_of(BIG), *back = NULL;
    struct error err;

    open_both(talk);
    link_trust(talk->accepted);
    uv_check_init(&talk->loop, &talk->check);
    talk->check.data = talk;
    uv_check_start(&talk->check, watch);
    link_send_frame(talk->dialled, &message, frame);
    assert_true(link_queue(talk->dialled) > BIG - (1 << 20));
    talk->n_wanted = 1;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&talk->check, NULL);
    assert_in_range(talk->most_under_way, 1, 512 << 10);
    assert_int_equal(link_queue(talk->dialled), 0);
    assert_int_equal(payload_decode(3, STEAL(talk->payload), talk->last.size, &back, &err), 0);
    assert_memory_equal(back->tensors[0]->data, frame->tensors[0]->data, BIG);
}

static void both_send_much_at_once(void **state)
{
    struct talk *talk = *state;
    const struct message message = {.kind = MESSAGE_FRAME, .sequence = 3};
    cleanup(frame_unrefp) struct frame *frame = frame_of(5000000);

    open_both(talk);
    link_trust(talk->accepted);
    for (unsigned i = 0; i < 5; i++) {
        link_send_frame(talk->dialled, &message, frame);
        link_send_frame(talk->accepted, &message, frame);
    }
    talk->n_wanted = 10;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_int_equal(talk->n_came, 10);
}

static void what_the_far_end_says_early_waits_for_the_certificate(void **state)
{
    struct talk *talk = *state;

    dial(talk, talk->near, "far");
    while (talk->accepted == NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    assert_null(link_name(talk->accepted));
    link_send_text(talk->accepted, MESSAGE_CONTROL, "{\"type\":\"early\"}");
    assert_true(link_queue(talk->accepted) > 0);
    talk->n_wanted = 1;
    uv_run(&talk->loop, UV_RUN_DEFAULT);
    assert_memory_equal(talk->payload, "{\"type\":\"early\"}", talk->last.size);
}

static void a_link_closed_in_the_handshake_is_told_to_the_other_end(void **state)
{
    struct talk *talk = *state;

    dial(talk, talk->near, "far");
    while (talk->accepted == NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    link_send_text(talk->accepted, MESSAGE_CONTROL, "{\"type\":\"lost\"}");
    link_close(STEAL(talk->accepted));
    until_both_are_gone(talk);
    assert_false(talk->opened);
    assert_true(strcmp(talk->why_near, "closed the link") == 0 ||
                strcmp(talk->why_near, "connection reset by peer") == 0);
    talk->n_came = 0;
    dial(talk, talk->near, "far");
    while (talk->accepted == NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    link_close(STEAL(talk->dialled));
    until_both_are_gone(talk);
    assert_false(talk->refused);
}

static void who_reaches_another_than_the_wanted_hangs_up(void **state)
{
    struct talk *talk = *state;

    dial(talk, talk->near, "fit-1");
    until_both_are_gone(talk);
    assert_false(talk->opened);
    assert_string_equal(talk->why_near, "is 'far', not 'fit-1'");
}

static void who_speaks_plainly_is_refused(void **state)
{
    struct talk *talk = *state;
    const struct message message = {.kind = MESSAGE_CREDIT};

    dial(talk, NULL, NULL);
    link_send(talk->dialled, &message, NULL);
    while (talk->accepted == NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    until_both_are_gone(talk);
    assert_string_equal(talk->why_far, "does not speak TLS");
    assert_true(talk->refused);
}

static void a_foreign_certificate_lets_nobody_send_or_hear_a_word(void **state)
{
    struct talk *talk = *state;
    struct authority *foreign = secure_rig_authority();
    struct tls_context *stranger = secure_rig_stranger(talk->authority, foreign, "near");
    const struct message message = {.kind = MESSAGE_CREDIT};

    dial(talk, stranger, "far");
    while (talk->accepted == NULL) {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    link_send(talk->dialled, &message, NULL);
    link_send(talk->accepted, &message, NULL);
    until_both_are_gone(talk);
    assert_non_null(strstr(talk->why_far, "has a certificate that is not believed"));
    assert_true(talk->refused);
    tls_context_unref(stranger);
    authority_destroy(foreign);
}

/* Dials without a link, and sends the beginning of a handshake that has no end. */
static int send_endless_hello(const struct talk *talk)
{
    static const uint8_t beginning[] = {0x16, 3, 1, 0x40, 0, 1, 1, 0xff, 0, 3, 3};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)listener_port(talk->listener)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cleanup(memory_free) uint8_t *record = memory_new(5 + (16 << 10), 1);

    assert_int_equal(connect(s, (struct sockaddr *)&address, sizeof(address)), 0);
    memcpy(record, beginning, sizeof(beginning));
    assert_int_equal(write(s, record, 5 + (16 << 10)), 5 + (16 << 10));
    memset(record + 5, 0, 6);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(write(s, record, 5 + (16 << 10)), 5 + (16 << 10));
    }
    return s;
}

static void a_handshake_without_an_end_is_not_listened_to_for_long(void **state)
{
    struct talk *talk = *state;
    int s = send_endless_hello(talk);

    while (talk->why_far[0] == '\0') {
        uv_run(&talk->loop, UV_RUN_ONCE);
    }
    close(s);
    assert_true(talk->refused);
    assert_non_null(strstr(talk->why_far, " bytes before it showed a certificate"));
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_big_frame_takes_no_more_memory_under_way_than_a_small_one),
        STORY(both_send_much_at_once),
        STORY(what_the_far_end_says_early_waits_for_the_certificate),
        STORY(a_link_closed_in_the_handshake_is_told_to_the_other_end),
        STORY(who_reaches_another_than_the_wanted_hangs_up),
        STORY(who_speaks_plainly_is_refused),
        STORY(a_foreign_certificate_lets_nobody_send_or_hear_a_word),
        STORY(a_handshake_without_an_end_is_not_listened_to_for_long),
    };
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    return cmocka_run_group_tests_name("link_secure", tests, NULL, NULL);
}
