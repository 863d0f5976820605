#include <math.h>
#include <string.h>

#include "operator/packing.h"
#include "operator/rig.h"

static float half_and_back(float value)
{
    uint16_t half;
    float back;

    packing_to_half(&value, 1, &half);
    packing_from_half(&half, 1, &back);
    return back;
}

/* Each of the 65536 halves is a float, and comes back as itself. */
static void every_half_is_its_own_neighbour(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= UINT16_MAX; i++) {
        uint16_t half = (uint16_t)i, again;
        float value;

        packing_from_half(&half, 1, &value);
        packing_to_half(&value, 1, &again);
        if (isnan(value)) {
            assert_int_equal(again & 0x7fff, 0x7e00);
        } else {
            assert_int_equal(again, half);
        }
    }
}

static void halves_round_to_the_nearest_even(void **state)
{
    (void)state;
    assert_true(half_and_back(1.0F + 0x1p-11F) == 1.0F);
    assert_true(half_and_back(1.0F + 3 * 0x1p-11F) == 1.0F + 0x1p-9F);
    assert_true(half_and_back(-65504.0F) == -65504.0F);
    assert_true(half_and_back(65519.0F) == 65504.0F);
    assert_true(isinf(half_and_back(65520.0F)));
    assert_true(isinf(half_and_back(-INFINITY)) && half_and_back(-INFINITY) < 0);
    assert_true(half_and_back(0x1p-24F) == 0x1p-24F);
    assert_true(half_and_back(0x1p-26F) == 0);
    assert_true(signbit(half_and_back(-0.0F)));
}

static void bytes_are_off_by_half_a_step_at_the_most(void **state)
{
    enum { N = 1000 };
    float values[N], back[N];
    uint8_t bytes[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        values[i] = sinf((float)i) * 7 - 2;
    }
    struct packing_scale scale = packing_scale_of(values, N);
    packing_to_bytes(values, N, scale, bytes);
    packing_from_bytes(bytes, N, scale, back);
    for (int i = 0; i < N; i++) {
        assert_true(fabsf(back[i] - values[i]) <= scale.step * 0.5001F);
    }
    assert_true(scale.step < 14.01F / 255);
}

static void odd_numbers_do_no_harm(void **state)
{
    const float odd[] = {NAN, INFINITY, -INFINITY, 3, -1}, huge[] = {3e38F, -3e38F, 0};
    const float alike[] = {5, 5, 5}, nothing[] = {NAN, NAN};
    uint8_t bytes[5];
    float back[5];

    (void)state;
    struct packing_scale scale = packing_scale_of(odd, 5);
    packing_to_bytes(odd, 5, scale, bytes);
    packing_from_bytes(bytes, 5, scale, back);
    assert_true(back[0] == -1 && back[2] == -1 && back[4] == -1);
    assert_true(fabsf(back[1] - 3) < 1e-5F && fabsf(back[3] - 3) < 1e-5F);
    scale = packing_scale_of(huge, 3);
    assert_true(isfinite(scale.step) && scale.step > 0);
    scale = packing_scale_of(alike, 3);
    packing_to_bytes(alike, 3, scale, bytes);
    packing_from_bytes(bytes, 3, scale, back);
    assert_true(back[0] == 5 && back[2] == 5);
    scale = packing_scale_of(nothing, 2);
    assert_true(scale.offset == 0 && scale.step == 0);
}

static void check_round_trip(const char *codec, size_t size, float most)
{
    const uint32_t dims[] = {2, 3}, three[] = {3};
    const float values[] = {0, 1.5F, -2, 3.25F, 100, -7};
    const int32_t whole[] = {1, -2, 3};
    struct tensor *tensors[] = {rig_tensor(TENSOR_F32, 2, dims, values),
                                rig_tensor(TENSOR_I32, 1, three, whole)};
    struct operator_instance *pack = RIG_OPEN("pack", "codec", codec);
    struct operator_instance *unpack = RIG_OPEN("unpack");
    struct frame *packed = rig_pass(pack, rig_frame(7, 2, tensors));

    assert_int_equal(packed->n_tensors, 3);
    assert_int_equal(packed->tensors[0]->size, size);
    struct frame *back = rig_pass(unpack, packed);
    assert_int_equal(back->n_tensors, 2);
    assert_int_equal(back->tensors[0]->shape.type, TENSOR_F32);
    assert_int_equal(back->tensors[0]->shape.rank, 2);
    for (int i = 0; i < 6; i++) {
        assert_true(fabsf(((const float *)back->tensors[0]->data)[i] - values[i]) <= most);
    }
    assert_memory_equal(back->tensors[1]->data, whole, sizeof(whole));
    frame_unref(back);
    operator_close(pack);
    operator_close(unpack);
}

static void what_is_packed_comes_back(void **state)
{
    (void)state;
    check_round_trip("f16", 12, 0);
    check_round_trip("u8", 6, 107.0F / 255 / 2);
}

static void what_was_not_packed_is_refused(void **state)
{
    const uint32_t dims[] = {1, 3}, one[] = {1};
    const float rows[][3] = {{1, 0, 0}, {9, 0, 0}, {NAN, 0, 0}, {2, 0, 0}};
    struct operator_instance *unpack = RIG_OPEN("unpack");
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tensor *tensors[] = {rig_tensor(TENSOR_F32, 1, one, NULL),
                                    rig_tensor(TENSOR_F32, 2, dims, rows[i])};
        struct frame *frame = rig_frame(i, 2, tensors);
        assert_true(rig_try(unpack, i, &frame, &err) < 0);
        assert_non_null(strstr(err.text, "not packed"));
        frame_unref(frame);
    }
    operator_close(unpack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_is_its_own_neighbour),
        cmocka_unit_test(halves_round_to_the_nearest_even),
        cmocka_unit_test(bytes_are_off_by_half_a_step_at_the_most),
        cmocka_unit_test(odd_numbers_do_no_harm),
        cmocka_unit_test(what_is_packed_comes_back),
        cmocka_unit_test(what_was_not_packed_is_refused),
    };

    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
