#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/yaml.h"
#include "controller/resource_manifest.h"

static struct resource_manifest *manifest;

/* As the API server gives it, with single quotes. */
static json_t *object_of(const char *annotations, const char *spec)
{
    cleanup(memory_free) char *text = memory_format(
        "{'apiVersion': 'brume.dev/v1alpha1', 'kind': 'Application', 'metadata': {'name': "
        "'street', 'namespace': 'shop', 'uid': 'u-1', 'resourceVersion': '17', 'generation': "
        "3, 'managedFields': [{'manager': 'kubectl'}], 'annotations': %s}, 'spec': %s, "
        "'status': {'phase': 'Running'}}",
        annotations, spec);

    for (char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            *c = '"';
        }
    }
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    return object;
}

static void read(const char *annotations, const char *spec)
{
    cleanup(json_decrefp) json_t *object = object_of(annotations, spec);

    resource_manifest_destroy(manifest);
    manifest = resource_manifest_create(object, "/files");
}

static int stop(void **state)
{
    (void)state;
    resource_manifest_destroy(STEAL(manifest));
    return 0;
}

static json_t *request(void)
{
    json_t *json = NULL;
    struct error err;

    assert_int_equal(resource_manifest_request(manifest, &json, &err), 0);
    return json;
}

static const char *text(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static void explains(const char *sentence, const char *wanted)
{
    cleanup(memory_free) char *explained = resource_manifest_explain(manifest, sentence);

    assert_string_equal(explained, wanted);
}

#define SPEC                                                                              \
    "{'operators': [{'name': 'camera', 'use': 'image-source', 'with': {'path': '*.jpg', " \
    "'rate': 0.1, 'repeat': true}}, {'name': 'detect', 'use': 'yolo9', 'in': ['camera', " \
    "'fit']}]}"

/* The place of a value as a reader of the text would give it. */
static char *place_of(const char *value, const char *words)
{
    cleanup(json_decrefp) json_t *json = request();
    const char *at = text(json, "manifest"), *end = strstr(at, value);
    unsigned line = 1;

    assert_non_null(end);
    for (; at < end; at++) {
        line += *at == '\n';
    }
    return memory_format("/files/street:%u:12: %s", line, words);
}

static void a_manifest_is_written_of_what_belongs_to_one(void **state)
{
    (void)state;
    read("{'team': 'a'}", SPEC);
    cleanup(json_decrefp) json_t *json = request();
    cleanup(yaml_destroyp) struct yaml_document *document = NULL;
    const char *manifest_text = text(json, "manifest");
    struct error err;

    assert_int_equal(
        yaml_parse("street", manifest_text, strlen(manifest_text), &document, &err), 0);
    const struct yaml_node *root = yaml_root(document);
    assert_null(yaml_get(root, "status"));
    assert_null(yaml_get(yaml_get(root, "metadata"), "uid"));
    const struct yaml_node *list = yaml_get(yaml_get(root, "spec"), "operators");
    const struct yaml_node *with = yaml_get(list->pairs[0].value, "with");
    assert_string_equal(yaml_get(with, "rate")->text, "0.1");
    assert_string_equal(yaml_get(with, "repeat")->text, "true");
    assert_string_equal(text(json, "namespace"), "shop");
    assert_string_equal(text(json, "tls"), "on");
    assert_null(json_object_get(json, "replicas"));
}

static void what_kubectl_makes_of_the_key_on_is_understood(void **state)
{
    (void)state;
    read("{}", "{'operators': [{'name': 'camera', 'true': {'has': ['camera']}}]}");
    cleanup(json_decrefp) json_t *json = request();
    assert_non_null(strstr(text(json, "manifest"), "\"on\": {"));
    assert_null(strstr(text(json, "manifest"), "\"true\""));
}

static void what_others_write_into_an_object_changes_nothing(void **state)
{
    (void)state;
    read("{'team': 'a'}", SPEC);
    cleanup(json_decrefp) json_t *before = request();
    read("{'team': 'b', 'kubectl.kubernetes.io/last-applied-configuration': '{}'}", SPEC);
    cleanup(json_decrefp) json_t *after = request();
    assert_true(json_equal(before, after));
    read("{'brume.dev/output-claim': 'disk'}", SPEC);
    cleanup(json_decrefp) json_t *other = request();
    assert_false(json_equal(before, other));
}

static void annotations_are_options(void **state)
{
    (void)state;
    read("{'brume.dev/replicas': 'off', 'brume.dev/tls': 'off'}", SPEC);
    cleanup(json_decrefp) json_t *off = request();
    assert_string_equal(text(off, "replicas"), "off");
    assert_string_equal(text(off, "tls"), "off");
    read("{'brume.dev/replicas': '3'}", SPEC);
    cleanup(json_decrefp) json_t *three = request();
    assert_int_equal(json_integer_value(json_object_get(three, "replicas")), 3);
}

static void an_annotation_that_is_not_understood_is_refused_by_its_name(void **state)
{
    json_t *json = NULL;
    struct error err;

    (void)state;
    read("{'brume.dev/replicas': '99'}", SPEC);
    assert_int_equal(resource_manifest_request(manifest, &json, &err), -EINVAL);
    assert_string_equal(err.text, "metadata.annotations[brume.dev/replicas] must be \"auto\", "
                                  "\"off\" or a whole number from 1 to 64, not '99'");
    read("{'brume.dev/tls': 'yes'}", SPEC);
    assert_int_equal(resource_manifest_request(manifest, &json, &err), -EINVAL);
}

static void a_line_is_a_field_of_the_object(void **state)
{
    (void)state;
    read("{}", SPEC);
    cleanup(memory_free) char *use = place_of("\"yolo9\"", "unknown operator 'yolo9'");
    explains(use, "spec.operators[1].use (detect): unknown operator 'yolo9'");
    cleanup(memory_free) char *in = place_of("\"fit\"", "there is no operator called 'fit'");
    explains(in, "spec.operators[1].in[1] (detect): there is no operator called 'fit'");
    cleanup(memory_free) char *rate = place_of("0.1", "'rate': that is no rate");
    explains(rate, "spec.operators[0].with.rate (camera): 'rate': that is no rate");
}

static void an_operator_s_own_sentence_names_it_once(void **state)
{
    (void)state;
    read("{}", SPEC);
    cleanup(memory_free) char *check =
        place_of("\"detect\"", "operator 'detect': 416x416 is no size");
    explains(check, "spec.operators[1]: operator 'detect': 416x416 is no size");
    cleanup(memory_free) char *other =
        place_of("\"detect\"", "there is an operator called 'detect' already, in line 11");
    explains(other, "spec.operators[1].name (detect): there is an operator called 'detect' "
                    "already, in spec.operators[0]");
}

static void a_place_without_a_column_is_one_too(void **state)
{
    (void)state;
    read("{}", SPEC);
    explains("/files/street:10: operator 'camera': x.onnx: it is damaged",
             "spec.operators[0]: operator 'camera': x.onnx: it is damaged");
}

static void what_lies_deep_has_the_path_of_what_it_lies_in(void **state)
{
    char key[400];

    (void)state;
    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    cleanup(memory_free) char *spec =
        memory_format("{'operators': [{'name': 'a', 'with': {'%s': [1, 2, 'deep']}}]}", key);
    read("{}", spec);
    cleanup(memory_free) char *deep = place_of("\"deep\"", "what is that");
    explains(deep, "spec.operators[0].with[2] (a): what is that");
}

static void a_sentence_without_a_place_stays_as_it_is(void **state)
{
    (void)state;
    read("{}", SPEC);
    explains("no device has a camera", "no device has a camera");
    explains("10.0.0.1:7000: connection refused", "10.0.0.1:7000: connection refused");
    explains("/files/street:9999:1: what", "what");
}

#define STORY(story) cmocka_unit_test_teardown(story, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_manifest_is_written_of_what_belongs_to_one),
        STORY(what_kubectl_makes_of_the_key_on_is_understood),
        STORY(what_others_write_into_an_object_changes_nothing),
        STORY(annotations_are_options),
        STORY(an_annotation_that_is_not_understood_is_refused_by_its_name),
        STORY(a_line_is_a_field_of_the_object),
        STORY(an_operator_s_own_sentence_names_it_once),
        STORY(a_place_without_a_column_is_one_too),
        STORY(what_lies_deep_has_the_path_of_what_it_lies_in),
        STORY(a_sentence_without_a_place_stays_as_it_is),
    };

    return cmocka_run_group_tests_name("resource_manifest", tests, NULL, NULL);
}
