/* What a run tells of itself: progress, warnings, and the report at its end. */
#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/memory.h"
#include "controller/run_state.h"

static json_t *count_ready(const struct run *run)
{
    return json_integer((json_int_t)reconcile_count(&run->reconcile, RECONCILE_READY));
}

void run_say_stages(struct session *session)
{
    const struct run *run = session->run;

    front_say(session->front, json_pack("{sssoso}", "type", "stages", "stages",
                                        tally_stages(run->tally), "ready", count_ready(run)));
}

void run_say_progress(uv_timer_t *timer)
{
    struct session *session = timer->data;
    double seconds = run_seconds(session->run);
    json_t *progress = tally_progress(session->run->tally, seconds);
    json_t *devices = json_array();
    struct error err;

    for (size_t i = 0; i < session->n_devices; i++) {
        struct fabric_usage usage;
        const char *name = session->devices[i].name;
        if (session->fabric->ops->usage(session->fabric, name, &usage, &err) == 0) {
            json_array_append_new(devices, json_pack("{sssIsIsfsI}", "name", name, "cpu_ns",
                                                     (json_int_t)usage.cpu_ns, "memory",
                                                     (json_int_t)usage.memory, "cores",
                                                     session->devices[i].cores, "sent",
                                                     (json_int_t)usage.sent));
        }
    }
    json_object_set_new(progress, "devices", devices);
    json_object_set_new(progress, "ready", count_ready(session->run));
    json_object_set_new(progress, "type", json_string("progress"));
    json_object_set_new(progress, "seconds", json_real(seconds));
    front_say(session->front, progress);
}

void run_warn(struct session *session)
{
    for (;;) {
        cleanup(memory_free) char *text = tally_warning(session->run->tally);

        if (text == NULL) {
            return;
        }
        front_say(session->front, json_pack("{ssss}", "type", "warning", "text", text));
    }
}

/* Ends with an error when the sinks have not got all that they should have. */
static void fail_if_refused(struct session *session, json_int_t lost, json_int_t accepted)
{
    unsigned long long refused = tally_refused(session->run->tally);
    struct error err;

    if (lost > 0) {
        error_set(&err, -EIO,
                  "%lld of %lld frames were not delivered: an operator refused them, and said "
                  "why above",
                  (long long)lost, (long long)accepted);
        session_fail(session, &err, EX_IOERR);
    } else if (refused > 0) {
        error_set(&err, -EBADMSG, "%llu frame%s refused on the way, and arrived empty", refused,
                  refused == 1 ? " was" : "s were");
        session_fail(session, &err, EX_DATAERR);
    }
}

void run_say_report(struct session *session)
{
    const struct run *run = session->run;
    size_t n_stages = run->deployment->n_stages;
    cleanup(memory_free) double *busy = memory_new(n_stages, sizeof(*busy));

    for (size_t i = 0; i < n_stages; i++) {
        busy[i] = run->actors[i].busy;
    }
    json_t *report = tally_final(run->tally, run->seconds, busy);
    json_object_set_new(report, "predicted",
                        json_pack("{sOsO}", "rate", json_object_get(run->plan, "rate"),
                                  "latency_ms", json_object_get(run->plan, "latency_ms")));
    const json_t *frames = json_object_get(report, "frames");
    json_int_t lost = json_integer_value(json_object_get(frames, "lost"));
    json_int_t accepted = json_integer_value(json_object_get(frames, "accepted"));
    front_say(session->front, json_pack("{ssso}", "type", "report", "report", report));
    fail_if_refused(session, lost, accepted);
    session_close(session, EX_OK);
}
