#include "controller/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "controller/application.h"
#include "fabric/testbed.h"
#include "graph/deployment.h"

#define SECONDS_MOST (366 * 86400.0)

static const char *text(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static int read_command(const json_t *json, struct request *request, struct error *err)
{
    static const char *const names[] = {
        [REQUEST_RUN] = "run", [REQUEST_PLAN] = "plan", [REQUEST_PROFILE] = "profile"};
    const char *command = text(json, "command");

    for (size_t i = 0; command != NULL && i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(command, names[i]) == 0) {
            request->kind = (enum request_kind)i;
            return 0;
        }
    }
    return error_set(err, -EINVAL, "the request names no command that the controller has");
}

static int refuse(const char *option, const char *value, const char *example, struct error *err)
{
    return error_set(err, -EINVAL, "--%s %s is not understood; write it as in --%s %s", option,
                     value, option, example);
}

/* The limits of `--devices N`: what is not said is the testbed's default. */
static int read_limits(const json_t *json, struct testbed_device *limits, struct error *err)
{
    const char *key, *given;

    *limits = testbed_default;
    for (size_t i = 0; (key = testbed_limit(i)) != NULL; i++) {
        given = text(json, key);
        if (given != NULL && testbed_read_limit(key, given, limits, err) < 0) {
            cleanup(memory_free) char *why = memory_text(err->text);
            return error_set(err, err->code, "--%s", why);
        }
    }
    return 0;
}

static int read_devices(const json_t *json, struct request *request, struct error *err)
{
    const char *path = text(json, "testbed");
    json_int_t n = json_integer_value(json_object_get(json, "devices"));
    struct testbed_device limits;

    if (path != NULL) {
        request->path = memory_text(path);
        return 0;
    }
    if (n == 0) {
        return 0;
    }
    int r = read_limits(json, &limits, err);
    if (r < 0) {
        return r;
    }
    request->equal = true;
    return testbed_equal(n, &limits, &request->testbed, err);
}

static int read_pins(const json_t *json, struct request *request, struct error *err)
{
    const json_t *replicas = json_object_get(json, "replicas");
    json_t *cuts = json_object_get(json, "cut"), *places = json_object_get(json, "places");
    const char *name;
    json_t *entry;
    size_t i;

    if (json_is_string(replicas)) {
        request->replicas = 1;
    } else if (replicas != NULL) {
        json_int_t most = json_integer_value(replicas);
        request->replicas = (int)(most < TESTBED_DEVICES_MOST ? most : TESTBED_DEVICES_MOST);
    }
    json_int_t window = json_integer_value(json_object_get(json, "window"));
    request->window =
        window < 0
            ? 0
            : (unsigned)(window < DEPLOYMENT_WINDOW_MAX ? window : DEPLOYMENT_WINDOW_MAX);
    request->cut_pinned = cuts != NULL;
    request->cuts = memory_new(json_array_size(cuts), sizeof(*request->cuts));
    json_array_foreach(cuts, i, entry)
    {
        json_int_t k = json_integer_value(entry);
        if (k < 0 || k > UINT16_MAX || (i > 0 && k <= request->cuts[i - 1])) {
            return error_set(err, -EINVAL, "cuts must rise, and %lld does not", (long long)k);
        }
        request->cuts[request->n_cuts++] = (unsigned)k;
    }
    request->places = memory_new(json_object_size(places), sizeof(*request->places));
    json_object_foreach(places, name, entry)
    {
        request->places[request->n_places++] =
            (struct planner_place){memory_text(name), memory_text(json_string_value(entry))};
    }
    return 0;
}

static int read_codec(const json_t *json, struct request *request, struct error *err)
{
    const char *given = text(json, "codec");

    request->codec_pinned = given != NULL;
    request->codec = given != NULL ? graph_codec_of(given) : GRAPH_CODEC_NONE;
    return request->codec == GRAPH_CODEC_END ? refuse("codec", given, "zstd", err) : 0;
}

