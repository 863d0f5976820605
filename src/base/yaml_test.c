#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/yaml.h"

static struct yaml_document *parse(const char *text)
{
    struct yaml_document *document = NULL;
    struct error err = {0};

    if (yaml_parse("t.yaml", text, strlen(text), &document, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return document;
}

static void check_refused_bytes(const char *text, size_t size, const char *sentence)
{
    struct yaml_document *document = NULL;
    struct error err = {0};

    assert_true(yaml_parse("t.yaml", text, size, &document, &err) < 0);
    assert_null(document);
    assert_string_equal(err.text, sentence);
}

static void check_refused(const char *text, const char *sentence)
{
    check_refused_bytes(text, strlen(text), sentence);
}

static void everything_knows_its_place(void **state)
{
    (void)state;
    cleanup(yaml_destroyp) struct yaml_document *document =
        parse("name: street\nlist:\n  - { a: 1,   b: [x, \"2\"] }\n");
    const struct yaml_node *list = yaml_get(yaml_root(document), "list");

    assert_int_equal(yaml_root(document)->kind, YAML_MAP);
    assert_string_equal(yaml_get(yaml_root(document), "name")->text, "street");
    assert_int_equal(list->kind, YAML_LIST);
    assert_int_equal(list->n, 1);
    const struct yaml_node *b = yaml_get(list->pairs[0].value, "b");
    assert_int_equal(b->line, 3);
    assert_int_equal(b->column, 18);
    assert_int_equal(b->n, 2);
    assert_false(b->pairs[0].value->quoted);
    assert_true(b->pairs[1].value->quoted);
    assert_int_equal(list->pairs[0].value->pairs[1].key->column, 15);
}

static void a_key_without_a_value_is_left_out(void **state)
{
    (void)state;
    cleanup(yaml_destroyp) struct yaml_document *document =
        parse("a:\nb: null\nc: ~\nd: ''\ne: {}\n");
    const struct yaml_node *root = yaml_root(document);

    assert_null(yaml_get(root, "a"));
    assert_null(yaml_get(root, "b"));
    assert_null(yaml_get(root, "c"));
    assert_non_null(yaml_get(root, "d"));
    assert_non_null(yaml_get(root, "e"));
    assert_null(yaml_get(root, "f"));
    assert_null(yaml_get(NULL, "f"));
}

static void windows_line_ends_and_a_byte_order_mark_are_fine(void **state)
{
    (void)state;
    cleanup(yaml_destroyp) struct yaml_document *document = parse("\xEF\xBB\xBF"
                                                                  "a: 1\r\nb: two words\r\n");

    assert_string_equal(yaml_get(yaml_root(document), "b")->text, "two words");
    assert_int_equal(yaml_get(yaml_root(document), "b")->line, 2);
}

static void what_a_manifest_does_not_need_is_refused(void **state)
{
    (void)state;

    check_refused("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: key 'a' is there already, in line 1");
    check_refused("a: &x 1\nb: *x\n",
                  "t.yaml:1:4: anchors (&) and aliases (*) are not supported here");
    check_refused("a: !!binary aGk=\n", "t.yaml:1:4: tags (!) are not supported here");
    check_refused("# x\r%TAG !a! b\n---\na: 1\n",
                  "t.yaml:2:1: tags (!) are not supported here");
    check_refused("a: 1\n---\nb: 2\n",
                  "t.yaml:2:1: a second document begins here; put it in a file of its own");
    check_refused("? [1, 2]\n: x\n", "t.yaml:1:3: a key must be a text");
    check_refused("", "t.yaml: nothing in it");
    check_refused("# only this\n", "t.yaml: nothing in it");
}

static void what_is_not_yaml_is_refused_in_its_place(void **state)
{
    (void)state;

    check_refused("a: [1, 2\nb: 3\n",
                  "t.yaml:2:2: not YAML: did not find expected ',' or ']' while parsing a "
                  "flow sequence");
    check_refused("a:\n\t- 1\n", "t.yaml:2:1: not YAML: found character that cannot start any "
                                 "token while scanning for the next token");
    check_refused("a: \"open\n", "t.yaml:2:1: not YAML: found unexpected end of stream while "
                                 "scanning a quoted scalar");
    check_refused("\x7f"
                  "ELF\x02\x01",
                  "t.yaml: not a text file (byte 0: control characters are not allowed)");
    check_refused_bytes("\xff\xfe"
                        "a\0:\0",
                        6, "t.yaml: not a text file (UTF-16, where UTF-8 is wanted)");
    check_refused("a: \xff\xfe\n",
                  "t.yaml: not a text file (byte 3: invalid leading UTF-8 octet)");
    check_refused_bytes("a: \0b\n", 6,
                        "t.yaml: not a text file (byte 3: control characters are not allowed)");
    check_refused("a: \"x\\0y\"\n", "t.yaml:1:4: a text may not hold a zero byte");
}

static void depth_and_number_are_limited(void **state)
{
    (void)state;
    cleanup(memory_free) char *text = memory_new(1, YAML_SIZE_MAX + 2);

    memset(text, '[', 100000);
    check_refused(text, "t.yaml:1:33: more than 32 levels deep");
    for (size_t i = 1; i < YAML_SIZE_MAX; i++) {
        text[i] = i % 2 == 1 ? '1' : ',';
    }
    check_refused_bytes(text, YAML_SIZE_MAX, "t.yaml:1:131072: too many values");
    check_refused_bytes(text, YAML_SIZE_MAX + 1, "t.yaml: larger than 1048576 bytes");
    memset(text, '\n', YAML_SIZE_MAX);
    for (size_t i = 0; i <= 64; i++) {
        for (size_t k = 0; k < 4; k++) {
            text[5 * i + k] = "%TAG"[k];
        }
    }
    check_refused_bytes(text, YAML_SIZE_MAX, "t.yaml: tags (%TAG) are not supported here");
    char *end = text;
    for (size_t i = 0; i <= YAML_KEYS_MAX; i++) {
        end += sprintf(end, "k%zu: 1\n", i);
    }
    check_refused_bytes(text, (size_t)(end - text),
                        "t.yaml:4097:1: more than 4096 keys in one map");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    cleanup(yaml_destroyp) struct yaml_document *document = parse("\"a\\e[31m\": 1\n");
    static const struct yaml_key keys[] = {{.name = "b", .kinds = YAML_TEXT}, {0}};
    struct error err;

    assert_int_equal(yaml_check(yaml_root(document), keys, &err), -EINVAL);
    assert_string_equal(err.text, "t.yaml:1:1: unknown key 'a?[31m'");
}

static const struct yaml_key device_keys[] = {
    {.name = "name", .kinds = YAML_TEXT, .required = true, .form = "a name"},
    {.name = "cores", .kinds = YAML_TEXT},
    {.name = "has", .kinds = YAML_LIST},
    {0}};
static const struct yaml_key qos_keys[] = {
    {.name = "order", .kinds = YAML_TEXT, .choices = "first|latest"}, {0}};
static const struct yaml_key testbed_keys[] = {
    {.name = "kind", .kinds = YAML_TEXT, .required = true},
    {.name = "devices", .kinds = YAML_LIST, .keys = device_keys},
    {.name = "qos", .kinds = YAML_MAP, .keys = qos_keys},
    {.name = "cut", .kinds = YAML_TEXT | YAML_LIST},
    {.name = "labels", .kinds = YAML_MAP},
    {0}};

static void check_sentence(const char *text, const char *sentence)
{
    cleanup(yaml_destroyp) struct yaml_document *document = parse(text);
    struct error err = {0};

    int code = yaml_check(yaml_root(document), testbed_keys, &err);
    assert_string_equal(err.text, sentence);
    assert_int_equal(code, *sentence == '\0' ? 0 : -EINVAL);
}

static void a_table_of_keys_is_held_against_a_document(void **state)
{
    (void)state;

    check_sentence("kind: T\ndevices:\n- name: a\n  has: [x, y]\n- {name: b}\ncut: [1]\n"
                   "labels: {any: [thing, {goes: here}]}\nqos:\n",
                   "");
    check_sentence("cut: auto\nkind: 4", "");
    check_sentence("knd: T", "t.yaml:1:1: unknown key 'knd' (did you mean 'kind'?)");
    check_sentence("kind:", "t.yaml:1:1: key 'kind' is missing (a text)");
    check_sentence("{}", "t.yaml:1:1: key 'kind' is missing (a text)");
    check_sentence("- kind", "t.yaml:1:1: a map of keys must stand here, not a list");
    check_sentence("kind: T\ncut: {a: 1}",
                   "t.yaml:2:6: 'cut' must be a text or list, not a map");
    check_sentence("kind: T\ndevices: [a]",
                   "t.yaml:2:11: the items of 'devices' must each be a map, not a text");
    check_sentence("kind: T\ndevices: [{cores: 1}]",
                   "t.yaml:2:11: key 'name' is missing in 'devices' (a name)");
    check_sentence("kind: T\ndevices:\n- name: a\n  core: 1",
                   "t.yaml:4:3: unknown key 'core' in 'devices' (did you mean 'cores'?)");
    check_sentence("kind: T\ndevices:\n- name: a\n  has: [[b]]",
                   "t.yaml:4:9: the items of 'has' must each be a text, not a list");
    check_sentence("kind: T\nqos: {order: lastest}",
                   "t.yaml:2:14: 'order' may not be 'lastest' (did you mean 'latest'?)");
    check_sentence("kind: T\nqos: {order: none}",
                   "t.yaml:2:14: 'order' may not be 'none', only first|latest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_knows_its_place),
        cmocka_unit_test(a_key_without_a_value_is_left_out),
        cmocka_unit_test(windows_line_ends_and_a_byte_order_mark_are_fine),
        cmocka_unit_test(what_a_manifest_does_not_need_is_refused),
        cmocka_unit_test(what_is_not_yaml_is_refused_in_its_place),
        cmocka_unit_test(depth_and_number_are_limited),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(a_table_of_keys_is_held_against_a_document),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
