/* Asks for the address of a host without waiting for the answer: a name server that is gone
 * costs seconds, and an operator must not stand still for it. libmosquitto asks again itself,
 * and waits; but then the answer is known. */
#ifndef OPERATOR_MQTT_LOOKUP_H
#define OPERATOR_MQTT_LOOKUP_H

#include <stdbool.h>

struct mqtt_lookup;

struct mqtt_lookup *mqtt_lookup_start(const char *host);
/* Whether there is an answer: 0, or a code for gai_strerror(). */
bool mqtt_lookup_answered(const struct mqtt_lookup *lookup, int *ret_code);
void mqtt_lookup_drop(struct mqtt_lookup *lookup); /* answered or not; accepts NULL */

#endif
