/* libmicrohttpd, whose epoll descriptor sits in the loop. */
#include "controller/serving.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct serving {
    uv_poll_t poll; /* of libmicrohttpd's epoll descriptor */
    uv_timer_t timer;
    struct MHD_Daemon *daemon;
    struct serving_setup setup;
    unsigned n_handles;
};

/* A request whose body is still coming. */
struct asking {
    char *body;
    size_t size;
    bool too_large;
};

const char *serving_argument(const struct serving_question *question, const char *key)
{
    return MHD_lookup_connection_value(question->connection, MHD_GET_ARGUMENT_KIND, key);
}

/* Takes the answer's text. */
static enum MHD_Result reply(struct MHD_Connection *connection,
                             const struct serving_answer *answer)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(answer->text), answer->text, MHD_RESPMEM_MUST_FREE);

    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static void take_body(struct asking *asking, size_t most, const char *body, size_t size)
{
    asking->too_large = asking->too_large || size > most - asking->size;
    if (asking->too_large) {
        return;
    }
    char *more = realloc(asking->body, asking->size + size + 1);
    if (more == NULL) {
        asking->too_large = true;
        return;
    }
    memcpy(more + asking->size, body, size);
    asking->body = more;
    asking->size += size;
}

/* Signature: libmicrohttpd's. */
/* NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result came(void *owner, struct MHD_Connection *connection, const char *path,
                            const char *method, const char *version, const char *body,
                            size_t *size, void **place)
{
    const struct serving *serving = owner;
    struct asking *asking = *place;

    (void)version;
    if (asking == NULL) {
        *place = memory_new(1, sizeof(*asking));
        return MHD_YES;
    }
    if (*size > 0) {
        take_body(asking, serving->setup.body_most, body, *size);
        *size = 0;
        return MHD_YES;
    }
    const struct serving_question question = {.method = method,
                                              .path = path,
                                              .body = asking->too_large ? NULL : asking->body,
                                              .size = asking->size,
                                              .too_large = asking->too_large,
                                              .connection = connection};
    struct serving_answer answer = {0};
    serving->setup.ask(serving->setup.owner, &question, &answer);
    return reply(connection, &answer);
}

static void forget(void *owner, struct MHD_Connection *connection, void **place,
                   enum MHD_RequestTerminationCode why)
{
    struct asking *asking = *place;

    (void)owner;
    (void)connection;
    (void)why;
    if (asking != NULL) {
        free(asking->body);
        free(asking);
    }
}

static void work(struct serving *serving);

static void timer_due(uv_timer_t *timer)
{
    work(timer->data);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    work(poll->data);
}

static void work(struct serving *serving)
{
    MHD_UNSIGNED_LONG_LONG wait;

    MHD_run(serving->daemon);
    if (MHD_get_timeout(serving->daemon, &wait) == MHD_YES) {
        uv_timer_start(&serving->timer, timer_due, wait, 0);
    } else {
        uv_timer_stop(&serving->timer);
    }
}

struct serving *serving_open(const struct serving_setup *setup)
{
    struct serving *serving = memory_new(1, sizeof(*serving));

    serving->setup = *setup;
    serving->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, came, serving, MHD_OPTION_LISTEN_SOCKET, setup->socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVING_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, setup->patience_s, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        setup->from_one, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_END);
    assert(serving->daemon != NULL);
    uv_poll_init(setup->loop, &serving->poll,
                 MHD_get_daemon_info(serving->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    uv_timer_init(setup->loop, &serving->timer);
    serving->poll.data = serving->timer.data = serving;
    serving->n_handles = 2;
    uv_poll_start(&serving->poll, UV_READABLE, readable);
    return serving;
}

static void handle_closed(uv_handle_t *handle)
{
    struct serving *serving = handle->data;

    if (--serving->n_handles == 0) {
        free(serving);
    }
}

void serving_close(struct serving *serving)
{
    if (serving == NULL) {
        return;
    }
    uv_poll_stop(&serving->poll);
    MHD_stop_daemon(serving->daemon);
    uv_close((uv_handle_t *)&serving->poll, handle_closed);
    uv_close((uv_handle_t *)&serving->timer, handle_closed);
}
