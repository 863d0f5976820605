#include "operator/mqtt_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "operator/mqtt_events.h"

enum {
    CONNECT_MS = 10000,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 30000,
    STABLE_MS = 5000, /* a connection that held for so long was a good one */
    SOON_MS = 20,
    IDLE_MS = 1000,
};

void mqtt_client_enter(struct mqtt_client *client, enum mqtt_state state, uint64_t now_ms)
{
    client->state = state;
    client->since_ms = now_ms;
}

void mqtt_client_complain(struct mqtt_client *client, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it takes the caller's for this one
    vsnprintf(client->trouble, sizeof(client->trouble), format, args);
    va_end(args);
    client->recovered = false;
}

static void fail(struct mqtt_client *client, uint64_t now_ms, const char *why)
{
    bool up = client->state == MQTT_UP;
    bool stable = up && now_ms - client->since_ms >= STABLE_MS;

    mqtt_client_complain(client,
                         up ? "the connection to %s is lost: %s; trying again"
                            : "no connection to %s: %s; trying again",
                         client->setup.broker, why);
    client->backoff_ms = stable ? BACKOFF_FIRST_MS : client->backoff_ms;
    client->retry_ms = now_ms + client->backoff_ms;
    client->backoff_ms *= 2;
    if (client->backoff_ms > BACKOFF_MOST_MS) {
        client->backoff_ms = BACKOFF_MOST_MS;
    }
    mqtt_client_enter(client, MQTT_DOWN, now_ms);
}

/* libmosquitto's sentences end with a full stop. */
static void fail_code(struct mqtt_client *client, uint64_t now_ms, int code)
{
    const char *text = code == MOSQ_ERR_ERRNO       ? strerrordesc_np(errno)
                       : code == MOSQ_ERR_CONN_LOST ? "the broker hung up"
                                                    : mosquitto_strerror(code);
    char why[200];

    if (client->state == MQTT_DOWN) {
        return; /* a callback said why */
    }
    text = client->detail[0] != '\0' ? client->detail : text;
    snprintf(why, sizeof(why), "%.150s", text != NULL ? text : "for no known reason");
    size_t size = strlen(why);
    if (size > 0 && why[size - 1] == '.') {
        why[size - 1] = '\0';
    }
    fail(client, now_ms, why);
}

static void start_library(void)
{
    mosquitto_lib_init();
}

int mqtt_client_create(struct brume_call *call, const struct mqtt_session *session,
                       const struct mqtt_hooks *hooks, void *owner,
                       struct mqtt_client **ret_client)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct mqtt_client *client = memory_new(1, sizeof(*client));
    int ret;

    pthread_once(&once, start_library);
    client->hooks = hooks;
    client->owner = owner;
    client->backoff_ms = BACKOFF_FIRST_MS;
    ret = mqtt_setup_read(call, &client->setup);
    if (ret == 0) {
        client->mosquitto = mosquitto_new(client->setup.client, !session->persistent, client);
        ret = client->mosquitto == NULL
                  ? brume_fail(call, "cannot start an MQTT client")
                  : mqtt_setup_apply(call, &client->setup, session, client->mosquitto);
    }
    if (ret < 0) {
        mqtt_client_destroy(client);
        return ret;
    }
    mqtt_events_attach(client);
    *ret_client = client;
    return 0;
}

void mqtt_client_destroy(struct mqtt_client *client)
{
    if (client != NULL) {
        mosquitto_destroy(client->mosquitto);
        mqtt_lookup_drop(client->lookup);
        mqtt_setup_finish(&client->setup);
        free(client);
    }
}

struct mosquitto *mqtt_client_handle(struct mqtt_client *client)
{
    return client->mosquitto;
}

bool mqtt_client_is_v5(const struct mqtt_client *client)
{
    return client->setup.v5;
}

static bool is_ready(struct mqtt_client *client, short events)
{
    struct pollfd one = {.fd = mosquitto_socket(client->mosquitto), .events = events};

    return one.fd >= 0 && poll(&one, 1, 0) > 0;
}

static void connect_now(struct mqtt_client *client, uint64_t now_ms)
{
    const struct mqtt_setup *setup = &client->setup;

    client->detail[0] = '\0';
    mqtt_client_enter(client, MQTT_CONNECTING, now_ms);
    int code =
        mosquitto_connect_async(client->mosquitto, setup->host, setup->port, setup->keep_alive);
    if (code != MOSQ_ERR_SUCCESS) {
        fail_code(client, now_ms, code);
    }
}

static void start(struct mqtt_client *client, uint64_t now_ms)
{
    struct in6_addr address;

    if (now_ms < client->retry_ms) {
        return;
    }
    if (inet_pton(AF_INET, client->setup.host, &address) == 1 ||
        inet_pton(AF_INET6, client->setup.host, &address) == 1) {
        connect_now(client, now_ms);
        return;
    }
    client->lookup = mqtt_lookup_start(client->setup.host);
    mqtt_client_enter(client, MQTT_LOOKING_UP, now_ms);
}

static void look_up(struct mqtt_client *client, uint64_t now_ms)
{
    char why[200];
    int code;

    if (!mqtt_lookup_answered(client->lookup, &code)) {
        return;
    }
    mqtt_lookup_drop(STEAL(client->lookup));
    if (code == 0) {
        connect_now(client, now_ms);
        return;
    }
    snprintf(why, sizeof(why), "there is no host of that name: %s", gai_strerror(code));
    fail(client, now_ms, why);
}

