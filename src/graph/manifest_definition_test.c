#include <glob.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "graph/manifest_fixture.h"
#include "graph/manifest_keys.h"

static int fixture_make(void **state)
{
    return test_folder_make(state) < 0 ? -1 : fixture_write_files();
}

static struct yaml_document *parse(const char *file, const char *text)
{
    struct yaml_document *document = NULL;
    struct error err = {0};

    if (yaml_parse(file, text, strlen(text), &document, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return document;
}

/* "spec.names.kind"; a number is an index. */
static const struct yaml_node *find(const struct yaml_node *node, const char *path)
{
    cleanup(memory_free) char *copy = memory_text(path);
    char *rest = copy, *part;

    while (node != NULL && (part = strsep(&rest, ".")) != NULL) {
        node = node->kind == YAML_LIST ? node->pairs[strtoul(part, NULL, 10)].value
                                       : yaml_get(node, part);
    }
    if (node == NULL) {
        fail_msg("there is no %s", path);
    }
    return node;
}

static const struct yaml_key *key_at(const char *path)
{
    cleanup(memory_free) char *copy = memory_text(path);
    const struct yaml_key *keys = manifest_keys, *found = NULL;
    char *rest = copy, *part;

    while ((part = strsep(&rest, ".")) != NULL) {
        for (found = keys; found->name != NULL && strcmp(found->name, part) != 0; found++) {
        }
        assert_non_null(found->name);
        keys = found->keys;
    }
    return found;
}

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static char *read_file(const char *path)
{
    void *text = NULL;
    struct error err = {0};
    size_t size = 0;

    if (file_read(path, 1 << 20, &text, &size, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return text;
}

static char *in_sources(const char *name)
{
    const char *data = secure_getenv("BRUME_TEST_DATA");

    if (data == NULL) {
        skip();
    }
    return memory_format("%s/../../%s", data, name);
}

/* With BRUME_TEST_RENEW=1 the test writes the file instead. */
static void the_file_in_the_sources_is_what_the_tables_say(void **state)
{
    cleanup(memory_free) char *text = manifest_definition();
    cleanup(memory_free) char *path = in_sources("deploy/kubernetes/base/crd.yaml");
    struct error err = {0};

    (void)state;
    if (secure_getenv("BRUME_TEST_RENEW") != NULL) {
        assert_int_equal(file_write(path, text, strlen(text), &err), 0);
        return;
    }
    cleanup(memory_free) char *file = read_file(path);
    if (strcmp(file, text) != 0) {
        fail_msg("deploy/kubernetes/base/crd.yaml is old: BRUME_TEST_RENEW=1 meson test -C "
                 "build graph/manifest_definition");
    }
}

/* Whether a reader of YAML 1.1, such as kubectl, sees a switch where ours sees a text. */
static bool is_switch(const struct yaml_node *node)
{
    static const char *const words[] = {"y", "yes", "true", "n", "no", "false", "on", "off"};
    bool found = false;

    for (size_t i = 0; i < sizeof(words) / sizeof(*words) && node->kind == YAML_TEXT; i++) {
        found |= !node->quoted && strcasecmp(node->text, words[i]) == 0;
    }
    return found;
}

/* docs/kubernetes.md holds the table as it is; when keys change, copy it from this test's
 * output.
 */
static void the_page_holds_the_status(void **state)
{
    cleanup(memory_free) char *text = manifest_reference(manifest_status_keys);
    cleanup(memory_free) char *path = in_sources("docs/kubernetes.md");
    cleanup(memory_free) char *page = read_file(path);

    (void)state;
    if (strstr(page, text) == NULL) {
        fputs(text, stderr);
        fail_msg("docs/kubernetes.md lacks this table");
    }
}

#define SCHEMA "spec.versions.0.schema.openAPIV3Schema."
#define SPEC   SCHEMA "properties.spec.properties."
#define STATUS SCHEMA "properties.status.properties."

static void the_schema_says_what_a_cluster_can_check(void **state)
{
    static const struct {
        const char *path, *text;
    } said[] = {
        {"spec.names.kind", "Application"},
        {SCHEMA "required.0", "spec"},
        {SCHEMA "properties.kind.type", "string"},
        {SPEC "objective.enum.2", "traffic"},
        {SPEC "operators.minItems", "1"},
        {SPEC "operators.maxItems", "256"},
        {SPEC "operators.x-kubernetes-list-map-keys.0", "name"},
        {SPEC "operators.items.required.1", "use"},
        {SPEC "operators.items.properties.replicas.maximum", "64"},
        {SPEC "operators.items.properties.in.items.type", "string"},
        {STATUS "stages.items.properties.cut.items.type", "integer"},
        {STATUS "conditions.x-kubernetes-list-map-keys.0", "type"},
    };
    cleanup(memory_free) char *text = manifest_definition();
    cleanup(yaml_destroyp) struct yaml_document *document = parse("crd.yaml", text);
    const struct yaml_node *root = yaml_root(document);

    (void)state;
    for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++) {
        assert_string_equal(find(root, said[i].path)->text, said[i].text);
    }
    assert_int_equal(find(root, SCHEMA "properties.metadata.properties")->n, 1);
    assert_null(yaml_get(find(root, SPEC "operators.items.properties.cut"), "type"));
    assert_false(is_switch(find(root, SPEC "operators.items.properties")->pairs[4].key));
    assert_false(is_switch(find(root, STATUS "conditions.items.properties.status.enum.0")));
}

/* Which `old` of the street is replaced by `new`, whose @ becomes the value; and whether it is
 * good. */
struct value {
    const char *path, *old, *new, *text;
    bool good;
};

#define LABEL_OF_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct value values[] = {
    {"spec.qos.rate", "rate: 300/min", "rate: @", "5/s", true},
    {"spec.qos.rate", "rate: 300/min", "rate: @", "1.5e3/h", true},
    {"spec.qos.rate", "rate: 300/min", "rate: @", ".5/s", true},
    {"spec.qos.rate", "rate: 300/min", "rate: @", "5", false},
    {"spec.qos.rate", "rate: 300/min", "rate: @", "-5/s", false},
    {"spec.qos.rate", "rate: 300/min", "rate: @", "5 /s", false},
    {"spec.qos.latency", "latency: 2s", "latency: @", "100ms", true},
    {"spec.qos.latency", "latency: 2s", "latency: @", "2.s", true},
    {"spec.qos.latency", "latency: 2s", "latency: @", "2", false},
    {"spec.qos.latency", "latency: 2s", "latency: @", "2sec", false},
    {"metadata.name", "street", "@", "a-1", true},
    {"metadata.name", "street", "@", "A", false},
    {"metadata.name", "street", "@", "a-", false},
    {"metadata.name", "street", "@", "a.b", false},
    {"spec.operators.name", "name: end", "name: @", "9", true},
    {"spec.operators.name", "name: end", "name: @", "-a", false},
    {"spec.operators.name", "name: end", "name: @", LABEL_OF_63, true},
    {"spec.operators.name", "name: end", "name: @", LABEL_OF_63 "4", false},
    {"spec.operators.use", "null-sink", "@", "null_sink", false},
    {"spec.operators.on.has", "[camera, ", "[@, ", "gps", true},
    {"spec.operators.on.has", "[camera, ", "[@, ", "a_b", false},
    {"spec.operators.on.device", "pi-1.local", "@", "node3", true},
    {"spec.operators.on.device", "pi-1.local", "@", "Pi", false},
    {"spec.operators.cut", "cut: [12, 30]", "cut: @", "none", true},
    {"spec.operators.cut", "cut: [12, 30]", "cut: @", "automatic", false},
    {"spec.operators.replicas", "replicas: 4", "replicas: @", "off", true},
    {"spec.operators.replicas", "replicas: 4", "replicas: @", "on", false},
    {"spec.operators.in", "[boxes.scores]", "[@]", "boxes.scores", true},
    {"spec.operators.in", "[boxes.scores]", "[@]", "boxes.", false},
    {"spec.operators.in", "[boxes.scores]", "[@]", ".scores", false},
};

static void patterns_take_what_the_reader_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        const struct value *value = &values[i];
        size_t at = strcspn(value->new, "@");
        cleanup(memory_free) char *new =
            memory_format("%.*s%s%s", (int)at, value->new, value->text, value->new + at + 1);
        cleanup(graph_destroyp) struct graph *graph = NULL;
        struct error err = {0};

        bool taken = fixture_parse(value->old, new, &graph, &err) == 0;
        bool matched = matches(key_at(value->path)->pattern, value->text);
        if (taken != value->good || matched != value->good) {
            fail_msg("%s: '%s' is %s, but the reader says '%s', and the pattern %s",
                     value->path, value->text, value->good ? "good" : "bad", err.text,
                     matched ? "takes it" : "does not");
        }
    }
}

