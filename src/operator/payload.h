/* What a sensor sends, as readings: JSON, rows of CSV, or a bare number. Pure.
 *
 * JSON is SCALE's form, {"d": {"event": TYPE, "value": V, "timestamp": T, "device": NAME}}, the
 * same without the "d", a plain object {TYPE: V, …, "time": T, "device": NAME}, or a list of
 * any of these. V is a number, true or false (1 and 0); of a plain object also null: nothing
 * was read. A bare number, or on, off, open, closed, true, false, has its type and device from
 * the last two levels of the topic, and so has what else does not say its own.
 *
 * A payload is taken whole or not at all.
 */
#ifndef OPERATOR_PAYLOAD_H
#define OPERATOR_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;

enum {
    PAYLOAD_SIZE_MAX = 1 << 20,
    PAYLOAD_READINGS_MAX = 4096, /* of one payload */
    PAYLOAD_NAME_MAX = 255,      /* bytes of a type or device */
};

enum payload_format { PAYLOAD_AUTO, PAYLOAD_JSON, PAYLOAD_CSV, PAYLOAD_NUMBER };

enum payload_kind { PAYLOAD_ANY, PAYLOAD_ONLY_NUMBER, PAYLOAD_ONLY_SWITCH };

struct payload_type {
    char *name;
    enum payload_kind kind;
};

enum payload_role {
    PAYLOAD_TIME,
    PAYLOAD_TYPE,
    PAYLOAD_DEVICE,
    PAYLOAD_VALUE,
    PAYLOAD_NAMED, /* a value whose type is the field's name */
};

struct payload_field {
    char *name;
    enum payload_role role;
};

struct payload_rules {
    enum payload_format format;
    size_t n_types; /* 0: any type */
    struct payload_type *types;
    size_t n_fields; /* of a row of CSV */
    struct payload_field *fields;
};

/* `schema` is "CO:number,door:switch", "" for anything; `fields` is "time,type,value", any of
 * time, type, device, value and of the types whose value stands there. */
int payload_rules_init(enum payload_format format, const char *schema, const char *fields,
                       struct payload_rules *ret_rules, struct error *err);
void payload_rules_finish(struct payload_rules *rules); /* accepts zeroed memory */

struct payload_origin {
    const char *topic;
    double arrival;       /* seconds since 1970: the time of what does not say it */
    bool time_is_arrival; /* of all */
};

struct payload_reading {
    double time, value;
    char *type, *device; /* malloc'ed */
};

struct payload {
    size_t n;
    struct payload_reading *readings;
};

/* 0; or -EINVAL and why it is no payload of this schema. */
int payload_read(const struct payload_rules *rules, const char *bytes, size_t size,
                 const struct payload_origin *origin, struct payload *ret_payload,
                 struct error *err);
void payload_finishp(struct payload *payload); /* accepts zeroed memory */

#endif
