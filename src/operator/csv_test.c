/* Tables of readings: what is in a row, what is not, and going on at any row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/csv.h"
#include "operator/moment.h"
#include "operator/pace.h"
#include "operator/rig.h"

/* A file with this text; its folder is removed by rig_remove(). */
static char *write_table(const char *folder, const char *text)
{
    char *path = memory_format("%s/table.csv", folder);
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    return path;
}

/* "time value type device; ..." of the frame on a port that has readings, or the bytes of one
 * that has not; "" for an empty frame. */
static void describe(const struct frame *frame, size_t size, char *ret_text)
{
    size_t done = 0;

    *ret_text = '\0';
    if (frame->n_tensors == 1) {
        snprintf(ret_text, size, "%.*s", (int)frame->tensors[0]->size,
                 (char *)frame->tensors[0]->data);
    }
    if (frame->n_tensors < 2) {
        return;
    }
    const double *rows = frame->tensors[0]->data;
    const char *line = frame->tensors[1]->data;
    assert_int_equal(frame->tensors[0]->shape.dims[1], 2);
    for (size_t i = 0; i < frame->tensors[0]->shape.dims[0]; i++) {
        const char *tab = strchr(line, '\t');
        const char *end = strchr(tab, '\n');

        done += (size_t)snprintf(ret_text + done, size - done, "%.10g %g %.*s %.*s; ",
                                 rows[2 * i], rows[2 * i + 1], (int)(tab - line), line,
                                 (int)(end - tab - 1), tab + 1);
        line = end + 1;
    }
    assert_ptr_equal(line, (char *)frame->tensors[1]->data + frame->tensors[1]->size);
}

static void expect_ports(struct operator_instance *source, uint64_t sequence, const char *out,
                         const char *malformed)
{
    struct operator_result result;
    struct error err = {0};
    char text[2048];

    if (operator_process(source, sequence, NULL, &result, &err) != 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(result.n_outputs, 2);
    describe(result.outputs[0], sizeof(text), text);
    assert_string_equal(text, out);
    describe(result.outputs[1], sizeof(text), text);
    assert_string_equal(text, malformed);
    operator_result_finish(&result);
}

static void expect(struct operator_instance *source, uint64_t sequence, const char *out)
{
    expect_ports(source, sequence, out, "");
}

static void a_row_is_a_frame(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path =
        write_table(folder, "time,CO,\"NO, x\",note\n10,1.5,-2e3,7\n11.25,,4,8\n\n12, 5 ,6,9");
    struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path, "columns", "CO", "device", "roof");
    struct error err;
    (void)state;

    expect(source, 0, "10 1.5 CO roof; ");
    expect(source, 1, "");
    expect(source, 2, "12 5 CO roof; ");
    assert_int_equal(rig_try(source, 3, NULL, &err), OPERATOR_END);
    operator_close(source);
    source = RIG_OPEN("csv-source", "path", path, "device", "@note");
    expect(source, 0, "10 1.5 CO 7; 10 -2000 NO, x 7; ");
    operator_close(source);
    rig_remove(folder);
}

static void a_comma_may_be_decimal_and_a_number_may_mean_nothing(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path =
        write_table(folder, "\xEF\xBB\xBF"
                            "Date;Time;CO(GT);T;;,,,\r\n"
                            "10/03/2004;18.00.00;2,6;-200;;,\r\n"
                            "10/03/2004;19.00.00;-200;-200,0;;\r\n"
                            ";;;;;,,,\r\n;;;;;\r\n");
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path, "separator", ";", "decimal", ",", "time",
                 "Date, Time", "time-format", "%d/%m/%Y %H.%M.%S", "missing", "-200");
    struct error err;
    (void)state;

    expect(source, 0, "1078941600 2.6 CO(GT) ; ");
    expect(source, 1, "");
    assert_int_equal(rig_try(source, 2, NULL, &err), OPERATOR_END);
    rig_remove(folder);
}

static void what_is_no_row_goes_its_own_way(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path =
        write_table(folder, "time,CO\n1,2,3\nnow,2\n3,two\n4\n5,\"6\n6,7\n7,1e999\n8,nan\n");
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path);
    static const char *const lines[] = {"1,2,3", "now,2", "3,two", "4", "5,\"6"};
    cleanup(memory_free) char *said = rig_hear(source, 0, NULL);
    (void)state;

    assert_string_equal(said, "csv-source 0: malformed: 3 fields and not 2 (1 so far)");
    for (size_t i = 0; i < 5; i++) {
        expect_ports(source, i, "", lines[i]);
    }
    assert_null(rig_hear(source, 1, NULL));
    expect(source, 5, "6 7 CO ; ");
    expect_ports(source, 6, "", "7,1e999");
    expect_ports(source, 7, "", "8,nan");
    rig_remove(folder);
}

static void one_in_a_thousand_is_told(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = write_table(folder, "time,CO\n1,x\n");
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path, "repeat", "true");
    unsigned n_said = 0;
    (void)state;

    for (uint64_t i = 0; i < 2001; i++) {
        cleanup(memory_free) char *said = rig_hear(source, i, NULL);

        n_said += said != NULL;
    }
    assert_int_equal(n_said, 3);
    rig_remove(folder);
}

