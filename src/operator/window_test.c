/* Windows of time, on paper and against all windows tried for all readings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/rig.h"
#include "operator/rig_stream.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_flow(struct operator_instance *instance, const char *text,
                        const char *wanted)
{
    cleanup(memory_free) char *got = rig_flow(instance, 0, 0, text);

    assert_string_equal(got, wanted);
}

static void a_window_is_given_out_when_time_reaches_its_end(void **state)
{
    cleanup(operator_closep) struct operator_instance *window =
        RIG_OPEN("window", "size", "1min");
    (void)state;

    expect_flow(window, "60 1 CO a; 119.5 3 CO a; 100 5 CO b", "");
    expect_flow(window, "120 7 CO a", "120 2 CO a; 120 5 CO b");
    expect_flow(window, "119 9 CO a; 300 1 CO c", "180 7 CO a");
}

static void a_window_can_wait_for_readings_out_of_order(void **state)
{
    cleanup(operator_closep) struct operator_instance *window =
        RIG_OPEN("window", "size", "10s", "late", "5s", "function", "count");
    (void)state;

    expect_flow(window, "9 1 CO; 14 1 CO; 8 1 CO; 0 1 CO", "");
    expect_flow(window, "15 1 CO; 9 1 CO", "10 3 CO");
    expect_flow(window, "25 1 CO", "20 2 CO");
}

static void a_sliding_window_overlaps_the_next(void **state)
{
    cleanup(operator_closep) struct operator_instance *window =
        RIG_OPEN("window", "size", "10s", "step", "5s", "function", "sum");
    (void)state;

    expect_flow(window, "1 1 CO; 6 2 CO", "5 1 CO");
    expect_flow(window, "12 4 CO", "10 3 CO");
    expect_flow(window, "11 8 CO; 9 16 CO", ""); /* 9 is in [5, 15) still */
    expect_flow(window, "30 0 CO", "15 30 CO; 20 12 CO");
}

static void times_before_1970_have_windows_too(void **state)
{
    cleanup(operator_closep) struct operator_instance *window =
        RIG_OPEN("window", "size", "10s", "function", "min");
    (void)state;

    expect_flow(window, "-1 3 CO; -10 2 CO; 0 1 CO; 10 0 CO", "0 2 CO; 10 1 CO");
}

static void functions_are_what_their_names_say(void **state)
{
    static const char *const wanted[][2] = {{"min", "10 -4 CO"},
                                            {"max", "10 9 CO"},
                                            {"mean", "10 2 CO"},
                                            {"count", "10 4 CO"},
                                            {"sum", "10 8 CO"}};
    static const char *const percentiles[][2] = {
        {"0", "10 -4 CO"}, {"50", "10 1.5 CO"}, {"75", "10 3.75 CO"}, {"100", "10 9 CO"}};
    static const char readings[] = "1 9 CO; 2 -4 CO; 3 2 CO; 4 1 CO; 10 0 CO";
    (void)state;

    for (size_t i = 0; i < 5; i++) {
        cleanup(operator_closep) struct operator_instance *window =
            RIG_OPEN("window", "size", "10s", "function", wanted[i][0]);

        expect_flow(window, readings, wanted[i][1]);
    }
    for (size_t i = 0; i < 4; i++) {
        cleanup(operator_closep) struct operator_instance *window = RIG_OPEN(
            "window", "size", "10s", "function", "percentile", "percentile", percentiles[i][0]);

        expect_flow(window, readings, percentiles[i][1]);
    }
}

static void per_type_devices_share_a_window(void **state)
{
    cleanup(operator_closep) struct operator_instance *window =
        RIG_OPEN("window", "size", "10s", "per", "type");
    (void)state;

    expect_flow(window, "1 1 CO a; 2 5 NO a; 3 3 CO b; 10 0 CO", "10 2 CO; 10 5 NO");
}

