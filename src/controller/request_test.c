#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "controller/application.h"
#include "controller/request.h"

#define MANIFEST                                                                   \
    "apiVersion: brume.dev/v1alpha1\nkind: Application\nmetadata: { name: air }\n" \
    "spec:\n  operators:\n    - { name: sense, use: sensor-source }\n"             \
    "    - { name: out, use: %s, in: [sense] }\n"

static int load(const char *sink, struct application **ret_application, struct error *err)
{
    cleanup(memory_free) char *text = memory_format(MANIFEST, sink);
    cleanup(json_decrefp) json_t *json = json_pack("{ssssss}", "command", "run", "application",
                                                   "/nowhere/air", "manifest", text);
    struct request *request = NULL;
    int r = request_read(json, &request, err);

    assert_int_equal(r, 0);
    r = request_load(request, ret_application, err);
    request_destroy(request);
    return r;
}

static void a_manifest_may_come_as_a_text(void **state)
{
    struct application *application = NULL;
    struct error err;

    (void)state;
    assert_int_equal(load("null-sink", &application, &err), 0);
    assert_string_equal(application->graph->name, "air");
    assert_int_equal(application->graph->n_operators, 2);
    application_destroy(application);
}

static void what_is_wrong_with_it_is_named_by_its_path(void **state)
{
    static const char place[] = "/nowhere/air:7:25: unknown operator 'nil-sink'";
    struct application *application = NULL;
    struct error err;

    (void)state;
    assert_int_equal(load("nil-sink", &application, &err), -EINVAL);
    assert_memory_equal(err.text, place, strlen(place));
}

static void refuses(json_t *json, const char *sentence)
{
    struct request *request = NULL;
    struct error err;

    assert_int_equal(request_read(json, &request, &err), -EINVAL);
    assert_string_equal(err.text, sentence);
    json_decref(json);
}

static void what_names_a_place_in_a_cluster_is_checked(void **state)
{
    (void)state;
    refuses(json_pack("{ssssss}", "command", "run", "application", "a", "namespace", "a/b"),
            "'a/b' is no name of a namespace");
    refuses(json_pack("{sssssi}", "command", "run", "application", "a", "resource", 7),
            "'resource' must be an object");
}

static int read_codec(const char *codec, struct request **ret_request, struct error *err)
{
    cleanup(json_decrefp) json_t *json =
        json_pack("{ssssss}", "command", "plan", "application", "street.yaml", "codec", codec);

    return request_read(json, ret_request, err);
}

static void a_codec_may_be_pinned(void **state)
{
    struct request *request = NULL;
    struct error err;

    (void)state;
    assert_int_equal(read_codec("f16+zstd", &request, &err), 0);
    assert_true(request->codec_pinned);
    assert_int_equal(request->codec, GRAPH_CODEC_F16_ZSTD);
    request_destroy(STEAL(request));
    assert_int_equal(read_codec("gzip", &request, &err), -EINVAL);
    assert_non_null(strstr(err.text, "--codec gzip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_may_come_as_a_text),
        cmocka_unit_test(a_codec_may_be_pinned),
        cmocka_unit_test(what_is_wrong_with_it_is_named_by_its_path),
        cmocka_unit_test(what_names_a_place_in_a_cluster_is_checked),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
