/* The core by itself, a story per rule of core.h. What happens to whole deployments is told by
 * cluster_test.c. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/test.h"
#include "stage/core.h"

enum { A, B }; /* replicas that a sender has, or senders that a sink has */

static struct core *core;
static struct core_effect effect; /* the last one taken */

static struct frame *make_frame(uint64_t sequence)
{
    const struct tensor_shape shape = {.type = TENSOR_U8};
    struct tensor *tensor;
    struct error err;

    assert_int_equal(tensor_create(&shape, &tensor, &err), 0);
    return frame_create(sequence, 0, NULL, 1, &tensor);
}

static int try_step(struct core_event event)
{
    struct error err;

    return core_step(core, &event, &err);
}

static void step(struct core_event event)
{
    assert_int_equal(try_step(event), 0);
}

/* The next effect of a kind, passing over others; false when there is none. */
static bool next_is(enum core_effect_kind kind)
{
    core_effect_finish(&effect);
    while (core_next(core, &effect)) {
        if (effect.kind == kind) {
            return true;
        }
        core_effect_finish(&effect);
    }
    memset(&effect, 0, sizeof(effect));
    return false;
}

static int stop(void **state)
{
    (void)state;
    core_effect_finish(&effect);
    memset(&effect, 0, sizeof(effect));
    core_destroy(core);
    return 0;
}

/* A camera whose frames go to two replicas of one group. */
static int start_sender(void **state)
{
    struct core_operator camera = {.source = true, .n_outputs = 1};
    struct core_out_channel channel = {.id = 1};
    unsigned groups[] = {0, 0};
    const struct core_config config = {.ordered = true,
                                       .window = 4,
                                       .workers = 1,
                                       .frames = CORE_ALL,
                                       .n_operators = 1,
                                       .operators = &camera,
                                       .n_out = 1,
                                       .out = &channel,
                                       .n_groups = 1,
                                       .n_out_links = 2,
                                       .out_link_group = groups};

    (void)state;
    core = core_create(&config);
    return 0;
}

static void receiver_comes(unsigned link, unsigned credit)
{
    const struct welcome welcome = {.credit = credit};

    step((struct core_event){.kind = CORE_WELCOME_CAME,
                             .out = true,
                             .link = link,
                             .end = CORE_ALL,
                             .welcome = &welcome});
    step((struct core_event){.kind = CORE_READY_CAME, .out = true, .link = link});
}

/* The camera gives as many frames as it may; returns how many. */
static unsigned camera_runs(void)
{
    unsigned n = 0;

    while (next_is(CORE_RUN)) {
        uint64_t sequence = effect.sequence;
        step((struct core_event){
            .kind = CORE_RAN, .sequence = sequence, .frames = {make_frame(sequence)}});
        n++;
    }
    return n;
}

static void expect_sent(unsigned link, uint64_t sequence)
{
    assert_true(next_is(CORE_SEND_FRAME));
    assert_int_equal(effect.link, link);
    assert_int_equal(effect.sequence, sequence);
}

static void a_source_waits_until_somebody_is_there(void **state)
{
    (void)state;
    step((struct core_event){.kind = CORE_CLOCK});
    assert_int_equal(camera_runs(), 0);
    receiver_comes(A, 8);
    assert_true(next_is(CORE_RUN));
}

static void a_source_that_waits_is_asked_again_even_when_the_clock_comes_early(void **state)
{
    (void)state;
    receiver_comes(A, 8);
    assert_true(next_is(CORE_RUN));
    step((struct core_event){.kind = CORE_SOURCE_LATER, .now = 100, .when = 200});
    assert_true(next_is(CORE_WAKE));
    assert_int_equal(effect.when, 200);
    step((struct core_event){.kind = CORE_CLOCK, .now = 199});
    assert_true(next_is(CORE_WAKE));
    assert_int_equal(effect.when, 200);
    step((struct core_event){.kind = CORE_CLOCK, .now = 200});
    assert_true(next_is(CORE_RUN));
    assert_int_equal(effect.sequence, 0);
}

