#include "operator/mqtt_publication.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "operator/mqtt_topic.h"

enum { NUMBER_SIZE = 32 };

static bool is_bytes(const struct brume_tensor *tensor)
{
    return tensor != NULL && tensor->type == BRUME_U8 && tensor->rank == 1;
}

int mqtt_publication_check(struct brume_call *call)
{
    const struct brume_tensor *first = brume_input(call, 0, 0);
    const struct brume_tensor *second = brume_input(call, 0, 1);
    bool good = false;

    switch (brume_input_count(call, 0)) {
    case 1:
        good = is_bytes(first);
        break;
    case 2:
        good = first->type == BRUME_F64 && first->rank == 2 && first->shape[1] == 2 &&
               is_bytes(second);
        break;
    case 3:
        good = is_bytes(first) && second->type == BRUME_I64 && second->rank == 1 &&
               is_bytes(brume_input(call, 0, 2));
        break;
    default:
        break;
    }
    return good ? 0 : brume_fail(call, "wants readings, messages or bytes");
}

void mqtt_publication_finish(struct mqtt_publication *publication)
{
    for (size_t i = 0; i < publication->n; i++) {
        free(publication->messages[i].topic);
        free(publication->messages[i].made);
    }
    free(publication->messages);
    *publication = (struct mqtt_publication){0};
}

static struct mqtt_outgoing *add(struct mqtt_publication *publication, const char *template,
                                 const struct mqtt_about *about)
{
    publication->messages =
        memory_grow(publication->messages, publication->n, sizeof(*publication->messages));
    struct mqtt_outgoing *message = &publication->messages[publication->n++];
    *message = (struct mqtt_outgoing){.topic = mqtt_topic_fill(template, about)};
    return message;
}

/* The next of the lines, without its end; false when there is none. */
static bool next_line(struct mqtt_word *lines, struct mqtt_word *ret_line)
{
    const char *end = lines->size > 0 ? memchr(lines->text, '\n', lines->size) : NULL;

    if (end == NULL) {
        return false;
    }
    *ret_line = (struct mqtt_word){(size_t)(end - lines->text), lines->text};
    lines->size -= ret_line->size + 1;
    lines->text = end + 1;
    return true;
}

/* The shortest that is this number when it is read again. */
static void write_number(double number, char *to)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(to, NUMBER_SIZE, "%.*g", digits, number);
        if (strtod(to, NULL) == number) {
            break;
        }
    }
    if (!isfinite(number)) {
        snprintf(to, NUMBER_SIZE, "null");
    }
}

static char *make_json(const double *reading, const struct mqtt_about *about)
{
    cleanup(json_decrefp) json_t *names =
        json_pack("{s:s%,s:s%}", "type", about->type.text, about->type.size, "device",
                  about->device.text, about->device.size);
    cleanup(memory_free) char *text = names != NULL ? json_dumps(names, JSON_COMPACT) : NULL;
    char seconds[NUMBER_SIZE];
    char value[NUMBER_SIZE];

    if (text == NULL) {
        return NULL;
    }
    write_number(reading[0], seconds);
    write_number(reading[1], value);
    return memory_format("{\"time\":%s,\"value\":%s,%s", seconds, value, text + 1);
}

static int add_reading(struct brume_call *call, const char *template, enum mqtt_payload payload,
                       const double *reading, const struct mqtt_word *line,
                       struct mqtt_publication *publication)
{
    const char *tab = line->size > 0 ? memchr(line->text, '\t', line->size) : NULL;
    struct mqtt_about about = {.type = *line, .device = {0, ""}};

    if (tab != NULL) {
        about.type.size = (size_t)(tab - line->text);
        about.device = (struct mqtt_word){line->size - about.type.size - 1, tab + 1};
    }
    struct mqtt_outgoing *message = add(publication, template, &about);
    if (payload == MQTT_PAYLOAD_RAW) {
        message->data = reading;
        message->size = 2 * sizeof(*reading);
        return 0;
    }
    if (payload == MQTT_PAYLOAD_JSON) {
        message->made = make_json(reading, &about);
    } else {
        message->made = memory_new(NUMBER_SIZE, 1);
        write_number(reading[1], message->made);
    }
    if (message->made == NULL) {
        return brume_fail(call, "a type or device that is no UTF-8");
    }
    message->data = message->made;
    message->size = (uint32_t)strlen(message->made);
    return 0;
}

static int add_readings(struct brume_call *call, const char *template,
                        enum mqtt_payload payload, struct mqtt_publication *publication)
{
    const struct brume_tensor *readings = brume_input(call, 0, 0);
    const struct brume_tensor *names = brume_input(call, 0, 1);
    struct mqtt_word lines = {names->shape[0], names->data};
    struct mqtt_word line;

    for (uint32_t i = 0; i < readings->shape[0]; i++) {
        const double *reading = (const double *)readings->data + (size_t)i * 2;

        if (!next_line(&lines, &line)) {
            return brume_fail(call, "%u readings with %u lines", readings->shape[0], i);
        }
        int ret = add_reading(call, template, payload, reading, &line, publication);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

static int add_messages(struct brume_call *call, const char *template,
                        struct mqtt_publication *publication)
{
    const struct brume_tensor *payloads = brume_input(call, 0, 0);
    const struct brume_tensor *ends = brume_input(call, 0, 1);
    const struct brume_tensor *topics = brume_input(call, 0, 2);
    struct mqtt_word lines = {topics->shape[0], topics->data};
    struct mqtt_about about = {.type = {0, ""}, .device = {0, ""}};
    int64_t begin = 0;

    for (uint32_t i = 0; i < ends->shape[0]; i++) {
        int64_t end = ((const int64_t *)ends->data)[i];

        if (end < begin || end > payloads->shape[0] || !next_line(&lines, &about.topic)) {
            return brume_fail(call, "%u messages, whose payloads or topics are not all there",
                              ends->shape[0]);
        }
        struct mqtt_outgoing *message = add(publication, template, &about);
        message->data = (const char *)payloads->data + begin;
        message->size = (uint32_t)(end - begin);
        begin = end;
    }
    return 0;
}

int mqtt_publication_read(struct brume_call *call, const char *template,
                          enum mqtt_payload payload, struct mqtt_publication *ret_publication)
{
    const struct mqtt_about nothing = {.type = {0, ""}, .device = {0, ""}, .topic = {0, ""}};
    int ret = mqtt_publication_check(call);

    *ret_publication = (struct mqtt_publication){0};
    if (ret < 0) {
        return ret;
    }
    switch (brume_input_count(call, 0)) {
    case 1: {
        struct mqtt_outgoing *message = add(ret_publication, template, &nothing);
        message->data = brume_input(call, 0, 0)->data;
        message->size = brume_input(call, 0, 0)->shape[0];
        break;
    }
    case 2:
        ret = add_readings(call, template, payload, ret_publication);
        break;
    default:
        ret = add_messages(call, template, ret_publication);
    }
    if (ret < 0) {
        mqtt_publication_finish(ret_publication);
    }
    return ret;
}
