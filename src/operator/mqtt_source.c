/* Hands on the messages of an MQTT broker, each exactly once. A plug-in: it needs libmosquitto.
 *
 * A frame is a batch: all messages that are waiting. One batch at a time is under way. The
 * broker gets the acknowledgements of a batch after its frame is done, which is when it has
 * arrived everywhere for good; what is not acknowledged it keeps, and delivers again.
 *
 * libmosquitto acknowledges by itself when it reads a message, but only queues what it sends
 * (mqtt_client.h). So the order of events is: read; write the batch and its number into the
 * journal, on the disk; hand on; wait until it is done, and write nothing to the socket; then
 * write, and read the next. More may be read than fits a frame (a TLS record is read whole). It
 * waits in `inbox`, gets the next number, and nothing is written before that is done, too.
 *
 * What may happen, and why each message still comes once:
 *
 * - The stage is lost after reading: nothing was acknowledged, all is delivered again.
 * - After the journal was written, or after handing on: the next life gives that number the
 * same messages from the journal, and knows them when the broker delivers them again.
 * - After the frame was done: the next life is asked for a higher number, which says so. It
 *   knows the messages all the same.
 * - The connection breaks: likewise, in one life. That is also what happens when a frame takes
 *   longer than the broker's patience (half as much again as the keep-alive), since no ping
 * goes out while one is under way. It does no harm.
 *
 * Messages are known again by packet id, topic and payload (mqtt_seen.h), until the broker has
 * their acknowledgements. That shows in its answer to a packet that is written behind them: an
 * UNSUBSCRIBE from a topic that nobody has, the "fence".
 *
 * QoS 2 of libmosquitto loses a message when the process dies between PUBREC and PUBREL, so
 * `qos: 2` subscribes with QoS 1; the above gives what it promises. QoS 0 is what it is: what
 * was read is not lost, what was not may be. A broker that forgets what it promised to keep (as
 * mosquitto does when it is killed between two savings) delivers twice, or not at all. With
 * MQTT 3.1.1 each life that subscribes gets retained messages again, which MQTT 5 can leave
 * out.
 *
 * The journal belongs to a run of the application, which the runtime names by the parameter
 * `run`: the first number of another run begins with what the last run did not have
 * acknowledged.
 */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "operator/mqtt_client.h"
#include "operator/mqtt_frame.h"
#include "operator/mqtt_journal.h"
#include "operator/mqtt_store.h"
#include "operator/mqtt_topic.h"

enum {
    DONE_MS = 5,            /* how soon to ask whether a frame is done */
    WRITE_MS = 1000,        /* and to try again to write a journal */
    PACKET_EXTRA = 1 << 17, /* of a packet, beside topic and payload */
};

#define FENCE "brume/fence/of/acknowledgements"

static const struct brume_param params[] = {
    MQTT_PARAMS,
    {"topic", BRUME_TEXT, NULL,
     "topics to subscribe to, comma-separated; + and # are wildcards", NULL, 0, 0},
    {"qos", BRUME_CHOICE, "1",
     "1 and 2: each message exactly once (2 asks the broker for 1); 0: at most once", "0|1|2",
     0, 0},
    {"batch", BRUME_INTEGER, "1000",
     "most messages in a frame; many brokers send only 20 before the first is done", NULL, 1,
     MQTT_BATCH_MESSAGES},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_MESSAGES, "the messages that were waiting, with their topics"},
    {0},
};

struct source {
    struct mqtt_client *client;
    size_t n_topics;
    char **topics;
    int qos;
    size_t most;
    const char *run;
    const char *folder; /* of the journal; NULL: there is none */
    bool warned;        /* that there is none, or that it cannot be written */

    bool any;      /* `batch` is that of the last number */
    bool recalled; /* it is from the journal: to be asked for a higher number says it is done */
    struct mqtt_batch batch;
    struct mqtt_batch inbox; /* read, but in no frame yet */

    bool subscribed; /* in this life */
    struct mqtt_seen *seen;
    uint64_t stamp;   /* of the last message that was read */
    int fence;        /* its packet id; 0: there is none on its way */
    uint64_t fenced;  /* the last stamp whose acknowledgement went out before it */
    uint64_t n_large; /* messages over the limit, dropped */
};

