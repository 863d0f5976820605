/* Payloads in JSON: SCALE's events, plain objects, lists of them, bare values. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "operator/moment.h"
#include "operator/payload_add.h"

static int read_value(const char *name, const json_t *value, struct payload_claim *claim,
                      struct error *err)
{
    claim->is_switch = json_is_boolean(value);
    if (json_is_number(value)) {
        claim->value = json_number_value(value);
        return 0;
    }
    if (claim->is_switch) {
        claim->value = json_is_true(value);
        return 0;
    }
    if (json_is_string(value) &&
        payload_read_switch(json_string_value(value), &claim->value) == 0) {
        claim->is_switch = true;
        return 0;
    }
    return error_set(err, -EINVAL, "the value of '%.64s' is neither number nor switch", name);
}

static int read_time(const json_t *time, struct payload_claim *claim, struct error *err)
{
    if (time == NULL || json_is_null(time)) {
        return 0;
    }
    claim->has_time = true;
    if (json_is_number(time)) {
        claim->time = json_number_value(time);
        return 0;
    }
    if (json_is_string(time) && moment_read(json_string_value(time), "", &claim->time) == 0) {
        return 0;
    }
    return error_set(err, -EINVAL, "its time is neither seconds nor ISO 8601");
}

static int read_device(const json_t *device, struct payload_claim *claim, struct error *err)
{
    if (device == NULL || json_is_null(device)) {
        return 0;
    }
    claim->device = json_string_value(device);
    return claim->device != NULL ? 0 : error_set(err, -EINVAL, "its device is no text");
}

static const json_t *either(const json_t *object, const char *first, const char *second)
{
    const json_t *value = json_object_get(object, first);

    return value != NULL ? value : json_object_get(object, second);
}

static int read_shared(const json_t *object, struct payload_claim *claim, struct error *err)
{
    int ret = read_time(either(object, "timestamp", "time"), claim, err);

    return ret < 0 ? ret : read_device(json_object_get(object, "device"), claim, err);
}

static int read_event(struct payload_reader *reader, const json_t *event, struct error *err)
{
    struct payload_claim claim = {0};
    const json_t *value = json_object_get(event, "value");

    claim.type = json_string_value(either(event, "event", "type"));
    if (claim.type == NULL) {
        return error_set(err, -EINVAL, "its event is no text");
    }
    if (value == NULL) {
        return error_set(err, -EINVAL, "event '%.64s' has no value", claim.type);
    }
    int ret = read_shared(event, &claim, err);
    ret = ret < 0 ? ret : read_value(claim.type, value, &claim, err);
    return ret < 0 ? ret : payload_add(reader, &claim, err);
}

static int read_plain(struct payload_reader *reader, json_t *object, struct error *err)
{
    struct payload_claim claim = {0};
    const char *key;
    json_t *value;
    size_t n = 0;
    int ret = read_shared(object, &claim, err);

    if (ret < 0) {
        return ret;
    }
    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "time") == 0 || strcmp(key, "timestamp") == 0 ||
            strcmp(key, "device") == 0) {
            continue;
        }
        n++;
        if (json_is_null(value)) {
            continue;
        }
        claim.type = key;
        ret = read_value(key, value, &claim, err);
        ret = ret < 0 ? ret : payload_add(reader, &claim, err);
        if (ret < 0) {
            return ret;
        }
    }
    return n > 0 ? 0 : error_set(err, -EINVAL, "an object without a reading");
}

static int read_object(struct payload_reader *reader, json_t *object, struct error *err)
{
    const json_t *inner = json_object_get(object, "d");

    if (json_is_object(inner)) {
        return read_event(reader, inner, err);
    }
    if (json_is_string(either(object, "event", "type"))) {
        return read_event(reader, object, err);
    }
    return read_plain(reader, object, err);
}

static int read_list(struct payload_reader *reader, const json_t *list, struct error *err)
{
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        json_t *object = json_array_get(list, i);

        if (!json_is_object(object)) {
            return error_set(err, -EINVAL, "element %zu of the list is no object", i);
        }
        int ret = read_object(reader, object, err);
        if (ret < 0) {
            return ret;
        }
    }
    return n > 0 ? 0 : error_set(err, -EINVAL, "an empty list");
}

int payload_read_json(struct payload_reader *reader, const char *bytes, size_t size,
                      struct error *err)
{
    json_error_t why;
    cleanup(json_decrefp) json_t *json = json_loadb(bytes, size, JSON_DECODE_ANY, &why);
    struct payload_claim claim = {0};

    if (json == NULL) {
        return error_set(err, -EINVAL, "not JSON: %.120s", why.text);
    }
    if (json_is_object(json)) {
        return read_object(reader, json, err);
    }
    if (json_is_array(json)) {
        return read_list(reader, json, err);
    }
    int ret = read_value(reader->type, json, &claim, err);
    return ret < 0 ? ret : payload_add(reader, &claim, err);
}
