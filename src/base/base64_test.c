#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/test.h"

static void bytes_come_back_as_they_were(void **state)
{
    unsigned char bytes[259];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(i * 7);
    }
    for (size_t size = 1; size <= sizeof(bytes); size++) {
        cleanup(memory_free) char *base64 = base64_encode(bytes, size);
        size_t n = 0;
        cleanup(memory_free) unsigned char *back = base64_decode(base64, &n);
        assert_int_equal(n, size);
        assert_memory_equal(back, bytes, size);
        assert_int_equal(back[size], 0);
    }
}

/* RFC 4648, section 10. */
static void it_is_the_base64_of_everybody(void **state)
{
    static const char *const pairs[][2] = {
        {"f", "Zg=="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        cleanup(memory_free) char *base64 = base64_encode(pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(base64, pairs[i][1]);
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const wrong[] = {"", "Zg", "Zg=", "Z=g=", "Zm9v!", "=Zm9"};
    size_t n = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_null(base64_decode(wrong[i], &n));
        assert_int_equal(n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_as_they_were),
        cmocka_unit_test(it_is_the_base64_of_everybody),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