static int read_tls(const json_t *json, struct request *request, struct error *err)
{
    static const char *const words[] = {
        [REQUEST_TLS_AUTO] = "auto", [REQUEST_TLS_ON] = "on", [REQUEST_TLS_OFF] = "off"};
    const char *given = text(json, "tls");

    for (size_t i = 0; given != NULL && i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(given, words[i]) == 0) {
            request->tls = (enum request_tls)i;
            return 0;
        }
    }
    return given == NULL ? 0 : refuse("tls", given, "on", err);
}

static int read_length(const json_t *json, struct request *request, struct error *err)
{
    const char *duration = text(json, "duration");
    json_int_t frames = json_integer_value(json_object_get(json, "frames"));

    request->explain = json_is_true(json_object_get(json, "explain"));
    request->frames = frames > 0 ? (uint64_t)frames : 0;
    if (duration == NULL) {
        return 0;
    }
    if (quantity_duration(duration, &request->seconds) < 0) {
        return refuse("duration", duration, "30s", err);
    }
    if (request->seconds <= 0 || request->seconds > SECONDS_MOST) {
        return error_set(err, -EINVAL,
                         "--duration %s: a run takes more than no time, and a year at the most",
                         duration);
    }
    return 0;
}

static void read_texts(const json_t *json, struct request *request)
{
    request->application = memory_text(text(json, "application"));
    request->manifest = memory_text(text(json, "manifest"));
    request->state = memory_text(text(json, "state"));
    request->folder = memory_text(text(json, "folder"));
    request->fabric = memory_text(text(json, "fabric") ? text(json, "fabric") : "local");
}

static int read_cluster(const json_t *json, struct request *request, struct error *err)
{
    json_t *resource = json_object_get(json, "resource");
    const char *space = text(json, "namespace");

    if (space != NULL && !text_is_label(space)) {
        return error_set(err, -EINVAL, "'%.64s' is no name of a namespace", space);
    }
    if (resource != NULL && !json_is_object(resource)) {
        return error_set(err, -EINVAL, "'resource' must be an object");
    }
    request->space = memory_text(space);
    request->resource = json_incref(resource);
    request->kept = json_incref(json_object_get(json, "kept"));
    request->ends = json_is_true(json_object_get(json, "ends"));
    return 0;
}

int request_read(const json_t *json, struct request **ret_request, struct error *err)
{
    struct request *request = memory_new(1, sizeof(*request));
    int r = text(json, "application") == NULL
                ? error_set(err, -EINVAL, "the request names no application")
                : read_command(json, request, err);

    if (r == 0) {
        read_texts(json, request);
        r = read_cluster(json, request, err);
    }
    if (r == 0) {
        r = read_devices(json, request, err);
    }
    if (r == 0) {
        r = read_pins(json, request, err);
    }
    if (r == 0) {
        r = read_codec(json, request, err);
    }
    if (r == 0) {
        r = read_tls(json, request, err);
    }
    if (r == 0) {
        r = read_length(json, request, err);
    }
    if (r < 0) {
        request_destroy(request);
        return r;
    }
    *ret_request = request;
    return 0;
}

int request_load(struct request *request, struct application **ret_application,
                 struct error *err)
{
    int r = request->path == NULL ? 0 : testbed_load(request->path, &request->testbed, err);

    if (r < 0) {
        return r;
    }
    return request->manifest == NULL
               ? application_load(request->application, request->folder, ret_application, err)
               : application_parse(request->application, request->manifest, request->folder,
                                   request->resource != NULL, ret_application, err);
}

void request_destroy(struct request *request)
{
    if (request == NULL) {
        return;
    }
    for (size_t i = 0; i < request->n_places; i++) {
        free((char *)(uintptr_t)request->places[i].operator);
        free((char *)(uintptr_t)request->places[i].device);
    }
    testbed_destroy(request->testbed);
    json_decref(request->resource);
    json_decref(request->kept);
    free(request->application);
    free(request->manifest);
    free(request->space);
    free(request->path);
    free(request->fabric);
    free(request->state);
    free(request->folder);
    free(request->cuts);
    free(request->places);
    free(request);
}
