#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "cli/objects_manifest.h"
#include "fabric/kubernetes_sample.h"
#include "graph/manifest_fixture.h"

static void is(const json_t *json, const char *wanted)
{
    cleanup(json_decrefp) json_t *other = sample(wanted);
    cleanup(memory_free) char *text = json_dumps(json, JSON_COMPACT);
    cleanup(memory_free) char *hoped = json_dumps(other, JSON_COMPACT);

    assert_string_equal(text, hoped);
}

static json_t *convert(const char *text)
{
    json_t *object = NULL;
    struct error err = {0};

    if (objects_manifest_read("t.yaml", text, strlen(text), &fixture_catalog, &object, &err) <
        0) {
        fail_msg("%s", err.text);
    }
    return object;
}

/* A source and a sink, with more in the middle. */
#define TEXT(metadata, more)                                                               \
    "apiVersion: brume.dev/v1alpha1\nkind: Application\nmetadata: {name: t" metadata "}\n" \
    "spec:\n  operators:\n    - {name: a, use: image-source, with: {path: a/*.jpg}}\n" more

static void the_street_becomes_an_object(void **state)
{
    cleanup(json_decrefp) json_t *object = convert(fixture_street);

    (void)state;
    is(object,
       "{'apiVersion': 'brume.dev/v1alpha1', 'kind': 'Application', 'metadata': {'name': "
       "'street'}, 'spec': {'objective': 'latency', 'qos': {'rate': '300/min', 'latency': "
       "'2s'}, 'operators': ["
       "{'name': 'out', 'use': 'image-sink', 'in': ['drawn'], 'with': {'path': 'out'}}, "
       "{'name': 'camera', 'use': 'image-source', 'with': {'path': 'street/*.jpg', 'repeat': "
       "true}, 'on': {'has': ['camera', 'night-sight'], 'device': 'pi-1.local'}}, "
       "{'name': 'picture', 'use': 'decode', 'in': ['camera']}, "
       "{'name': 'fit', 'use': 'letterbox', 'in': ['picture'], 'with': {'size': '416x416'}}, "
       "{'name': 'detect', 'use': 'model', 'in': ['fit'], 'with': {'file': 'yolox.onnx', "
       "'mean': [1, 2.5, 3], 'numerics': 'exact'}, 'cut': [12, 30], 'replicas': 4}, "
       "{'name': 'boxes', 'use': 'yolo', 'in': ['detect'], 'with': {'threshold': 0.5}}, "
       "{'name': 'drawn', 'use': 'draw', 'in': ['picture', 'boxes']}, "
       "{'name': 'mean', 'use': 'average', 'in': ['boxes.scores'], 'replicas': 'off'}, "
       "{'name': 'end', 'use': 'null-sink', 'in': ['mean']}]}}");
}

static void what_would_not_come_back_as_it_was_stays_a_text(void **state)
{
    (void)state;
    cleanup(json_decrefp) json_t *object = convert(
        TEXT(", labels: {tier: 3, on: true}, annotations: {a: 007}",
             "    - {name: fit, use: letterbox, in: [b], with: {size: 416x416}}\n"
             "    - {name: b, use: decode, in: [a]}\n"
             "    - {name: m, use: model, in: [fit], with: {file: m, mean: [1.50, 007, '3', "
             "1e3, -2]}, cut: auto}\n"
             "    - {name: y, use: yolo, in: [m], with: {threshold: '0.5'}, replicas: }\n"
             "    - {name: e, use: null-sink, in: [y]}\n"));
    const json_t *operators = json_object_get(json_object_get(object, "spec"), "operators");
    is(json_object_get(object, "metadata"),
       "{'name': 't', 'labels': {'tier': '3', 'on': 'true'}, 'annotations': {'a': '007'}}");
    is(json_array_get(operators, 3),
       "{'name': 'm', 'use': 'model', 'in': ['fit'], 'with': {'file': 'm', 'mean': ['1.50', "
       "'007', '3', '1e3', -2]}, 'cut': 'auto'}");
    is(json_array_get(operators, 4),
       "{'name': 'y', 'use': 'yolo', 'in': ['m'], 'with': {'threshold': '0.5'}}");
}

