#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/test.h"
#include "wire/payload.h"
#include "wire/welcome.h"

static struct frame *make_frame(void)
{
    const struct tensor_shape pixels = {.type = TENSOR_U8, .rank = 3, .dims = {2, 3, 3}};
    const struct tensor_shape scalar = {.type = TENSOR_F32};
    const struct frame_view view = {.width = 640, .height = 480, .scale_x = 0.5f};
    struct tensor *tensors[2];
    struct error err;

    assert_int_equal(tensor_create(&pixels, &tensors[0], &err), 0);
    assert_int_equal(tensor_create(&scalar, &tensors[1], &err), 0);
    memset(tensors[0]->data, 7, tensors[0]->size);
    *(float *)tensors[1]->data = 1.5f;
    return frame_create(9, 123, &view, 2, tensors);
}

/* What a socket would do with the pieces. */
static void *gather(const struct payload *payload)
{
    uint8_t *bytes = aligned_alloc(TENSOR_ALIGNMENT, (payload->size / 64 + 1) * 64);
    size_t used = 0;

    assert_non_null(bytes);
    for (size_t i = 0; i < payload->n_pieces; i++) {
        memcpy(bytes + used, payload->pieces[i].data, payload->pieces[i].size);
        used += payload->pieces[i].size;
    }
    assert_int_equal(used, payload->size);
    return bytes;
}

static void a_frame_survives_the_wire_in_aligned_memory(void **state)
{
    (void)state;
    cleanup(frame_unrefp) struct frame *frame = make_frame();
    cleanup(frame_unrefp) struct frame *back = NULL;
    struct payload payload;
    struct error err;

    assert_int_equal(payload_encode(frame, &payload, &err), 0);
    assert_int_equal(payload_decode(9, gather(&payload), payload.size, &back, &err), 0);
    assert_int_equal(back->sequence, 9);
    assert_int_equal(back->captured_ns, 123);
    assert_memory_equal(&back->view, &frame->view, sizeof(frame->view));
    assert_int_equal(back->n_tensors, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(tensor_shape_equal(&back->tensors[i]->shape, &frame->tensors[i]->shape));
        assert_memory_equal(back->tensors[i]->data, frame->tensors[i]->data,
                            frame->tensors[i]->size);
        assert_int_equal((uintptr_t)back->tensors[i]->data % TENSOR_ALIGNMENT, 0);
    }
}

static void a_frame_tells_on_the_other_side_what_it_was_made_of(void **state)
{
    (void)state;
    cleanup(frame_unrefp) struct frame *frame = make_frame();
    cleanup(frame_unrefp) struct frame *back = NULL;
    struct payload payload;
    struct error err;

    frame_set_origin(frame, "/photos/street 7.jpg");
    assert_int_equal(payload_encode(frame, &payload, &err), 0);
    assert_int_equal(payload_decode(9, gather(&payload), payload.size, &back, &err), 0);
    assert_string_equal(back->origin, "/photos/street 7.jpg");
    assert_memory_equal(back->tensors[0]->data, frame->tensors[0]->data, 18);
}

static void an_origin_without_end_keeps_its_end_and_can_be_printed(void **state)
{
    (void)state;
    cleanup(frame_unrefp) struct frame *frame = frame_create(3, 5, NULL, 0, NULL);
    char path[1000];

    memset(path, 'x', sizeof(path));
    memcpy(path + 990, "/\xff\n.jpg", sizeof("/\xff\n.jpg"));
    frame_set_origin(frame, path);
    assert_int_equal(strlen(frame->origin), FRAME_ORIGIN_MAX);
    assert_memory_equal(frame->origin, "...x", 4);
    assert_string_equal(frame->origin + FRAME_ORIGIN_MAX - 7, "/? .jpg");
}

static void an_empty_frame_survives_too(void **state)
{
    (void)state;
    cleanup(frame_unrefp) struct frame *frame = frame_create(3, 5, NULL, 0, NULL);
    cleanup(frame_unrefp) struct frame *back = NULL;
    struct payload payload;
    struct error err;

    assert_int_equal(payload_encode(frame, &payload, &err), 0);
    assert_int_equal(payload_decode(3, gather(&payload), payload.size, &back, &err), 0);
    assert_int_equal(back->n_tensors, 0);
}

static void a_frame_cut_short_anywhere_is_refused(void **state)
{
    (void)state;
    cleanup(frame_unrefp) struct frame *frame = make_frame();
    struct payload payload;
    struct error err;

    frame_set_origin(frame, "street.jpg");
    assert_int_equal(payload_encode(frame, &payload, &err), 0);
    for (size_t size = 0; size < payload.size; size++) {
        struct frame *back = NULL;
        assert_int_equal(payload_decode(9, gather(&payload), size, &back, &err), -EPROTO);
        assert_null(back);
    }
}

static void a_tensor_of_a_wrong_size_is_refused(void **state)
{
    (void)state;
    cleanup(frame_unrefp) struct frame *frame = make_frame();
    struct frame *back = NULL;
    struct payload payload;
    struct error err;

    assert_int_equal(payload_encode(frame, &payload, &err), 0);
    payload.head[40 + 4] ^= 1; /* the size of the first tensor */
    assert_int_equal(payload_decode(9, gather(&payload), payload.size, &back, &err), -EPROTO);
    assert_string_equal(err.text, "tensor 0 of a frame is cut short");
}

static void an_origin_over_the_limit_is_refused(void **state)
{
    (void)state;
    cleanup(frame_unrefp) struct frame *frame = make_frame();
    struct frame *back = NULL;
    struct payload payload;
    struct error err;

    assert_int_equal(payload_encode(frame, &payload, &err), 0);
    payload.head[36] = FRAME_ORIGIN_MAX + 1;
    assert_int_equal(payload_decode(9, gather(&payload), payload.size, &back, &err), -EPROTO);
}

static void a_welcome_tells_what_is_there(void **state)
{
    (void)state;
    struct welcome welcome = {.credit = 2}, back = {0};
    uint8_t bytes[64];
    struct error err;

    welcome_add(&welcome, 4);
    welcome_add(&welcome, 5);
    welcome_add(&welcome, 9);
    assert_int_equal(welcome.n_ranges, 2);
    welcome_encode(&welcome, bytes);
    size_t size = welcome_payload_size(&welcome);
    assert_int_equal(welcome_decode(bytes, size - 1, &back, &err), -EPROTO);
    assert_int_equal(welcome_decode(bytes, size, &back, &err), 0);
    assert_int_equal(back.credit, 2);
    assert_true(welcome_has(&back, 4) && welcome_has(&back, 5) && welcome_has(&back, 9));
    assert_false(welcome_has(&back, 3) || welcome_has(&back, 6) || welcome_has(&back, 10));
    welcome_finish(&welcome);
    welcome_finish(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_survives_the_wire_in_aligned_memory),
        cmocka_unit_test(a_frame_tells_on_the_other_side_what_it_was_made_of),
        cmocka_unit_test(an_origin_without_end_keeps_its_end_and_can_be_printed),
        cmocka_unit_test(an_empty_frame_survives_too),
        cmocka_unit_test(a_frame_cut_short_anywhere_is_refused),
        cmocka_unit_test(a_tensor_of_a_wrong_size_is_refused),
        cmocka_unit_test(an_origin_over_the_limit_is_refused),
        cmocka_unit_test(a_welcome_tells_what_is_there),
    };
    return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
