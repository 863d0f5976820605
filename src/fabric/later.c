#include "fabric/later.h"

#include <stdlib.h>
#include <uv.h>

#include "base/error.h"
#include "base/memory.h"

struct call {
    fabric_done_fn done;
    void *owner;
    bool failed;
    struct error err;
    struct call *next;
};

struct later_waiter {
    fabric_done_fn done;
    void *owner;
};

struct later {
    uv_idle_t idle; /* runs each turn of the loop while there is something to call */
    struct call *first, *last;
};

static struct call *take(struct later *later)
{
    struct call *call = later->first;

    if (call != NULL) {
        later->first = call->next;
        later->last = call->next == NULL ? NULL : later->last;
    }
    return call;
}

/* One call per turn, since it may end the fabric and with it this object. */
static void turn(uv_idle_t *idle)
{
    struct later *later = idle->data;
    struct call *call = take(later);

    if (later->first == NULL) {
        uv_idle_stop(idle);
    }
    if (call != NULL) {
        call->done(call->owner, call->failed ? &call->err : NULL);
        free(call);
    }
}

struct later *later_create(struct uv_loop_s *loop)
{
    struct later *later = memory_new(1, sizeof(*later));

    uv_idle_init(loop, &later->idle);
    later->idle.data = later;
    return later;
}

void later_call(struct later *later, fabric_done_fn done, void *owner, const struct error *err)
{
    if (done == NULL) {
        return;
    }
    struct call *call = memory_new(1, sizeof(*call));
    *call = (struct call){.done = done, .owner = owner, .failed = err != NULL};
    if (err != NULL) {
        call->err = *err;
    }
    if (later->last != NULL) {
        later->last->next = call;
    } else {
        later->first = call;
        uv_idle_start(&later->idle, turn);
    }
    later->last = call;
}

void later_wait(struct later_waiters *waiters, fabric_done_fn done, void *owner)
{
    waiters->list = memory_grow(waiters->list, waiters->n, sizeof(*waiters->list));
    waiters->list[waiters->n++] = (struct later_waiter){.done = done, .owner = owner};
}

void later_call_all(struct later *later, struct later_waiters *waiters, const struct error *err)
{
    for (size_t i = 0; i < waiters->n; i++) {
        later_call(later, waiters->list[i].done, waiters->list[i].owner, err);
    }
    later_forget_all(waiters);
}

void later_forget_all(struct later_waiters *waiters)
{
    memory_free(&waiters->list);
    waiters->n = 0;
}

static void release(uv_handle_t *handle)
{
    free(handle->data);
}

void later_destroy(struct later *later)
{
    struct call *call;

    while ((call = take(later)) != NULL) {
        free(call);
    }
    uv_idle_stop(&later->idle);
    uv_close((uv_handle_t *)&later->idle, release);
}
