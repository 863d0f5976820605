#include "http/http.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/place.h"
#include "http/transfer.h"

/* One exchange; its timer is libuv's, so that one rule holds for answers and streams. */
struct http_exchange {
    struct http_exchange *next;
    struct http *http;
    struct http_transfer transfer;
    struct http_listener listener;
    void *owner;
    bool streams, told, ended;
    CURLcode code;
    uint64_t timeout_ms, silence_ms;
    uv_timer_t timer;
};

struct http {
    uv_loop_t *loop;
    struct http_place place; /* a copy */
    CURLM *multi;
    uv_timer_t *timer; /* that libcurl asked for */
    struct http_exchange *exchanges;
};

/* A socket that libcurl wants watched. */
struct watch {
    uv_poll_t poll;
    struct http *http;
    curl_socket_t socket;
};

static void release(uv_handle_t *handle)
{
    free(handle->data);
}

/* Off the list; done calls and lines are over. */
static void discard(struct http *http, struct http_exchange *exchange)
{
    struct http_exchange **at = &http->exchanges;

    while (*at != exchange) {
        at = &(*at)->next;
    }
    *at = exchange->next;
    curl_multi_remove_handle(http->multi, exchange->transfer.handle);
    http_transfer_finish(&exchange->transfer);
    uv_timer_stop(&exchange->timer);
    uv_close((uv_handle_t *)&exchange->timer, release);
}

static void tell_done(struct http *http, struct http_exchange *exchange)
{
    struct http_transfer transfer = exchange->transfer;
    struct http_listener listener = exchange->listener;
    void *owner = exchange->owner;
    struct http_answer answer;
    struct error err;

    int r = http_transfer_judge(&exchange->transfer, exchange->code, &answer, &err);
    curl_multi_remove_handle(http->multi, transfer.handle);
    memset(&exchange->transfer, 0, sizeof(exchange->transfer));
    exchange->transfer.handle = NULL;
    discard(http, exchange);
    listener.done(owner, &answer, r < 0 ? &err : NULL);
    http_transfer_finish(&transfer);
}

/* One thing to tell, if there is any: an opening, a line, an end, in this order. */
static bool tell_next(struct http *http)
{
    for (struct http_exchange *exchange = http->exchanges; exchange != NULL;
         exchange = exchange->next) {
        if (exchange->streams && exchange->transfer.begun && !exchange->told) {
            exchange->told = true;
            if (exchange->listener.opened != NULL) {
                exchange->listener.opened(exchange->owner);
            }
            return true;
        }
        char *line = exchange->told ? http_transfer_take_line(&exchange->transfer) : NULL;
        if (line != NULL) {
            exchange->listener.line(exchange->owner, line);
            free(line);
            return true;
        }
        if (exchange->ended) {
            tell_done(http, exchange);
            return true;
        }
    }
    return false;
}

static void on_silence(uv_timer_t *timer);

/* After libcurl has worked: callbacks must not come from inside of it. */
static void look(struct http *http)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        for (struct http_exchange *exchange = http->exchanges; exchange != NULL;
             exchange = exchange->next) {
            if (exchange->transfer.handle == message->easy_handle) {
                exchange->ended = true;
                exchange->code = message->data.result;
            }
        }
    }
    for (struct http_exchange *exchange = http->exchanges; exchange != NULL;
         exchange = exchange->next) {
        if (exchange->streams && exchange->transfer.came && exchange->transfer.begun) {
            uv_timer_stop(&exchange->timer);
            if (exchange->silence_ms > 0) {
                uv_timer_start(&exchange->timer, on_silence, exchange->silence_ms, 0);
            }
        }
        exchange->transfer.came = false;
    }
    while (tell_next(http)) {
    }
}

static void on_silence(uv_timer_t *timer)
{
    struct http_exchange *exchange = timer->data;

    exchange->ended = true;
    exchange->code = CURLE_OPERATION_TIMEDOUT;
    look(exchange->http);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct http *http = watch->http;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;
    int n_running;

    what |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    what |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(http->multi, watch->socket, what, &n_running);
    look(http);
}

static void on_time(uv_timer_t *timer)
{
    struct http *http = timer->data;
    int n_running;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &n_running);
    look(http);
}

