#include "http/place.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

/* A server that is gone is noticed after GONE_MS, whether something was sent to it or not. */
enum { IDLE_S = 5, PROBE_S = 3, GONE_MS = 12000 };

void http_place_copy(const struct http_place *place, struct http_place *ret_copy)
{
    *ret_copy = (struct http_place){
        .name = memory_text(place->name),
        .url = memory_text(place->url),
        .socket = memory_text(place->socket),
        .proxy = memory_text(place->proxy),
        .server_name = memory_text(place->server_name),
        .token = memory_text(place->token),
        .authority = memory_text(place->authority),
        .authority_pem = memory_text(place->authority_pem),
        .certificate = memory_text(place->certificate),
        .certificate_pem = memory_text(place->certificate_pem),
        .key = memory_text(place->key),
        .key_pem = memory_text(place->key_pem),
        .insecure = place->insecure,
    };
}

void http_place_free(struct http_place *copy)
{
    memory_free(&copy->name);
    memory_free(&copy->url);
    memory_free(&copy->socket);
    memory_free(&copy->proxy);
    memory_free(&copy->server_name);
    memory_wipe(&copy->token);
    memory_free(&copy->authority);
    memory_free(&copy->authority_pem);
    memory_free(&copy->certificate);
    memory_free(&copy->certificate_pem);
    memory_free(&copy->key);
    memory_wipe(&copy->key_pem);
}

static void set_blob(CURL *handle, CURLoption option, const char *pem)
{
    struct curl_blob blob = {.data = (char *)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};

    curl_easy_setopt(handle, option, &blob);
}

/* libcurl's own list of authorities would be believed beside the one that is named. */
static void set_authority(const struct http_place *place, CURL *handle)
{
    if (place->insecure) {
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (place->authority_pem != NULL) {
        set_blob(handle, CURLOPT_CAINFO_BLOB, place->authority_pem);
        curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    } else if (place->authority != NULL) {
        curl_easy_setopt(handle, CURLOPT_CAINFO, place->authority);
        curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
    }
}

static void set_certificate(const struct http_place *place, CURL *handle)
{
    if (place->certificate_pem != NULL) {
        set_blob(handle, CURLOPT_SSLCERT_BLOB, place->certificate_pem);
    } else if (place->certificate != NULL) {
        curl_easy_setopt(handle, CURLOPT_SSLCERT, place->certificate);
    }
    if (place->key_pem != NULL) {
        set_blob(handle, CURLOPT_SSLKEY_BLOB, place->key_pem);
    } else if (place->key != NULL) {
        curl_easy_setopt(handle, CURLOPT_SSLKEY, place->key);
    }
}

/* Keepalive probes alone would go on for minutes. */
static int set_socket(void *owner, curl_socket_t socket, curlsocktype purpose)
{
    int gone_ms = GONE_MS;

    (void)owner;
    (void)purpose;
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof(gone_ms));
    return CURL_SOCKOPT_OK; /* a Unix socket does not know it, and need not */
}

/* libcurl takes the name from the URL, so the name goes there, and a detour leads to where the
 * server is. */
static char *host_and_port(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL, *port = NULL, *both = NULL;

    if (parts == NULL) {
        abort();
    }
    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        both = memory_format("::%s:%s", host, port);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return both;
}

static char *rename_host(const char *url, const char *name)
{
    CURLU *parts = curl_url();
    char *renamed = NULL;

    if (parts == NULL) {
        abort();
    }
    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_HOST, name, 0) == CURLUE_OK) {
        curl_url_get(parts, CURLUPART_URL, &renamed, 0);
    }
    char *copy = memory_text(renamed != NULL ? renamed : url);
    curl_free(renamed);
    curl_url_cleanup(parts);
    return copy;
}

/* What the environment says of proxies is not meant for this machine itself. */
static bool is_here(const struct http_place *place)
{
    const char *host = strstr(place->url, "://");

    return place->socket != NULL ||
           (place->proxy == NULL && host != NULL &&
            (strncmp(host, "://127.", 7) == 0 || strncmp(host, "://[::1]", 8) == 0 ||
             strncmp(host, "://localhost", 12) == 0));
}

void http_place_set(const struct http_place *place, CURL *handle,
                    struct curl_slist **ret_detour)
{
    if (place->socket != NULL) {
        curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, place->socket);
    }
    if (place->proxy != NULL) {
        curl_easy_setopt(handle, CURLOPT_PROXY, place->proxy);
    }
    curl_easy_setopt(handle, CURLOPT_NOPROXY, is_here(place) ? "*" : NULL);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, (long)IDLE_S);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, (long)PROBE_S);
    curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, set_socket);
    set_authority(place, handle);
    set_certificate(place, handle);
    if (place->server_name != NULL) {
        cleanup(memory_free) char *detour = host_and_port(place->url);
        *ret_detour = detour != NULL ? curl_slist_append(NULL, detour) : NULL;
        curl_easy_setopt(handle, CURLOPT_CONNECT_TO, *ret_detour);
    }
}

char *http_place_url(const struct http_place *place, const char *path)
{
    cleanup(memory_free) char *url = memory_format("%s%s", place->url, path);

    return place->server_name != NULL ? rename_host(url, place->server_name) : STEAL(url);
}
