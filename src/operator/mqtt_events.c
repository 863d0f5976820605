#include "operator/mqtt_events.h"

#include <stdio.h>
#include <string.h>

/* What the broker says of this connection. */
static void on_connect(struct mosquitto *mosquitto, void *object, int reason, int flags,
                       const mosquitto_property *properties)
{
    struct mqtt_client *client = object;
    (void)mosquitto;
    (void)properties;

    if (reason == 0) {
        client->recovered = client->told[0] != '\0';
        client->trouble[0] = '\0';
        mqtt_client_enter(client, MQTT_UP, client->since_ms);
        if (client->hooks->up != NULL) {
            client->hooks->up(client->owner, (flags & 1) != 0);
        }
        return;
    }
    const char *text =
        client->setup.v5 ? mosquitto_reason_string(reason) : mosquitto_connack_string(reason);
    snprintf(client->detail, sizeof(client->detail), "%s", text);
}

/* The library tells of the "dup" flag in its log alone: "Client ID received PUBLISH (d1, …". */
static void on_log(struct mosquitto *mosquitto, void *object, int level, const char *text)
{
    static const char wanted[] = " received PUBLISH (d";
    struct mqtt_client *client = object;
    size_t skip = strlen("Client ") + strlen(client->setup.client);
    (void)mosquitto;

    if (level == MOSQ_LOG_DEBUG && strlen(text) > skip + sizeof(wanted) &&
        memcmp(text + skip, wanted, sizeof(wanted) - 1) == 0) {
        client->again = text[skip + sizeof(wanted) - 1];
    } else if (level == MOSQ_LOG_ERR) {
        snprintf(client->detail, sizeof(client->detail), "%.150s", text);
    }
}

static void on_message(struct mosquitto *mosquitto, void *object,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct mqtt_client *client = object;
    struct mqtt_arrival arrival = {
        .id = (uint16_t)message->mid,
        .qos = (uint8_t)message->qos,
        .again = client->again != '0',
        .topic = message->topic,
        .payload = message->payload,
        .size = (uint32_t)message->payloadlen,
    };
    (void)mosquitto;
    (void)properties;

    client->again = 0;
    if (client->hooks->arrived != NULL) {
        client->hooks->arrived(client->owner, &arrival);
    }
}

static void on_publish(struct mosquitto *mosquitto, void *object, int id, int reason,
                       const mosquitto_property *properties)
{
    struct mqtt_client *client = object;
    (void)mosquitto;
    (void)properties;

    if (client->hooks->published != NULL) {
        client->hooks->published(client->owner, id, reason);
    }
}

static void on_subscribe(struct mosquitto *mosquitto, void *object, int id, int n,
                         const int *granted, const mosquitto_property *properties)
{
    struct mqtt_client *client = object;
    (void)mosquitto;
    (void)id;
    (void)properties;

    for (int i = 0; i < n; i++) {
        if (granted[i] >= 0x80) {
            mqtt_client_complain(client, "the broker at %s refuses topic %d of the list: %s",
                                 client->setup.broker, i + 1,
                                 mosquitto_reason_string(granted[i]));
        }
    }
}

static void on_unsubscribe(struct mosquitto *mosquitto, void *object, int id,
                           const mosquitto_property *properties)
{
    struct mqtt_client *client = object;
    (void)mosquitto;
    (void)properties;

    if (client->hooks->unsubscribed != NULL) {
        client->hooks->unsubscribed(client->owner, id);
    }
}

void mqtt_events_attach(struct mqtt_client *client)
{
    mosquitto_connect_v5_callback_set(client->mosquitto, on_connect);
    mosquitto_log_callback_set(client->mosquitto, on_log);
    mosquitto_message_v5_callback_set(client->mosquitto, on_message);
    mosquitto_publish_v5_callback_set(client->mosquitto, on_publish);
    mosquitto_subscribe_v5_callback_set(client->mosquitto, on_subscribe);
    mosquitto_unsubscribe_v5_callback_set(client->mosquitto, on_unsubscribe);
}
