/* Moving averages, on paper and against sums made anew for each reading. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/keys.h"
#include "operator/rig.h"
#include "operator/rig_stream.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_flow(struct operator_instance *instance, const char *text,
                        const char *wanted)
{
    cleanup(memory_free) char *got = rig_flow(instance, 0, 0, text);

    assert_string_equal(got, wanted);
}

static void the_last_readings_are_averaged_as_they_come(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "count", "2");
    (void)state;

    expect_flow(average, "9 1 CO a; 8 2 CO a; 7 10 CO b", "9 1 CO a; 8 1.5 CO a; 7 10 CO b");
    expect_flow(average, "1 4 CO a; 1 20 NO a", "1 3 CO a; 1 20 NO a");
}

static void per_type_devices_share_an_average(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "count", "10", "per", "type");
    (void)state;

    expect_flow(average, "1 1 CO a; 2 3 CO b; 3 7 NO b; 4 5 CO",
                "1 1 CO a; 2 2 CO b; 3 7 NO b; 4 3 CO");
}

static void a_window_of_time_is_open_at_its_start(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "over", "10s");
    (void)state;

    expect_flow(average, "0 2 CO; 9 4 CO; 10 12 CO", "0 2 CO; 9 3 CO; 10 8 CO");
    expect_flow(average, "10 2 CO; 100 5 CO", "10 6 CO; 100 5 CO");
}

static void in_order_a_reading_without_delay_is_final_at_once(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "over", "10s");
    (void)state;

    expect_flow(average, "5 1 CO; 5 3 CO; 4 9 CO; 6 2 CO", "5 1 CO; 5 2 CO; 6 2 CO");
}

static void late_readings_are_put_in_order(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "over", "10s", "late", "3s");
    (void)state;

    expect_flow(average, "10 1 CO; 12 4 CO a; 11 3 CO; 12 5 CO", "");
    expect_flow(average, "14 0 CO; 11 5 CO; 10.5 100 CO", "10 1 CO; 11 2 CO; 11 3 CO");
    expect_flow(average, "15 6 CO a", "12 4 CO a; 12 3.5 CO");
}

static char *hear(struct operator_instance *instance, const char *text)
{
    cleanup(frame_unrefp) struct frame *input = rig_readings_of(0, text);

    return rig_hear(instance, 0, &input);
}

static void what_is_left_out_is_counted_and_said(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "over", "10s");
    cleanup(memory_free) char *first = hear(average, "10 1 CO; 9 1 CO; 9 1 CO; 9 1 CO");
    cleanup(memory_free) char *second = hear(average, "9 1 CO; 9 1 CO; 9 1 CO");
    cleanup(memory_free) char *third = hear(average, "9 1 CO; 9 1 CO; 9 1 CO; 9 1 CO; 9 1 CO");
    cleanup(memory_free) char *other = hear(average, "10 nan CO; 9 inf CO; inf 1 CO");
    (void)state;

    assert_string_equal(
        first, "average: 1 reading left out so far: too late for what was given out already");
    assert_null(second);
    assert_string_equal(
        third, "average: 10 readings left out so far: too late for what was given out already");
    assert_string_equal(
        other, "average: 1 reading left out so far: time or value is no usable number");
    expect_flow(average, "11 3 CO", "11 2 CO");
}

static void a_key_too_many_is_left_out_and_the_others_go_on(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "count", "2");
    (void)state;

    for (int i = 0; i < KEYS_MAX; i++) {
        cleanup(memory_free) char *text = memory_format("1 2 CO %d", i);

        expect_flow(average, text, text);
    }
    expect_flow(average, "1 2 CO more; 1 4 CO 17", "1 3 CO 17");
    cleanup(memory_free) char *said = hear(average, "1 2 CO more; 1 2 CO 5");
    assert_null(said);
}

static struct frame *many(uint32_t n, double time)
{
    double(*rows)[2] = memory_new(n, sizeof(*rows));
    char *names = memory_new(n + 1, 4), *end = names;

    for (uint32_t i = 0; i < n; i++) {
        rows[i][0] = time;
        rows[i][1] = i;
        end = stpcpy(end, "CO\t\n");
    }
    struct frame *frame = rig_readings(n, (const double(*)[2])rows, names);
    free(rows);
    free(names);
    return frame;
}

static void readings_that_cannot_be_remembered_are_left_out_until_there_is_room(void **state)
{
    cleanup(operator_closep) struct operator_instance *average =
        RIG_OPEN("average", "over", "10s", "late", "10s");
    (void)state;

    cleanup(frame_unrefp) struct frame *most = rig_pass(average, many(1000000, 50));
    assert_int_equal(most->n_tensors, 0);
    cleanup(memory_free) char *said = hear(average, "51 1 NO");
    assert_string_equal(
        said, "average: 1 reading left out so far: more readings than can be remembered");
    cleanup(frame_unrefp) struct frame *all = rig_pass(average, rig_readings_of(1, "60 1 NO"));
    assert_int_equal(all->tensors[0]->shape.dims[0], 1000000);
    assert_true(((double *)all->tensors[0]->data)[1999999] == 499999.5);
    expect_flow(average, "70 2 CO; 80 3 CO", "70 2 CO");
}

/* Sums made anew, in as many bits as there are. */
static double naive(const struct stream *taken, size_t last, double start, size_t most,
                    bool per_type)
{
    const struct stream_reading *reading = &taken->list[last];
    long double sum = 0;
    size_t n = 0;

    for (size_t i = last + 1; i-- > 0 && n < most;) {
        const struct stream_reading *other = &taken->list[i];

        if (strcmp(other->type, reading->type) == 0 && other->time > start &&
            (per_type || strcmp(other->device, reading->device) == 0)) {
            sum += (long double)other->value;
            n++;
        }
    }
    return (double)(sum / (long double)n);
}

