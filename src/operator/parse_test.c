/* From what sensors send to readings: what is taken, and what goes on as it came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/rig.h"

/* One message; `size` of its payload counts, so that it may hold anything. */
static struct frame *message(const char *topic, const char *payload, size_t size)
{
    cleanup(memory_free) char *line = memory_format("%s\n", topic);
    uint32_t n_bytes = (uint32_t)size, n_text = (uint32_t)strlen(line);
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_U8, 1, &n_bytes, payload),
        rig_tensor(TENSOR_I64, 1, (uint32_t[]){1}, (int64_t[]){(int64_t)size}),
        rig_tensor(TENSOR_U8, 1, &n_text, line),
    };

    return rig_frame(0, 3, tensors);
}

/* "type device value time; ..." */
static void describe(const struct frame *frame, size_t size, char *ret_text)
{
    size_t done = 0;

    *ret_text = '\0';
    if (frame->n_tensors == 0) {
        return;
    }
    assert_int_equal(frame->n_tensors, 2);
    const double *rows = frame->tensors[0]->data;
    const char *line = frame->tensors[1]->data;
    for (size_t i = 0; i < frame->tensors[0]->shape.dims[0]; i++) {
        const char *tab = strchr(line, '\t');
        const char *end = strchr(tab, '\n');

        done += (size_t)snprintf(ret_text + done, size - done, "%.*s %.*s %g %.13g; ",
                                 (int)(tab - line), line, (int)(end - tab - 1), tab + 1,
                                 rows[2 * i + 1], rows[2 * i]);
        line = end + 1;
    }
}

/* Takes the frame. `refused`: how many messages come out as malformed. */
static void expect_frame(struct operator_instance *parser, struct frame *frame,
                         const char *readings, unsigned refused)
{
    struct operator_result result;
    struct error err = {0};
    char text[2048];

    if (operator_process(parser, 0, &frame, &result, &err) != 0) {
        fail_msg("%s", err.text);
    }
    describe(result.outputs[0], sizeof(text), text);
    assert_string_equal(text, readings);
    const struct frame *malformed = result.outputs[1];
    assert_int_equal(malformed->n_tensors, refused > 0 ? 3 : 0);
    if (refused > 0) {
        assert_int_equal(malformed->tensors[1]->shape.dims[0], refused);
    }
    operator_result_finish(&result);
    frame_unref(frame);
}

static void expect(struct operator_instance *parser, const char *payload, const char *readings)
{
    expect_frame(parser, message("site/street/CO", payload, strlen(payload)), readings, 0);
}

/* It goes on as it came, and this is said of it. */
static void expect_refusal(struct operator_instance *parser, const char *payload, size_t size,
                           const char *why)
{
    cleanup(frame_unrefp) struct frame *frame = message("a/b", payload, size);
    cleanup(memory_free) char *wanted =
        memory_format("parse 0: malformed from a/b: %s (1 so far)", why);
    struct operator_result result;
    struct error err;

    assert_int_equal(operator_process(parser, 0, &frame, &result, &err), 0);
    assert_int_equal(result.outputs[0]->n_tensors, 0);
    assert_int_equal(result.outputs[1]->n_tensors, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct tensor *came = frame->tensors[i], *went = result.outputs[1]->tensors[i];

        assert_int_equal(went->size, came->size);
        assert_memory_equal(went->data, came->data, came->size);
    }
    assert_int_equal(result.n_said, 1);
    assert_string_equal(result.said[0], wanted);
    operator_result_finish(&result);
}

static void an_event_says_all(void **state)
{
    cleanup(operator_closep) struct operator_instance *parser = RIG_OPEN("parse");
    (void)state;

    expect(parser,
           "{\"d\": {\"event\": \"NOx\", \"value\": 166, \"timestamp\": 1078941600.5, "
           "\"device\": \"roof\", \"prio\": 3}}",
           "NOx roof 166 1078941600.5; ");
    expect(parser, "{\"type\": \"T\", \"value\": 13.5, \"time\": \"2004-03-10T19:00+01:00\"}",
           "T street 13.5 1078941600; ");
    expect(parser, "{\"d\": {\"event\": \"door\", \"value\": true}}",
           "door street 1 1769860800.123; ");
}

static void an_object_has_a_reading_per_key(void **state)
{
    cleanup(operator_closep) struct operator_instance *parser = RIG_OPEN("parse");
    (void)state;

    expect(parser, " {\"CO\": 2.5, \"RH\": null, \"door\": \"open\", \"time\": 5}\n",
           "CO street 2.5 5; door street 1 5; ");
    expect(parser, "[{\"CO\": 1, \"device\": \"x\", \"time\": 1}, {\"CO\": 2, \"time\": 2}]",
           "CO x 1 1; CO street 2 2; ");
    expect(parser, "{\"d\": 4, \"time\": 1}", "d street 4 1; ");
}