/* Rows around the marks of the index, with lines that take more than one read. */
static void a_source_goes_on_at_any_row(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/table.csv", folder);
    static const uint64_t rows[] = {999, 0, 256, 255, 257, 511, 512, 513, 300, 301, 998, 1};
    FILE *file = fopen(path, "we");
    (void)state;

    assert_non_null(file);
    fputs("time,n,filling\n", file);
    for (int i = 0; i < 1000; i++) {
        fprintf(file, "%s%d,%d,%0*d\n", i % 7 == 0 ? ",,\n" : "", i, 2 * i, i % 300, 1);
    }
    fclose(file);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cleanup(operator_closep) struct operator_instance *source =
            RIG_OPEN("csv-source", "path", path, "columns", "n");

        for (uint64_t row = rows[i]; row < 1000 && row < rows[i] + 3; row++) {
            char text[64];

            snprintf(text, sizeof(text), "%d %d n ; ", (int)row, 2 * (int)row);
            expect(source, row, text);
        }
        expect(source, 5, "5 10 n ; ");
    }
    rig_remove(folder);
}

static void a_line_without_end_is_one_malformed_row(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/table.csv", folder);
    FILE *file = fopen(path, "we");
    struct operator_result result;
    struct error err;
    (void)state;

    assert_non_null(file);
    fputs("time,n\n1,2\n", file);
    for (int i = 0; i < 200000; i++) {
        fputc('9', file);
    }
    fputs("\n3,4\n", file);
    fclose(file);
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path);
    expect(source, 0, "1 2 n ; ");
    assert_int_equal(operator_process(source, 1, NULL, &result, &err), 0);
    assert_int_equal(result.outputs[0]->n_tensors, 0);
    assert_int_equal(result.outputs[1]->tensors[0]->size, 65536);
    operator_result_finish(&result);
    expect(source, 2, "3 4 n ; ");
    assert_int_equal(rig_try(source, 3, NULL, &err), OPERATOR_END);
    rig_remove(folder);
}

static void a_zero_byte_is_malformed(void **state)
{
    static const char text[] = "time,n\n1,2\0x\n2,3\n";
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/table.csv", folder);
    struct error err;
    (void)state;

    assert_int_equal(file_write(path, text, sizeof(text) - 1, &err), 0);
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path);
    expect_ports(source, 0, "", "1,2");
    expect(source, 1, "2 3 n ; ");
    rig_remove(folder);
}

static void time_goes_on_when_the_table_begins_again(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = write_table(folder, "time,n\n100,0\n110,1\nx,\n120,2\n");
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path, "repeat", "true");
    (void)state;

    expect(source, 3, "120 2 n ; ");
    expect(source, 4, "130 0 n ; ");
    expect(source, 5, "140 1 n ; ");
    expect(source, 400, "3100 0 n ; ");
    rig_remove(folder);
}

static void a_replay_waits_for_the_event(void **state)
{
    char *folder = rig_folder();
    cleanup(memory_free) char *path = write_table(folder, "time,n\n0,1\n3600000,2\n");
    cleanup(operator_closep) struct operator_instance *source =
        RIG_OPEN("csv-source", "path", path, "speed", "10");
    struct operator_result result;
    struct error err;
    (void)state;

    expect(source, 0, "0 1 n ; ");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(operator_process(source, 1, NULL, &result, &err), OPERATOR_LATER);
        assert_in_range(result.wait_ms, 1, 3600000);
        operator_result_finish(&result);
    }
    rig_remove(folder);
}

static void the_pace_of_events_is_absolute(void **state)
{
    struct event_pace pace = {.speed = 60};
    uint64_t start = 5000000000;
    (void)state;

    assert_int_equal(event_pace_wait_ms(&pace, 7200, start), 0);
    assert_int_equal(event_pace_wait_ms(&pace, 7260, start + 20000000), 981);
    assert_int_equal(event_pace_wait_ms(&pace, 7260, start + 1000000000), 0);
    assert_int_equal(event_pace_wait_ms(&pace, 10800, start), 60001);
    assert_int_equal(event_pace_wait_ms(&pace, 5, start + 1), 0);
}

