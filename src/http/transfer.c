#include "http/transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "http/place.h"

#define CONNECT_MS  10000L
#define WAIT_MOST_S 3600

/* Takes `headers`, which may be NULL; gives them back with one more. */
static struct curl_slist *add_header(struct curl_slist *headers, const char *name,
                                     const char *value)
{
    cleanup(memory_wipe) char *line = memory_format("%s: %s", name, value);
    struct curl_slist *more = curl_slist_append(headers, line);

    if (more == NULL) {
        abort();
    }
    return more;
}

static size_t receive(char *bytes, size_t one, size_t n, void *owner)
{
    struct http_transfer *transfer = owner;
    size_t size = one * n;

    transfer->came = true;
    if (size > transfer->most || transfer->size > transfer->most - size) {
        transfer->too_large = true;
        return 0;
    }
    char *text = realloc(transfer->text, transfer->size + size + 1);
    if (text == NULL) {
        transfer->too_large = true;
        return 0;
    }
    memcpy(text + transfer->size, bytes, size);
    transfer->text = text;
    transfer->size += size;
    text[transfer->size] = '\0';
    return size;
}

/* The head ends with an empty line; 100 and 101 are not the answer's. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's signature */
static size_t receive_head(char *bytes, size_t one, size_t n, void *owner)
{
    struct http_transfer *transfer = owner;
    long status = 0;

    transfer->came = true;
    if (one * n == 2 && bytes[0] == '\r') {
        curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
        transfer->begun = status >= 200 && status < 400;
    }
    return one * n;
}

static void set_body(struct http_transfer *transfer, const struct http_request *request)
{
    const char *type = request->type != NULL ? request->type : "application/json";

    transfer->body_size = request->size;
    transfer->body = memory_new(request->size + 1, 1);
    memcpy(transfer->body, request->body, request->size);
    curl_easy_setopt(transfer->handle, CURLOPT_POST, 1L);
    curl_easy_setopt(transfer->handle, CURLOPT_POSTFIELDS, (const char *)transfer->body);
    curl_easy_setopt(transfer->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
    transfer->headers = add_header(transfer->headers, "Content-Type", type);
    transfer->headers = add_header(transfer->headers, "Expect", "");
}

void http_transfer_init(struct http_transfer *transfer, const struct http_place *place,
                        const struct http_request *request, bool streams)
{
    cleanup(memory_free) char *url = http_place_url(place, request->path);
    CURL *handle = curl_easy_init();

    if (handle == NULL) {
        abort();
    }
    *transfer = (struct http_transfer){
        .handle = handle,
        .name = memory_text(place->name),
        .streams = streams,
        .most = request->most > 0 ? request->most : HTTP_ANSWER_MOST,
    };
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->why);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    /* A connection for each request at a time, so that a dead one is left with its request. */
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "brume/" BRUME_VERSION);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, receive_head);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
    http_place_set(place, handle, &transfer->detour);
    if (place->token != NULL) {
        cleanup(memory_wipe) char *bearer = memory_format("Bearer %s", place->token);
        transfer->headers = add_header(transfer->headers, "Authorization", bearer);
    }
    if (request->body != NULL) {
        set_body(transfer, request);
    }
    if (request->method != NULL) {
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);
    }
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->headers);
}

/* What is sent, or comes, may be secrets. */
static void wipe(void *bytes, size_t size)
{
    if (bytes != NULL) {
        explicit_bzero(bytes, size);
    }
    free(bytes);
}

void http_transfer_finish(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->handle);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->detour);
    memory_free(&transfer->name);
    wipe(STEAL(transfer->body), transfer->body_size);
    wipe(STEAL(transfer->text), transfer->size);
}

static int code_of_status(long status)
{
    switch (status) {
    case 400:
    case 422:
        return -EINVAL;
    case 401:
    case 403:
        return -EACCES;
    case 404:
        return -ENOENT;
    case 409:
        return -EBUSY;
    case 410:
        return -ESTALE;
    case 429:
    case 503:
        return -EAGAIN;
    default:
        return -EIO;
    }
}

