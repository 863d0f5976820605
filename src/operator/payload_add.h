/* Between the readers of payloads: one reading, as far as the payload says it, is checked
 * against the schema and completed from where it came. */
#ifndef OPERATOR_PAYLOAD_ADD_H
#define OPERATOR_PAYLOAD_ADD_H

#include "operator/payload.h"

struct payload_reader {
    const struct payload_rules *rules;
    const struct payload_origin *origin;
    struct payload payload;
    char *type, *device; /* of the topic, malloc'ed; "" for none */
};

struct payload_claim {
    const char *type, *device; /* NULL: does not say */
    bool has_time, is_switch;  /* a value that is true or false and no number */
    double time, value;
};

/* 0, or -EINVAL. */
int payload_add(struct payload_reader *reader, const struct payload_claim *claim,
                struct error *err);

/* "on", "closed" and the like: 0 or -EINVAL. */
int payload_read_switch(const char *text, double *ret_value);

/* Readings from JSON: objects, or a list of them, or a bare value. */
int payload_read_json(struct payload_reader *reader, const char *bytes, size_t size,
                      struct error *err);

#endif
