#include "kube/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "http/http.h"
#include "kube/api.h"
#include "kube/election.h"

enum { CLOSE_MS = 500 };

struct kube_lease {
    struct kube_api *api;
    struct election *election;
    struct kube_lease_events events;
    char *place, *path; /* of all leases, and of this one */
    struct kube_request *request;
    bool writes; /* does the request */
    bool held, troubled;
    uv_timer_t *timer;
};

static void release(uv_handle_t *handle)
{
    free(handle->data);
}

static void advance(struct kube_lease *lease);

static void on_time(uv_timer_t *timer)
{
    advance(timer->data);
}

static void on_answer(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kube_lease *lease = owner;
    uint64_t now = clock_ms();

    lease->request = NULL;
    if (err != NULL && err->code == -ENOENT && !lease->writes) {
        election_read(lease->election, now, NULL);
    } else if (err != NULL) {
        election_failed(lease->election, now, err->code, err->text);
    } else if (!json_is_object(answer->json)) {
        election_failed(lease->election, now, -EPROTO, "the API server did not send a lease");
    } else if (lease->writes) {
        election_written(lease->election, now, answer->json);
    } else {
        election_read(lease->election, now, answer->json);
    }
    advance(lease);
}

static void ask(struct kube_lease *lease, bool writes)
{
    bool is_new = writes && election_is_new(lease->election);
    json_t *body = writes ? election_wish(lease->election, clock_wall_ms()) : NULL;
    const struct kube_call call = {
        .method = is_new   ? "POST"
                  : writes ? "PUT"
                           : "GET",
        .path = is_new ? lease->place : lease->path,
        .body = body,
        .timeout_ms = ELECTION_TIMEOUT_MS,
        .once = true,
    };

    lease->writes = writes;
    lease->request = kube_ask(lease->api, &call, on_answer, lease);
    json_decref(body);
}

static void tell_trouble(struct kube_lease *lease)
{
    const char *trouble = election_trouble(lease->election);

    if ((trouble != NULL) != lease->troubled) {
        lease->troubled = trouble != NULL;
        if (lease->events.trouble != NULL) {
            lease->events.trouble(lease->events.owner, trouble);
        }
    }
}

/* What to ask is asked before anybody is told of what has changed. */
static void advance(struct kube_lease *lease)
{
    uint64_t wait = 0;

    enum election_step step = election_next(lease->election, clock_ms(), &wait);
    uv_timer_start(lease->timer, on_time, wait, 0);
    if (step == ELECTION_READ || step == ELECTION_WRITE) {
        ask(lease, step == ELECTION_WRITE);
    }
    tell_trouble(lease);
    bool held = lease->held;
    lease->held = election_holds(lease->election);
    if (lease->held && !held) {
        lease->events.won(lease->events.owner);
    } else if (!lease->held && held) {
        lease->events.lost(lease->events.owner, election_why(lease->election));
    }
}

struct kube_lease *kube_lease_open(struct kube_api *api, const char *space, const char *name,
                                   const char *identity, const struct kube_lease_events *events)
{
    struct kube_lease *lease = memory_new(1, sizeof(*lease));
    cleanup(memory_free) char *escaped = http_escape(name);

    lease->api = api;
    lease->events = *events;
    lease->election = election_create(space, name, identity, clock_ns() ^ (uintptr_t)lease);
    lease->place = memory_format("/apis/coordination.k8s.io/v1/namespaces/%s/leases", space);
    lease->path = memory_format("%s/%s", lease->place, escaped);
    lease->timer = memory_new(1, sizeof(*lease->timer));
    lease->timer->data = lease;
    uv_timer_init(kube_api_loop(api), lease->timer);
    uv_timer_start(lease->timer, on_time, 0, 0);
    return lease;
}

/* As it is now: a renewal may just have been on its way. */
static void give_up(struct kube_lease *lease)
{
    const struct kube_call read = {.path = lease->path, .timeout_ms = CLOSE_MS, .once = true};
    json_t *now = NULL;
    struct error err;

    if (kube_api_ask_now(lease->api, &read, &now, &err) == 0) {
        json_t *released = election_release(lease->election, now, clock_wall_ms());
        const struct kube_call write = {.method = "PUT",
                                        .path = lease->path,
                                        .body = released,
                                        .timeout_ms = CLOSE_MS,
                                        .once = true};
        if (released != NULL) {
            kube_api_ask_now(lease->api, &write, NULL, &err);
        }
        json_decref(released);
    }
    json_decref(now);
}

void kube_lease_close(struct kube_lease *lease)
{
    if (lease == NULL) {
        return;
    }
    kube_forget(lease->api, lease->request);
    if (election_holds(lease->election)) {
        give_up(lease);
    }
    election_destroy(lease->election);
    free(lease->place);
    free(lease->path);
    lease->timer->data = lease->timer;
    uv_close((uv_handle_t *)lease->timer, release);
    free(lease);
}

bool kube_lease_holds(const struct kube_lease *lease)
{
    return lease->held;
}
