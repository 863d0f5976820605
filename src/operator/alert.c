/* Tells a person of readings: a line on the terminal, or a POST of JSON to a web server. A
 * plug-in: it needs libcurl.
 *
 *     {"text":"roof CO: 11.9 at 2004-03-10T18:00:00Z","type":"CO","device":"roof","value":11.9,
 *      "time":"2004-03-10T18:00:00Z","run":"5f1c","sequence":7,"index":0,"dropped":0}
 *
 * A post that fails is tried again while the stage waits, within bounds; then it costs the
 * frame. A stage that was lost may post again what it had posted: the header `Idempotency-Key`
 * is made of run, sequence and index, the same each time, by which the server can tell. What is
 * over `at-most` is not sent but counted, and the next that is says how many there were.
 */
#include <brume/operator.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "operator/alert_text.h"
#include "operator/at_most.h"
#include "operator/moment.h"
#include "operator/readings.h"
#include "operator/webhook.h"

static const struct brume_param params[] = {
    {"to", BRUME_CHOICE, "console", "the terminal, or a web server", "console|webhook", 0, 0},
    {"text", BRUME_TEXT, "{device} {type}: {value} at {time}",
     "the words, with {type}, {value}, {time} and {device}", NULL, 0, 0},
    {"url", BRUME_TEXT, "", "the web server's address, http or https", NULL, 0, 0},
    {"timeout", BRUME_DURATION, "5s", "how long an attempt may take", NULL, 0.001, 600},
    {"attempts", BRUME_INTEGER, "5", "how often a post is tried", NULL, 1, 20},
    {"pause", BRUME_DURATION, "500ms",
     "before the second attempt; then twice as long each time", NULL, 0, 60},
    {"at-most", BRUME_RATE, "",
     "what is beyond, such as 10/min, is not sent; no limit when left "
     "out",
     NULL, 1e-9, 1e6},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_READINGS, "each of them is an alert"},
    {0},
};

struct alert {
    struct webhook *webhook; /* NULL: the terminal */
    struct at_most limit;
    char *run; /* with nothing in it but letters, digits and - */
};

static void close_alert(void *state)
{
    struct alert *alert = state;

    webhook_destroy(alert->webhook);
    at_most_finish(&alert->limit);
    free(alert->run);
    free(alert);
}

static void close_alertp(struct alert **alert)
{
    if (*alert != NULL) {
        close_alert(*alert);
    }
}

static char *run_name(struct brume_call *call)
{
    const char *run = brume_param(call, "run");
    char *name = memory_text(run != NULL && *run != '\0' ? run : "run");

    for (char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at)) {
            *at = '-';
        }
    }
    return name;
}

static int open_webhook(struct brume_call *call, struct alert *alert)
{
    const struct webhook_options options = {
        .url = brume_param(call, "url"),
        .timeout_ms = (uint64_t)ceil(brume_param_number(call, "timeout") * 1000),
        .attempts = (unsigned)brume_param_integer(call, "attempts"),
        .pause_ms = (uint64_t)(brume_param_number(call, "pause") * 1000),
    };
    struct error err;

    if (*options.url == '\0') {
        return brume_fail(call, "'url' is missing: where should the webhook go?");
    }
    return webhook_create(&options, &alert->webhook, &err) < 0
               ? brume_fail(call, "%s", err.text)
               : 0;
}

static int open_alert(struct brume_call *call, void **ret_state)
{
    cleanup(close_alertp) struct alert *alert = memory_new(1, sizeof(*alert));
    struct error err;

    alert->run = run_name(call);
    at_most_init(&alert->limit, strtod(brume_param(call, "at-most"), NULL),
                 brume_param_number(call, "at-most"));
    if (alert_text_check(brume_param(call, "text"), &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    if (strcmp(brume_param(call, "to"), "webhook") == 0) {
        int ret = open_webhook(call, alert);

        if (ret < 0) {
            return ret;
        }
    }
    *ret_state = STEAL(alert);
    return 0;
}

static char *make_body(struct brume_call *call, const struct alert *alert,
                       const struct alert_reading *reading, const char *text, size_t index)
{
    cleanup(json_decrefp) json_t *object = json_object();

    json_object_set_new(object, "text", json_line(text));
    json_object_set_new(object, "type", json_line(reading->type));
    json_object_set_new(object, "device", json_line(reading->device));
    json_object_set_new(object, "value",
                        isfinite(reading->value) ? json_real(reading->value) : json_null());
    json_object_set_new(object, "time", json_string(reading->time));
    json_object_set_new(object, "run", json_string(alert->run));
    json_object_set_new(object, "sequence", json_integer((json_int_t)brume_sequence(call)));
    json_object_set_new(object, "index", json_integer((json_int_t)index));
    json_object_set_new(object, "dropped", json_integer((json_int_t)alert->limit.n_dropped));
    return json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15));
}

static int post(struct brume_call *call, struct alert *alert,
                const struct alert_reading *reading, const char *text, size_t index)
{
    cleanup(memory_free) char *body = make_body(call, alert, reading, text, index);
    cleanup(memory_free) char *key = memory_format(
        "%s-%llu-%zu", alert->run, (unsigned long long)brume_sequence(call), index);
    struct error err;

    if (body == NULL) {
        return brume_fail(call, "cannot say this alert in JSON");
    }
    if (webhook_post(alert->webhook, key, body, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    return 0;
}

static int send_one(struct brume_call *call, struct alert *alert, const struct reading *taken,
                    size_t index)
{
    cleanup(memory_free) char *type = memory_text(taken->type);
    cleanup(memory_free) char *device = memory_text(taken->device);
    char time[MOMENT_TEXT_SIZE];
    char text[ALERT_TEXT_MAX];
    struct alert_reading reading = {
        .type = type, .device = device, .time = time, .value = taken->value};
    int ret = 0;

    text_make_printable(type);
    text_make_printable(device);
    moment_text(taken->time, sizeof(time), time);
    alert_text_fill(brume_param(call, "text"), &reading, sizeof(text), text);
    text_make_printable(text);
    if (alert->webhook != NULL) {
        ret = post(call, alert, &reading, text, index);
    } else if (alert->limit.n_dropped > 0) {
        brume_say(call, "%s (%llu before were left out)", text,
                  (unsigned long long)alert->limit.n_dropped);
    } else {
        brume_say(call, "%s", text);
    }
    if (ret == 0) {
        alert->limit.n_dropped = 0;
    }
    return ret;
}

static int process(struct brume_call *call, void *state)
{
    cleanup(readings_finishp) struct readings readings = {0};
    struct alert *alert = state;
    int ret = readings_input(call, 0, &readings);

    for (size_t i = 0; ret == 0 && i < readings.n; i++) {
        if (at_most_take(&alert->limit, clock_ns())) {
            ret = send_one(call, alert, &readings.list[i], i);
        }
    }
    return ret;
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "alert",
    .summary = "tells a person of readings, on the terminal or by a webhook",
    .params = params,
    .inputs = inputs,
    .flags = BRUME_LIVE,
    .open = open_alert,
    .process = process,
    .close = close_alert,
};
