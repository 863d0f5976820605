/* The parameters of an MQTT connection, understood, and libmosquitto's client made to fit. */
#ifndef OPERATOR_MQTT_SETUP_H
#define OPERATOR_MQTT_SETUP_H

#include "operator/mqtt_client.h"

struct mqtt_setup {
    bool v5;
    int port, keep_alive;    /* seconds */
    const char *broker;      /* as in the manifest; lives as long as the operator */
    const char *tls_ca;      /* "": no TLS */
    char *host;              /* malloc'ed */
    char *client, *password; /* malloc'ed; no password: NULL */
};

int mqtt_setup_read(struct brume_call *call, struct mqtt_setup *ret_setup);
void mqtt_setup_finish(struct mqtt_setup *setup);
/* Everything that comes before connecting. */
int mqtt_setup_apply(struct brume_call *call, const struct mqtt_setup *setup,
                     const struct mqtt_session *session, struct mosquitto *mosquitto);

#endif
