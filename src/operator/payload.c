#include "operator/payload.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/csv.h"
#include "operator/moment.h"
#include "operator/payload_add.h"

int payload_read_switch(const char *text, double *ret_value)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"on", 1}, {"off", 0}, {"open", 1}, {"closed", 0}, {"true", 1}, {"false", 0}};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(text, words[i].word) == 0) {
            *ret_value = words[i].value;
            return 0;
        }
    }
    return -EINVAL;
}

static int check_schema(const struct payload_rules *rules, const char *type,
                        const struct payload_claim *claim, struct error *err)
{
    enum payload_kind kind = PAYLOAD_ANY;
    size_t i = 0;

    while (i < rules->n_types && strcmp(rules->types[i].name, type) != 0) {
        i++;
    }
    if (i < rules->n_types) {
        kind = rules->types[i].kind;
    } else if (rules->n_types > 0) {
        return error_set(err, -EINVAL, "type '%.64s' is not in the schema", type);
    }
    if (kind == PAYLOAD_ONLY_NUMBER && claim->is_switch) {
        return error_set(err, -EINVAL, "'%.64s' must be a number", type);
    }
    if (kind == PAYLOAD_ONLY_SWITCH && claim->value != 0 && claim->value != 1) {
        return error_set(err, -EINVAL, "'%.64s' must be a switch", type);
    }
    return 0;
}

int payload_add(struct payload_reader *reader, const struct payload_claim *claim,
                struct error *err)
{
    const char *type = claim->type != NULL ? claim->type : reader->type;
    const char *device = claim->device != NULL ? claim->device : reader->device;
    bool arrival = !claim->has_time || reader->origin->time_is_arrival;
    struct payload *payload = &reader->payload;

    if (*type == '\0') {
        return error_set(err, -EINVAL, "neither it nor its topic says the type");
    }
    if (strlen(type) > PAYLOAD_NAME_MAX || strlen(device) > PAYLOAD_NAME_MAX) {
        return error_set(err, -EINVAL, "a type or device over %d bytes", PAYLOAD_NAME_MAX);
    }
    if (!isfinite(claim->value)) {
        return error_set(err, -EINVAL, "the value of '%.64s' is not finite", type);
    }
    if (claim->has_time && !moment_is_sane(claim->time)) {
        return error_set(err, -EINVAL, "%g is no time", claim->time);
    }
    int ret = check_schema(reader->rules, type, claim, err);
    if (ret < 0) {
        return ret;
    }
    if (payload->n == PAYLOAD_READINGS_MAX) {
        return error_set(err, -EINVAL, "over %d readings", PAYLOAD_READINGS_MAX);
    }
    payload->readings = memory_grow(payload->readings, payload->n, sizeof(*payload->readings));
    payload->readings[payload->n++] = (struct payload_reading){
        .time = arrival ? reader->origin->arrival : claim->time,
        .value = claim->value,
        .type = memory_text(type),
        .device = memory_text(device),
    };
    return 0;
}

static int read_value(const char *text, struct payload_claim *claim, struct error *err)
{
    claim->is_switch = false;
    if (csv_read_number(text, '.', &claim->value) == 0) {
        return 0;
    }
    if (payload_read_switch(text, &claim->value) == 0) {
        claim->is_switch = true;
        return 0;
    }
    return error_set(err, -EINVAL, "'%.64s' is no value", text);
}

/* The fields of a row that go for all its values. */
static int read_shared(const struct payload_rules *rules, char *const *texts,
                       struct payload_claim *claim, struct error *err)
{
    for (size_t i = 0; i < rules->n_fields; i++) {
        const char *text = *texts[i] != '\0' ? texts[i] : NULL;

        if (rules->fields[i].role == PAYLOAD_TYPE) {
            claim->type = text;
        } else if (rules->fields[i].role == PAYLOAD_DEVICE) {
            claim->device = text;
        } else if (rules->fields[i].role == PAYLOAD_TIME && text != NULL) {
            claim->has_time = true;
            if (moment_read(text, "", &claim->time) < 0) {
                return error_set(err, -EINVAL, "'%.64s' is no time", text);
            }
        }
    }
    return 0;
}