static void expect_averages(const char *const *words, const struct stream *stream,
                            const struct stream *taken, double over, size_t most)
{
    cleanup(stream_finishp) struct stream wanted = {0};
    bool per_type = strcmp(words[4], "type") == 0;

    for (size_t i = 0; i < taken->n; i++) {
        struct stream_reading average = taken->list[i];

        average.value = naive(taken, i, average.time - over, most, per_type);
        stream_add(&wanted, &average);
    }
    stream_expect(words, stream, &wanted);
}

static void counted_averages_are_those_of_a_naive_sum(void **state)
{
    (void)state;

    for (uint64_t seed = 1; seed <= 6; seed++) {
        cleanup(stream_finishp) struct stream stream, taken = {0};

        stream_init(&stream, seed, 1500);
        for (size_t i = 0; i < stream.n; i++) {
            if (stream_is_usable(&stream.list[i])) {
                stream_add(&taken, &stream.list[i]);
            }
        }
        expect_averages(WORDS("average", "count", "7", "per", "type"), &stream, &taken,
                        INFINITY, 7);
    }
}

/* Gives out what the watermark has reached, the oldest first, equals as they came. */
static void naive_release(struct stream *held, double watermark, struct stream *taken)
{
    for (;;) {
        size_t first = 0;

        for (size_t i = 1; i < held->n; i++) {
            first = held->list[i].time < held->list[first].time ? i : first;
        }
        if (held->n == 0 || held->list[first].time > watermark) {
            return;
        }
        stream_add(taken, &held->list[first]);
        memmove(&held->list[first], &held->list[first + 1],
                (--held->n - first) * sizeof(*held->list));
    }
}

static void expect_averages_over(uint64_t seed, double late, const char *const *words)
{
    cleanup(stream_finishp) struct stream stream, held = {0}, taken = {0};
    double newest = -INFINITY;
    size_t n_late = 0;

    stream_init(&stream, seed, 1500);
    for (size_t i = 0; i < stream.n; i++) {
        const struct stream_reading *reading = &stream.list[i];

        if (stream_is_usable(reading) && reading->time >= newest - late) {
            newest = fmax(newest, reading->time);
            stream_add(&held, reading);
            naive_release(&held, newest - late, &taken);
        } else {
            n_late += stream_is_usable(reading);
        }
    }
    assert_true(n_late > 10 && taken.n > 500);
    expect_averages(words, &stream, &taken, 20, SIZE_MAX);
}

static void averages_over_time_are_those_of_a_naive_sum(void **state)
{
    (void)state;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        expect_averages_over(seed, 0,
                             WORDS("average", "over", "20s", "per", "device", "late", "0s"));
        expect_averages_over(seed, 4,
                             WORDS("average", "over", "20s", "per", "device", "late", "4s"));
        expect_averages_over(seed, 11,
                             WORDS("average", "over", "20s", "per", "type", "late", "11s"));
    }
}

static void lives_that_are_cut_short_do_not_show(void **state)
{
    (void)state;

    stream_expect_lives(WORDS("average", "count", "5"));
    stream_expect_lives(WORDS("average", "count", "9", "per", "type"));
    stream_expect_lives(WORDS("average", "over", "1min"));
    stream_expect_lives(WORDS("average", "over", "20s", "late", "6s", "per", "type"));
}

static void damaged_memory_is_refused(void **state)
{
    (void)state;

    stream_expect_damage_is_found(WORDS("average", "over", "20s", "late", "6s", "per", "type"));
}

static void what_cannot_work_is_refused(void **state)
{
    struct error err;
    (void)state;

    RIG_REFUSE(&err, "average");
    assert_string_equal(err.text,
                        "average: say either 'count', of how many readings, or 'over', of what "
                        "time");
    RIG_REFUSE(&err, "average", "count", "3", "over", "1s");
    assert_string_equal(err.text,
                        "average: say either 'count', of how many readings, or 'over', of what "
                        "time; not both");
    RIG_REFUSE(&err, "average", "count", "3", "late", "1s");
    assert_string_equal(err.text, "average: 'late' goes with 'over': with 'count' readings are "
                                  "taken as they come");
    RIG_REFUSE(&err, "average", "count", "0");
    assert_string_equal(err.text, "average: 'count' must be between 1 and 1e+06, not 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_readings_are_averaged_as_they_come),
        cmocka_unit_test(per_type_devices_share_an_average),
        cmocka_unit_test(a_window_of_time_is_open_at_its_start),
        cmocka_unit_test(in_order_a_reading_without_delay_is_final_at_once),
        cmocka_unit_test(late_readings_are_put_in_order),
        cmocka_unit_test(what_is_left_out_is_counted_and_said),
        cmocka_unit_test(a_key_too_many_is_left_out_and_the_others_go_on),
        cmocka_unit_test(readings_that_cannot_be_remembered_are_left_out_until_there_is_room),
        cmocka_unit_test(counted_averages_are_those_of_a_naive_sum),
        cmocka_unit_test(averages_over_time_are_those_of_a_naive_sum),
        cmocka_unit_test(lives_that_are_cut_short_do_not_show),
        cmocka_unit_test(damaged_memory_is_refused),
        cmocka_unit_test(what_cannot_work_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