/* A switch may be one, if it is written as ours wants it. */
static void check_text(const struct yaml_node *node, const struct yaml_key *key)
{
    if (is_switch(node) && strcmp(node->text, "true") != 0 &&
        strcmp(node->text, "false") != 0) {
        fail_msg("%s:%u: '%s' needs quotes for kubectl", node->file, node->line, node->text);
    }
    if (node->kind == YAML_TEXT && key->pattern != NULL && !matches(key->pattern, node->text)) {
        fail_msg("%s:%u: '%s' is no %s", node->file, node->line, node->text, key->form);
    }
}

struct place {
    const struct yaml_node *node;
    const struct yaml_key *keys;
};

/* Puts what lies below a value on the stack. */
static size_t check_value(const struct yaml_node *node, const struct yaml_key *key,
                          struct place *ret_below)
{
    size_t n = 0;

    check_text(node, key);
    if (node->kind == YAML_LIST && key->most > 0 && node->n > key->most) {
        fail_msg("%s:%u: more than %u", node->file, node->line, key->most);
    }
    if (node->kind == YAML_MAP && key->keys != NULL) {
        ret_below[n++] = (struct place){node, key->keys};
    }
    for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++) {
        if (key->keys != NULL) {
            ret_below[n++] = (struct place){node->pairs[i].value, key->keys};
        } else if (key->kinds == YAML_LIST) {
            check_text(node->pairs[i].value, key);
        }
    }
    return n;
}