static void a_number_has_its_name_from_the_topic(void **state)
{
    cleanup(operator_closep) struct operator_instance *parser = RIG_OPEN("parse");
    (void)state;

    expect(parser, "2.5\n", "CO street 2.5 1769860800.123; ");
    expect(parser, "off", "CO street 0 1769860800.123; ");
    expect_frame(parser, message("CO", "1", 1), "CO  1 1769860800.123; ", 0);
    expect_frame(parser, message("s/CO", "1", 1), "CO s 1 1769860800.123; ", 0);
    expect_frame(parser, message("s/", "1", 1), "", 1);
    expect_frame(parser, rig_bytes("1", 1), "", 1);
}

static void a_row_is_read_by_its_fields(void **state)
{
    struct operator_instance *parser = RIG_OPEN("parse");
    (void)state;

    expect(parser, "1,NOx,5\r\n\r\n,\"T, air\",-1e1\r\n2,,7",
           "NOx street 5 1; T, air street -10 1769860800.123; CO street 7 2; ");
    operator_close(parser);
    parser = RIG_OPEN("parse", "format", "csv", "fields", "device, time, T, door");
    expect(parser, "roof,1,13.5,closed\n,2,,1\n",
           "T roof 13.5 1; door roof 0 1; door street 1 2; ");
    operator_close(parser);
    parser = RIG_OPEN("parse", "fields", "value");
    expect_frame(parser, rig_bytes("x\n", 2), "", 1);
    expect(parser, "1\n2\n", "CO street 1 1769860800.123; CO street 2 1769860800.123; ");
    operator_close(parser);
}

static void the_time_of_arrival_can_be_had_for_all(void **state)
{
    cleanup(operator_closep) struct operator_instance *parser =
        RIG_OPEN("parse", "time", "arrival");
    (void)state;

    expect(parser, "{\"CO\": 1, \"time\": 5}", "CO street 1 1769860800.123; ");
    expect(parser, "5,CO,1", "CO street 1 1769860800.123; ");
}

static void what_is_no_reading_goes_on_as_it_came(void **state)
{
    static const struct {
        const char *payload, *why;
    } cases[] = {
        {"", "there is nothing in it"},
        {" \n", "there is nothing in it"},
        {"hello", "a row of 1 fields and not 3"},
        {"1,CO,x\n", "'x' is no value"},
        {"soon,CO,1\n", "'soon' is no time"},
        {"1,CO,1\n2,CO\n", "a row of 2 fields and not 3"},
        {"{}", "an object without a reading"},
        {"[]", "an empty list"},
        {"[1]", "element 0 of the list is no object"},
        {"{\"time\": 1}", "an object without a reading"},
        {"{\"T\": 1, \"unit\": \"C\"}", "the value of 'unit' is neither number nor switch"},
        {"{\"T\": [1]}", "the value of 'T' is neither number nor switch"},
        {"{\"\": 1}", "neither it nor its topic says the type"},
        {"{\"T\": 1, \"time\": \"x\"}", "its time is neither seconds nor ISO 8601"},
        {"{\"T\": 1, \"time\": 1e13}", "1e+13 is no time"},
        {"{\"T\": 1, \"device\": 5}", "its device is no text"},
        {"{\"d\": {\"event\": 5, \"value\": 5}}", "its event is no text"},
        {"{\"d\": {\"event\": \"T\"}}", "event 'T' has no value"},
        {"{\"T\": 1", "not JSON: '}' expected near end of file"},
        {"{\"T\x1b[2J\": 1}", "not JSON: control character 0x1b near '\"T'"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cleanup(operator_closep) struct operator_instance *parser = RIG_OPEN("parse");

        expect_refusal(parser, cases[i].payload, strlen(cases[i].payload), cases[i].why);
    }
    cleanup(operator_closep) struct operator_instance *parser = RIG_OPEN("parse");
    expect_refusal(parser, "1\0002", 3, "a zero byte in it");
}

static void what_is_too_large_goes_on_as_it_came(void **state)
{
    size_t size = (1 << 20) + 1;
    cleanup(memory_free) char *large = memory_new(size + 1, 1);
    struct operator_instance *parser = RIG_OPEN("parse");
    (void)state;

    memset(large, '1', size);
    expect_refusal(parser, large, size, "1048577 bytes, over 1048576");
    operator_close(parser);
    parser = RIG_OPEN("parse");
    memset(large, '[', size - 1);
    expect_refusal(parser, large, size - 1, "not JSON: maximum parsing depth reached near '['");
    operator_close(parser);
    parser = RIG_OPEN("parse", "fields", "value");
    for (size_t i = 0; i < 10000; i += 2) {
        large[i] = '1';
        large[i + 1] = '\n';
    }
    expect_refusal(parser, large, 10000, "over 4096 readings");
    operator_close(parser);
}

static void a_schema_is_kept(void **state)
{
    static const struct {
        const char *payload, *why;
    } cases[] = {
        {"{\"T\": 1}", "type 'T' is not in the schema"},
        {"{\"CO\": true}", "'CO' must be a number"},
        {"{\"CO\": 1, \"door\": 2}", "'door' must be a switch"},
        {"1", "type 'b' is not in the schema"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cleanup(operator_closep) struct operator_instance *parser =
            RIG_OPEN("parse", "schema", "CO:number, door:switch");

        expect(parser, "{\"CO\": 1, \"door\": true, \"time\": 3}",
               "CO street 1 3; door street 1 3; ");
        expect_refusal(parser, cases[i].payload, strlen(cases[i].payload), cases[i].why);
    }
}

static void good_messages_pass_beside_bad_ones_and_one_in_a_thousand_is_told(void **state)
{
    enum { N = 3000 };
    cleanup(operator_closep) struct operator_instance *parser = RIG_OPEN("parse");
    char bytes[N], topics[2 * N];
    int64_t ends[N];
    struct operator_result result;
    struct error err;
    (void)state;

    for (size_t i = 0; i < N; i++) {
        bytes[i] = i == 7 || i == N - 1 ? '5' : '?';
        topics[2 * i] = 'T';
        topics[2 * i + 1] = '\n';
        ends[i] = (int64_t)i + 1;
    }
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_U8, 1, (uint32_t[]){N}, bytes),
        rig_tensor(TENSOR_I64, 1, (uint32_t[]){N}, ends),
        rig_tensor(TENSOR_U8, 1, (uint32_t[]){2 * N}, topics),
    };
    cleanup(frame_unrefp) struct frame *frame = rig_frame(0, 3, tensors);
    assert_int_equal(operator_process(parser, 0, &frame, &result, &err), 0);
    assert_int_equal(result.outputs[0]->tensors[0]->shape.dims[0], 2);
    assert_int_equal(result.outputs[1]->tensors[1]->shape.dims[0], N - 2);
    assert_int_equal(result.n_said, 3);
    operator_result_finish(&result);
}

