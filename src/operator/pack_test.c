#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "operator/packed.h"
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

static struct frame *pack_frame(const char *codec, unsigned n, struct tensor *const *tensors)
{
    struct operator_instance *pack = RIG_OPEN("pack", "codec", codec);
    struct frame *packed = rig_pass(pack, rig_frame(7, n, tensors));

    operator_close(pack);
    return packed;
}

static struct frame *unpack_frame(struct frame *packed)
{
    struct operator_instance *unpack = RIG_OPEN("unpack");
    struct frame *back = rig_pass(unpack, packed);

    operator_close(unpack);
    return back;
}

static void check_round_trip(const char *codec, size_t size, float most)
{
    const uint32_t dims[] = {2, 3}, three[] = {3};
    const float values[] = {0, 1.5F, -2, 3.25F, 100, -7};
    const int32_t whole[] = {1, -2, 3};
    struct tensor *tensors[] = {rig_tensor(TENSOR_F32, 2, dims, values),
                                rig_tensor(TENSOR_I32, 1, three, whole)};
    struct frame *packed = pack_frame(codec, 2, tensors);

    assert_int_equal(packed->n_tensors, 3);
    assert_int_equal(packed->tensors[0]->size, size);
    struct frame *back = unpack_frame(packed);
    assert_int_equal(back->n_tensors, 2);
    assert_int_equal(back->tensors[0]->shape.type, TENSOR_F32);
    assert_int_equal(back->tensors[0]->shape.rank, 2);
    for (int i = 0; i < 6; i++) {
        assert_true(fabsf(((const float *)back->tensors[0]->data)[i] - values[i]) <= most);
    }
    assert_memory_equal(back->tensors[1]->data, whole, sizeof(whole));
    frame_unref(back);
}

static void what_is_packed_comes_back(void **state)
{
    (void)state;
    check_round_trip("f16", 12, 0);
    check_round_trip("u8", 6, 107.0F / 255 / 2);
}

static void what_is_too_little_for_zstd_stays_as_it_was(void **state)
{
    (void)state;
    check_round_trip("zstd", 24, 0);
    check_round_trip("f16+zstd", 12, 0);
    check_round_trip("u8+zstd", 6, 107.0F / 255 / 2);
}

enum { HIGH = 40, WIDE = 50, LARGE = HIGH * WIDE };

/* Smooth, as pictures are, or with zeros, as they are behind a ReLU. */
static struct tensor *landscape(bool zeros)
{
    static float values[LARGE];
    const uint32_t dims[] = {HIGH, WIDE};

    for (int i = 0; i < LARGE; i++) {
        float value = 3 * sinf((float)i / 90) + 1e-4F * (float)(i * 7919 % 1000);

        values[i] = zeros && value < 0 ? 0 : value;
    }
    return rig_tensor(TENSOR_F32, 2, dims, values);
}

static struct tensor *noise(enum tensor_type type)
{
    static uint64_t words[LARGE];
    const uint32_t dims[] = {HIGH, WIDE};
    uint64_t state = 1;

    for (int i = 0; i < LARGE; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        words[i] = state ^ state >> 31;
    }
    return rig_tensor(type, 2, dims, words);
}

static void zstd_loses_nothing_and_makes_smooth_tensors_smaller(void **state)
{
    (void)state;
    for (int zeros = 0; zeros < 2; zeros++) {
        struct tensor *like = landscape(zeros), *tensors[] = {landscape(zeros)};
        struct frame *packed = pack_frame("zstd", 1, tensors);

        assert_int_equal(packed->tensors[0]->shape.type, TENSOR_U8);
        assert_in_range(packed->tensors[0]->size, 1, like->size * 9 / 10);
        struct frame *back = unpack_frame(packed);
        assert_true(tensor_shape_equal(&back->tensors[0]->shape, &like->shape));
        assert_memory_equal(back->tensors[0]->data, like->data, like->size);
        frame_unref(back);
        tensor_unref(like);
    }
}

static void zstd_comes_after_fewer_bits_and_changes_none(void **state)
{
    static const char *const codecs[][2] = {{"f16", "f16+zstd"}, {"u8", "u8+zstd"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tensor *one[] = {landscape(false)}, *two[] = {landscape(false)};
        struct frame *plain = pack_frame(codecs[i][0], 1, one);
        struct frame *both = pack_frame(codecs[i][1], 1, two);

        assert_true(both->tensors[0]->size < plain->tensors[0]->size);
        plain = unpack_frame(plain);
        both = unpack_frame(both);
        assert_true(tensor_shape_equal(&both->tensors[0]->shape, &plain->tensors[0]->shape));
        assert_memory_equal(both->tensors[0]->data, plain->tensors[0]->data,
                            plain->tensors[0]->size);
        frame_unref(plain);
        frame_unref(both);
    }
}

static void any_type_is_packed_and_what_does_not_get_smaller_stays(void **state)
{
    static const enum tensor_type types[] = {TENSOR_U8,  TENSOR_I8,  TENSOR_I32, TENSOR_I64,
                                             TENSOR_F16, TENSOR_F32, TENSOR_F64, TENSOR_BOOL};
    const uint32_t dims[] = {LARGE};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct tensor *random = noise(types[i]);
        struct tensor *tensors[] = {tensor_ref(random), rig_tensor(types[i], 1, dims, NULL)};
        struct frame *packed = pack_frame("zstd", 2, tensors);

        assert_ptr_equal(packed->tensors[0], random);
        assert_in_range(packed->tensors[1]->size, 1, 200);
        struct frame *back = unpack_frame(packed);
        assert_ptr_equal(back->tensors[0], random);
        assert_int_equal(back->tensors[1]->shape.type, types[i]);
        assert_int_equal(back->tensors[1]->shape.dims[0], LARGE);
        assert_true(((const uint8_t *)back->tensors[1]->data)[LARGE - 1] == 0);
        frame_unref(back);
        tensor_unref(random);
    }
}

