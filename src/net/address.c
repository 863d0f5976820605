#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int parse_port(const char *text, uint16_t *ret_port)
{
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || port > UINT16_MAX) {
        return -EINVAL;
    }
    *ret_port = htons((uint16_t)port);
    return 0;
}

int address_parse(const char *text, struct sockaddr_storage *ret_address, struct error *err)
{
    const char *colon = strrchr(text, ':');
    char host[ADDRESS_TEXT_MAX];
    uint16_t port;

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
        parse_port(colon + 1, &port) < 0) {
        return error_set(err, -EINVAL, "'%s' is not a numeric address with a port", text);
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    memset(ret_address, 0, sizeof(*ret_address));
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
        host[n - 1] = '\0';
        six->sin6_family = AF_INET6;
        six->sin6_port = port;
        if (inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1) {
            return 0;
        }
    } else {
        struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
        four->sin_family = AF_INET;
        four->sin_port = port;
        if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
            return 0;
        }
    }
    return error_set(err, -EINVAL, "'%s' is not a numeric address with a port", text);
}

void address_format(const struct sockaddr *address, char *ret_text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        snprintf(ret_text, size, "[%s]:%u", host, ntohs(six->sin6_port));
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
        snprintf(ret_text, size, "%s:%u", host, ntohs(four->sin_port));
    }
}