static void ends_that_binary_fractions_miss_leave_no_gap(void **state)
{
    cleanup(operator_closep) struct operator_instance *window =
        RIG_OPEN("window", "size", "100ms", "function", "count");
    double n = 0;
    (void)state;

    for (int i = 0; i < 1000; i++) {
        cleanup(memory_free) char *text =
            memory_format("%.17g 1 CO; %.17g 1 CO", i * 0.1, i * 0.1 + 0.1);
        cleanup(memory_free) char *got = rig_flow(window, 0, (uint64_t)i, text);
        char *value = strchr(got, ' ');

        for (; value != NULL; value = strchr(value + 1, ';')) {
            value = value[0] == ';' ? strchr(value + 2, ' ') : value;
            n += strtod(value, NULL);
        }
    }
    cleanup(memory_free) char *last = rig_flow(window, 0, 1000, "200 1 CO");
    n += strtod(strchr(last, ' '), NULL);
    assert_true(n == 2000);
}

/* All that a window may hold, tried for all windows. */
struct naive {
    double size, step, late;
    const char *function;
    bool per_type;
};

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* Where a quarter of the way from the first to the last value is. */
static double naive_quarter(const double *values, size_t n)
{
    size_t quarters = n - 1;
    double low = values[quarters / 4];
    double high = quarters % 4 == 0 ? low : values[quarters / 4 + 1];

    return low * (1 - (double)(quarters % 4) / 4) + high * (double)(quarters % 4) / 4;
}

static double naive_value(const char *function, double *values, size_t n)
{
    long double sum = 0;

    qsort(values, n, sizeof(*values), compare);
    for (size_t i = 0; i < n; i++) {
        sum += (long double)values[i];
    }
    if (strcmp(function, "percentile") == 0) {
        return naive_quarter(values, n);
    }
    if (strcmp(function, "count") == 0) {
        return (double)n;
    }
    if (strcmp(function, "min") == 0 || strcmp(function, "max") == 0) {
        return values[function[1] == 'i' ? 0 : n - 1];
    }
    return (double)(strcmp(function, "sum") == 0 ? sum : sum / (long double)n);
}

static bool same_key(const struct naive *naive, const struct stream_reading *a,
                     const struct stream_reading *b)
{
    return strcmp(a->type, b->type) == 0 &&
           (naive->per_type || strcmp(a->device, b->device) == 0);
}

/* Of the readings that count in window [end - size, end), those of the key of `first`. */
static void naive_cell(const struct naive *naive, const struct stream *taken, double end,
                       size_t first, struct stream *wanted)
{
    struct stream_reading reading = taken->list[first];
    double *values = memory_new(taken->n, sizeof(*values));
    double newest = -INFINITY;
    size_t n = 0;

    for (size_t i = 0; i < taken->n; i++) {
        const struct stream_reading *other = &taken->list[i];

        if (other->time >= end - naive->size && other->time < end &&
            newest - naive->late < end && same_key(naive, other, &reading)) {
            values[n++] = other->value;
        }
        newest = fmax(newest, other->time);
    }
    if (n > 0 && newest - naive->late >= end) {
        reading.time = end;
        reading.value = naive_value(naive->function, values, n);
        if (naive->per_type) {
            reading.device[0] = '\0';
        }
        stream_add(wanted, &reading);
    }
    free(values);
}

/* A reading that no window took does not make its key known. */
static bool naive_counts(const struct naive *naive, double newest, double time)
{
    double start = floor(time / naive->step) * naive->step;

    return newest - naive->late < start + naive->size;
}

static void expect_windows(uint64_t seed, const struct naive *naive, const char *const *words)
{
    cleanup(stream_finishp) struct stream stream, taken = {0}, wanted = {0};
    double newest = -INFINITY, oldest = INFINITY;

    stream_init(&stream, seed, 500);
    for (size_t i = 0; i < stream.n; i++) {
        if (stream_is_usable(&stream.list[i]) &&
            naive_counts(naive, newest, stream.list[i].time)) {
            stream_add(&taken, &stream.list[i]);
            newest = fmax(newest, stream.list[i].time);
            oldest = fmin(oldest, stream.list[i].time);
        }
    }
    assert_true(taken.n < stream.n);
    double start = floor((oldest - naive->size) / naive->step) * naive->step;
    while (start < newest) {
        for (size_t i = 0; i < taken.n; i++) {
            size_t first = 0;

            while (!same_key(naive, &taken.list[first], &taken.list[i])) {
                first++;
            }
            if (first == i) {
                naive_cell(naive, &taken, start + naive->size, i, &wanted);
            }
        }
        start += naive->step;
    }
    assert_true(wanted.n > 50);
    stream_expect(words, &stream, &wanted);
}

