#include "controller/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"

enum { TIME_TEXT = 32 };

struct line {
    uint64_t when_ms;
    const char *kind; /* "note", "warning", … */
    char *text;
};

struct record {
    char *name, *fabric, *message, *note;
    enum record_phase phase;
    uint64_t created_ms;
    json_t *plan, *stages, *progress, *report;
    uint64_t n_failures;                 /* of all sessions */
    struct line lines[RECORD_LINES_MAX]; /* a ring */
    uint64_t n_lines;                    /* that there ever were */
};

static const char *const phases[] = {
    [RECORD_MEASURING] = "Measuring", [RECORD_STARTING] = "Starting",
    [RECORD_RUNNING] = "Running",     [RECORD_UPDATING] = "Updating",
    [RECORD_DRAINING] = "Draining",   [RECORD_FINISHED] = "Finished",
    [RECORD_FAILED] = "Failed"};

/* What goes into the log: the type of the message, and the key of its words. */
static const struct {
    const char *type, *key;
} logged[] = {{"note", "text"},    {"warning", "text"}, {"say", "line"},  {"log", "line"},
              {"failure", "what"}, {"undone", "text"},  {"error", "text"}};

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = memory_text(value);
}

static void add_line(struct record *record, const char *kind, const char *text, uint64_t now_ms)
{
    struct line *line = &record->lines[record->n_lines++ % RECORD_LINES_MAX];

    free(line->text);
    *line = (struct line){now_ms, kind, memory_text(text)};
}

struct record *record_create(const char *name, uint64_t now_ms)
{
    struct record *record = memory_new(1, sizeof(*record));

    record->name = memory_text(name);
    record->fabric = memory_text("");
    record->message = memory_text("");
    record->created_ms = now_ms;
    return record;
}

void record_destroy(struct record *record)
{
    if (record == NULL) {
        return;
    }
    for (size_t i = 0; i < RECORD_LINES_MAX; i++) {
        free(record->lines[i].text);
    }
    json_decref(record->plan);
    json_decref(record->stages);
    json_decref(record->progress);
    json_decref(record->report);
    free(record->name);
    free(record->fabric);
    free(record->message);
    free(record->note);
    free(record);
}

void record_begin(struct record *record, const char *fabric)
{
    set_text(&record->fabric, fabric);
    set_text(&record->message, "");
    set_text(&record->note, NULL);
    record->phase = RECORD_MEASURING;
    json_decref(STEAL(record->plan));
    json_decref(STEAL(record->stages));
    json_decref(STEAL(record->progress));
    json_decref(STEAL(record->report));
}

static void keep(json_t **place, const json_t *value)
{
    json_decref(*place);
    *place = json_deep_copy(value);
}

void record_enter(struct record *record, enum record_phase phase, const char *why,
                  uint64_t now_ms)
{
    record->phase = phase;
    set_text(&record->message, why);
    if (*why != '\0') {
        add_line(record, "note", why, now_ms);
    }
}

enum record_phase record_phase(const struct record *record)
{
    return record->phase;
}

static bool is_over(const struct record *record)
{
    return record->phase == RECORD_FINISHED || record->phase == RECORD_FAILED;
}

static void take_phase(struct record *record, const char *type, const json_t *message)
{
    if (strcmp(type, "measuring") == 0) {
        const char *what = json_string_value(json_object_get(message, "what"));
        set_text(&record->message, what != NULL ? what : "");
    } else if (strcmp(type, "plan") == 0) {
        keep(&record->plan, json_object_get(message, "plan"));
        record->phase = RECORD_STARTING;
        set_text(&record->message, "");
    } else if (strcmp(type, "stages") == 0) {
        keep(&record->stages, message);
    } else if (strcmp(type, "failure") == 0) {
        record->n_failures++;
    } else if (strcmp(type, "running") == 0 || strcmp(type, "updated") == 0 ||
               strcmp(type, "undone") == 0) {
        record->phase = record->phase == RECORD_DRAINING ? RECORD_DRAINING : RECORD_RUNNING;
        set_text(&record->message, "");
    } else if (strcmp(type, "progress") == 0) {
        keep(&record->progress, message);
    } else if (strcmp(type, "report") == 0) {
        keep(&record->report, json_object_get(message, "report"));
        record->phase = RECORD_FINISHED;
        set_text(&record->message, "");
    }
}

