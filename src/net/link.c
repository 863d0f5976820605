#include "net/link.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/address.h"
#include "net/link_state.h"
#include "tensor/frame.h"
#include "wire/payload.h"

enum {
    SILENCE_MS = 5000, /* a peer that acknowledges nothing for so long is gone */
};

struct listener {
    uv_tcp_t tcp;
    struct tls_context *tls;
    const struct link_events *events;
    void *owner;
};

static void handle_freed(uv_handle_t *handle)
{
    struct link *link = handle->data;

    if (--link->n_handles == 0) {
        link_send_free(link);
        tls_destroy(link->tls);
        free(link->trouble);
        free(link->payload);
        free(link);
    }
}

void link_close(struct link *link)
{
    if (link != NULL && !uv_is_closing((uv_handle_t *)&link->tcp)) {
        link->events = NULL;
        uv_close((uv_handle_t *)&link->tcp, handle_freed);
        uv_close((uv_handle_t *)&link->soon, handle_freed);
    }
}

void link_lost(struct link *link, const char *why)
{
    const struct link_events *events = link->events;

    if (events == NULL) {
        link_close(link);
        return;
    }
    link->events = NULL;
    events->closed(link->owner, link, link->trouble != NULL ? link->trouble : why);
    link_close(link);
}

static void link_start(struct link *link)
{
    struct sockaddr_storage address;
    int size = sizeof(address), fd, silence = SILENCE_MS;

    uv_tcp_nodelay(&link->tcp, 1);
    uv_tcp_keepalive(&link->tcp, 1, 1);
    if (uv_fileno((uv_handle_t *)&link->tcp, &fd) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof(silence));
    }
    if (uv_tcp_getpeername(&link->tcp, (struct sockaddr *)&address, &size) == 0) {
        address_format((struct sockaddr *)&address, link->peer, sizeof(link->peer));
    }
    link_receive_start(link);
}

static struct link *link_new(uv_loop_t *loop, const struct link_events *events, void *owner)
{
    struct link *link = memory_new(1, sizeof(*link));

    uv_tcp_init(loop, &link->tcp);
    uv_prepare_init(loop, &link->soon);
    link->tcp.data = link->soon.data = link;
    link->n_handles = 2;
    link->events = events;
    link->owner = owner;
    return link;
}

static void connected(uv_connect_t *request, int status)
{
    struct link *link = request->handle->data;

    if (status < 0) {
        if (status != UV_ECANCELED) {
            link_lost(link, uv_strerror(status));
        }
        return;
    }
    if (link_is_open(link)) {
        link_start(link);
        if (link->tls != NULL) {
            link_secure_start(link);
        } else {
            link->events->opened(link->owner, link);
        }
    }
}

int link_dial(uv_loop_t *loop, const struct link_place *place, const struct link_events *events,
              void *owner, struct link **ret_link, struct error *err)
{
    struct sockaddr_storage socket_address;
    int r = address_parse(place->address, &socket_address, err);

    if (r < 0) {
        return r;
    }
    struct link *link = link_new(loop, events, owner);
    snprintf(link->peer, sizeof(link->peer), "%s", place->address);
    link->trusted = link->dialled = true;
    link->tls = place->tls != NULL ? tls_create(place->tls, place->name) : NULL;
    r = uv_tcp_connect(&link->connect, &link->tcp, (struct sockaddr *)&socket_address,
                       connected);
    if (r < 0) {
        link_close(link);
        return error_set(err, r, "cannot reach %s: %s", place->address, uv_strerror(r));
    }
    *ret_link = link;
    return 0;
}

void link_adopt(struct link *link, const struct link_events *events, void *owner)
{
    link->events = events;
    link->owner = owner;
}

void link_trust(struct link *link)
{
    link->trusted = true;
}

size_t link_queue(const struct link *link)
{
    return link->n_waiting + uv_stream_get_write_queue_size((const uv_stream_t *)&link->tcp);
}

void link_count(const struct link *link, struct link_counters *ret_counters)
{
    *ret_counters = link->counters;
}

const char *link_peer(const struct link *link)
{
    return link->peer;
}

const char *link_name(const struct link *link)
{
    return link->tls != NULL ? tls_name(link->tls) : NULL;
}

bool link_was_refused(const struct link *link)
{
    return link->refused;
}

bool link_is_encrypted(const struct link *link)
{
    return link->tls != NULL;
}

void link_close_after_sending(struct link *link)
{
    link->events = NULL;
    link->closing_after_sending = true;
    if (link->n_sending == 0) {
        link_close(link);
    }
}

void link_near_host(const struct link *link, char *ret_host, size_t size)
{
    struct sockaddr_storage address = {0};
    int address_size = sizeof(address);

    uv_tcp_getsockname(&link->tcp, (struct sockaddr *)&address, &address_size);
    address_format((struct sockaddr *)&address, ret_host, size);
    *strrchr(ret_host, ':') = '\0';
}

/* Listening. */

static void someone_came(uv_stream_t *stream, int status)
{
    struct listener *listener = stream->data;

    if (status < 0) {
        return;
    }
    struct link *link = link_new(stream->loop, listener->events, listener->owner);
    if (uv_accept(stream, (uv_stream_t *)&link->tcp) < 0) {
        link_close(link);
        return;
    }
    link->tls = listener->tls != NULL ? tls_create(listener->tls, NULL) : NULL;
    link_start(link);
    listener->events->opened(listener->owner, link);
}

static void listener_freed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;

    tls_context_unref(listener->tls);
    free(listener);
}

int listener_open(uv_loop_t *loop, const struct link_place *place,
                  const struct link_events *events, void *owner, struct listener **ret_listener,
                  struct error *err)
{
    struct sockaddr_storage socket_address;
    int r = address_parse(place->address, &socket_address, err);

    if (r < 0) {
        return r;
    }
    struct listener *listener = memory_new(1, sizeof(*listener));
    uv_tcp_init(loop, &listener->tcp);
    listener->tcp.data = listener;
    listener->tls = tls_context_ref(place->tls);
    listener->events = events;
    listener->owner = owner;
    r = uv_tcp_bind(&listener->tcp, (struct sockaddr *)&socket_address, 0);
    if (r == 0) {
        r = uv_listen((uv_stream_t *)&listener->tcp, 64, someone_came);
    }
    if (r < 0) {
        listener_close(listener);
        return error_set(err, r, "cannot listen on %s: %s", place->address, uv_strerror(r));
    }
    *ret_listener = listener;
    return 0;
}

unsigned listener_port(const struct listener *listener)
{
    struct sockaddr_storage address;
    int size = sizeof(address);

    if (uv_tcp_getsockname(&listener->tcp, (struct sockaddr *)&address, &size) < 0) {
        return 0;
    }
    return address.ss_family == AF_INET6
               ? ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port)
               : ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

void listener_close(struct listener *listener)
{
    if (listener != NULL) {
        uv_close((uv_handle_t *)&listener->tcp, listener_freed);
    }
}
