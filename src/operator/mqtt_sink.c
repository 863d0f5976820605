/* Publishes to an MQTT broker. A plug-in: it needs libmosquitto.
 *
 * A frame is done when the broker has acknowledged all its messages (QoS 1: PUBACK, QoS 2:
 * PUBCOMP; QoS 0: when they are in the socket). process() waits for that and connects again
 * meanwhile if need be; when there is something to tell of the connection it says so, and goes
 * on where it was when it is called with the frame again, which it asks for now and then. What
 * is not acknowledged after `timeout`, if there is one, is given up, and with the connection
 * everything that libmosquitto still had of the frame.
 *
 * Within one life of the stage, QoS 2 is exactly once. A stage that was lost after publishing
 * and before its frame was counted publishes it again: the user properties brume-run,
 * brume-sequence and brume-part (the number of the message in the frame) of MQTT 5 tell a
 * subscriber that it has it already.
 *
 * Between frames nobody calls, and yet pings are due, or the broker would publish the last will
 * of an application that has just nothing to say. So a thread looks after the connection; it
 * and process() take turns by a mutex, which either holds for as long as it works on the
 * connection.
 */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/mqtt_client.h"
#include "operator/mqtt_publication.h"
#include "operator/mqtt_topic.h"

enum {
    KEEP_MS = 1000,
    CALL_MS = 500, /* so long a call lasts, about, if it gets nowhere */
    WAITING_MAX =
        1000, /* messages that libmosquitto has, and the broker has not acknowledged */
};

static const struct brume_param params[] = {
    MQTT_PARAMS,
    {"topic", BRUME_TEXT, NULL,
     "to publish to; {type} and {device} are those of a reading, {topic} is that of a message",
     NULL, 0, 0},
    {"payload", BRUME_CHOICE, "json",
     "of a reading: json with time, value, type, device; its value; or raw, seconds and value "
     "as "
     "two f64. Messages and bytes go as they are",
     "json|value|raw", 0, 0},
    {"qos", BRUME_CHOICE, "1",
     "0: at most once; 1: at least once; 2: exactly once, if no stage is lost", "0|1|2", 0, 0},
    {"retain", BRUME_SWITCH, "false", "the broker keeps the last message of each topic", NULL,
     0, 0},
    {"will-topic", BRUME_TEXT, "", "where the broker publishes the last will", NULL, 0, 0},
    {"will-payload", BRUME_TEXT, "", "when the connection is lost without a good-bye", NULL, 0,
     0},
    {"timeout", BRUME_DURATION, "",
     "give up a frame that is not published by then; when left out, never", NULL, 0.1, 86400},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_ANY, "readings, messages or bytes"},
    {0},
};

struct sink {
    struct mqtt_client *client;
    const char *template, *run;
    enum mqtt_payload payload;
    int qos;
    bool retain;
    uint64_t timeout_ms;        /* 0: none */
    bool begun;                 /* a frame, and it is to go on */
    uint64_t end_ms;            /* when it is given up */
    size_t given, acknowledged; /* messages of the frame: to libmosquitto, by the broker */
    int refusal;                /* reason code; 0: none */

    bool keeping; /* the thread runs */
    int stop;     /* an eventfd */
    pthread_t keeper;
    pthread_mutex_t turn;
};

static int infer(struct brume_call *call)
{
    return brume_input(call, 0, 0) != NULL ? mqtt_publication_check(call) : 0;
}

/* libmosquitto sends again by itself, but not what nobody acknowledges. */
static void resume(void *owner, bool session_present)
{
    struct sink *sink = owner;
    (void)session_present;

    if (sink->qos == 0) {
        sink->given = sink->acknowledged;
    }
}

static void count(void *owner, int id, int reason)
{
    struct sink *sink = owner;
    (void)id;

    sink->acknowledged++;
    if (reason >= 0x80) {
        sink->refusal = reason;
    }
}

static const struct mqtt_hooks hooks = {.up = resume, .published = count};

