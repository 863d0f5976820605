#include "kube/api.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/http.h"
#include "kube/call.h"
#include "kube/config.h"
#include "kube/pace.h"

enum request_state { WAITS, ASKS, PAUSES };

struct kube_request {
    struct kube_request *next;
    struct kube_api *api;
    enum request_state state;
    char *method, *path, *type, *body;
    bool once, renewed;
    unsigned n_tries;
    enum kube_urgency urgency;
    uint64_t timeout_ms, deadline_ms; /* 0: it was not let out yet */
    struct error last;                /* of the try before */
    int last_status;
    struct http_exchange *exchange;
    uv_timer_t timer; /* of the pause, or of the deadline while it waits for its next turn */
    kube_done_fn done;
    void *owner;
};

struct kube_api {
    uv_loop_t *loop;
    struct kube_config *config;
    struct http *http; /* NULL until the first request */
    struct pace pace;
    struct kube_request *requests; /* as they came */
    uv_timer_t *timer;             /* when the next may go */
};

static void release(uv_handle_t *handle)
{
    free(handle->data);
}

static void discard(struct kube_api *api, struct kube_request *request)
{
    struct kube_request **at = &api->requests;

    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    http_forget(api->http, request->exchange);
    memory_free(&request->method);
    memory_free(&request->path);
    memory_free(&request->type);
    memory_wipe(&request->body);
    uv_close((uv_handle_t *)&request->timer, release);
}

static void finish(struct kube_request *request, const struct kube_answer *answer,
                   const struct error *err)
{
    kube_done_fn done = request->done;
    void *owner = request->owner;

    discard(request->api, request);
    done(owner, answer, err);
}

static void fail(struct kube_request *request, const struct error *err)
{
    const struct error copy = *err;
    const struct kube_answer none = {.text = "", .status = request->last_status};

    finish(request, &none, &copy);
}

/* Its time was over before it was let out again, or there was no room for it to wait. */
static void give_up_waiting(struct kube_request *request)
{
    if (request->last.code == 0) {
        error_set(&request->last, -ETIMEDOUT,
                  "the API server was not asked in time: too much is asked of it");
    }
    fail(request, &request->last);
}

static void on_late(uv_timer_t *timer)
{
    give_up_waiting(timer->data);
}

static void on_timer(uv_timer_t *timer);

static void pump_soon(struct kube_api *api, uint64_t wait_ms)
{
    uv_timer_start(api->timer, on_timer, wait_ms, 0);
}

static void wait_for_turn(struct kube_request *request)
{
    uint64_t now = clock_ms();

    request->state = WAITS;
    if (request->deadline_ms > 0) {
        uv_timer_start(&request->timer, on_late,
                       request->deadline_ms > now ? request->deadline_ms - now : 0, 0);
    }
    pump_soon(request->api, 0);
}

static void on_pause_over(uv_timer_t *timer)
{
    wait_for_turn(timer->data);
}

/* Whether it is tried again; false: it is over. */
static bool try_again(struct kube_request *request, const struct http_answer *answer,
                      const struct error *err)
{
    struct pace_failure failure = {
        .method = request->method, .n_tries = request->n_tries, .renewed = request->renewed};
    uint64_t wait = 0, now = clock_ms();

    kube_call_failed(answer, err, &failure);
    enum pace_verdict verdict = pace_judge(&failure, kube_dice(), &wait);
    if (verdict == PACE_RENEW) {
        kube_config_stale(request->api->config);
        request->renewed = true;
    } else if (verdict == PACE_GIVE_UP || request->once || now + wait >= request->deadline_ms) {
        return false;
    }
    request->last = *err;
    request->last_status = answer->status;
    request->state = PAUSES;
    uv_timer_start(&request->timer, on_pause_over, wait, 0);
    return true;
}

static void on_answer(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct kube_request *request = owner;

    request->exchange = NULL;
    if (err != NULL && try_again(request, answer, err)) {
        return;
    }
    json_t *json = json_loadb(answer->body, answer->size, JSON_ALLOW_NUL, NULL);
    const struct kube_answer ours = {
        .json = json, .text = answer->body, .status = answer->status};
    finish(request, &ours, err);
    json_decref(json);
}

/* Who we are now. */
static int take_place(struct kube_api *api, struct error *err)
{
    const struct http_place *place = NULL;

    int r = kube_config_place(api->config, &place, err);
    if (r < 0) {
        return r;
    }
    if (api->http == NULL) {
        api->http = http_create(api->loop, place);
    } else {
        http_set_place(api->http, place);
    }
    return 0;
}

