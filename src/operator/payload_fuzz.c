/* Arbitrary bytes as a payload: the first says the format and whether there is a schema. What
 * is taken must keep what payload.h promises. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "operator/moment.h"
#include "operator/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct payload *payload)
{
    if (payload->n > PAYLOAD_READINGS_MAX) {
        abort();
    }
    for (size_t i = 0; i < payload->n; i++) {
        const struct payload_reading *reading = &payload->readings[i];

        if (*reading->type == '\0' || strlen(reading->type) > PAYLOAD_NAME_MAX ||
            strlen(reading->device) > PAYLOAD_NAME_MAX || !isfinite(reading->value) ||
            !moment_is_sane(reading->time)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct payload_origin origin = {.topic = "site/street/CO", .arrival = 1};
    struct payload payload = {0};
    struct payload_rules rules;
    struct error err;

    if (size == 0) {
        return 0;
    }
    const char *schema = (*data & 4) != 0 ? "CO:number,door:switch" : "";
    const char *fields = (*data & 8) != 0 ? "time,device,CO,door" : "time,type,value";
    if (payload_rules_init((enum payload_format)(*data & 3), schema, fields, &rules, &err) <
        0) {
        abort();
    }
    if (payload_read(&rules, (const char *)data + 1, size - 1, &origin, &payload, &err) == 0) {
        check(&payload);
    }
    payload_finishp(&payload);
    payload_rules_finish(&rules);
    return 0;
}
