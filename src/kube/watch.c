#include "kube/watch.h"

#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/http.h"
#include "kube/api.h"
#include "kube/mirror.h"

/* The kernel notices a server that is gone; this, one that is there and says nothing. */
enum { OPEN_MS = 10000, SILENCE_MS = (MIRROR_WATCH_S + 10) * 1000, LIST_MS = 30000 };
#define LINE_MOST ((size_t)16 << 20)

struct kube_watch {
    struct kube_api *api;
    struct mirror *mirror;
    struct kube_request *list;
    struct http_exchange *stream;
    uv_timer_t *timer;
};

static void advance(struct kube_watch *watch);

static void release(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_time(uv_timer_t *timer)
{
    advance(timer->data);
}

static void on_listed(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kube_watch *watch = owner;

    watch->list = NULL;
    if (err != NULL) {
        mirror_list_failed(watch->mirror, clock_ms(), err->code, err->text);
    } else {
        mirror_listed(watch->mirror, clock_ms(), answer->json);
    }
    advance(watch);
}

static void on_opened(void *owner)
{
    struct kube_watch *watch = owner;

    mirror_opened(watch->mirror, clock_ms());
}

static void on_line(void *owner, const char *line)
{
    struct kube_watch *watch = owner;

    if (!mirror_line(watch->mirror, clock_ms(), line)) {
        kube_unfollow(watch->api, watch->stream);
        watch->stream = NULL;
        advance(watch);
    }
}

static void on_ended(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct kube_watch *watch = owner;

    watch->stream = NULL;
    if (answer->status == 401) {
        kube_api_refused(watch->api);
    }
    mirror_watch_ended(watch->mirror, clock_ms(), err != NULL ? err->code : 0,
                       err != NULL ? err->text : NULL);
    advance(watch);
}

static void follow(struct kube_watch *watch, const char *path)
{
    static const struct http_listener listener = {on_opened, on_line, on_ended};
    const struct http_request request = {
        .path = path, .most = LINE_MOST, .timeout_ms = OPEN_MS, .silence_ms = SILENCE_MS};
    struct error err;

    watch->stream = kube_follow(watch->api, &request, &listener, watch, &err);
    if (watch->stream == NULL) {
        mirror_watch_ended(watch->mirror, clock_ms(), err.code, err.text);
    }
}

/* Until there is something to wait for. */
static void advance(struct kube_watch *watch)
{
    for (;;) {
        uint64_t wait = 0;
        enum mirror_step step = mirror_next(watch->mirror, clock_ms(), &wait);
        if (step == MIRROR_BUSY) {
            return;
        }
        if (step == MIRROR_PAUSE) {
            uv_timer_start(watch->timer, on_time, wait, 0);
            return;
        }
        cleanup(memory_free) char *path = mirror_path(watch->mirror);
        if (step == MIRROR_WATCH) {
            follow(watch, path);
        } else {
            const struct kube_call call = {
                .path = path, .timeout_ms = LIST_MS, .once = true, .urgency = KUBE_URGENT};
            watch->list = kube_ask(watch->api, &call, on_listed, watch);
        }
    }
}

struct kube_watch *kube_watch_open(struct kube_api *api, const char *path,
                                   const struct kube_watch_listener *listener)
{
    struct kube_watch *watch = memory_new(1, sizeof(*watch));

    watch->api = api;
    watch->mirror = mirror_create(path, listener, clock_ns() ^ (uintptr_t)watch);
    watch->timer = memory_new(1, sizeof(*watch->timer));
    watch->timer->data = watch;
    uv_timer_init(kube_api_loop(api), watch->timer);
    uv_timer_start(watch->timer, on_time, 0, 0);
    return watch;
}

void kube_watch_close(struct kube_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    kube_forget(watch->api, watch->list);
    kube_unfollow(watch->api, watch->stream);
    mirror_destroy(watch->mirror);
    watch->timer->data = watch->timer;
    uv_close((uv_handle_t *)watch->timer, release);
    free(watch);
}

const json_t *kube_watch_find(const struct kube_watch *watch, const char *space,
                              const char *name)
{
    return mirror_find(watch->mirror, space, name);
}

void kube_watch_each(const struct kube_watch *watch,
                     void (*each)(void *owner, const json_t *object), void *owner)
{
    mirror_each(watch->mirror, each, owner);
}

bool kube_watch_is_complete(const struct kube_watch *watch)
{
    return mirror_is_complete(watch->mirror);
}