/* It was let out. */
static void go(struct kube_api *api, struct kube_request *request)
{
    uint64_t now = clock_ms();
    struct error err;

    uv_timer_stop(&request->timer);
    if (request->deadline_ms == 0) {
        request->deadline_ms = now + request->timeout_ms;
    }
    if (take_place(api, &err) < 0) {
        fail(request, &err);
        return;
    }
    const struct http_request asked = {
        .method = request->method,
        .path = request->path,
        .type = request->type,
        .body = request->body,
        .size = request->body != NULL ? strlen(request->body) : 0,
        .most = KUBE_ANSWER_MOST,
        .timeout_ms = request->deadline_ms > now ? request->deadline_ms - now : 1,
    };
    request->state = ASKS;
    request->n_tries++;
    request->exchange = http_ask(api->http, &asked, on_answer, request);
}

/* The first that waits and is as urgent as that; NULL: there is none. */
static struct kube_request *first_of(struct kube_api *api, enum kube_urgency urgency)
{
    struct kube_request *request = api->requests;

    while (request != NULL && (request->state != WAITS || request->urgency != urgency)) {
        request = request->next;
    }
    return request;
}

static struct kube_request *first_waiting(struct kube_api *api)
{
    static const enum kube_urgency order[] = {KUBE_URGENT, KUBE_USUAL, KUBE_IDLE};
    struct kube_request *request = NULL;

    for (size_t i = 0; i < sizeof(order) / sizeof(*order) && request == NULL; i++) {
        request = first_of(api, order[i]);
    }
    return request;
}

static bool is_crowded(const struct kube_api *api)
{
    unsigned n = 0;

    for (const struct kube_request *at = api->requests; at != NULL; at = at->next) {
        n += at->state == WAITS ? 1 : 0;
    }
    return n > KUBE_WAIT_MOST;
}

static void make_room(struct kube_api *api)
{
    struct kube_request *request;

    while (is_crowded(api) && (request = first_of(api, KUBE_IDLE)) != NULL) {
        give_up_waiting(request);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct kube_api *api = timer->data;
    struct kube_request *request;

    while ((request = first_waiting(api)) != NULL) {
        uint64_t now = clock_ms();
        if (request->deadline_ms > 0 && now >= request->deadline_ms) {
            give_up_waiting(request);
            continue;
        }
        uint64_t wait = pace_take(&api->pace, now);
        if (wait > 0) {
            make_room(api);
            pump_soon(api, wait);
            return;
        }
        go(api, request);
    }
}

int kube_api_open(struct uv_loop_s *loop, struct kube_config *config, struct kube_api **ret_api,
                  struct error *err)
{
    struct kube_api *api = memory_new(1, sizeof(*api));

    (void)err;
    api->loop = loop;
    api->config = config;
    pace_init(&api->pace, KUBE_RATE, KUBE_BURST, clock_ms());
    api->timer = memory_new(1, sizeof(*api->timer));
    api->timer->data = api;
    uv_timer_init(loop, api->timer);
    *ret_api = api;
    return 0;
}

void kube_api_close(struct kube_api *api)
{
    if (api == NULL) {
        return;
    }
    while (api->requests != NULL) {
        discard(api, api->requests);
    }
    http_destroy(api->http);
    kube_config_destroy(api->config);
    api->timer->data = api->timer;
    uv_close((uv_handle_t *)api->timer, release);
    free(api);
}

struct kube_request *kube_ask(struct kube_api *api, const struct kube_call *call,
                              kube_done_fn done, void *owner)
{
    struct kube_request *request = memory_new(1, sizeof(*request));
    struct kube_request **at = &api->requests;

    request->api = api;
    request->method = memory_text(call->method != NULL ? call->method : "GET");
    request->path = memory_text(call->path);
    request->type = memory_text(kube_call_type(call));
    request->body = call->body != NULL ? json_dumps(call->body, JSON_COMPACT) : NULL;
    request->once = call->once;
    request->urgency = call->urgency;
    request->timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : HTTP_TIMEOUT_MS;
    request->done = done;
    request->owner = owner;
    request->timer.data = request;
    uv_timer_init(api->loop, &request->timer);
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = request;
    wait_for_turn(request);
    return request;
}

void kube_forget(struct kube_api *api, struct kube_request *request)
{
    if (request != NULL) {
        assert(request->api == api);
        discard(api, request);
    }
}

struct http_exchange *kube_follow(struct kube_api *api, const struct http_request *request,
                                  const struct http_listener *listener, void *owner,
                                  struct error *err)
{
    if (take_place(api, err) < 0) {
        return NULL;
    }
    return http_follow(api->http, request, listener, owner);
}

void kube_unfollow(struct kube_api *api, struct http_exchange *exchange)
{
    http_forget(api->http, exchange);
}

void kube_api_refused(struct kube_api *api)
{
    kube_config_stale(api->config);
}

int kube_api_ask_now(struct kube_api *api, const struct kube_call *call, json_t **ret_answer,
                     struct error *err)
{
    return kube_ask_now(api->config, call, ret_answer, err);
}

struct uv_loop_s *kube_api_loop(struct kube_api *api)
{
    return api->loop;
}

const char *kube_api_namespace(const struct kube_api *api)
{
    return kube_config_namespace(api->config);
}

struct kube_config *kube_api_config(struct kube_api *api)
{
    return api->config;
}