/* Servers say what is wrong in a "message"; others in plain words. */
static char *complaint(const char *body, long status)
{
    json_t *json = body == NULL ? NULL : json_loads(body, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    char *text = NULL;

    if (message != NULL) {
        text = memory_text(message);
    } else if (body != NULL && body[strspn(body, " \r\n")] != '\0') {
        text = memory_format("%.*s (status %ld)", (int)strcspn(body, "\r\n"), body, status);
    } else {
        text = memory_format("status %ld", status);
    }
    json_decref(json);
    text_make_printable(text);
    return text;
}

static int judge_failure(const struct http_transfer *transfer, CURLcode code, struct error *err)
{
    const char *why = *transfer->why != '\0' ? transfer->why : curl_easy_strerror(code);
    long number = 0;

    if (transfer->too_large) {
        return error_set(err, -EMSGSIZE, "%s sent more than %zu bytes at once", transfer->name,
                         transfer->most);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return error_set(err, -ETIMEDOUT, "%s does not answer", transfer->name);
    }
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) {
        return error_set(err, -EHOSTUNREACH, "cannot reach %s: %s", transfer->name, why);
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM ||
        code == CURLE_SSL_CACERT_BADFILE) {
        return error_set(err, -EPROTO, "%s: %s", transfer->name, why);
    }
    curl_easy_getinfo(transfer->handle, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT) {
        int reason = number > 0 ? (int)number : ECONNREFUSED;
        return error_set(err, -reason, "cannot reach %s: %s", transfer->name,
                         strerrordesc_np(reason));
    }
    return error_set(err, -EIO, "%s: %s", transfer->name, why);
}

int http_transfer_judge(struct http_transfer *transfer, CURLcode code,
                        struct http_answer *ret_answer, struct error *err)
{
    long status = 0, sent = 0;
    curl_off_t wait_s = 0;

    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->handle, CURLINFO_REQUEST_SIZE, &sent);
    curl_easy_getinfo(transfer->handle, CURLINFO_RETRY_AFTER, &wait_s);
    *ret_answer = (struct http_answer){
        .status = (int)status,
        .body = transfer->text != NULL ? transfer->text : "",
        .size = transfer->size,
        .reached = sent > 0,
        .retry_ms = wait_s > 0 && wait_s < WAIT_MOST_S ? (uint64_t)wait_s * 1000 : 0,
    };
    if (code != CURLE_OK || transfer->too_large) {
        ret_answer->status = status >= 400 ? (int)status : 0; /* half an answer is none */
        return judge_failure(transfer, code, err);
    }
    if (status >= 400) {
        cleanup(memory_free) char *what = complaint(transfer->text, status);
        return error_set(err, code_of_status(status), "%s: %s", transfer->name, what);
    }
    return 0;
}

char *http_transfer_take_line(struct http_transfer *transfer)
{
    const char *end = transfer->size == 0 ? NULL : memchr(transfer->text, '\n', transfer->size);

    if (end == NULL) {
        return NULL;
    }
    size_t n = (size_t)(end - transfer->text);
    char *line = memory_format("%.*s", (int)n, transfer->text);
    transfer->size -= n + 1;
    memmove(transfer->text, end + 1, transfer->size + 1);
    return line;
}

int http_ask_answer(const struct http_place *place, const struct http_request *request,
                    struct http_answer *ret_answer, struct error *err)
{
    uint64_t timeout = request->timeout_ms > 0 ? request->timeout_ms : HTTP_TIMEOUT_MS;
    struct http_transfer transfer;

    http_transfer_init(&transfer, place, request, false);
    curl_easy_setopt(transfer.handle, CURLOPT_TIMEOUT_MS, (long)timeout);
    int r = http_transfer_judge(&transfer, curl_easy_perform(transfer.handle), ret_answer, err);
    ret_answer->body = transfer.text != NULL ? STEAL(transfer.text) : memory_text("");
    http_transfer_finish(&transfer);
    return r;
}

int http_ask_now(const struct http_place *place, const struct http_request *request,
                 char **ret_body, struct error *err)
{
    struct http_answer answer;

    int r = http_ask_answer(place, request, &answer, err);
    if (answer.status > 0 && ret_body != NULL) {
        *ret_body = (char *)answer.body;
    } else {
        wipe((char *)answer.body, answer.size);
    }
    return r;
}

char *http_escape(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    char *copy = memory_text(escaped);

    curl_free(escaped);
    return copy;
}