/* Gives `unpack` one tensor and a row, and expects the sentence. */
static void refuse(struct tensor *tensor, const struct packed_row *row, const char *sentence)
{
    const uint32_t dims[] = {1, PACKED_ROW};
    struct tensor *tensors[] = {tensor, rig_tensor(TENSOR_I32, 2, dims, row)};
    struct operator_instance *unpack = RIG_OPEN("unpack");
    struct frame *frame = rig_frame(0, 2, tensors);
    struct error err;

    assert_true(rig_try(unpack, 0, &frame, &err) < 0);
    assert_non_null(strstr(err.text, sentence));
    frame_unref(frame);
    operator_close(unpack);
}

static void what_was_not_packed_is_refused(void **state)
{
    static const struct packed_row rows[] = {
        {.numbers = PACKED_HALVES},
        {.numbers = PACKED_NUMBERS_END},
        {.numbers = -1},
        {.numbers = PACKED_BYTES},
        {.type = TENSOR_F32, .rank = 1},
        {.type = TENSOR_TYPE_END, .rank = 1},
    };
    const uint32_t one[] = {1};
    struct tensor *tensors[] = {rig_tensor(TENSOR_F32, 1, one, NULL)};
    struct operator_instance *unpack = RIG_OPEN("unpack");
    struct frame *frame = rig_frame(0, 1, tensors);
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        refuse(rig_tensor(TENSOR_F32, 1, one, NULL), &rows[i], "not packed");
    }
    assert_true(rig_try(unpack, 0, &frame, &err) < 0);
    assert_non_null(strstr(err.text, "not packed"));
    frame_unref(frame);
    operator_close(unpack);
}

/* What zstd makes of a landscape, and its row. */
static struct tensor *squeezed(struct packed_row *ret_row)
{
    struct tensor *tensors[] = {landscape(false)};
    struct frame *packed = pack_frame("zstd", 1, tensors);
    struct tensor *bytes = tensor_ref(packed->tensors[0]);

    memcpy(ret_row, packed->tensors[1]->data, sizeof(*ret_row));
    frame_unref(packed);
    return bytes;
}

static void a_shape_that_the_bytes_do_not_bear_out_is_refused(void **state)
{
    struct packed_row good, row;
    struct tensor *bytes = squeezed(&good);

    (void)state;
    row = good;
    row.shape[0]--;
    refuse(tensor_ref(bytes), &row, "not packed");
    row = good;
    row.shape[0] = row.shape[1] = UINT32_MAX;
    refuse(tensor_ref(bytes), &row, "not packed");
    row = good;
    row.rank = TENSOR_RANK_MAX + 1;
    refuse(tensor_ref(bytes), &row, "not packed");
    row = good;
    row.rank = -1;
    refuse(tensor_ref(bytes), &row, "not packed");
    row = good;
    row.numbers = PACKED_BYTES;
    refuse(tensor_ref(bytes), &row, "not packed");
    tensor_unref(bytes);
}

static void damaged_bytes_are_refused_or_give_other_numbers(void **state)
{
    struct packed_row row;
    struct tensor *bytes = squeezed(&row);
    struct operator_instance *unpack = RIG_OPEN("unpack");
    const uint32_t dims[] = {1, PACKED_ROW};
    const uint32_t size[] = {(uint32_t)bytes->size}, less[] = {(uint32_t)bytes->size - 1};
    unsigned refused = 0;

    (void)state;
    refuse(rig_tensor(TENSOR_U8, 1, less, bytes->data), &row, "not packed");
    for (size_t i = 0; i < bytes->size; i += 13) {
        struct tensor *tensors[] = {rig_tensor(TENSOR_U8, 1, size, bytes->data),
                                    rig_tensor(TENSOR_I32, 2, dims, &row)};
        struct operator_result result = {0};
        struct error err;

        ((uint8_t *)tensors[0]->data)[i] ^= 0x55;
        struct frame *frame = rig_frame(i, 2, tensors);
        int r = operator_process(unpack, i, &frame, &result, &err);
        assert_true(r == 0 || strstr(err.text, "damaged") != NULL ||
                    strstr(err.text, "not packed") != NULL);
        refused += r < 0;
        operator_result_finish(&result);
        frame_unref(frame);
    }
    assert_true(refused > 0);
    tensor_unref(bytes);
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
        cmocka_unit_test(what_is_too_little_for_zstd_stays_as_it_was),
        cmocka_unit_test(zstd_loses_nothing_and_makes_smooth_tensors_smaller),
        cmocka_unit_test(zstd_comes_after_fewer_bits_and_changes_none),
        cmocka_unit_test(any_type_is_packed_and_what_does_not_get_smaller_stays),
        cmocka_unit_test(what_was_not_packed_is_refused),
        cmocka_unit_test(a_shape_that_the_bytes_do_not_bear_out_is_refused),
        cmocka_unit_test(damaged_bytes_are_refused_or_give_other_numbers),
    };

    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