static int connect_anew(struct brume_call *call, struct sink *sink)
{
    const char *topic = brume_param(call, "will-topic");
    const char *payload = brume_param(call, "will-payload");
    struct mqtt_session session = {.persistent = sink->qos == 2};

    mqtt_client_destroy(STEAL(sink->client));
    int ret = mqtt_client_create(call, &session, &hooks, sink, &sink->client);
    if (ret == 0 && *topic != '\0' &&
        mosquitto_will_set(mqtt_client_handle(sink->client), topic, (int)strlen(payload),
                           payload, sink->qos, sink->retain) != MOSQ_ERR_SUCCESS) {
        ret = brume_fail(call, "'%s' is no topic for a last will, or its payload is too long",
                         topic);
    }
    return ret;
}

static void look_after(struct mqtt_client *client, uint64_t now_ms)
{
    while (mqtt_client_read(client, now_ms)) {
    }
    mqtt_client_tend(client, now_ms);
    mqtt_client_write(client, now_ms);
}

static void *keep(void *argument)
{
    struct sink *sink = argument;
    struct pollfd stop = {.fd = sink->stop, .events = POLLIN};

    while (poll(&stop, 1, KEEP_MS) <= 0) {
        pthread_mutex_lock(&sink->turn);
        uint64_t now_ms = clock_ms();
        if (sink->client != NULL && mqtt_client_step(sink->client, now_ms)) {
            look_after(sink->client, now_ms);
        }
        pthread_mutex_unlock(&sink->turn);
    }
    return NULL;
}

static void close_sink(void *state)
{
    struct sink *sink = state;

    if (sink->keeping && eventfd_write(sink->stop, 1) == 0) {
        pthread_join(sink->keeper, NULL);
    }
    mqtt_client_leave(sink->client);
    mqtt_client_destroy(sink->client);
    file_closep(&sink->stop);
    pthread_mutex_destroy(&sink->turn);
    free(sink);
}

static void close_sinkp(struct sink **sink)
{
    if (*sink != NULL) {
        close_sink(*sink);
    }
}

