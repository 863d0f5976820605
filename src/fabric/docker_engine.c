#include "fabric/docker_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#define SOCKET_USUAL  "/var/run/docker.sock"
#define API_MAJOR     1
#define API_LEAST     41 /* Docker 20.10 */
#define REMOVE_PASSES 20
#define UNIX          "unix://"

void docker_engine_at(const char *socket, struct docker_engine *ret_engine)
{
    *ret_engine = (struct docker_engine){
        .socket = memory_text(socket),
        .name = memory_format("the container engine at %s", socket),
        .url = memory_format("http://localhost/v%d.%d", API_MAJOR, API_LEAST),
    };
    ret_engine->place = (struct http_place){
        .name = ret_engine->name, .url = ret_engine->url, .socket = ret_engine->socket};
}

int docker_engine_find(struct docker_engine *ret_engine, struct error *err)
{
    const char *given = getenv("DOCKER_HOST");       /* NOLINT(concurrency-mt-unsafe) */
    const char *runtime = getenv("XDG_RUNTIME_DIR"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(memory_free) char *podman = NULL;

    if (given != NULL && *given != '\0') {
        if (strncmp(given, UNIX "/", sizeof(UNIX)) != 0) {
            return error_set(err, -EINVAL,
                             "DOCKER_HOST: '%s' is no Unix socket of this machine, such as "
                             "unix://" SOCKET_USUAL,
                             given);
        }
        docker_engine_at(given + strlen(UNIX), ret_engine);
        return 0;
    }
    if (runtime != NULL && access(SOCKET_USUAL, F_OK) < 0) {
        podman = memory_format("%s/podman/podman.sock", runtime);
    }
    docker_engine_at(podman != NULL && access(podman, F_OK) == 0 ? podman : SOCKET_USUAL,
                     ret_engine);
    return 0;
}

const char *docker_engine_mend(int code)
{
    switch (code) {
    case -ENOENT:
        return "apt-get install docker.io, or say where it is with DOCKER_HOST";
    case -ECONNREFUSED:
        return "systemctl start docker";
    case -EACCES:
    case -EPERM:
        return "sudo usermod -aG docker $USER, and log in again";
    case -ENOTSUP:
        return "upgrade it";
    case -EINVAL:
        return "unset DOCKER_HOST";
    default:
        return "systemctl restart docker";
    }
}

/* What to type belongs to the sentence. */
static int explain(const struct docker_engine *engine, struct error *err)
{
    const char *mend = docker_engine_mend(err->code);

    switch (err->code) {
    case -ENOENT:
        return error_set(err, -ENOENT, "there is no container engine at %s: %s", engine->socket,
                         mend);
    case -ECONNREFUSED:
        return error_set(err, -ECONNREFUSED, "%s does not run: %s", engine->name, mend);
    case -EACCES:
    case -EPERM:
        return error_set(err, -EACCES, "%s does not listen to this user: %s", engine->name,
                         mend);
    default:
        return err->code;
    }
}

static int read_version(const json_t *json, const char *key, int *ret_minor)
{
    const char *text = json_string_value(json_object_get(json, key));
    int major = 0;

    /* NOLINTNEXTLINE(cert-err34-c): small numbers; others are refused by what follows */
    return text != NULL && sscanf(text, "%d.%d", &major, ret_minor) == 2 && major == API_MAJOR
               ? 0
               : -EINVAL;
}

static int negotiate(struct docker_engine *engine, struct error *err)
{
    const struct http_place place = {
        .name = engine->name, .url = "http://localhost", .socket = engine->socket};
    const struct http_request request = {.path = "/version"};
    cleanup(memory_free) char *body = NULL;
    int newest = 0, oldest = 0;

    if (http_ask_now(&place, &request, &body, err) < 0) {
        return err->code;
    }
    json_t *json = json_loads(body, 0, NULL);
    free(engine->version);
    int r = read_version(json, "ApiVersion", &newest);
    engine->version = memory_text(json_string_value(json_object_get(json, "Version")));
    if (r == 0 && read_version(json, "MinAPIVersion", &oldest) < 0) {
        oldest = API_LEAST;
    }
    json_decref(json);
    if (r < 0) {
        return error_set(err, -ENOTSUP, "%s does not say which API it speaks", engine->name);
    }
    if (newest < API_LEAST) {
        return error_set(err, -ENOTSUP,
                         "%s is too old: it speaks API %d.%d, and %d.%d (Docker 20.10) is "
                         "needed: upgrade it",
                         engine->name, API_MAJOR, newest, API_MAJOR, API_LEAST);
    }
    free(engine->url);
    engine->url = memory_format("http://localhost/v%d.%d", API_MAJOR,
                                oldest > API_LEAST ? oldest : API_LEAST);
    engine->place.url = engine->url;
    return 0;
}

int docker_engine_greet(struct docker_engine *engine, struct error *err)
{
    return negotiate(engine, err) < 0 ? explain(engine, err) : 0;
}

int docker_engine_ask(const struct docker_engine *engine, const char *method, const char *path,
                      json_t *body, json_t **ret_json, struct error *err)
{
    cleanup(memory_free) char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    cleanup(memory_free) char *answer = NULL;
    const struct http_request request = {
        .method = method, .path = path, .body = text, .size = text == NULL ? 0 : strlen(text)};

    json_decref(body);
    int r = http_ask_now(&engine->place, &request, &answer, err);
    if (r < 0 || ret_json == NULL) {
        return r;
    }
    json_t *json = json_loads(answer, 0, NULL);
    if (json == NULL) {
        return error_set(err, -EPROTO, "%s answers %s with what is no JSON", engine->name,
                         path);
    }
    *ret_json = json;
    return 0;
}

/* Docker says it among its security options, Podman apart. */
static bool is_rootless(const json_t *info)
{
    const json_t *options = json_object_get(info, "SecurityOptions"), *option;
    bool rootless = json_is_true(json_object_get(info, "Rootless"));
    size_t i;

    json_array_foreach(options, i, option)
    {
        const char *text = json_string_value(option);
        rootless = rootless || (text != NULL && strstr(text, "rootless") != NULL);
    }
    return rootless;
}

int docker_engine_inquire(struct docker_engine *engine, struct error *err)
{
    json_t *info = NULL;
    int r = docker_engine_ask(engine, "GET", "/info", NULL, &info, err);

    if (r == 0) {
        free(engine->driver);
        engine->driver = memory_text(json_string_value(json_object_get(info, "CgroupDriver")));
        engine->rootless = is_rootless(info);
        json_decref(info);
    }
    return r;
}

char *docker_engine_filter(const char *run, const char *more)
{
    cleanup(memory_free) char *filter =
        memory_format("{\"label\":[\"" DOCKER_LABEL_RUN "=%s\"]%s%s}", run,
                      more != NULL ? "," : "", more != NULL ? more : "");
    cleanup(memory_free) char *escaped = http_escape(filter);

    return memory_format("filters=%s", escaped);
}

/* Removes all of the run's; one that is gone already is removed. */
static int remove_all(const struct docker_engine *engine, const char *kind, const char *list,
                      size_t *ret_n, struct error *err)
{
    json_t *found = NULL, *entry;
    int result = docker_engine_ask(engine, "GET", list, NULL, &found, err);
    struct error trouble;
    size_t i;

    if (result < 0) {
        return result;
    }
    json_array_foreach(found, i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "Id"));
        cleanup(memory_free) char *path =
            memory_format("/%s/%s?force=1", kind, id != NULL ? id : "");
        int r = docker_engine_ask(engine, "DELETE", path, NULL, NULL, &trouble);
        /* Busy: somebody else is removing it. */
        if (r < 0 && r != -ENOENT && r != -EBUSY && result == 0) {
            *err = trouble;
            result = r;
        }
    }
    *ret_n = json_array_size(found);
    json_decref(found);
    return result;
}

