#include <errno.h>

#include "base/error.h"
#include "base/param.h"
#include "base/test.h"

static const struct brume_param rows[] = {
    {"text", BRUME_TEXT, NULL, "", NULL, 0, 0},
    {"count", BRUME_INTEGER, NULL, "", NULL, 1, 8},
    {"threshold", BRUME_NUMBER, "0.4", "", NULL, 0, 1},
    {"any", BRUME_NUMBER, "", "", NULL, 0, 0},
    {"repeat", BRUME_SWITCH, "false", "", NULL, 0, 0},
    {"size", BRUME_SIZE, NULL, "", NULL, 0, 0},
    {"rate", BRUME_RATE, "0/s", "", NULL, 0, 1000},
    {"every", BRUME_DURATION, "1s", "", NULL, 0, 0},
    {"how", BRUME_CHOICE, "nearest", "", "nearest|bilinear", 0, 0},
    {"mean", BRUME_NUMBERS, "", "", NULL, 0, 0},
    {"path", BRUME_PATH, NULL, "", NULL, 0, 0},
    {0}};
static const struct brume_operator type = {.abi = BRUME_ABI, .name = "t", .params = rows};

static void check_taken(const char *name, const char *value)
{
    struct error err = {0};

    if (param_check(param_find(&type, name), value, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

static void check_refused(const char *name, const char *value, const char *sentence)
{
    struct error err = {0};

    assert_int_equal(param_check(param_find(&type, name), value, &err), -EINVAL);
    assert_string_equal(err.text, sentence);
}

static void what_the_row_asks_for_is_taken(void **state)
{
    (void)state;

    check_taken("text", "");
    check_taken("count", "8");
    check_taken("threshold", "0");
    check_taken("any", "-1e9");
    check_taken("any", "");
    check_taken("repeat", "true");
    check_taken("size", "416x416");
    check_taken("rate", "300/min");
    check_taken("every", "100ms");
    check_taken("how", "bilinear");
    check_taken("mean", "1,2.5");
    check_taken("mean", "");
    check_taken("path", "out");
}

static void a_wrong_form_is_refused_with_an_example(void **state)
{
    (void)state;

    check_refused("count", "1.5", "'count' must be a whole number such as 3, not '1.5'");
    check_refused("threshold", "", "'threshold' must be a number such as 0.5, not ''");
    check_refused("repeat", "yes", "'repeat' must be true or false, not 'yes'");
    check_refused("size", "416",
                  "'size' must be width x height in pixels such as 416x416, not '416'");
    check_refused("size", "100000x7",
                  "'size' must be 1 to 65535 pixels wide and high, not '100000x7'");
    check_refused("rate", "5", "'rate' must be a rate such as 5/s or 300/min, not '5'");
    check_refused("every", "5",
                  "'every' must be a duration such as 100ms, 2s or 1min, not '5'");
    check_refused("mean", "a", "'mean' must be a list of numbers, not 'a'");
}

static void a_number_out_of_range_is_refused(void **state)
{
    (void)state;

    check_refused("count", "9", "'count' must be between 1 and 8, not 9");
    check_refused("threshold", "-0.5", "'threshold' must be between 0 and 1, not -0.5");
    check_refused("rate", "1001/s", "'rate' must be between 0 and 1000, not 1001");
}

static void a_choice_is_one_of_its_list(void **state)
{
    (void)state;

    check_refused("how", "bilinaer",
                  "'how' must be one of nearest|bilinear, not 'bilinaer' "
                  "(did you mean 'bilinear'?)");
    check_refused("how", "cubic", "'how' must be one of nearest|bilinear, not 'cubic'");
    check_refused("how", "near", "'how' must be one of nearest|bilinear, not 'near'");
    check_refused("how", "", "'how' must be one of nearest|bilinear, not ''");
}

static void rows_are_found_by_name(void **state)
{
    (void)state;
    static const struct brume_operator bare = {.abi = BRUME_ABI, .name = "b"};

    assert_ptr_equal(param_find(&type, "size"), &rows[5]);
    assert_null(param_find(&type, "siz"));
    assert_null(param_find(&bare, "size"));
    assert_string_equal(param_kind_name(BRUME_RATE), "rate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_row_asks_for_is_taken),
        cmocka_unit_test(a_wrong_form_is_refused_with_an_example),
        cmocka_unit_test(a_number_out_of_range_is_refused),
        cmocka_unit_test(a_choice_is_one_of_its_list),
        cmocka_unit_test(rows_are_found_by_name),
    };
    return cmocka_run_group_tests_name("param", tests, NULL, NULL);
}
