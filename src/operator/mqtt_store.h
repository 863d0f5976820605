/* The journal of an MQTT source on the disk: written whole and forced to it, since what it says
 * is acknowledged on its word. */
#ifndef OPERATOR_MQTT_STORE_H
#define OPERATOR_MQTT_STORE_H

#include "operator/mqtt_journal.h"

int mqtt_store_write(const char *folder, const char *run, const struct mqtt_batch *batch,
                     const struct mqtt_seen *seen, struct error *err);
/* As mqtt_journal_decode(); where there is no journal, all stays as it is. */
int mqtt_store_read(const char *folder, const char *run, struct mqtt_batch *ret_batch,
                    struct mqtt_seen *seen, struct error *err);

#endif