static void what_are_no_messages_costs_the_frame(void **state)
{
    static const struct {
        int64_t ends[2];
        const char *topics;
    } cases[] = {
        {{-1, 3}, "a\nb\n"}, {{2, 1}, "a\nb\n"},  {{1, 4}, "a\nb\n"},    {{1, 2}, "a\nb\n"},
        {{1, 3}, "a\n"},     {{1, 3}, "a\nb\nc"}, {{1, INT64_MAX}, "a"},
    };
    cleanup(operator_closep) struct operator_instance *parser = RIG_OPEN("parse");
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t size = (uint32_t)strlen(cases[i].topics);
        struct tensor *tensors[] = {
            rig_tensor(TENSOR_U8, 1, (uint32_t[]){3}, "123"),
            rig_tensor(TENSOR_I64, 1, (uint32_t[]){2}, cases[i].ends),
            rig_tensor(TENSOR_U8, 1, &size, cases[i].topics),
        };
        cleanup(frame_unrefp) struct frame *frame = rig_frame(0, 3, tensors);

        assert_true(rig_try(parser, 0, &frame, &err) < 0);
    }
    cleanup(frame_unrefp) struct frame *picture = rig_picture(2, 2);
    assert_true(rig_try(parser, 0, &picture, &err) < 0);
}

static void a_schema_that_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *name, *value, *sentence;
    } cases[] = {
        {"schema", "CO:numbr", "'schema' must say number or switch for 'CO', not 'numbr'"},
        {"schema", "CO,,T", "'schema' has a type without a name, or one over 255"},
        {"fields", "time,type", "'fields' has no value: neither `value` nor a type's name"},
        {"fields", "time,CO,CO", "'fields' has 'CO' twice"},
        {"fields", "time,,CO", "'fields' has an empty name, or one over 255"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cleanup(memory_free) char *wanted = memory_format("parse: %s", cases[i].sentence);
        struct error err = {0};

        RIG_REFUSE(&err, "parse", cases[i].name, cases[i].value);
        assert_string_equal(err.text, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_says_all),
        cmocka_unit_test(an_object_has_a_reading_per_key),
        cmocka_unit_test(a_number_has_its_name_from_the_topic),
        cmocka_unit_test(a_row_is_read_by_its_fields),
        cmocka_unit_test(the_time_of_arrival_can_be_had_for_all),
        cmocka_unit_test(what_is_no_reading_goes_on_as_it_came),
        cmocka_unit_test(what_is_too_large_goes_on_as_it_came),
        cmocka_unit_test(a_schema_is_kept),
        cmocka_unit_test(good_messages_pass_beside_bad_ones_and_one_in_a_thousand_is_told),
        cmocka_unit_test(what_are_no_messages_costs_the_frame),
        cmocka_unit_test(a_schema_that_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
