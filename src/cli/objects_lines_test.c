#include "base/memory.h"
#include "base/test.h"
#include "cli/objects_lines.h"

static void reads(const char *line, const char *time, const char *words)
{
    cleanup(json_decrefp) json_t *json = objects_line("detect-1", line);

    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "time")), time);
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "log");
    assert_string_equal(json_string_value(json_object_get(json, "stage")), "detect-1");
    assert_string_equal(json_string_value(json_object_get(json, "text")), words);
}

static void a_line_is_a_moment_and_words(void **state)
{
    (void)state;
    reads("2026-01-31T12:00:00.123456789Z a cat", "2026-01-31T12:00:00.123456789Z", "a cat");
    reads("2026-01-31T12:00:00Z a\tcat", "2026-01-31T12:00:00Z", "a cat");
    reads("2026-01-31T14:00:00.5+02:00 ", "2026-01-31T14:00:00.5+02:00", "");
    reads("2026-01-31T12:00:00.1Z", "2026-01-31T12:00:00.1Z", "");
}

static void a_stage_s_own_time_is_not_told_twice(void **state)
{
    (void)state;
    reads("2026-01-31T12:00:00.223456789Z 2026-01-31T12:00:00.123Z info stage.ready app=cam",
          "2026-01-31T12:00:00.123Z", "info stage.ready app=cam");
}

static void what_operators_say_goes_by_their_application(void **state)
{
    static const char line[] = "2026-01-31T12:00:00.5Z shop/street: found 2 cats";
    cleanup(json_decrefp) json_t *said = objects_line_said("shop/street: ", line);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(said, "kind")), "say");
    assert_string_equal(json_string_value(json_object_get(said, "text")), "found 2 cats");
    assert_string_equal(json_string_value(json_object_get(said, "time")),
                        "2026-01-31T12:00:00.5Z");
    assert_null(objects_line_said("shop/stree: ", line));
    assert_null(objects_line_said("shop/street: ", "shop/street: found 2 cats"));
}

static void what_has_no_moment_is_no_line(void **state)
{
    (void)state;
    assert_null(objects_line("detect-1", ""));
    assert_null(objects_line("detect-1", "unable to retrieve container logs"));
    assert_null(objects_line("detect-1", "2026-01-31 a cat"));
}

static void lines_that_were_seen_are_known_by_their_moment(void **state)
{
    cleanup(memory_free) char *last = objects_line_moment("2026-01-31T12:00:00.12Z a cat");

    (void)state;
    assert_string_equal(last, "2026-01-31T12:00:00.12Z");
    assert_false(objects_line_is_later("2026-01-31T12:00:00.12Z a cat", last));
    assert_false(objects_line_is_later("2026-01-31T12:00:00.119Z a cat", last));
    assert_true(objects_line_is_later("2026-01-31T12:00:00.123Z a dog", last));
    assert_true(objects_line_is_later("2026-01-31T12:00:01Z a dog", last));
    assert_true(objects_line_is_later("2026-01-31T12:00:00Z a cat", ""));
    assert_false(objects_line_is_later("", last));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_moment_and_words),
        cmocka_unit_test(a_stage_s_own_time_is_not_told_twice),
        cmocka_unit_test(what_operators_say_goes_by_their_application),
        cmocka_unit_test(what_has_no_moment_is_no_line),
        cmocka_unit_test(lines_that_were_seen_are_known_by_their_moment),
    };

    return cmocka_run_group_tests_name("objects_lines", tests, NULL, NULL);
}