static void subscribe(void *owner, bool session_present)
{
    struct source *source = owner;

    source->fence = 0;
    if (!session_present) { /* packet ids begin anew */
        mqtt_seen_forget(source->seen, UINT64_MAX);
    }
    if (session_present && source->subscribed && !mqtt_client_is_v5(source->client)) {
        return; /* a subscription that is made again brings retained messages again */
    }
    source->subscribed = true;
    mosquitto_subscribe_multiple(
        mqtt_client_handle(source->client), NULL, (int)source->n_topics, source->topics,
        source->qos, mqtt_client_is_v5(source->client) ? (int)MQTT_SUB_OPT_SEND_RETAIN_NEW : 0,
        NULL);
}

static void arrive(void *owner, const struct mqtt_arrival *arrival)
{
    struct source *source = owner;

    source->stamp++;
    if (arrival->qos > 0) {
        uint64_t hash = mqtt_seen_hash(arrival->topic, arrival->payload, arrival->size);

        if (arrival->again && mqtt_seen_again(source->seen, arrival->id, hash, source->stamp)) {
            return;
        }
        mqtt_seen_add(source->seen, arrival->id, hash, source->stamp);
    }
    struct mqtt_message message = {
        .id = arrival->id,
        .qos = arrival->qos,
        .topic = memory_text(arrival->topic),
        .size = arrival->size,
        .stamp = source->stamp,
    };
    if (mqtt_message_size(&message) > MQTT_BATCH_SIZE) {
        source->n_large++;
        free(message.topic);
        return;
    }
    if (message.size > 0) {
        message.payload = memory_new(message.size, 1);
        memcpy(message.payload, arrival->payload, message.size);
    }
    mqtt_batch_add(&source->inbox, &message);
}

static void pass_fence(void *owner, int id)
{
    struct source *source = owner;

    if (id == source->fence) {
        source->fence = 0;
        mqtt_seen_forget(source->seen, source->fenced);
    }
}

static const struct mqtt_hooks hooks = {
    .up = subscribe,
    .arrived = arrive,
    .unsubscribed = pass_fence,
};

static void close_source(void *state)
{
    struct source *source = state;

    mqtt_client_destroy(source->client);
    mqtt_topic_free(source->n_topics, source->topics);
    mqtt_batch_finish(&source->batch);
    mqtt_batch_finish(&source->inbox);
    mqtt_seen_destroy(source->seen);
    free(source);
}

static void close_sourcep(struct source **source)
{
    if (*source != NULL) {
        close_source(*source);
    }
}

static int read_topics(struct brume_call *call, struct source *source)
{
    source->topics = mqtt_topic_split(brume_param(call, "topic"), &source->n_topics);
    if (source->n_topics == 0) {
        return brume_fail(call, "'topic' names none");
    }
    for (size_t i = 0; i < source->n_topics; i++) {
        if (mosquitto_sub_topic_check(source->topics[i]) != MOSQ_ERR_SUCCESS) {
            return brume_fail(call, "'%s' is no topic to subscribe to", source->topics[i]);
        }
    }
    return 0;
}