static void windows_are_those_of_a_naive_search(void **state)
{
    (void)state;

    for (uint64_t seed = 1; seed <= 5; seed++) {
        expect_windows(seed, &(struct naive){10, 10, 0, "mean", false},
                       WORDS("window", "size", "10s"));
        expect_windows(seed, &(struct naive){10, 2.5, 4, "sum", true},
                       WORDS("window", "size", "10s", "step", "2500ms", "late", "4s",
                             "function", "sum", "per", "type"));
        expect_windows(
            seed, &(struct naive){10, 4, 1.5, "max", false},
            WORDS("window", "size", "10s", "step", "4s", "late", "1500ms", "function", "max"));
        expect_windows(seed, &(struct naive){30, 7.5, 12, "count", true},
                       WORDS("window", "size", "30s", "step", "7500ms", "late", "12s",
                             "function", "count", "per", "type"));
        expect_windows(
            seed, &(struct naive){20, 5, 2, "min", false},
            WORDS("window", "size", "20s", "step", "5s", "late", "2s", "function", "min"));
        expect_windows(seed, &(struct naive){16, 8, 8, "percentile", true},
                       WORDS("window", "size", "16s", "step", "8s", "late", "8s", "function",
                             "percentile", "percentile", "25", "per", "type"));
    }
}

static void lives_that_are_cut_short_do_not_show(void **state)
{
    (void)state;

    stream_expect_lives(WORDS("window", "size", "10s"));
    stream_expect_lives(WORDS("window", "size", "20s", "step", "5s", "late", "7s", "function",
                              "sum", "per", "type"));
    stream_expect_lives(WORDS("window", "size", "20s", "step", "8s", "late", "7s", "function",
                              "percentile", "percentile", "95"));
}

static void damaged_memory_is_refused(void **state)
{
    (void)state;

    stream_expect_damage_is_found(
        WORDS("window", "size", "20s", "step", "5s", "late", "7s", "function", "sum"));
    stream_expect_damage_is_found(WORDS("window", "size", "20s", "late", "7s", "function",
                                        "percentile", "percentile", "95"));
}

static void what_cannot_work_is_refused(void **state)
{
    struct error err;
    (void)state;

    RIG_REFUSE(&err, "window", "size", "1s", "step", "2s");
    assert_string_equal(err.text, "window: 'step' is longer than 'size': readings between two "
                                  "windows would be in none");
    RIG_REFUSE(&err, "window", "size", "1h", "step", "1s");
    assert_string_equal(err.text, "window: a reading would be in 3600 windows at once, over "
                                  "1000: make 'step' longer");
    RIG_REFUSE(&err, "window", "size", "1s", "function", "percentile");
    assert_string_equal(err.text, "window: say which 'percentile', from 0 to 100");
    RIG_REFUSE(&err, "window", "size", "1s", "percentile", "50");
    assert_string_equal(err.text, "window: 'percentile' goes with 'function: percentile'");
    RIG_REFUSE(&err, "window", "size", "0s");
    assert_string_equal(err.text, "window: 'size' must be between 0.001 and 1e+09, not 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_given_out_when_time_reaches_its_end),
        cmocka_unit_test(a_window_can_wait_for_readings_out_of_order),
        cmocka_unit_test(a_sliding_window_overlaps_the_next),
        cmocka_unit_test(times_before_1970_have_windows_too),
        cmocka_unit_test(functions_are_what_their_names_say),
        cmocka_unit_test(per_type_devices_share_a_window),
        cmocka_unit_test(ends_that_binary_fractions_miss_leave_no_gap),
        cmocka_unit_test(windows_are_those_of_a_naive_search),
        cmocka_unit_test(lives_that_are_cut_short_do_not_show),
        cmocka_unit_test(damaged_memory_is_refused),
        cmocka_unit_test(what_cannot_work_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
