/* A connection to an MQTT broker that is made again when it breaks, and that never blocks: what
 * mqtt-source and mqtt-sink share.
 *
 * libmosquitto is told that "threads" are used (mosquitto_threaded_set()), and none is: so it
 * queues what it sends, and nothing goes out but by mqtt_client_write(). Whoever holds that
 * back holds back acknowledgements, which libmosquitto queues by itself when it reads a
 * message.
 *
 * The owner calls mqtt_client_step() until it says that the connection is up, then reads and
 * writes; whatever fails makes it be down, and the next steps connect again: after 0.1 s, then
 * twice as long each time, up to 30 s. What happened is told once by mqtt_client_news().
 */
#ifndef OPERATOR_MQTT_CLIENT_H
#define OPERATOR_MQTT_CLIENT_H

#include <brume/operator.h>
#include <mosquitto.h>
#include <stdbool.h>
#include <stdint.h>

/* The parameters that make a connection. */
#define MQTT_PARAMS                                                                            \
    {"broker",                                                                                 \
     BRUME_TEXT,                                                                               \
     "127.0.0.1:1883",                                                                         \
     "host:port; the port may be left out: 1883, with tls-ca 8883",                            \
     NULL,                                                                                     \
     0,                                                                                        \
     0},                                                                                       \
        {"version", BRUME_CHOICE, "5", "of MQTT", "3.1.1|5", 0, 0},                            \
        {"client",                                                                             \
         BRUME_TEXT,                                                                           \
         "",                                                                                   \
         "client id, one of its own at the broker; made of the operator's name when left out", \
         NULL,                                                                                 \
         0,                                                                                    \
         0},                                                                                   \
        {"user", BRUME_TEXT, "", "user name at the broker", NULL, 0, 0},                       \
        {"password-file",                                                                      \
         BRUME_FILE,                                                                           \
         "",                                                                                   \
         "the first line of this file is the password",                                        \
         NULL,                                                                                 \
         0,                                                                                    \
         0},                                                                                   \
        {"tls-ca", BRUME_FILE, "", "use TLS; the broker's certificate is signed by these",     \
         NULL,     0,          0},                                                             \
        {"tls-cert", BRUME_FILE, "", "certificate to show to the broker", NULL, 0, 0},         \
        {"tls-key", BRUME_FILE, "", "and its key, without a passphrase", NULL, 0, 0},          \
    {                                                                                          \
        "keep-alive", BRUME_DURATION, "30s",                                                   \
            "a connection that is silent for longer than half as much again is broken", NULL,  \
            5, 65535                                                                           \
    }

struct mqtt_client;

struct mqtt_arrival {
    uint16_t id; /* 0 with QoS 0 */
    uint8_t qos;
    bool again; /* the broker says that it delivers it again, or that is not known */
    const char *topic;
    const void *payload;
    uint32_t size;
};

/* Called from within steps, reads and writes. Any may be NULL. */
struct mqtt_hooks {
    void (*up)(void *owner, bool session_present); /* may subscribe, publish */
    void (*arrived)(void *owner, const struct mqtt_arrival *arrival);
    void (*published)(void *owner, int id, int reason); /* 128 and more: refused */
    void (*unsubscribed)(void *owner, int id);
};

struct mqtt_session {
    bool persistent;          /* the broker keeps it while nobody is connected */
    uint16_t receive_maximum; /* messages that wait for an acknowledgement; 0: as usual */
    uint32_t packet_maximum;  /* bytes; 0: any. Both in MQTT 5 only */
};

/* Reads the parameters; what cannot work is said with brume_fail(). */
int mqtt_client_create(struct brume_call *call, const struct mqtt_session *session,
                       const struct mqtt_hooks *hooks, void *owner,
                       struct mqtt_client **ret_client);
void mqtt_client_destroy(struct mqtt_client *client); /* accepts NULL */
struct mosquitto *mqtt_client_handle(struct mqtt_client *client);
bool mqtt_client_is_v5(const struct mqtt_client *client);

/* Goes on connecting; whether the connection is up. */
bool mqtt_client_step(struct mqtt_client *client, uint64_t now_ms);
/* One packet (with TLS, a few) if there is any; false when there was nothing to read. */
bool mqtt_client_read(struct mqtt_client *client, uint64_t now_ms);
/* All that is queued, as far as the socket takes it. */
void mqtt_client_write(struct mqtt_client *client, uint64_t now_ms);
/* Looks after the keep-alive: may queue a ping. */
void mqtt_client_tend(struct mqtt_client *client, uint64_t now_ms);

/* Says good-bye, so that there is no last will. */
void mqtt_client_leave(struct mqtt_client *client);

/* Waits for something to happen, `ms` at most. */
void mqtt_client_wait(struct mqtt_client *client, uint64_t now_ms, uint64_t ms);
/* The descriptor that will be readable, or -1, and after how long to step in any case. */
int mqtt_client_descriptor(struct mqtt_client *client);
uint64_t mqtt_client_wait_ms(struct mqtt_client *client, uint64_t now_ms);

/* What is wrong, or that all is well again: a sentence, each once; else NULL. */
const char *mqtt_client_news(struct mqtt_client *client);
/* What is wrong now, or "". */
const char *mqtt_client_trouble(const struct mqtt_client *client);
/* For the owner's own troubles with the broker, which news tells once. */
void mqtt_client_complain(struct mqtt_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
