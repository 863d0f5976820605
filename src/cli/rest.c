#include "cli/rest.h"

#include <curl/curl.h>
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

enum { OPTION_SERVER = 1024, TIMEOUT_MS = 30000, STATUS_OK = 200, ANSWER_MAX = 64 << 20 };

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

struct answer {
    char *text;
    size_t size;
};

static size_t take(char *bytes, size_t one, size_t n, void *owner)
{
    struct answer *answer = owner;
    char *more = n > ANSWER_MAX - answer->size ? NULL : realloc(answer->text, answer->size + n);

    (void)one;
    if (more == NULL) {
        return 0;
    }
    memcpy(more + answer->size, bytes, n);
    answer->text = more;
    answer->size += n;
    return n;
}

static char *find_socket(const char *given, struct error *err)
{
    const char *wanted = getenv("BRUME_SERVER"); /* NOLINT(concurrency-mt-unsafe) */

    if (given != NULL || wanted != NULL) {
        return memory_text(given != NULL ? given : wanted);
    }
    cleanup(memory_free) char *folder = file_run_folder(err);
    return folder != NULL ? memory_format("%s/controller.sock", folder) : NULL;
}

static CURLcode perform(const char *socket, const char *method, const char *path,
                        const char *body, struct answer *answer, long *ret_status)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    cleanup(memory_free) char *url = memory_format("http://controller%s", path);

    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return result;
}

static int refuse(const char *socket, CURLcode result)
{
    struct error err;

    if (result == CURLE_COULDNT_CONNECT) {
        error_set(&err, -ECONNREFUSED,
                  "no controller answers at %s: `brume-controller --serve` starts one", socket);
    } else {
        error_set(&err, -EIO, "the controller at %s: %s", socket, curl_easy_strerror(result));
    }
    (void)command_fail(&err);
    return EX_UNAVAILABLE;
}

static int explain(const json_t *answer, long status)
{
    const char *text = json_string_value(json_object_get(answer, "error"));
    json_int_t code = json_integer_value(json_object_get(answer, "code"));

    fprintf(stderr, "brume: %s\n", text != NULL ? text : "the controller did not say why not");
    return text != NULL && code > 0 && code < 256 ? (int)code
           : status == 0                          ? EX_UNAVAILABLE
                                                  : EX_PROTOCOL;
}

int rest_call(const char *socket, const char *method, const char *path, const json_t *body,
              json_t **ret_answer)
{
    struct error err;
    cleanup(memory_free) char *where = find_socket(socket, &err);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    struct answer answer = {0};
    long status = 0;

    if (where == NULL) {
        free(text);
        return command_fail(&err);
    }
    CURLcode result = perform(where, method, path, text, &answer, &status);
    json_t *json = answer.text != NULL ? json_loadb(answer.text, answer.size, 0, NULL) : NULL;
    free(text);
    free(answer.text);
    if (result != CURLE_OK) {
        json_decref(json);
        return refuse(where, result);
    }
    if (status != STATUS_OK) {
        int code = explain(json, status);
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