static void check_document(const struct yaml_node *root)
{
    struct place places[512] = {{root, manifest_keys}};
    size_t n = 1;

    while (n > 0) {
        const struct place place = places[--n];

        for (size_t i = 0; i < place.node->n; i++) {
            const struct yaml_pair *pair = &place.node->pairs[i];
            const struct yaml_key *key = place.keys;

            while (key->name != NULL && strcmp(key->name, pair->key->text) != 0) {
                key++;
            }
            assert_non_null(key->name);
            check_text(pair->key, &(struct yaml_key){0});
            n += check_value(pair->value, key, &places[n]);
        }
    }
}

static void every_example_is_good_for_a_cluster(void **state)
{
    cleanup(memory_free) char *pattern = in_sources("examples/*/*.yaml");
    size_t n_checked = 0;
    glob_t found;

    (void)state;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        cleanup(memory_free) char *text = read_file(found.gl_pathv[i]);
        cleanup(yaml_destroyp) struct yaml_document *document = parse(found.gl_pathv[i], text);
        const struct yaml_node *root = yaml_root(document);

        if (strcmp(yaml_get(root, "kind")->text, "Application") == 0) {
            check_document(root);
            n_checked++;
        }
    }
    globfree(&found);
    assert_int_equal(n_checked, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_in_the_sources_is_what_the_tables_say),
        cmocka_unit_test(the_page_holds_the_status),
        cmocka_unit_test(the_schema_says_what_a_cluster_can_check),
        cmocka_unit_test(patterns_take_what_the_reader_takes),
        cmocka_unit_test(every_example_is_good_for_a_cluster),
    };
    return cmocka_run_group_tests_name("definition", tests, fixture_make, test_folder_remove);
}