static void what_cannot_be_replayed_is_refused(void **state)
{
    static const struct {
        const char *table, *name, *value, *sentence;
    } cases[] = {
        {"", "device", "", "'%s': there is nothing in it"},
        {"time,n\n", "device", "", "'%s': there is no row under its header"},
        {"when,n\n1,2\n", "device", "", "'%s': there is no column 'time' for 'time'"},
        {"time,CO\n1,2\n", "columns", "C0",
         "'%s': there is no column 'C0' for 'columns' (did you mean 'CO'?)"},
        {"time,n\n1,2\n", "device", "@who", "'%s': there is no column 'who' for 'device'"},
        {"time,,\n1,2\n", "device", "", "'%s': there is no column with readings"},
        {"time,n\n1,2\n", "time", ", ,", "'%s': 'time' names no column"},
        {"time,n\n1,2\n", "separator",
         "::", "'separator' must be one character or `tab`, not '::'"},
        {"time,n\n1,2\n", "decimal", ",", "',' cannot be both 'separator' and 'decimal'"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *folder = rig_folder();
        cleanup(memory_free) char *path = write_table(folder, cases[i].table);
        struct error err = {0};
        const char *mark = strstr(cases[i].sentence, "%s");
        cleanup(memory_free) char *wanted =
            mark == NULL ? memory_format("csv-source: %s", cases[i].sentence)
                         : memory_format("csv-source: '%s%s", path, mark + 2);

        RIG_REFUSE(&err, "csv-source", "path", path, cases[i].name, cases[i].value);
        assert_string_equal(err.text, wanted);
        rig_remove(folder);
    }
}

static void moments_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *text, *format;
        double seconds;
    } moments[] = {
        {"1078941600", "", 1078941600},
        {"1078941600.25", "", 1078941600.25},
        {"2004-03-10", "", 1078876800},
        {"2004-03-10T18:00", "", 1078941600},
        {"2004-03-10 18:00:00", "", 1078941600},
        {"2004-03-10T18:00:00.5Z", "", 1078941600.5},
        {"2004-03-10T19:00:00+01:00", "", 1078941600},
        {"10/03/2004 18.00.00", "%d/%m/%Y %H.%M.%S", 1078941600},
        {"10/03/2004 19:00 +0100", "%d/%m/%Y %H:%M %z", 1078941600},
    };
    static const char *const others[] = {
        "",      "x",    "2004-13-10", "2004-03-10Tx",  "2004-03-10 18:00 o'clock",
        "1e300", "-inf", "2004-03",    "2004-03-10 18",
    };
    double seconds = 0;
    char text[MOMENT_TEXT_SIZE];
    (void)state;

    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        assert_int_equal(moment_read(moments[i].text, moments[i].format, &seconds), 0);
        assert_true(seconds == moments[i].seconds);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_true(moment_read(others[i], "", &seconds) < 0);
    }
    moment_text(1078941600, sizeof(text), text);
    assert_string_equal(text, "2004-03-10T18:00:00Z");
    moment_text(1078941599.9996, sizeof(text), text);
    assert_string_equal(text, "2004-03-10T18:00:00Z");
    moment_text(-0.75, sizeof(text), text);
    assert_string_equal(text, "1969-12-31T23:59:59.250Z");
}

static void fields_are_cut_at_separators(void **state)
{
    char line[] = " a , \"b, \"\"c\" ,,\"\" , d e\t";
    static const char *const wanted[] = {"a", "b, \"c", "", "", "d e"};
    char open[] = "a,\"b";
    char behind[] = "\"a\"b,c";
    char *fields[CSV_FIELDS_MAX];
    (void)state;

    assert_int_equal(csv_split(line, ',', fields), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(fields[i], wanted[i]);
    }
    assert_int_equal(csv_split(open, ',', fields), 0);
    assert_int_equal(csv_split(behind, ',', fields), 0);
}

static void a_year_of_air_quality(void **state)
{
    cleanup(memory_free) char *path = rig_model("../data/air-quality/AirQualityUCI.csv");
    cleanup(operator_closep) struct operator_instance *source = RIG_OPEN(
        "csv-source", "path", path, "separator", ";", "decimal", ",", "time", "Date,Time",
        "time-format", "%d/%m/%Y %H.%M.%S", "missing", "-200", "device", "street");
    uint64_t n_readings = 0;
    struct error err;
    (void)state;

    for (uint64_t i = 0; i < 9357; i++) {
        struct operator_result result;

        assert_int_equal(operator_process(source, i, NULL, &result, &err), 0);
        assert_int_equal(result.outputs[1]->n_tensors, 0);
        if (result.outputs[0]->n_tensors > 0) {
            n_readings += result.outputs[0]->tensors[0]->shape.dims[0];
        }
        operator_result_finish(&result);
    }
    assert_int_equal(rig_try(source, 9357, NULL, &err), OPERATOR_END);
    assert_int_equal(n_readings, 9357 * 13 - 16701);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_a_frame),
        cmocka_unit_test(a_comma_may_be_decimal_and_a_number_may_mean_nothing),
        cmocka_unit_test(what_is_no_row_goes_its_own_way),
        cmocka_unit_test(one_in_a_thousand_is_told),
        cmocka_unit_test(a_source_goes_on_at_any_row),
        cmocka_unit_test(a_line_without_end_is_one_malformed_row),
        cmocka_unit_test(a_zero_byte_is_malformed),
        cmocka_unit_test(time_goes_on_when_the_table_begins_again),
        cmocka_unit_test(a_replay_waits_for_the_event),
        cmocka_unit_test(the_pace_of_events_is_absolute),
        cmocka_unit_test(what_cannot_be_replayed_is_refused),
        cmocka_unit_test(moments_are_read_as_people_write_them),
        cmocka_unit_test(fields_are_cut_at_separators),
        cmocka_unit_test(a_year_of_air_quality),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