static void take_note(struct record *record, const char *type, const json_t *message)
{
    static const char *const steps[] = {"measuring", "plan", "stages", "running", "updated"};

    if (strcmp(type, "note") == 0) {
        set_text(&record->note, json_string_value(json_object_get(message, "text")));
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        if (strcmp(type, steps[i]) == 0) {
            set_text(&record->note, NULL);
        }
    }
}

void record_take(struct record *record, const json_t *message, uint64_t now_ms)
{
    const char *type = json_string_value(json_object_get(message, "type"));

    if (type == NULL) {
        return;
    }
    take_phase(record, type, message);
    take_note(record, type, message);
    for (size_t i = 0; i < sizeof(logged) / sizeof(*logged); i++) {
        const char *text = json_string_value(json_object_get(message, logged[i].key));

        if (strcmp(logged[i].type, type) != 0 || text == NULL) {
            continue;
        }
        add_line(record, logged[i].type, text, now_ms);
        if (strcmp(type, "error") == 0) {
            record->phase = RECORD_FAILED;
            set_text(&record->message, text);
        } else if (strcmp(type, "undone") == 0) {
            set_text(&record->message, text);
        }
    }
}

static const char *time_text(uint64_t when_ms, char text[TIME_TEXT])
{
    time_t seconds = (time_t)(when_ms / 1000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

/* Of the key that a message may lack. */
static json_t *part(const json_t *json, const char *key)
{
    json_t *value = json_object_get(json, key);

    return value != NULL ? json_incref(value) : json_null();
}

json_t *record_status(const struct record *record, uint64_t now_ms)
{
    const json_t *shown =
        is_over(record) && record->report != NULL ? record->report : record->progress;
    char created[TIME_TEXT];
    json_t *status = json_pack("{sssssssssssf}", "name", record->name, "fabric", record->fabric,
                               "phase", phases[record->phase], "message", record->message,
                               "created", time_text(record->created_ms, created), "age_seconds",
                               (double)(now_ms - record->created_ms) / 1000);

    const json_t *frames = json_object_get(record->report, "frames");
    json_object_set_new(status, "delivered",
                        part(shown == record->report ? frames : shown, "delivered"));
    json_object_set_new(status, "lost", part(frames, "lost"));
    json_object_set_new(status, "rate", part(shown, "rate"));
    json_object_set_new(status, "latency_ms", part(shown, "latency_ms"));
    json_object_set_new(status, "stages",
                        part(shown != NULL ? shown : record->stages, "stages"));
    const json_t *told = record->progress != NULL ? record->progress : record->stages;
    json_object_set_new(status, "ready", part(told, "ready"));
    json_object_set_new(status, "note",
                        record->note != NULL ? json_line(record->note) : json_null());
    json_object_set_new(status, "failures", json_integer((json_int_t)record->n_failures));
    json_object_set_new(status, "devices", part(record->progress, "devices"));
    json_object_set_new(status, "predicted",
                        json_pack("{soso}", "rate", part(record->plan, "rate"), "latency_ms",
                                  part(record->plan, "latency_ms")));
    json_object_set_new(status, "plan",
                        record->plan != NULL ? json_incref(record->plan) : json_null());
    json_object_set_new(status, "report",
                        record->report != NULL ? json_incref(record->report) : json_null());
    return status;
}

json_t *record_log(const struct record *record, uint64_t since)
{
    uint64_t first =
        record->n_lines > RECORD_LINES_MAX ? record->n_lines - RECORD_LINES_MAX : 0;
    json_t *lines = json_array();
    char when[TIME_TEXT];

    for (uint64_t i = since > first ? since : first; i < record->n_lines; i++) {
        const struct line *line = &record->lines[i % RECORD_LINES_MAX];

        json_array_append_new(lines,
                              json_pack("{ssssso}", "time", time_text(line->when_ms, when),
                                        "kind", line->kind, "text", json_line(line->text)));
    }
    return json_pack("{sosI}", "lines", lines, "next", (json_int_t)record->n_lines);
}
