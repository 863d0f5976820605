#include "fabric/kubernetes_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "http/http.h"
#include "kube/api.h"
#include "kube/config.h"

/* "https://10.0.0.1:6443/path": "10.0.0.1" */
static char *host_of(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme != NULL ? scheme + 3 : url;

    if (*host == '[') {
        return memory_format("%.*s", (int)strcspn(host + 1, "]"), host + 1);
    }
    return memory_format("%.*s", (int)strcspn(host, ":/"), host);
}

/* Nothing is sent: a connection of this kind only finds the way. */
static int look_for_way(const struct addrinfo *to, char **ret_address, struct error *err)
{
    cleanup(file_closep) int probe = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in own;
    socklen_t size = sizeof(own);
    char text[INET_ADDRSTRLEN];

    if (probe < 0 || connect(probe, to->ai_addr, to->ai_addrlen) < 0 ||
        getsockname(probe, (struct sockaddr *)&own, &size) < 0 ||
        inet_ntop(AF_INET, &own.sin_addr, text, sizeof(text)) == NULL) {
        return error_set(err, -errno, "there is no way to the API server: %s",
                         strerrordesc_np(errno));
    }
    *ret_address = memory_text(text);
    return 0;
}

static int find_way(const char *url, char **ret_address, struct error *err)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
    cleanup(memory_free) char *host = host_of(url);
    struct addrinfo *found = NULL;
    int r = getaddrinfo(host, "443", &hints, &found);

    if (r != 0) {
        return error_set(err, -EADDRNOTAVAIL,
                         "%s: %s: say with BRUME_ADDRESS at which address of this machine the "
                         "nodes reach it",
                         host, gai_strerror(r));
    }
    r = look_for_way(found, ret_address, err);
    freeaddrinfo(found);
    return r;
}

static int take_given(const char *given, char **ret_address, struct error *err)
{
    struct in_addr address;

    if (inet_pton(AF_INET, given, &address) != 1) {
        return error_set(err, -EINVAL, "BRUME_ADDRESS: '%s' is no address such as 10.0.0.7",
                         given);
    }
    *ret_address = memory_text(given);
    return 0;
}

int kubernetes_find_address(struct kube_api *api, char **ret_address, struct error *err)
{
    const char *given = getenv("BRUME_ADDRESS"); /* NOLINT(concurrency-mt-unsafe) */
    const struct http_place *place = NULL;

    if (given != NULL && *given != '\0') {
        return take_given(given, ret_address, err);
    }
    int r = kube_config_place(kube_api_config(api), &place, err);
    return r < 0 ? r : find_way(place->url, ret_address, err);
}