static int want_time(CURLM *multi, long ms, void *owner)
{
    struct http *http = owner;

    (void)multi;
    if (ms < 0) {
        uv_timer_stop(http->timer);
    } else {
        uv_timer_start(http->timer, on_time, (uint64_t)ms, 0);
    }
    return 0;
}

static int want_socket(CURL *handle, curl_socket_t socket, int what, void *owner, void *known)
{
    struct http *http = owner;
    struct watch *watch = known;

    (void)handle;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, release);
            curl_multi_assign(http->multi, socket, NULL);
        }
        return 0;
    }
    if (watch == NULL) {
        watch = memory_new(1, sizeof(*watch));
        watch->http = http;
        watch->socket = socket;
        watch->poll.data = watch;
        uv_poll_init_socket(http->loop, &watch->poll, socket);
        curl_multi_assign(http->multi, socket, watch);
    }
    int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                 ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, events, on_ready);
    return 0;
}

struct http *http_create(struct uv_loop_s *loop, const struct http_place *place)
{
    struct http *http = memory_new(1, sizeof(*http));

    http->loop = loop;
    http_place_copy(place, &http->place);
    http->timer = memory_new(1, sizeof(*http->timer));
    http->timer->data = http;
    uv_timer_init(loop, http->timer);
    http->multi = curl_multi_init();
    if (http->multi == NULL) {
        abort();
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, want_time);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    return http;
}

void http_set_place(struct http *http, const struct http_place *place)
{
    struct http_place before = http->place;

    http_place_copy(place, &http->place);
    http_place_free(&before);
}

void http_destroy(struct http *http)
{
    if (http == NULL) {
        return;
    }
    while (http->exchanges != NULL) {
        discard(http, http->exchanges);
    }
    curl_multi_cleanup(http->multi);
    uv_timer_stop(http->timer);
    http->timer->data = http->timer;
    uv_close((uv_handle_t *)http->timer, release);
    http_place_free(&http->place);
    free(http);
}

static struct http_exchange *begin(struct http *http, const struct http_request *request,
                                   const struct http_listener *listener, bool streams,
                                   void *owner)
{
    struct http_exchange *exchange = memory_new(1, sizeof(*exchange));

    exchange->http = http;
    exchange->listener = *listener;
    exchange->owner = owner;
    exchange->streams = streams;
    exchange->timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : HTTP_TIMEOUT_MS;
    exchange->silence_ms = request->silence_ms;
    http_transfer_init(&exchange->transfer, &http->place, request, streams);
    exchange->next = http->exchanges;
    http->exchanges = exchange;
    exchange->timer.data = exchange;
    uv_timer_init(http->loop, &exchange->timer);
    uv_timer_start(&exchange->timer, on_silence, exchange->timeout_ms, 0);
    if (curl_multi_add_handle(http->multi, exchange->transfer.handle) != CURLM_OK) {
        abort();
    }
    return exchange;
}

struct http_exchange *http_ask(struct http *http, const struct http_request *request,
                               http_done_fn done, void *owner)
{
    const struct http_listener listener = {.done = done};

    return begin(http, request, &listener, false, owner);
}

struct http_exchange *http_follow(struct http *http, const struct http_request *request,
                                  const struct http_listener *listener, void *owner)
{
    return begin(http, request, listener, true, owner);
}

void http_forget(struct http *http, struct http_exchange *exchange)
{
    if (exchange != NULL) {
        assert(exchange->http == http);
        discard(http, exchange);
    }
}

static void forget_streams(struct http *http)
{
    struct http_exchange *exchange = http->exchanges;

    while (exchange != NULL) {
        struct http_exchange *next = exchange->next;
        if (exchange->streams) {
            discard(http, exchange);
        }
        exchange = next;
    }
}

void http_settle(struct http *http, uint64_t timeout_ms)
{
    uint64_t end = clock_ms() + timeout_ms;
    int n_running = 1;

    forget_streams(http);
    while (n_running > 0 && clock_ms() < end) {
        if (curl_multi_perform(http->multi, &n_running) != CURLM_OK ||
            (n_running > 0 && curl_multi_poll(http->multi, NULL, 0, 100, NULL) != CURLM_OK)) {
            break;
        }
    }
    while (http->exchanges != NULL) {
        discard(http, http->exchanges);
    }
}
