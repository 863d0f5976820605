#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "controller/profiles_pack.h"

static char heard[256];

static void hear(void *owner, const char *name, const char *text)
{
    (void)owner;
    snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%s=%s ", name, text);
}

static int start(void **state)
{
    (void)state;
    heard[0] = '\0';
    return 0;
}

static void what_is_packed_comes_back_oldest_first(void **state)
{
    struct profiles_file files[] = {
        {"b.json", "two", 20}, {"a.json", "one", 10}, {"c.json", "3", 30}};
    cleanup(json_decrefp) json_t *data = profiles_pack(files, 3, PROFILES_MOST);

    (void)state;
    profiles_unpack(data, hear, NULL);
    assert_string_equal(heard, "a.json=one b.json=two c.json=3 ");
}

static void the_oldest_have_no_room(void **state)
{
    struct profiles_file files[] = {{"a.json", "1111111111", 10},
                                    {"b.json", "2222222222", 20},
                                    {"c.json", "3333333333", 30}};
    cleanup(json_decrefp) json_t *data = profiles_pack(files, 3, 55);

    (void)state;
    profiles_unpack(data, hear, NULL);
    assert_string_equal(heard, "b.json=2222222222 c.json=3333333333 ");
    assert_int_equal(json_object_size(data), 3);
}

static void without_files_there_is_an_order_and_nothing_in_it(void **state)
{
    cleanup(json_decrefp) json_t *data = profiles_pack(NULL, 0, PROFILES_MOST);

    (void)state;
    profiles_unpack(data, hear, NULL);
    assert_string_equal(heard, "");
    assert_int_equal(json_object_size(data), 1);
}

static void a_patch_has_what_changed_and_what_is_left_out(void **state)
{
    struct profiles_file old[] = {{"a.json", "one", 10}, {"b.json", "two", 20}};
    struct profiles_file new[] = {{"b.json", "two", 20}, {"c.json", "three", 30}};
    cleanup(json_decrefp) json_t *before = profiles_pack(old, 2, PROFILES_MOST);
    cleanup(json_decrefp) json_t *after = profiles_pack(new, 2, PROFILES_MOST);
    cleanup(json_decrefp) json_t *patch = profiles_patch(before, after);
    const json_t *data = json_object_get(patch, "data");

    (void)state;
    assert_null(json_object_get(data, "b.json"));
    assert_true(json_is_null(json_object_get(data, "a.json")));
    assert_string_equal(json_string_value(json_object_get(data, "c.json")), "three");
    assert_null(profiles_patch(after, after));
}

static void a_name_that_leads_elsewhere_is_no_file(void **state)
{
    cleanup(json_decrefp) json_t *data =
        json_pack("{ssssssss}", "order", "../x.json\n.json\nsub/y.json\na.json\nz\n",
                  "../x.json", "evil", "a.json", "good", "z", "what");

    (void)state;
    profiles_unpack(data, hear, NULL);
    assert_string_equal(heard, "a.json=good ");
}

static void data_that_is_none_does_no_harm(void **state)
{
    cleanup(json_decrefp) json_t *data = json_pack("{si}", "order", 7);

    (void)state;
    profiles_unpack(data, hear, NULL);
    profiles_unpack(NULL, hear, NULL);
    assert_string_equal(heard, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_packed_comes_back_oldest_first, start),
        cmocka_unit_test_setup(the_oldest_have_no_room, start),
        cmocka_unit_test_setup(without_files_there_is_an_order_and_nothing_in_it, start),
        cmocka_unit_test_setup(a_patch_has_what_changed_and_what_is_left_out, start),
        cmocka_unit_test_setup(a_name_that_leads_elsewhere_is_no_file, start),
        cmocka_unit_test_setup(data_that_is_none_does_no_harm, start),
    };

    return cmocka_run_group_tests_name("profiles_pack", tests, NULL, NULL);
}
