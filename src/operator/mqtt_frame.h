/* A batch of MQTT messages as a frame of kind MESSAGES. */
#ifndef OPERATOR_MQTT_FRAME_H
#define OPERATOR_MQTT_FRAME_H

#include <brume/operator.h>

#include "operator/mqtt_journal.h"

int mqtt_frame_infer(struct brume_call *call); /* an operator's infer() */
/* A line end in a topic becomes a space. */
int mqtt_frame_output(struct brume_call *call, const struct mqtt_batch *batch);

#endif
