/* Messages in JSON: so that a file of what nobody understood can be read by people. */
#ifndef OPERATOR_DESCRIBE_MESSAGES_H
#define OPERATOR_DESCRIBE_MESSAGES_H

#include "base/json.h"

struct brume_call;

/* [{"topic", "size", "text"}, …]; "hex" instead of "text" for what is no UTF-8. Of a large
 * payload the beginning, of all payloads together not more than a line should have. */
int describe_messages(struct brume_call *call, json_t *object);

#endif