static void a_source_stops_at_the_window_and_goes_on_with_the_mark(void **state)
{
    (void)state;
    receiver_comes(A, 8);
    assert_int_equal(camera_runs(), 4);
    step((struct core_event){.kind = CORE_DONE_CAME, .out = true, .link = A, .done = 2});
    assert_int_equal(camera_runs(), 2);
    assert_int_equal(core_done(core), 2);
}

static void a_frame_goes_to_the_replica_with_credit(void **state)
{
    (void)state;
    receiver_comes(A, 1);
    assert_true(next_is(CORE_RUN));
    step((struct core_event){.kind = CORE_RAN, .sequence = 0, .frames = {make_frame(0)}});
    expect_sent(A, 0);
    step((struct core_event){.kind = CORE_RAN, .sequence = 1, .frames = {make_frame(1)}});
    assert_false(next_is(CORE_SEND_FRAME));
    receiver_comes(B, 1);
    expect_sent(B, 1);
    step((struct core_event){.kind = CORE_RAN, .sequence = 2, .frames = {make_frame(2)}});
    assert_false(next_is(CORE_SEND_FRAME));
    step((struct core_event){.kind = CORE_CREDIT_CAME, .out = true, .link = A, .count = 1});
    expect_sent(A, 2);
}

static void what_a_lost_replica_held_goes_to_the_other_lowest_first(void **state)
{
    (void)state;
    receiver_comes(A, 8);
    assert_int_equal(camera_runs(), 4);
    step((struct core_event){.kind = CORE_DONE_CAME, .out = true, .link = A, .done = 1});
    step((struct core_event){.kind = CORE_LINK_LOST, .out = true, .link = A});
    receiver_comes(B, 2);
    expect_sent(B, 1);
    expect_sent(B, 2);
    assert_false(next_is(CORE_SEND_FRAME));
}

static void a_receiver_that_comes_back_is_sent_only_what_it_lacks(void **state)
{
    struct welcome welcome = {.credit = 8};

    (void)state;
    receiver_comes(A, 8);
    assert_int_equal(camera_runs(), 4);
    step((struct core_event){.kind = CORE_LINK_LOST, .out = true, .link = A});
    welcome_add(&welcome, 0);
    welcome_add(&welcome, 2);
    step((struct core_event){.kind = CORE_WELCOME_CAME,
                             .out = true,
                             .link = A,
                             .end = CORE_ALL,
                             .welcome = &welcome});
    step((struct core_event){.kind = CORE_READY_CAME, .out = true, .link = A});
    expect_sent(A, 1);
    expect_sent(A, 3);
    assert_false(next_is(CORE_SEND_FRAME));
    welcome_finish(&welcome);
}

/* A sink that two replicas send to. */
static int start_sink(void **state)
{
    struct core_operator out = {
        .sink = true, .n_inputs = 1, .inputs = {{.source = 0}}, .mark = 3};
    struct core_in_channel channel = {.id = 1, .credit = 2};
    unsigned groups[] = {0, 0};
    const struct core_config config = {.ordered = true,
                                       .window = 4,
                                       .workers = 1,
                                       .frames = CORE_ALL,
                                       .n_operators = 1,
                                       .operators = &out,
                                       .n_in = 1,
                                       .in = &channel,
                                       .n_in_links = 2,
                                       .in_link_group = groups};

    (void)state;
    core = core_create(&config);
    step((struct core_event){.kind = CORE_HELLO_CAME, .link = A});
    step((struct core_event){.kind = CORE_HELLO_CAME, .link = B});
    while (next_is(CORE_SEND_READY)) {
    }
    return 0;
}

static int frame_comes(unsigned link, uint64_t sequence)
{
    return try_step((struct core_event){
        .kind = CORE_FRAME_CAME, .link = link, .frame = make_frame(sequence)});
}