static void finish_connecting(struct mqtt_client *client, uint64_t now_ms)
{
    socklen_t size = sizeof(int);
    int code = 0;

    if (!is_ready(client, POLLOUT)) {
        return;
    }
    getsockopt(mosquitto_socket(client->mosquitto), SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) {
        fail(client, now_ms, strerrordesc_np(code));
        return;
    }
    mqtt_client_enter(client, MQTT_GREETING, now_ms);
    if (client->setup.tls_ca[0] != '\0') { /* begins the handshake */
        code = mosquitto_loop_read(client->mosquitto, 1);
    }
    if (code == MOSQ_ERR_SUCCESS) {
        code = mosquitto_loop_write(client->mosquitto, 1);
    }
    if (code != MOSQ_ERR_SUCCESS) {
        fail_code(client, now_ms, code);
    }
}

/* With TLS the broker's certificate, then the answer to CONNECT; nothing else is read as long
 * as that has not come, and only CONNECT can be queued. */
static void greet(struct mqtt_client *client, uint64_t now_ms)
{
    char byte;

    if (!is_ready(client, POLLIN)) {
        return;
    }
    if (recv(mosquitto_socket(client->mosquitto), &byte, 1, MSG_PEEK) == 0) {
        fail(client, now_ms, "the broker hung up");
        return;
    }
    int code = mosquitto_loop_read(client->mosquitto, 1);
    if (code == MOSQ_ERR_SUCCESS && client->state == MQTT_GREETING) {
        code = mosquitto_loop_write(client->mosquitto, 1);
    }
    if (code != MOSQ_ERR_SUCCESS) {
        fail_code(client, now_ms, code);
    } else if (client->state == MQTT_UP) {
        client->since_ms = now_ms;
    }
}

bool mqtt_client_step(struct mqtt_client *client, uint64_t now_ms)
{
    if (client->state == MQTT_DOWN) {
        start(client, now_ms);
    }
    if (client->state == MQTT_LOOKING_UP) {
        look_up(client, now_ms);
    }
    if (client->state == MQTT_CONNECTING) {
        finish_connecting(client, now_ms);
    }
    if (client->state == MQTT_GREETING) {
        greet(client, now_ms);
    }
    if ((client->state == MQTT_CONNECTING || client->state == MQTT_GREETING) &&
        now_ms - client->since_ms > CONNECT_MS) {
        fail(client, now_ms, "no answer");
    }
    return client->state == MQTT_UP;
}

/* A broker that gathers its small answers (Mosquitto's default) sends the second when the first
 * was acknowledged, which the kernel puts off by 40 ms unless it is told not to, each time
 * anew. */
static void acknowledge_at_once(struct mqtt_client *client)
{
    int on = 1;

    setsockopt(mosquitto_socket(client->mosquitto), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

bool mqtt_client_read(struct mqtt_client *client, uint64_t now_ms)
{
    if (client->state != MQTT_UP || !is_ready(client, POLLIN)) {
        return false;
    }
    client->detail[0] = '\0';
    int code = mosquitto_loop_read(client->mosquitto, 1);
    acknowledge_at_once(client);
    if (code != MOSQ_ERR_SUCCESS) {
        fail_code(client, now_ms, code);
    }
    return true;
}

void mqtt_client_write(struct mqtt_client *client, uint64_t now_ms)
{
    if (client->state == MQTT_UP && mosquitto_want_write(client->mosquitto)) {
        int code = mosquitto_loop_write(client->mosquitto, 1);

        if (code != MOSQ_ERR_SUCCESS) {
            fail_code(client, now_ms, code);
        }
    }
}

void mqtt_client_tend(struct mqtt_client *client, uint64_t now_ms)
{
    if (client->state == MQTT_UP) {
        int code = mosquitto_loop_misc(client->mosquitto);

        if (code != MOSQ_ERR_SUCCESS) {
            fail_code(client, now_ms, code);
        }
    }
}

void mqtt_client_leave(struct mqtt_client *client)
{
    if (client != NULL && client->state == MQTT_UP) {
        mosquitto_property *properties = NULL;

        if (client->setup.v5) {
            mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
        }
        mosquitto_disconnect_v5(client->mosquitto, 0, properties);
        mosquitto_property_free_all(&properties);
        mosquitto_loop_write(client->mosquitto, 1);
        client->state = MQTT_DOWN;
    }
}

int mqtt_client_descriptor(struct mqtt_client *client)
{
    bool reads = client->state == MQTT_UP || client->state == MQTT_GREETING;

    return reads ? mosquitto_socket(client->mosquitto) : -1;
}

uint64_t mqtt_client_wait_ms(struct mqtt_client *client, uint64_t now_ms)
{
    if (client->state == MQTT_DOWN) {
        uint64_t left = client->retry_ms > now_ms ? client->retry_ms - now_ms : 1;

        return left < IDLE_MS ? left : IDLE_MS;
    }
    if (client->state == MQTT_LOOKING_UP || client->state == MQTT_CONNECTING) {
        return SOON_MS;
    }
    return mosquitto_want_write(client->mosquitto) ? SOON_MS : IDLE_MS;
}

void mqtt_client_wait(struct mqtt_client *client, uint64_t now_ms, uint64_t ms)
{
    struct pollfd one = {.fd = mqtt_client_descriptor(client), .events = POLLIN};
    uint64_t most = mqtt_client_wait_ms(client, now_ms);

    poll(&one, 1, (int)(ms < most ? ms : most));
}

const char *mqtt_client_news(struct mqtt_client *client)
{
    if (client->recovered) {
        client->recovered = false;
        client->told[0] = '\0';
        return "connected to the broker again";
    }
    if (client->trouble[0] == '\0' || strcmp(client->trouble, client->told) == 0) {
        return NULL;
    }
    memcpy(client->told, client->trouble, sizeof(client->told));
    return client->told;
}

const char *mqtt_client_trouble(const struct mqtt_client *client)
{
    return client->trouble;
}
