/* What comes of a measurement: a profile, an estimate, or a sentence. */
#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/measuring_state.h"
#include "model/model.h"

#define LINK_BYTES_LEAST 1e6 /* of less, the beginning of a transfer is too large a part */

/* Under which name the measurements of an operator on the device are kept; takes `subject`,
 * which is to be freed. */
static struct profile_key key_of(const struct session *session, size_t index, char **subject)
{
    const struct application *application = session->application;
    const struct planner_operator *described = &application->operators[index];

    *subject = profile_subject(application->graph, index, described->model);
    return (struct profile_key){*subject, session->devices[session->measuring->device].type,
                                described->engine != NULL ? described->engine : ""};
}

static int record(struct session *session, size_t index, const json_t *message,
                  struct error *err)
{
    const struct model *model = session->application->operators[index].model;
    struct profile_segment segment = {
        .from = (unsigned)json_integer_value(json_object_get(message, "from")),
        .to = (unsigned)json_integer_value(json_object_get(message, "to")),
        .cpu_seconds = json_number_value(json_object_get(message, "cpu_seconds")),
        .memory = (uint64_t)json_integer_value(json_object_get(message, "memory")),
        .runs = (unsigned)json_integer_value(json_object_get(message, "runs")),
    };
    const json_t *outputs = json_object_get(message, "outputs");
    uint64_t sizes[PROFILE_OUTPUTS_MAX] = {0};
    cleanup(memory_free) char *subject = NULL;
    const struct profile_key key = key_of(session, index, &subject);
    int r = profile_record(session->profiles, key, &segment, err);
    size_t n = json_array_size(outputs);
    bool whole = model == NULL || (segment.from == 0 && segment.to == model->n_layers);

    for (size_t i = 0; i < n && i < PROFILE_OUTPUTS_MAX; i++) {
        sizes[i] = (uint64_t)json_integer_value(json_array_get(outputs, i));
    }
    if (r == 0 && whole && n > 0) {
        r = profile_record_outputs(session->profiles, key,
                                   n < PROFILE_OUTPUTS_MAX ? n : PROFILE_OUTPUTS_MAX, sizes,
                                   err);
    }
    return r;
}

static void record_packings(struct session *session, size_t index, const json_t *list)
{
    const struct application *application = session->application;
    const struct planner_operator *described = &application->operators[index];
    cleanup(memory_free) char *subject =
        profile_packing_subject(application->graph, index, described->model);
    const struct profile_key key = {subject, session->devices[session->measuring->device].type,
                                    described->engine != NULL ? described->engine : ""};
    json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        const char *codec = json_string_value(json_array_get(entry, 1));
        const struct profile_packing packing = {
            .at = (unsigned)json_integer_value(json_array_get(entry, 0)),
            .codec = codec != NULL ? graph_codec_of(codec) : GRAPH_CODEC_END,
            .part = json_number_value(json_array_get(entry, 2)),
            .pack = json_number_value(json_array_get(entry, 3)),
            .unpack = json_number_value(json_array_get(entry, 4)),
        };
        struct error err;

        if (profile_record_packing(session->profiles, key, &packing, &err) < 0) {
            log_event(LOG_WARN, "controller.measurement-refused", "why=\"%s\"", err.text);
        }
    }
}

size_t measuring_want(const struct measuring *measuring, size_t index, const json_t *message)
{
    json_int_t from = json_integer_value(json_object_get(message, "from"));
    json_int_t to = json_integer_value(json_object_get(message, "to"));
    size_t i = 0;

    while (i < measuring->n_wants && (measuring->wants[i]
                                          .
                                          operator!= index || measuring->wants[i]
                                          .from != from || measuring->wants[i]
                                          .to != to || measuring->wants[i]
                                          .device != measuring->device)) {
        i++;
    }
    return i;
}

/* A stage died for want of memory: so much is known now of what it was to measure. */
static void record_starved(struct session *session, size_t index)
{
    const struct measuring *measuring = session->measuring;
    const struct profile_want *want = &measuring->wants[index];
    const struct profile_segment segment = {
        .from = want->from,
        .to = want->to,
        .memory = session->devices[measuring->device].memory + 1,
    };
    cleanup(memory_free) char *subject = NULL;
    const struct profile_key key = key_of(session, want->operator, & subject);
    struct error err;

    if (profile_record(session->profiles, key, &segment, &err) < 0) {
        log_event(LOG_WARN, "controller.measurement-refused", "why=\"%s\"", err.text);
    }
}

void measuring_take_link(struct session *session, const json_t *message)
{
    double bytes = json_number_value(json_object_get(message, "bytes"));
    double seconds = json_number_value(json_object_get(message, "seconds"));
    const char *type = session->devices[session->measuring->device].type;
    struct error ignored; /* then it is measured again next time */

    if (bytes >= LINK_BYTES_LEAST && seconds > 0) {
        (void)profile_record_link(session->profiles, type, bytes / seconds, &ignored);
    }
}

void measuring_note_starved(struct session *session)
{
    struct measuring *measuring = session->measuring;

    if (measuring->n_told > 0) {
        return;
    }
    if (measuring->current < measuring->n_wants) {
        record_starved(session, measuring->current);
        measuring->deaths = 0;
    } else if (measuring->deaths >= DEATHS_MOST) {
        for (size_t i = 0; i < measuring->n_wants; i++) {
            if (measuring->wants[i].device == measuring->device && !measuring->told[i]) {
                record_starved(session, i);
            }
        }
        measuring->deaths = 0;
    }
}

void measuring_give_up(struct session *session, size_t index, const char *why)
{
    struct planner_operator *described = &session->application->operators[index];
    const char *name = session->application->graph->operators[index].name;

    if (why != NULL && !described->unmeasured) {
        cleanup(memory_free) char *text = memory_format(
            "'%s' was not measured: %s; its time is estimated, and that of who reads it", name,
            why);
        front_say(session->front, json_pack("{ssss}", "type", "note", "text", text));
    }
    described->unmeasured = true;
    for (size_t i = 0; i < session->measuring->n_wants; i++) {
        session->measuring->told[i] =
            session->measuring->told[i] || session->measuring->wants[i].operator== index;
    }
    session->measuring->n_told++;
    session->measuring->deaths = 0;
}

void measuring_fail_unusable(struct session *session, size_t index, const char *why)
{
    const struct graph *graph = session->application->graph;
    const struct graph_operator *step = &graph->operators[index];
    struct error err;

    error_set(&err, -EBADMSG, "%s:%u: '%s' cannot be measured: %s", graph->file,
              step->place.line, step->name, why != NULL ? why : "its frames cannot be used");
    session_fail(session, &err, EX_DATAERR);
}

void measuring_take(struct session *session, size_t index, const json_t *message)
{
    struct measuring *measuring = session->measuring;
    const char *name = session->application->graph->operators[index].name;
    size_t want = measuring_want(measuring, index, message);
    struct error err;

    measuring->current = measuring->n_wants;
    if (want < measuring->n_wants) {
        measuring->told[want] = true;
    }
    if (record(session, index, message, &err) < 0) {
        log_event(LOG_WARN, "controller.measurement-refused", "operator=%s why=\"%s\"", name,
                  err.text);
    }
    record_packings(session, index, json_object_get(message, "packings"));
    measuring->n_done++;
    measuring->n_told++;
    measuring->deaths = 0;
    front_say(session->front,
              json_pack("{sssisiss}", "type", "measuring", "done", (int)measuring->n_done,
                        "total", (int)measuring->n_wants, "what", name));
}
