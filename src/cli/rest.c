#include "cli/rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/source.h"
#include "http/http.h"

enum { OPTION_SERVER = 1024, ANSWER_MOST = 64 << 20, LOG_US = 200000, GONE_US = 100000 };

#define APPLICATIONS "/v1alpha1/applications"

struct rest {
    struct source source;
    char *socket;
};

static const struct argp_option options[] = {
    {"server", OPTION_SERVER, "SOCKET", 0,
     "Where the controller answers; else as BRUME_SERVER says", 9},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    const char **socket = state->input;

    if (key != OPTION_SERVER) {
        return ARGP_ERR_UNKNOWN;
    }
    *socket = argument;
    return 0;
}

const struct argp rest_argp = {options, parse, NULL, NULL, NULL, NULL, NULL};

static char *find_socket(const char *given, struct error *err)
{
    const char *wanted = getenv("BRUME_SERVER"); /* NOLINT(concurrency-mt-unsafe) */

    if (given != NULL || wanted != NULL) {
        return memory_text(given != NULL ? given : wanted);
    }
    cleanup(memory_free) char *folder = file_run_folder(err);
    return folder != NULL ? memory_format("%s/controller.sock", folder) : NULL;
}

/* Nobody answered: most likely nobody is there. */
static int refuse(const char *socket, struct error *err)
{
    if (err->code == -ECONNREFUSED || err->code == -ENOENT) {
        error_set(err, err->code,
                  "no controller answers at %s: `brume-controller --serve` starts one", socket);
    }
    (void)command_fail(err);
    return EX_UNAVAILABLE;
}

static int explain(const json_t *answer)
{
    const char *text = json_string_value(json_object_get(answer, "error"));
    json_int_t code = json_integer_value(json_object_get(answer, "code"));

    fprintf(stderr, "brume: %s\n", text != NULL ? text : "the controller did not say why not");
    return text != NULL && code > 0 && code < 256 ? (int)code : EX_PROTOCOL;
}

static int ask(const struct rest *rest, const char *method, const char *path,
               const json_t *body, json_t **ret_answer)
{
    struct error err;
    cleanup(memory_free) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    cleanup(memory_free) char *answer = NULL;
    cleanup(memory_free) char *name = memory_format("the controller at %s", rest->socket);
    const struct http_place place = {
        .name = name, .url = "http://controller", .socket = rest->socket};
    const struct http_request request = {.method = method,
                                         .path = path,
                                         .body = text,
                                         .size = text != NULL ? strlen(text) : 0,
                                         .most = ANSWER_MOST};

    int r = http_ask_now(&place, &request, &answer, &err);
    if (answer == NULL) {
        return refuse(rest->socket, &err);
    }
    json_t *json = json_loads(answer, 0, NULL);
    if (r < 0) {
        int code = explain(json);
        json_decref(json);
        return code;
    }
    *ret_answer = json;
    return EX_OK;
}

/* What belongs to one application: `rest` follows its name, "" or "/logs?since=7". */
static int ask_one(const struct rest *rest, const char *method, const char *name,
                   const char *tail, json_t **ret_answer)
{
    int code = source_check_name(name);

    if (code != EX_OK) {
        return code;
    }
    cleanup(memory_free) char *path = memory_format(APPLICATIONS "/%s%s", name, tail);
    return ask(rest, method, path, NULL, ret_answer);
}

/* The controller works elsewhere. */
static void make_absolute(json_t *request, const char *key)
{
    const char *path = json_string_value(json_object_get(request, key));

    if (path != NULL) {
        cleanup(memory_free) char *absolute = file_absolute(path);
        json_object_set_new(request, key, json_string(absolute));
    }
}

static int apply(struct source *source, const json_t *given, json_t **ret_answer)
{
    cleanup(json_decrefp) json_t *request = json_copy((json_t *)(uintptr_t)given);
    cleanup(memory_free) char *folder = file_absolute(".");

    make_absolute(request, "application");
    make_absolute(request, "testbed");
    make_absolute(request, "state");
    json_object_set_new(request, "folder", json_string(folder));
    return ask((struct rest *)source, "POST", APPLICATIONS, request, ret_answer);
}

static int list(struct source *source, json_t **ret_items)
{
    json_t *answer = NULL;
    int code = ask((struct rest *)source, "GET", APPLICATIONS, NULL, &answer);

    if (code == EX_OK) {
        *ret_items = json_incref(json_object_get(answer, "items"));
    }
    json_decref(answer);
    return code;
}

static int get(struct source *source, const char *name, json_t **ret_status)
{
    return ask_one((struct rest *)source, "GET", name, "", ret_status);
}

static int watch(struct source *source, const struct source_watching *watching)
{
    for (;;) {
        cleanup(json_decrefp) json_t *items = NULL;
        json_t *status = NULL;
        int code = watching->name != NULL ? get(source, watching->name, &status)
                                          : list(source, &items);

        if (code != EX_OK) {
            return code;
        }
        if (status != NULL) {
            items = json_pack("[o]", status);
        }
        if (!watching->told(watching->owner, items)) {
            return EX_OK;
        }
        usleep(watching->every_us);
    }
}

static int read_log(struct source *source, const struct source_reading *reading)
{
    json_int_t since = 0;

    for (;;) {
        cleanup(memory_free) char *tail = memory_format("/logs?since=%lld", (long long)since);
        cleanup(json_decrefp) json_t *log = NULL;
        json_t *line;
        size_t i;

        int code = ask_one((struct rest *)source, "GET", reading->name, tail, &log);
        json_array_foreach(json_object_get(log, "lines"), i, line)
        {
            reading->line(reading->owner, line);
        }
        since = json_integer_value(json_object_get(log, "next"));
        if (code != EX_OK || !reading->follow) {
            return code;
        }
        fflush(stdout);
        usleep(LOG_US);
    }
}

static int load(struct source *source, json_t **ret_load)
{
    json_t *items = NULL;
    int code = list(source, &items);

    if (code == EX_OK) {
        *ret_load = json_pack("{so}", "applications", items);
    }
    return code;
}

static bool is_there(struct source *source, const char *name)
{
    cleanup(json_decrefp) json_t *items = NULL;
    json_t *item;
    size_t i;

    if (list(source, &items) != EX_OK) {
        return false;
    }
    json_array_foreach(items, i, item)
    {
        const char *other = json_string_value(json_object_get(item, "name"));
        if (other != NULL && strcmp(other, name) == 0) {
            return true;
        }
    }
    return false;
}

static int delete_one(struct source *source, const char *name, bool now)
{
    json_t *answer = NULL;
    int code = ask_one((struct rest *)source, "DELETE", name, now ? "?now=true" : "", &answer);

    json_decref(answer);
    while (code == EX_OK && is_there(source, name)) {
        usleep(GONE_US);
    }
    return code;
}

static void close_rest(struct source *source)
{
    struct rest *rest = (struct rest *)source;

    free(rest->socket);
    free(rest);
}

static const struct source_ops ops = {
    .noun = "application",
    .apply = apply,
    .list = list,
    .get = get,
    .describe = get,
    .watch = watch,
    .read = read_log,
    .load = load,
    .remove = delete_one,
    .close = close_rest,
};

int rest_open(const char *socket, struct source **ret_source)
{
    struct error err;
    char *where = find_socket(socket, &err);

    if (where == NULL) {
        return command_fail(&err);
    }
    struct rest *rest = memory_new(1, sizeof(*rest));
    rest->source.ops = &ops;
    rest->socket = where;
    *ret_source = &rest->source;
    return EX_OK;
}
