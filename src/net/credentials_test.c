#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/test.h"
#include "net/credentials.h"

static struct credentials sample(void)
{
    return (struct credentials){.token = "secret",
                                .authority = "-----A-----\nYQ==\n",
                                .certificate = "-----C-----\nYg==\n",
                                .key = "-----K-----\nYw==\n"};
}

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    const struct credentials written = sample();
    struct credentials back = {0};
    cleanup(memory_wipe) char *line = credentials_to_line(&written);
    struct error err;

    assert_null(strchr(line, '\n'));
    assert_int_equal(credentials_from_line(line, strlen(line), &back, &err), 0);
    assert_string_equal(back.token, written.token);
    assert_string_equal(back.authority, written.authority);
    assert_string_equal(back.certificate, written.certificate);
    assert_string_equal(back.key, written.key);
    credentials_finish(&back);
    assert_null(back.key);
    credentials_finish(&back);
}

static void a_token_alone_is_enough_where_nothing_is_encrypted(void **state)
{
    (void)state;
    const struct credentials written = {.token = "secret"};
    struct credentials back = {0};
    cleanup(memory_wipe) char *line = credentials_to_line(&written);
    struct error err;

    assert_string_equal(line, "{\"token\":\"secret\"}");
    assert_int_equal(credentials_from_line(line, strlen(line), &back, &err), 0);
    assert_string_equal(back.token, "secret");
    assert_null(back.authority);
    assert_null(back.certificate);
    assert_null(back.key);
    credentials_finish(&back);
}

static void what_is_not_whole_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "secret",
        "{\"token\": 7}",
        "{\"key\": \"k\"}",
        "{\"token\": \"t\", \"key\": \"k\"}",
        "{\"token\": \"t\", \"key\": \"k\", \"authority\": \"a\"}",
        "{\"token\": \"t\", \"authority\": \"a\", \"certificate\": \"c\"}",
        "{\"token\": \"t\", \"token\": \"u\"}",
        "{\"token\": \"t\"",
    };
    struct credentials back = {0};
    struct error err;

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        assert_int_equal(credentials_from_line(lines[i], strlen(lines[i]), &back, &err),
                         -EINVAL);
        assert_null(back.token);
    }
}

/* Others may get their memory back as it is. */
static void memory_of_json_is_as_before(void **state)
{
    (void)state;
    json_malloc_t malloc_before, malloc_after;
    json_free_t free_before, free_after;
    struct credentials back = {0};
    struct error err;

    json_get_alloc_funcs(&malloc_before, &free_before);
    assert_int_equal(credentials_from_line("{}", 2, &back, &err), -EINVAL);
    json_get_alloc_funcs(&malloc_after, &free_after);
    assert_ptr_equal(malloc_before, malloc_after);
    assert_ptr_equal(free_before, free_after);
}

/* Reads what a file with these bytes has. */
static int read_bytes(const char *bytes, size_t n, struct credentials *ret_back,
                      struct error *err)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, n), n);
    close(ends[1]);
    int r = credentials_read(ends[0], ret_back, err);
    close(ends[0]);
    return r;
}

static void the_line_is_read_to_its_end_or_that_of_the_file(void **state)
{
    (void)state;
    static const char *const files[] = {"{\"token\": \"secret\"}\n", "{\"token\": \"secret\"}",
                                        "{\"token\": \"secret\"}\nwhat else there is\n"};
    struct error err;

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct credentials back = {0};
        assert_int_equal(read_bytes(files[i], strlen(files[i]), &back, &err), 0);
        assert_string_equal(back.token, "secret");
        credentials_finish(&back);
    }
}

static void nothing_and_too_much_are_no_credentials(void **state)
{
    (void)state;
    cleanup(memory_free) char *much = memory_new(CREDENTIALS_LINE_MAX + 1, 1);
    struct credentials back = {0};
    struct error err;

    memset(much, ' ', CREDENTIALS_LINE_MAX + 1);
    assert_int_equal(read_bytes("", 0, &back, &err), -EINVAL);
    assert_string_equal(err.text, "there are no credentials");
    assert_int_equal(read_bytes(much, CREDENTIALS_LINE_MAX + 1, &back, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_again),
        cmocka_unit_test(a_token_alone_is_enough_where_nothing_is_encrypted),
        cmocka_unit_test(what_is_not_whole_is_refused),
        cmocka_unit_test(memory_of_json_is_as_before),
        cmocka_unit_test(the_line_is_read_to_its_end_or_that_of_the_file),
        cmocka_unit_test(nothing_and_too_much_are_no_credentials),
    };
    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
