#include "cli/rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "http/http.h"

enum { OPTION_SERVER = 1024, ANSWER_MOST = 64 << 20 };

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

static error_t parse_target(int key, char *argument, struct argp_state *state)
{
    struct rest_target *target = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one application at a time, please");
        }
        target->name = argument;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which application? `brume get` lists them");
        return 0;
    default:
        return parse(key, argument, &(struct argp_state){.input = &target->socket});
    }
}

const struct argp rest_target_argp = {options, parse_target, NULL, NULL, NULL, NULL, NULL};

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

int rest_call(const char *socket, const char *method, const char *path, const json_t *body,
              json_t **ret_answer)
{
    struct error err;
    cleanup(memory_free) char *where = find_socket(socket, &err);
    cleanup(memory_free) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    cleanup(memory_free) char *answer = NULL;

    if (where == NULL) {
        return command_fail(&err);
    }
    cleanup(memory_free) char *name = memory_format("the controller at %s", where);
    const struct http_place place = {.name = name, .url = "http://controller", .socket = where};
    const struct http_request request = {.method = method,
                                         .path = path,
                                         .body = text,
                                         .size = text != NULL ? strlen(text) : 0,
                                         .most = ANSWER_MOST};
    int r = http_ask_now(&place, &request, &answer, &err);
    if (answer == NULL) {
        return refuse(where, &err);
    }
    json_t *json = json_loads(answer, 0, NULL);
    if (r < 0) {
        int code = explain(json);
        json_decref(json);
        return code;
    }
    *ret_answer = json;
    return 0;
}

int rest_call_one(const char *socket, const char *method, const char *name, const char *rest,
                  json_t **ret_answer)
{
    struct error err;

    if (!text_is_label(name)) {
        error_set(&err, -EINVAL, "'%s' is no name of an application (a-z, 0-9, -)", name);
        return command_fail(&err);
    }
    cleanup(memory_free) char *path = memory_format("/v1alpha1/applications/%s%s", name, rest);
    return rest_call(socket, method, path, NULL, ret_answer);
}