static int read_row(struct payload_reader *reader, char *line, struct error *err)
{
    const struct payload_rules *rules = reader->rules;
    struct payload_claim shared = {0};
    char *texts[CSV_FIELDS_MAX];
    size_t n = csv_split(line, ',', texts);

    if (n != rules->n_fields) {
        return error_set(err, -EINVAL, "a row of %zu fields and not %zu", n, rules->n_fields);
    }
    int ret = read_shared(rules, texts, &shared, err);
    for (size_t i = 0; ret == 0 && i < n; i++) {
        struct payload_claim claim = shared;

        if (rules->fields[i].role < PAYLOAD_VALUE || *texts[i] == '\0') {
            continue;
        }
        if (rules->fields[i].role == PAYLOAD_NAMED) {
            claim.type = rules->fields[i].name;
        }
        ret = read_value(texts[i], &claim, err);
        ret = ret < 0 ? ret : payload_add(reader, &claim, err);
    }
    return ret;
}

static int read_csv(struct payload_reader *reader, char *text, struct error *err)
{
    size_t n_rows = 0;

    while (text != NULL) {
        char *line = strsep(&text, "\n");

        if (csv_is_blank(line, strlen(line), ',')) {
            continue;
        }
        int ret = read_row(reader, line, err);
        if (ret < 0) {
            return ret;
        }
        n_rows++;
    }
    return n_rows > 0 ? 0 : error_set(err, -EINVAL, "there is nothing in it");
}

/* The text without the white space around it, cut in place. */
static char *trim(char *text)
{
    static const char space[] = " \t\r\n";

    text += strspn(text, space);
    for (size_t n = strlen(text); n > 0 && strchr(space, text[n - 1]) != NULL; n--) {
        text[n - 1] = '\0';
    }
    return text;
}

static int read_number(struct payload_reader *reader, const char *text, struct error *err)
{
    struct payload_claim claim = {0};
    int ret = read_value(text, &claim, err);

    return ret < 0 ? ret : payload_add(reader, &claim, err);
}

static enum payload_format guess(const char *text)
{
    double value;

    if (*text == '{' || *text == '[') {
        return PAYLOAD_JSON;
    }
    if (csv_read_number(text, '.', &value) == 0 || payload_read_switch(text, &value) == 0) {
        return PAYLOAD_NUMBER;
    }
    return PAYLOAD_CSV;
}

static int read_any(struct payload_reader *reader, const char *bytes, size_t size,
                    struct error *err)
{
    if (size > PAYLOAD_SIZE_MAX) {
        return error_set(err, -EINVAL, "%zu bytes, over %d", size, PAYLOAD_SIZE_MAX);
    }
    if (size == 0) {
        return error_set(err, -EINVAL, "there is nothing in it");
    }
    if (memchr(bytes, '\0', size) != NULL) {
        return error_set(err, -EINVAL, "a zero byte in it");
    }
    cleanup(memory_free) char *copy = memory_format("%.*s", (int)size, bytes);
    char *text = trim(copy);
    enum payload_format format = reader->rules->format;
    switch (format == PAYLOAD_AUTO ? guess(text) : format) {
    case PAYLOAD_JSON:
        return payload_read_json(reader, text, strlen(text), err);
    case PAYLOAD_NUMBER:
        return read_number(reader, text, err);
    default:
        return read_csv(reader, text, err);
    }
}

/* The last two levels of "site/street/CO": device and type. */
static void read_topic(struct payload_reader *reader)
{
    const char *topic = reader->origin->topic;
    const char *type = strrchr(topic, '/');
    const char *device = type != NULL ? memrchr(topic, '/', (size_t)(type - topic)) : NULL;

    reader->type = memory_text(type != NULL ? type + 1 : topic);
    device = device != NULL ? device + 1 : topic;
    reader->device = memory_format("%.*s", type != NULL ? (int)(type - device) : 0, device);
}

int payload_read(const struct payload_rules *rules, const char *bytes, size_t size,
                 const struct payload_origin *origin, struct payload *ret_payload,
                 struct error *err)
{
    struct payload_reader reader = {.rules = rules, .origin = origin};

    read_topic(&reader);
    int ret = read_any(&reader, bytes, size, err);
    free(reader.type);
    free(reader.device);
    if (ret < 0) {
        payload_finishp(&reader.payload);
        return ret;
    }
    *ret_payload = reader.payload;
    return 0;
}

void payload_finishp(struct payload *payload)
{
    for (size_t i = 0; i < payload->n; i++) {
        free(payload->readings[i].type);
        free(payload->readings[i].device);
    }
    free(payload->readings);
    *payload = (struct payload){0};
}
