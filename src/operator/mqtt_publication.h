/* What a frame is as MQTT messages: readings, messages or bytes, under topics that a template
 * gives. */
#ifndef OPERATOR_MQTT_PUBLICATION_H
#define OPERATOR_MQTT_PUBLICATION_H

#include <brume/operator.h>
#include <stddef.h>

enum mqtt_payload { MQTT_PAYLOAD_JSON, MQTT_PAYLOAD_VALUE, MQTT_PAYLOAD_RAW };

struct mqtt_publication {
    size_t n;
    struct mqtt_outgoing {
        char *topic;
        char *made;       /* the payload when it was made here, else NULL */
        const void *data; /* the payload */
        uint32_t size;
    } * messages;
};

/* Refuses inputs that are none of the three, as far as shapes are known. */
int mqtt_publication_check(struct brume_call *call);
/* Reads input 0; lives as long as the call. What is wrong is said with brume_fail(). */
int mqtt_publication_read(struct brume_call *call, const char *template,
                          enum mqtt_payload payload, struct mqtt_publication *ret_publication);
void mqtt_publication_finish(struct mqtt_publication *publication);

#endif
