#include <string.h>

#include "base/test.h"
#include "base/text.h"

static void a_label_is_what_kubernetes_takes(void **state)
{
    (void)state;
    char long_label[65] = {0};

    for (int i = 0; i < 64; i++) {
        long_label[i] = 'a';
    }
    assert_true(text_is_label("camera-1"));
    assert_true(text_is_label("7"));
    assert_true(text_is_label(long_label + 1));
    assert_false(text_is_label(long_label));
    assert_false(text_is_label(""));
    assert_false(text_is_label("Camera"));
    assert_false(text_is_label("-camera"));
    assert_false(text_is_label("camera-"));
    assert_false(text_is_label("a.b"));
}

static void a_slip_of_the_finger_finds_the_word(void **state)
{
    (void)state;
    const char *const words[] = {"decode", "letterbox", "yolo", "model", "in", "on"};

    assert_string_equal(text_nearest("yolo9", words, 6), "yolo");
    assert_string_equal(text_nearest("leterbox", words, 6), "letterbox");
    assert_string_equal(text_nearest("lettebrox", words, 6), "letterbox");
    assert_string_equal(text_nearest("modle", words, 6), "model");
    assert_string_equal(text_nearest("no", words, 6), "on");
    assert_null(text_nearest("resize", words, 6));
    assert_null(text_nearest("x", words, 6));
    assert_null(text_nearest("", words, 6));
    assert_null(text_nearest("yolo", words, 0));
}

static void a_very_long_word_has_nothing_near(void **state)
{
    (void)state;
    char word[4096];
    const char *const words[] = {word};

    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(text_nearest(word, words, 1));
    assert_null(text_nearest("aaaa", words, 1));
}

static void what_is_printed_cannot_move_the_cursor(void **state)
{
    (void)state;
    char text[] = "a\x1b[2J\n\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8C\x8D "
                  "\x7F\xC2\x9B\xC0\xAF\xED\xA0\x80\xE2\x82";

    text_make_printable(text);
    assert_string_equal(text, "a [2J \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8C\x8D  ?????????");
}

static void what_is_not_utf_8_is_told(void **state)
{
    (void)state;
    assert_true(text_is_utf8(""));
    assert_true(text_is_utf8("caf\xc3\xa9 \xf0\x9f\x90\x88"));
    assert_false(text_is_utf8("caf\xe9"));
    assert_false(text_is_utf8("cut \xc3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_utf_8_is_told),
        cmocka_unit_test(a_label_is_what_kubernetes_takes),
        cmocka_unit_test(a_slip_of_the_finger_finds_the_word),
        cmocka_unit_test(a_very_long_word_has_nothing_near),
        cmocka_unit_test(what_is_printed_cannot_move_the_cursor),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