static int open_sink(struct brume_call *call, void **ret_state)
{
    cleanup(close_sinkp) struct sink *sink = memory_new(1, sizeof(*sink));
    const char *payload = brume_param(call, "payload");
    struct error err;

    pthread_mutex_init(&sink->turn, NULL);
    sink->stop = eventfd(0, EFD_CLOEXEC);
    sink->template = brume_param(call, "topic");
    sink->run = brume_param(call, "run");
    sink->qos = brume_param(call, "qos")[0] - '0';
    sink->retain = brume_param_switch(call, "retain") != 0;
    sink->timeout_ms = (uint64_t)(brume_param_number(call, "timeout") * 1000);
    sink->payload = *payload == 'j'   ? MQTT_PAYLOAD_JSON
                    : *payload == 'v' ? MQTT_PAYLOAD_VALUE
                                      : MQTT_PAYLOAD_RAW;
    if (mqtt_topic_check(sink->template, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    int ret = connect_anew(call, sink);
    if (ret < 0) {
        return ret;
    }
    if (sink->stop < 0 || pthread_create(&sink->keeper, NULL, keep, sink) != 0) {
        return brume_fail(call, "cannot start a thread");
    }
    sink->keeping = true;
    *ret_state = STEAL(sink);
    return 0;
}

static int add_property(mosquitto_property **properties, const char *name, const char *value)
{
    return mosquitto_property_add_string_pair(properties, MQTT_PROP_USER_PROPERTY, name, value);
}

static int publish(struct brume_call *call, struct sink *sink,
                   const struct mqtt_outgoing *message, size_t part)
{
    mosquitto_property *properties = NULL;
    char sequence[24];
    char number[24];
    int code = MOSQ_ERR_SUCCESS;

    if (mqtt_client_is_v5(sink->client)) {
        snprintf(sequence, sizeof(sequence), "%llu", (unsigned long long)brume_sequence(call));
        snprintf(number, sizeof(number), "%zu", part);
        code |= sink->run != NULL ? add_property(&properties, "brume-run", sink->run) : 0;
        code |= add_property(&properties, "brume-sequence", sequence);
        code |= add_property(&properties, "brume-part", number);
    }
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_publish_v5(mqtt_client_handle(sink->client), NULL, message->topic,
                                    (int)message->size, message->data, sink->qos, sink->retain,
                                    properties);
    }
    mosquitto_property_free_all(&properties);
    if (code == MOSQ_ERR_NO_CONN) {
        return 1;
    }
    return code == MOSQ_ERR_SUCCESS ? 0
                                    : brume_fail(call, "cannot publish to '%s': %s",
                                                 message->topic, mosquitto_strerror(code));
}

/* Gives libmosquitto what it may have. */
static int give(struct brume_call *call, struct sink *sink,
                const struct mqtt_publication *publication)
{
    while (sink->given < publication->n && sink->given - sink->acknowledged < WAITING_MAX) {
        int ret = publish(call, sink, &publication->messages[sink->given], sink->given);

        if (ret != 0) {
            return ret < 0 ? ret : 0;
        }
        sink->given++;
    }
    return 0;
}

static bool tell(struct brume_call *call, struct sink *sink)
{
    const char *news = mqtt_client_news(sink->client);

    if (news != NULL) {
        brume_say(call, "%s: %s", brume_name(call), news);
    }
    return news != NULL;
}

static int give_up(struct brume_call *call, const struct sink *sink, size_t n)
{
    const char *trouble = mqtt_client_trouble(sink->client);

    return brume_fail(call, "the broker has not acknowledged %zu of %zu messages%s%s",
                      n - sink->acknowledged, n, *trouble != '\0' ? ": " : "", trouble);
}

static void begin(struct sink *sink)
{
    if (!sink->begun) {
        sink->begun = true;
        sink->end_ms = sink->timeout_ms > 0 ? clock_ms() + sink->timeout_ms : UINT64_MAX;
        sink->given = 0;
        sink->acknowledged = 0;
        sink->refusal = 0;
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* BRUME_LATER: the rest is still to be done, and perhaps something is to be told. */
static int publish_all(struct brume_call *call, struct sink *sink,
                       const struct mqtt_publication *publication)
{
    uint64_t back_ms = clock_ms() + CALL_MS;

    while (sink->acknowledged < publication->n) {
        uint64_t now_ms = clock_ms();
        int ret = 0;

        if (now_ms >= sink->end_ms) {
            return give_up(call, sink, publication->n);
        }
        if (mqtt_client_step(sink->client, now_ms)) {
            ret = give(call, sink, publication);
            mqtt_client_write(sink->client, now_ms);
            look_after(sink->client, now_ms);
        }
        if (ret < 0) {
            return ret;
        }
        if (sink->acknowledged < publication->n) {
            if (tell(call, sink) || now_ms >= back_ms) {
                return BRUME_LATER;
            }
            mqtt_client_wait(sink->client, now_ms, least(sink->end_ms, back_ms) - now_ms);
        }
    }
    tell(call, sink);
    return sink->refusal == 0 ? 0
                              : brume_fail(call, "the broker refuses a message: %s",
                                           mosquitto_reason_string(sink->refusal));
}

/* After a failure libmosquitto may still have messages of the frame, which must not go out. */
static int process(struct brume_call *call, void *state)
{
    cleanup(mqtt_publication_finish) struct mqtt_publication publication = {0};
    struct sink *sink = state;
    int ret = mqtt_publication_read(call, sink->template, sink->payload, &publication);

    if (ret < 0) {
        return ret;
    }
    pthread_mutex_lock(&sink->turn);
    begin(sink);
    ret = sink->client == NULL ? connect_anew(call, sink) : 0;
    if (ret == 0) {
        ret = publish_all(call, sink, &publication);
    }
    if (ret < 0 && sink->client != NULL && sink->acknowledged < sink->given) {
        mqtt_client_destroy(STEAL(sink->client));
    }
    sink->begun = ret == BRUME_LATER;
    pthread_mutex_unlock(&sink->turn);
    return ret;
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "mqtt-sink",
    .summary = "publishes readings, messages or bytes to an MQTT broker",
    .params = params,
    .inputs = inputs,
    .flags = BRUME_LIVE,
    .infer = infer,
    .open = open_sink,
    .process = process,
    .close = close_sink,
};
