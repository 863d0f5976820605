/* Whether stages on other machines are heard: they speak twice a second. A machine that lost
 * its power, or its network, breaks no link; the kernel notices in minutes, an orchestrator in
 * some seconds, and this sooner. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "controller/session.h"

enum {
    LOOK_MS = 250,
    REST_MS = 2000, /* as long as nobody is there who could fall silent */
    AWAY_MS = 750, /* longer than that between two looks: it was this end that did not listen */
};

struct watching {
    uv_timer_t timer;
    struct session *session;
    uint64_t looked_ms, period_ms;
};

static void look(uv_timer_t *timer);

static void look_again(struct watching *watching, uint64_t period_ms)
{
    watching->period_ms = period_ms;
    uv_timer_start(&watching->timer, look, period_ms, 0);
}

static void look(uv_timer_t *timer)
{
    struct watching *watching = timer->data;
    struct session *session = watching->session;
    uint64_t now = clock_ms();

    if (now - watching->looked_ms > watching->period_ms + AWAY_MS) {
        control_forgive(session->control);
    }
    watching->looked_ms = now;
    look_again(watching, control_hears(session->control) ? LOOK_MS : REST_MS);
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
    look_again(watching, REST_MS);
}

void session_watch_hello(struct session *session)
{
    struct watching *watching = session->watching;

    if (watching != NULL && watching->period_ms != LOOK_MS) {
        watching->looked_ms = clock_ms();
        look_again(watching, LOOK_MS);
    }
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
