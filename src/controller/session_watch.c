/* Whether stages on other machines are heard: they speak twice a second. A machine that lost
 * its power, or its network, breaks no link; the kernel notices in minutes, an orchestrator in
 * some seconds, and this sooner. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "controller/session.h"

enum {
    LOOK_MS = 250,
    AWAY_MS = 1000, /* between two looks: then it was this end that did not listen */
};

struct watching {
    uv_timer_t timer;
    struct session *session;
    uint64_t looked_ms;
};

static void look(uv_timer_t *timer)
{
    struct watching *watching = timer->data;
    struct session *session = watching->session;
    uint64_t now = clock_ms();

    if (now - watching->looked_ms > AWAY_MS) {
        control_forgive(session->control);
    }
    watching->looked_ms = now;
    if (session->measuring != NULL) {
        measuring_silent(session);
    } else if (session->run != NULL) {
        run_watch(session);
    }
}

void session_watch(struct session *session)
{
    struct watching *watching = memory_new(1, sizeof(*watching));

    session->watching = watching;
    watching->session = session;
    watching->looked_ms = clock_ms();
    watching->timer.data = watching;
    uv_timer_init(session->loop, &watching->timer);
    uv_timer_start(&watching->timer, look, LOOK_MS, LOOK_MS);
}

static void closed(uv_handle_t *timer)
{
    free(timer->data);
}

void session_unwatch(struct session *session)
{
    struct watching *watching = STEAL(session->watching);

    if (watching != NULL) {
        uv_close((uv_handle_t *)&watching->timer, closed);
    }
}
