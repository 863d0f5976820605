/* Events are told once: nobody waits for them, and one that cannot be written is no trouble. */
#include "kube/event.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/http.h"
#include "kube/api.h"
#include "kube/correlator.h"

enum { WRITES_MAX = 256 };

/* One that is on its way. */
struct write {
    struct write *next;
    struct kube_events *events;
    struct kube_request *request;
    char *space, *name;
};

struct kube_events {
    struct kube_api *api;
    struct correlator *correlator;
    struct write *writes;
    unsigned n_writes;
};

struct kube_events *kube_events_create(struct kube_api *api, const char *component,
                                       const char *host)
{
    struct kube_events *events = memory_new(1, sizeof(*events));

    events->api = api;
    events->correlator = correlator_create(component, host);
    return events;
}

static void discard(struct write *write)
{
    struct write **at = &write->events->writes;

    while (*at != write) {
        at = &(*at)->next;
    }
    *at = write->next;
    write->events->n_writes--;
    free(write->space);
    free(write->name);
    free(write);
}

void kube_events_destroy(struct kube_events *events)
{
    if (events == NULL) {
        return;
    }
    while (events->writes != NULL) {
        kube_forget(events->api, events->writes->request);
        discard(events->writes);
    }
    correlator_destroy(events->correlator);
    free(events);
}

/* The server forgets events after a while; and one that was not written cannot be counted. */
static void on_written(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct write *write = owner;

    (void)answer;
    if (err != NULL) {
        correlator_forget(write->events->correlator, write->space, write->name);
    }
    discard(write);
}

/* Takes what is to be written. */
static void send_event(struct kube_events *events, struct correlator_write *wanted, bool is_new)
{
    struct write *write = memory_new(1, sizeof(*write));
    cleanup(memory_free) char *place =
        memory_format("/api/v1/namespaces/%s/events", wanted->space);
    cleanup(memory_free) char *one = memory_format("%s/%s", place, wanted->name);
    const struct kube_call call = {.method = is_new ? "POST" : "PATCH",
                                   .path = is_new ? place : one,
                                   .body = wanted->body,
                                   .urgency = KUBE_IDLE};

    write->events = events;
    write->space = STEAL(wanted->space);
    write->name = STEAL(wanted->name);
    write->next = events->writes;
    events->writes = write;
    events->n_writes++;
    write->request = kube_ask(events->api, &call, on_written, write);
}

void kube_events_say(struct kube_events *events, const json_t *object, bool warning,
                     const char *reason, const char *message)
{
    const struct correlator_event event = {object, warning, reason, message};
    struct correlator_write write;

    enum correlator_verdict verdict =
        correlator_judge(events->correlator, &event, clock_ms(), clock_wall_ms(), &write);
    if (verdict != CORRELATOR_DROP && events->n_writes < WRITES_MAX) {
        send_event(events, &write, verdict == CORRELATOR_CREATE);
    } else if (verdict == CORRELATOR_CREATE) {
        correlator_forget(events->correlator, write.space, write.name);
    }
    correlator_write_finish(&write);
}