static int open_source(struct brume_call *call, void **ret_state)
{
    cleanup(close_sourcep) struct source *source = memory_new(1, sizeof(*source));
    struct error err;

    source->seen = mqtt_seen_create();
    source->most = (size_t)brume_param_integer(call, "batch");
    source->qos = brume_param(call, "qos")[0] == '0' ? 0 : 1;
    source->run = brume_param(call, "run");
    source->folder = brume_folder(call);
    int ret = read_topics(call, source);
    if (ret < 0) {
        return ret;
    }
    if (source->folder != NULL &&
        mqtt_store_read(source->folder, source->run, &source->batch, source->seen, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    source->any = source->batch.n > 0;
    source->recalled = source->any;
    struct mqtt_session session = {
        .persistent = source->qos > 0,
        .receive_maximum = (uint16_t)source->most,
        .packet_maximum = MQTT_BATCH_SIZE + PACKET_EXTRA,
    };
    ret = mqtt_client_create(call, &session, &hooks, source, &source->client);
    if (ret < 0) {
        return ret;
    }
    *ret_state = STEAL(source);
    return 0;
}

/* Nothing is under way, and nothing waits in the inbox: all that was read is done. */
static void acknowledge(struct source *source, uint64_t now_ms)
{
    if (source->inbox.n > 0) {
        return;
    }
    if (mqtt_seen_count(source->seen) > 0 && source->fence == 0 &&
        mosquitto_unsubscribe(mqtt_client_handle(source->client), &source->fence, FENCE) ==
            MOSQ_ERR_SUCCESS) {
        source->fenced = source->stamp;
    }
    mqtt_client_write(source->client, now_ms);
}

static void receive(struct source *source, uint64_t now_ms)
{
    if (!mqtt_client_step(source->client, now_ms)) {
        return;
    }
    acknowledge(source, now_ms);
    mqtt_client_tend(source->client, now_ms);
    for (size_t i = 0; i < 4 * source->most; i++) {
        if (source->inbox.n >= source->most || source->inbox.size >= MQTT_BATCH_SIZE ||
            !mqtt_client_read(source->client, now_ms)) {
            break;
        }
    }
    acknowledge(source, now_ms);
}

static void tell(struct brume_call *call, struct source *source)
{
    const char *news = mqtt_client_news(source->client);

    if (news != NULL) {
        brume_say(call, "%s: %s", brume_name(call), news);
    }
    if (source->n_large == 1) {
        brume_say(call, "%s: a message over %d MB was left out", brume_name(call),
                  MQTT_BATCH_SIZE >> 20);
    } else if (source->n_large > 1) {
        brume_say(call, "%s: %llu messages over %d MB were left out", brume_name(call),
                  (unsigned long long)source->n_large, MQTT_BATCH_SIZE >> 20);
    }
    brume_left_out(call, source->n_large);
    source->n_large = 0;
}

static int later(struct brume_call *call, uint64_t ms, int descriptor)
{
    brume_wait(call, ms);
    if (descriptor >= 0) {
        brume_wait_for(call, descriptor);
    }
    return BRUME_LATER;
}

/* The first messages of the inbox become the batch of this number, once that is on the disk. */
static int number(struct brume_call *call, struct source *source)
{
    struct mqtt_batch batch = {.frame = brume_sequence(call),
                               .captured_ns = brume_captured_ns(call)};
    struct error err;

    mqtt_batch_move(&batch, &source->inbox, mqtt_batch_fit(&source->inbox, source->most));
    if (source->folder != NULL &&
        mqtt_store_write(source->folder, source->run, &batch, source->seen, &err) < 0) {
        if (!source->warned) {
            brume_say(call, "%s: %s; trying again", brume_name(call), err.text);
        }
        source->warned = true;
        mqtt_batch_move(&batch, &source->inbox, source->inbox.n);
        mqtt_batch_finish(&source->inbox);
        source->inbox = batch;
        return later(call, WRITE_MS, -1);
    }
    if (source->folder == NULL && source->qos > 0 && !source->warned) {
        brume_say(call,
                  "%s: has no folder for its journal: when its stage is lost, messages "
                  "may come twice",
                  brume_name(call));
    }
    source->warned = source->folder == NULL;
    mqtt_batch_finish(&source->batch);
    source->batch = batch;
    source->any = true;
    source->recalled = false;
    return mqtt_frame_output(call, &source->batch);
}

static int process(struct brume_call *call, void *state)
{
    struct source *source = state;
    uint64_t sequence = brume_sequence(call);
    uint64_t now_ms = clock_ms();

    if (source->any && sequence == source->batch.frame) {
        source->recalled = false;
        return mqtt_frame_output(call, &source->batch);
    }
    if (source->any && sequence < source->batch.frame) {
        return brume_fail(call, "number %llu is done and forgotten",
                          (unsigned long long)sequence);
    }
    if (source->any && !source->recalled && brume_done(call) <= source->batch.frame) {
        return later(call, DONE_MS, -1);
    }
    receive(source, now_ms);
    tell(call, source);
    if (source->inbox.n == 0) {
        return later(call, mqtt_client_wait_ms(source->client, now_ms),
                     mqtt_client_descriptor(source->client));
    }
    return number(call, source);
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "mqtt-source",
    .summary = "hands on messages of an MQTT broker, each exactly once",
    .params = params,
    .outputs = outputs,
    .flags = BRUME_LIVE,
    .infer = mqtt_frame_infer,
    .open = open_source,
    .process = process,
    .close = close_source,
};
