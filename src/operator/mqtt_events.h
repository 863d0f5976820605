/* The inside of a connection to a broker: what happens to it, as libmosquitto tells. For
 * mqtt_client.c alone. */
#ifndef OPERATOR_MQTT_EVENTS_H
#define OPERATOR_MQTT_EVENTS_H

#include "operator/mqtt_lookup.h"
#include "operator/mqtt_setup.h"

enum mqtt_state { MQTT_DOWN, MQTT_LOOKING_UP, MQTT_CONNECTING, MQTT_GREETING, MQTT_UP };

struct mqtt_client {
    struct mosquitto *mosquitto;
    struct mqtt_setup setup;
    const struct mqtt_hooks *hooks;
    void *owner;
    enum mqtt_state state;
    uint64_t since_ms, retry_ms, backoff_ms;
    struct mqtt_lookup *lookup;
    char again;       /* the flag in the log's line on the message to come; 0: not known */
    char detail[160]; /* the last error that libmosquitto logged */
    char trouble[256];
    char told[256]; /* of trouble, what was told last */
    bool recovered;
};

void mqtt_client_enter(struct mqtt_client *client, enum mqtt_state state, uint64_t now_ms);

/* From now on what libmosquitto tells reaches the hooks and the state. */
void mqtt_events_attach(struct mqtt_client *client);

#endif
