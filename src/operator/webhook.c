#include "operator/webhook.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"

enum { PAUSE_MAX_MS = 60000 };

struct webhook {
    CURL *curl;
    char *host; /* for sentences: the address may hold a secret */
    unsigned attempts;
    uint64_t pause_ms;
    char why[CURL_ERROR_SIZE];
};

static void url_cleanup(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void headers_free(struct curl_slist **headers)
{
    curl_slist_free_all(*headers);
}

static void text_free(char **text)
{
    curl_free(*text);
}

static int read_host(const char *address, char **ret_host, struct error *err)
{
    cleanup(url_cleanup) CURLU *url = curl_url();
    cleanup(text_free) char *host = NULL;
    cleanup(text_free) char *scheme = NULL;

    if (curl_url_set(url, CURLUPART_URL, address, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        return error_set(err, -EINVAL,
                         "'url' must be an address such as https://example.org/alerts");
    }
    *ret_host = memory_text(host);
    return 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's own form */
static size_t ignore(char *bytes, size_t size, size_t n, void *owner)
{
    (void)bytes;
    (void)owner;
    return size * n;
}

int webhook_create(const struct webhook_options *options, struct webhook **ret_webhook,
                   struct error *err)
{
    char *host = NULL;
    int ret = read_host(options->url, &host, err);

    if (ret < 0) {
        return ret;
    }
    struct webhook *webhook = memory_new(1, sizeof(*webhook));
    webhook->host = host;
    webhook->attempts = options->attempts;
    webhook->pause_ms = options->pause_ms;
    webhook->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == 0 ? curl_easy_init() : NULL;
    if (webhook->curl == NULL) {
        webhook_destroy(webhook);
        return error_set(err, -EIO, "libcurl cannot start");
    }
    curl_easy_setopt(webhook->curl, CURLOPT_URL, options->url);
    curl_easy_setopt(webhook->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(webhook->curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(webhook->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(webhook->curl, CURLOPT_ERRORBUFFER, webhook->why);
    curl_easy_setopt(webhook->curl, CURLOPT_USERAGENT, "brume/" BRUME_VERSION);
    curl_easy_setopt(webhook->curl, CURLOPT_WRITEFUNCTION, ignore);
    *ret_webhook = webhook;
    return 0;
}

void webhook_destroy(struct webhook *webhook)
{
    if (webhook != NULL) {
        curl_easy_cleanup(webhook->curl);
        free(webhook->host);
        free(webhook);
    }
}

static void pause_for(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000),
                            .tv_nsec = (long)(ms % 1000 * 1000000)};

    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

/* 0; or an error, and whether it is of use to try again. */
static int attempt(struct webhook *webhook, bool *ret_again, struct error *err)
{
    long status = 0;

    *webhook->why = '\0';
    CURLcode code = curl_easy_perform(webhook->curl);
    if (code != CURLE_OK) {
        *ret_again = code != CURLE_PEER_FAILED_VERIFICATION &&
                     code != CURLE_UNSUPPORTED_PROTOCOL && code != CURLE_URL_MALFORMAT;
        return error_set(err, -EIO, "cannot post to '%.64s': %.140s", webhook->host,
                         *webhook->why != '\0' ? webhook->why : curl_easy_strerror(code));
    }
    curl_easy_getinfo(webhook->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        return 0;
    }
    *ret_again = status >= 500 || status == 408 || status == 425 || status == 429;
    return error_set(err, -EIO, "'%.64s' answered %ld", webhook->host, status);
}

static int try_all(struct webhook *webhook, struct error *err)
{
    uint64_t pause_ms = webhook->pause_ms;
    bool again = true;
    int ret = 0;

    for (unsigned i = 0; i < webhook->attempts && again; i++) {
        if (i > 0) {
            pause_for(pause_ms);
            pause_ms = pause_ms > PAUSE_MAX_MS / 2 ? PAUSE_MAX_MS : 2 * pause_ms;
        }
        ret = attempt(webhook, &again, err);
        if (ret == 0) {
            return 0;
        }
    }
    return again && webhook->attempts > 1
               ? error_wrap(err, "after %u attempts", webhook->attempts)
               : ret;
}

int webhook_post(struct webhook *webhook, const char *key, const char *body, struct error *err)
{
    cleanup(memory_free) char *line = memory_format("Idempotency-Key: %s", key);
    cleanup(headers_free) struct curl_slist *headers = NULL;

    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers, line);
    curl_easy_setopt(webhook->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(webhook->curl, CURLOPT_POSTFIELDS, body);
    int ret = try_all(webhook, err);
    curl_easy_setopt(webhook->curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(webhook->curl, CURLOPT_POSTFIELDS, NULL);
    return ret;
}