static void frames_of_replicas_are_put_in_order(void **state)
{
    (void)state;
    assert_int_equal(frame_comes(A, 4), 0);
    assert_false(next_is(CORE_RUN));
    assert_int_equal(frame_comes(B, 3), 0);
    assert_true(next_is(CORE_RUN));
    assert_int_equal(effect.sequence, 3);
    step((struct core_event){.kind = CORE_RAN, .sequence = 3});
    assert_true(next_is(CORE_RUN));
    assert_int_equal(effect.sequence, 4);
}

static void a_frame_that_must_wait_gives_its_credit_back_at_once(void **state)
{
    (void)state;
    assert_int_equal(frame_comes(A, 5), 0);
    assert_true(next_is(CORE_SEND_CREDIT));
    assert_int_equal(effect.link, A);
}

static void a_frame_that_was_seen_is_dropped_and_its_credit_returned(void **state)
{
    struct core_counters counters;

    (void)state;
    assert_int_equal(frame_comes(A, 4), 0);
    assert_true(next_is(CORE_SEND_CREDIT));
    assert_int_equal(frame_comes(B, 4), 0);
    assert_true(next_is(CORE_SEND_CREDIT));
    assert_int_equal(effect.link, B);
    assert_int_equal(frame_comes(B, 2), 0); /* before its mark */
    assert_false(next_is(CORE_RUN));
    core_count(core, &counters);
    assert_int_equal(counters.repeated, 2);
}

static void a_frame_outside_the_window_is_a_breach(void **state)
{
    (void)state;
    assert_int_equal(frame_comes(A, 7), -EPROTO);
    assert_int_equal(frame_comes(A, 6), 0);
}

static void the_mark_is_told_to_everybody_upstream(void **state)
{
    (void)state;
    assert_int_equal(core_done(core), 3);
    assert_int_equal(frame_comes(A, 3), 0);
    assert_true(next_is(CORE_RUN));
    step((struct core_event){.kind = CORE_RAN, .sequence = 3});
    for (unsigned link = A; link <= B; link++) {
        assert_true(next_is(CORE_SEND_DONE));
        assert_int_equal(effect.link, link);
        assert_int_equal(effect.done, 4);
    }
}

static void the_end_finishes_the_stage(void **state)
{
    (void)state;
    step((struct core_event){.kind = CORE_END_CAME, .link = A, .end = 4});
    assert_false(next_is(CORE_FINISHED));
    assert_int_equal(frame_comes(A, 3), 0);
    step((struct core_event){.kind = CORE_RAN, .sequence = 3});
    assert_true(next_is(CORE_FINISHED));
    assert_true(core_done(core) == CORE_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_waits_until_somebody_is_there, start_sender,
                                        stop),
        cmocka_unit_test_setup_teardown(
            a_source_that_waits_is_asked_again_even_when_the_clock_comes_early, start_sender,
            stop),
        cmocka_unit_test_setup_teardown(a_source_stops_at_the_window_and_goes_on_with_the_mark,
                                        start_sender, stop),
        cmocka_unit_test_setup_teardown(a_frame_goes_to_the_replica_with_credit, start_sender,
                                        stop),
        cmocka_unit_test_setup_teardown(what_a_lost_replica_held_goes_to_the_other_lowest_first,
                                        start_sender, stop),
        cmocka_unit_test_setup_teardown(a_receiver_that_comes_back_is_sent_only_what_it_lacks,
                                        start_sender, stop),
        cmocka_unit_test_setup_teardown(frames_of_replicas_are_put_in_order, start_sink, stop),
        cmocka_unit_test_setup_teardown(a_frame_that_must_wait_gives_its_credit_back_at_once,
                                        start_sink, stop),
        cmocka_unit_test_setup_teardown(
            a_frame_that_was_seen_is_dropped_and_its_credit_returned, start_sink, stop),
        cmocka_unit_test_setup_teardown(a_frame_outside_the_window_is_a_breach, start_sink,
                                        stop),
        cmocka_unit_test_setup_teardown(the_mark_is_told_to_everybody_upstream, start_sink,
                                        stop),
        cmocka_unit_test_setup_teardown(the_end_finishes_the_stage, start_sink, stop),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