static void files_are_elsewhere_but_all_else_is_checked_here(void **state)
{
    static const struct {
        const char *text, *sentence;
    } mistakes[] = {
        {"kind: Application\n", "t.yaml:1:1: key 'apiVersion' is missing (brume.dev/v1alpha1)"},
        {TEXT("", "    - {name: b, use: null-snk, in: [a]}\n"),
         "t.yaml:7:22: unknown operator 'null-snk' (did you mean 'null-sink'?)"},
        {TEXT("", "    - {name: b, use: odd, in: [a], with: {count: many}}\n"),
         "t.yaml:7:50: 'count' must be a whole number such as 3, not 'many'"},
        {TEXT("", "    - {name: b, use: null-sink, in: [c]}\n"),
         "t.yaml:7:38: there is no operator called 'c'"},
        {TEXT(", labels: {a: [b]}", "    - {name: b, use: null-sink, in: [a]}\n"),
         "t.yaml:3:33: 'a' must be a text"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        json_t *object = NULL;
        struct error err = {0};
        int r = objects_manifest_read("t.yaml", mistakes[i].text, strlen(mistakes[i].text),
                                      &fixture_catalog, &object, &err);
        assert_string_equal(err.text, mistakes[i].sentence);
        assert_int_equal(r, -EINVAL);
        assert_null(object);
    }
}

#define WANTED(metadata) "{'metadata': {'name': 't'" metadata "}, 'spec': {'operators': [1]}}"

static void merges(const char *found, const char *wanted, const char *request,
                   const char *result)
{
    cleanup(json_decrefp) json_t *one = sample(found);
    cleanup(json_decrefp) json_t *two = sample(wanted);
    cleanup(json_decrefp) json_t *options = sample(request);

    objects_manifest_take_options(two, options);
    cleanup(json_decrefp) json_t *merged = objects_manifest_merge(one, two);
    cleanup(json_decrefp) json_t *hoped = sample(result);
    cleanup(memory_free) char *text = json_dumps(merged, JSON_COMPACT | JSON_SORT_KEYS);
    cleanup(memory_free) char *other = json_dumps(hoped, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, other);
}

static void what_others_wrote_into_an_object_stays(void **state)
{
    (void)state;
    merges(
        "{'metadata': {'name': 't', 'uid': 'u', 'resourceVersion': '7', 'finalizers': ['f'], "
        "'labels': {'team': 'a'}, 'annotations': {'kubectl': '{}'}}, 'spec': {'operators': "
        "[0], 'objective': 'latency'}, 'status': {'phase': 'Running'}}",
        WANTED(", 'labels': {'tier': '3'}, 'annotations': {'mine': '1'}"), "{}",
        "{'metadata': {'name': 't', 'uid': 'u', 'resourceVersion': '7', 'finalizers': ['f'], "
        "'labels': {'team': 'a', 'tier': '3'}, 'annotations': {'kubectl': '{}', 'mine': "
        "'1'}}, 'spec': {'operators': [1]}, 'status': {'phase': 'Running'}}");
    merges("{'metadata': {'name': 't'}, 'spec': {}}", WANTED(""), "{}", WANTED(""));
}

static void options_come_and_go_as_annotations(void **state)
{
    (void)state;
    merges("{'metadata': {'name': 't'}}", WANTED(""), "{'replicas': 'off', 'tls': 'off'}",
           WANTED(", 'annotations': {'brume.dev/replicas': 'off', 'brume.dev/tls': 'off', "
                  "'brume.dev/options': 'replicas tls'}"));
    merges("{'metadata': {'name': 't', 'annotations': {'brume.dev/replicas': 'off', "
           "'brume.dev/tls': 'off', 'brume.dev/options': 'replicas', "
           "'brume.dev/output-claim': 'disk'}}}",
           WANTED(""), "{'tls': 'auto'}",
           WANTED(", 'annotations': {'brume.dev/tls': 'off', 'brume.dev/output-claim': "
                  "'disk'}"));
    merges("{'metadata': {'name': 't', 'annotations': {'brume.dev/replicas': '2', "
           "'brume.dev/options': 'replicas'}}}",
           WANTED(""), "{}", WANTED(""));
    merges("{'metadata': {'name': 't', 'annotations': {'brume.dev/replicas': '2', "
           "'brume.dev/options': 'replicas'}}}",
           WANTED(""), "{'replicas': 3}",
           WANTED(", 'annotations': {'brume.dev/replicas': '3', 'brume.dev/options': "
                  "'replicas'}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_street_becomes_an_object),
        cmocka_unit_test(what_would_not_come_back_as_it_was_stays_a_text),
        cmocka_unit_test(files_are_elsewhere_but_all_else_is_checked_here),
        cmocka_unit_test(what_others_wrote_into_an_object_stays),
        cmocka_unit_test(options_come_and_go_as_annotations),
    };

    return cmocka_run_group_tests_name("objects_manifest", tests, NULL, NULL);
}
