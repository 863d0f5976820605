#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/test.h"
#include "model/protobuf.h"

static struct protobuf_span span_of(const char *bytes, size_t size)
{
    return (struct protobuf_span){(const uint8_t *)bytes, size};
}

static int read_one(const char *bytes, size_t size, struct protobuf_field *ret_field)
{
    struct protobuf_reader reader = protobuf_read(span_of(bytes, size));

    return protobuf_next(&reader, ret_field);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    cleanup(protobuf_writer_finish) struct protobuf_writer writer = {0};
    struct protobuf_field field;
    uint64_t value;

    protobuf_write_number(&writer, 1, UINT64_MAX);
    size_t begun = protobuf_begin(&writer, 7);
    protobuf_write_text(&writer, 2, "conv");
    protobuf_write_bytes(&writer, 3, "\x96\x01\x05", 3);
    protobuf_end(&writer, begun);
    assert_false(writer.failed);

    struct protobuf_reader reader =
        protobuf_read((struct protobuf_span){writer.bytes, writer.size});
    assert_int_equal(protobuf_next(&reader, &field), 0);
    assert_int_equal(field.number, 1);
    assert_true(field.value == UINT64_MAX);
    assert_int_equal(protobuf_next(&reader, &field), 0);
    assert_int_equal(field.number, 7);
    assert_int_equal(field.wire, PROTOBUF_BYTES);
    assert_ptr_equal(field.all.bytes + field.all.size, writer.bytes + writer.size);
    assert_int_equal(protobuf_next(&reader, &(struct protobuf_field){0}), PROTOBUF_END);

    struct protobuf_reader inner = protobuf_read(field.body);
    assert_int_equal(protobuf_next(&inner, &field), 0);
    assert_int_equal(field.body.size, 4);
    assert_memory_equal(field.body.bytes, "conv", 4);
    assert_int_equal(protobuf_next(&inner, &field), 0);
    struct protobuf_reader packed = protobuf_read(field.body);
    assert_int_equal(protobuf_next_number(&packed, &value), 0);
    assert_int_equal(value, 150);
    assert_int_equal(protobuf_next_number(&packed, &value), 0);
    assert_int_equal(value, 5);
    assert_int_equal(protobuf_next_number(&packed, &value), PROTOBUF_END);
}

static void numbers_of_fixed_width_are_little_endian(void **state)
{
    (void)state;
    struct protobuf_field field;

    assert_int_equal(read_one("\x15\x01\x02\x03\x04", 5, &field), 0);
    assert_int_equal(field.number, 2);
    assert_int_equal(field.value, 0x04030201);
    assert_int_equal(read_one("\x11\x01\0\0\0\0\0\0\x80", 9, &field), 0);
    assert_true(field.value == 0x8000000000000001u);
}

static void a_body_longer_than_the_message_is_refused(void **state)
{
    (void)state;
    struct protobuf_field field;

    assert_int_equal(read_one("\x0a\x04"
                              "abc",
                              5, &field),
                     -EBADMSG);
    assert_int_equal(read_one("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, &field),
                     -EBADMSG);
    assert_int_equal(read_one("\x0a", 1, &field), -EBADMSG);
    assert_int_equal(read_one("\x15\x01\x02\x03", 4, &field), -EBADMSG);
    assert_int_equal(read_one("\x11\x01\x02\x03\x04\x05\x06\x07", 8, &field), -EBADMSG);
}

static void a_number_without_an_end_is_refused(void **state)
{
    (void)state;
    struct protobuf_field field;

    assert_int_equal(read_one("\x08\x80", 2, &field), -EBADMSG);
    assert_int_equal(read_one("\x80", 1, &field), -EBADMSG);
    assert_int_equal(read_one("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12, &field),
                     -EBADMSG);
}

static void groups_and_field_zero_are_refused(void **state)
{
    (void)state;
    struct protobuf_field field;

    assert_int_equal(read_one("\x0b\x0c", 2, &field), -EBADMSG);
    assert_int_equal(read_one("\x0f\x01", 2, &field), -EBADMSG);
    assert_int_equal(read_one("\x00\x01", 2, &field), -EBADMSG);
    assert_int_equal(read_one("", 0, &field), PROTOBUF_END);
}

static void names_are_texts_in_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"", "conv1", "\xc3\xa9", "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80"};
    static const char *const bad[] = {"\x80",         "\xc3",         "\xc0\xaf",
                                      "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",         "a\xe2\x82"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_true(protobuf_is_text(span_of(good[i], strlen(good[i]))));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_false(protobuf_is_text(span_of(bad[i], strlen(bad[i]))));
    }
    assert_false(protobuf_is_text(span_of("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(numbers_of_fixed_width_are_little_endian),
        cmocka_unit_test(a_body_longer_than_the_message_is_refused),
        cmocka_unit_test(a_number_without_an_end_is_refused),
        cmocka_unit_test(groups_and_field_zero_are_refused),
        cmocka_unit_test(names_are_texts_in_utf8),
    };
    return cmocka_run_group_tests_name("protobuf", tests, NULL, NULL);
}
