#include "net/credentials.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

static void wipe_member(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    if (text != NULL) {
        explicit_bzero((char *)(uintptr_t)text, strlen(text));
    }
}

char *credentials_to_line(const struct credentials *credentials)
{
    json_t *json = json_pack("{ss}", "token", credentials->token);
    char *line = memory_new(CREDENTIALS_LINE_MAX, 1);

    if (credentials->key != NULL) {
        json_object_set_new(json, "authority", json_string(credentials->authority));
        json_object_set_new(json, "certificate", json_string(credentials->certificate));
        json_object_set_new(json, "key", json_string(credentials->key));
    }
    /* The last byte stays zero, and there is room for the end of the line. */
    if (json_dumpb(json, line, CREDENTIALS_LINE_MAX, JSON_COMPACT) >=
        CREDENTIALS_LINE_MAX - 1) {
        abort();
    }
    wipe_member(json, "token");
    wipe_member(json, "key");
    json_decref(json);
    return line;
}

static void wiping_free(void *memory)
{
    if (memory != NULL) {
        explicit_bzero(memory, malloc_usable_size(memory));
    }
    free(memory);
}

static int take(json_t *json, struct credentials *ret_credentials, struct error *err)
{
    const char *token = NULL, *authority = NULL, *certificate = NULL, *key = NULL;

    if (json == NULL ||
        json_unpack(json, "{sss?ss?ss?s}", "token", &token, "authority", &authority,
                    "certificate", &certificate, "key", &key) < 0 ||
        (authority == NULL) != (key == NULL) || (certificate == NULL) != (key == NULL)) {
        return error_set(err, -EINVAL, "what came on standard input is no credentials");
    }
    *ret_credentials = (struct credentials){.token = memory_text(token),
                                            .authority = memory_text(authority),
                                            .certificate = memory_text(certificate),
                                            .key = memory_text(key)};
    return 0;
}

int credentials_from_line(const char *line, size_t size, struct credentials *ret_credentials,
                          struct error *err)
{
    json_malloc_t usual_malloc;
    json_free_t usual_free;

    json_get_alloc_funcs(&usual_malloc, &usual_free);
    json_set_alloc_funcs(malloc, wiping_free);
    json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
    int r = take(json, ret_credentials, err);
    json_decref(json);
    json_set_alloc_funcs(usual_malloc, usual_free);
    return r;
}

int credentials_read(int file, struct credentials *ret_credentials, struct error *err)
{
    char line[CREDENTIALS_LINE_MAX] = "";
    size_t size = 0;
    ssize_t n = 1;

    while (n != 0 && size < sizeof(line) && memchr(line, '\n', size) == NULL) {
        n = read(file, line + size, sizeof(line) - size);
        if (n < 0 && errno != EINTR) {
            return error_set(err, -errno, "cannot read credentials: %s",
                             strerrordesc_np(errno));
        }
        size += n > 0 ? (size_t)n : 0;
    }
    const char *end = memchr(line, '\n', size);
    int r = size == 0 ? error_set(err, -EINVAL, "there are no credentials")
                      : credentials_from_line(line, end != NULL ? (size_t)(end - line) : size,
                                              ret_credentials, err);
    explicit_bzero(line, sizeof(line));
    return r;
}

void credentials_finish(struct credentials *credentials)
{
    memory_wipe(&credentials->token);
    memory_free(&credentials->authority);
    memory_free(&credentials->certificate);
    memory_wipe(&credentials->key);
}