int docker_engine_remove_run(const struct docker_engine *engine, const char *run,
                             struct error *err)
{
    const struct timespec moment = {.tv_nsec = 200000000};
    cleanup(memory_free) char *filter = docker_engine_filter(run, NULL);
    cleanup(memory_free) char *containers = memory_format("/containers/json?all=1&%s", filter);
    cleanup(memory_free) char *networks = memory_format("/networks?%s", filter);
    size_t n = 1, n_networks = 0;

    for (unsigned pass = 0; n > 0; pass++) {
        if (pass == REMOVE_PASSES) {
            return error_set(err, -EBUSY, "%zu containers of run %s do not end", n, run);
        }
        size_t before = 0;
        if (remove_all(engine, "containers", containers, &before, err) < 0) {
            return err->code;
        }
        nanosleep(&moment, NULL);
        n = before;
    }
    return remove_all(engine, "networks", networks, &n_networks, err);
}

int docker_engine_undo(const char *entry, struct error *err)
{
    cleanup(docker_engine_finish) struct docker_engine engine = {0};
    cleanup(memory_free) char *run = memory_format("%.6s", entry);
    struct error why;
    cleanup(memory_free) char *folder = file_run_folder(&why);

    docker_engine_at(entry + strlen(run) + 1, &engine);
    if (negotiate(&engine, &why) < 0 || docker_engine_remove_run(&engine, run, &why) < 0) {
        return error_set(err, why.code,
                         "containers of run %s are left (%s): start the engine, and brume "
                         "doctor removes them; if it is gone for good, rm %s/%s",
                         run, why.text, folder != NULL ? folder : "/run/brume", run);
    }
    return 0;
}

int docker_engine_lacks(const struct docker_engine *engine, const char *image,
                        struct error *err)
{
    return error_set(err, -ENOPKG,
                     "the image %s is not at %s: type 'make images', or say with BRUME_IMAGES "
                     "where it is to be had",
                     image, engine->name);
}

void docker_engine_finish(struct docker_engine *engine)
{
    memory_free(&engine->socket);
    memory_free(&engine->name);
    memory_free(&engine->url);
    memory_free(&engine->driver);
    memory_free(&engine->version);
}
