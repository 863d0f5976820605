#include "operator/describe.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/error.h"
#include "operator/boxes.h"
#include "operator/describe_messages.h"
#include "operator/readings.h"
#include "tensor/tensor.h"

enum sort { SORT_BOXES, SORT_READINGS, SORT_VALUES, SORT_TEXT, SORT_MESSAGES, SORT_TENSORS };

static bool is_bytes(const struct brume_tensor *tensor)
{
    return tensor != NULL && tensor->type == BRUME_U8 && tensor->rank == 1;
}

static bool is_line(const struct brume_tensor *tensor)
{
    const unsigned char *bytes = tensor->data;

    for (uint32_t i = 0; i < tensor->shape[0]; i++) {
        if (bytes[i] >= 0x7F || (bytes[i] < ' ' && !isspace(bytes[i]))) {
            return false;
        }
    }
    return tensor->shape[0] < DESCRIBE_TEXT_MAX;
}

static enum sort tell(struct brume_call *call)
{
    const struct brume_tensor *first = brume_input(call, 0, 0);
    unsigned n = brume_input_count(call, 0);

    if (n == 1 && is_bytes(first) && is_line(first)) {
        return SORT_TEXT;
    }
    if (n == 3 && is_bytes(first) && is_bytes(brume_input(call, 0, 2)) &&
        brume_input(call, 0, 1)->type == BRUME_I64 && brume_input(call, 0, 1)->rank == 1) {
        return SORT_MESSAGES;
    }
    if (n != 2 || !is_bytes(brume_input(call, 0, 1))) {
        return SORT_TENSORS;
    }
    if (first->type == BRUME_F32 && first->rank == 2 && first->shape[1] == BOXES_ROW) {
        return SORT_BOXES;
    }
    if (first->type == BRUME_F64 && first->rank == 2 && first->shape[1] == 2) {
        return SORT_READINGS;
    }
    return first->type == BRUME_F64 && first->rank == 1 ? SORT_VALUES : SORT_TENSORS;
}

/* Text that is filled up to its end and then says so. */
struct line {
    char *text;
    size_t size, used;
};

static void append(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);
static void append(struct line *line, const char *format, ...)
{
    va_list args;

    if (line->used < line->size) {
        va_start(args, format);
        int n = vsnprintf(line->text + line->used, line->size - line->used, format, args);
        va_end(args);
        line->used += n > 0 ? (size_t)n : 0;
    }
    if (line->used >= line->size && line->size > 4) {
        memcpy(line->text + line->size - 4, "...", 4);
    }
}

static int say_boxes(struct brume_call *call, struct line *line)
{
    cleanup(boxes_input_finishp) struct boxes_input boxes = {0};
    int ret = boxes_input(call, 0, &boxes);

    if (ret < 0) {
        return ret;
    }
    for (size_t i = 0; i < boxes.n; i++) {
        append(line, "%s%s %.2f", i > 0 ? ", " : "", boxes_label(&boxes, i),
               (double)boxes.rows[i * BOXES_ROW + 4]);
    }
    if (boxes.n == 0) {
        append(line, "nothing");
    }
    return 0;
}

static void append_time(struct line *line, double time)
{
    char text[32];
    struct tm parts;
    double milliseconds = floor(time * 1000 + 0.5);
    time_t seconds = (time_t)floor(milliseconds / 1000);

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    append(line, " at %s.%03dZ", text, (int)(milliseconds - (double)seconds * 1000));
}

static int say_readings(struct brume_call *call, struct line *line)
{
    cleanup(readings_finishp) struct readings readings = {0};
    int ret = readings_input(call, 0, &readings);

    for (size_t i = 0; i < readings.n && line->used < line->size; i++) {
        const struct reading *reading = &readings.list[i];

        append(line, "%s%s%s%s %.6g", i > 0 ? ", " : "", reading->device,
               *reading->device != '\0' ? " " : "", reading->type, reading->value);
        if (fabs(reading->time) <= READINGS_TIME_MAX) {
            append_time(line, reading->time);
        }
    }
    if (ret == 0 && readings.n == 0) {
        append(line, "nothing");
    }
    return ret;
}

static int values_input(struct brume_call *call, struct labels *ret_names)
{
    const struct brume_tensor *values = brume_input(call, 0, 0);
    const struct brume_tensor *text = brume_input(call, 0, 1);
    struct error err;

    if (labels_parse(text->data, text->shape[0], ret_names, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    if (ret_names->n != values->shape[0]) {
        return brume_fail(call, "%u values have %zu names", values->shape[0], ret_names->n);
    }
    return 0;
}

static int say_values(struct brume_call *call, struct line *line)
{
    cleanup(labels_finishp) struct labels names = {0};
    const double *values = brume_input(call, 0, 0)->data;
    int ret = values_input(call, &names);

    for (size_t i = 0; ret == 0 && i < names.n; i++) {
        append(line, "%s%s %.6g", i > 0 ? ", " : "", names.names[i], values[i]);
    }
    if (ret == 0 && names.n == 0) {
        append(line, "nothing");
    }
    return ret;
}

static void shape_text(const struct brume_tensor *tensor, size_t size, char *ret_text)
{
    struct tensor_shape shape = {.type = (enum tensor_type)tensor->type, .rank = tensor->rank};

    memcpy(shape.dims, tensor->shape, sizeof(shape.dims));
    tensor_shape_text(&shape, size, ret_text);
}

static void say_tensors(struct brume_call *call, struct line *line)
{
    const struct brume_tensor *tensor;

    for (unsigned i = 0; (tensor = brume_input(call, 0, i)) != NULL; i++) {
        char text[160];

        shape_text(tensor, sizeof(text), text);
        append(line, "%s%s", i > 0 ? ", " : "", text);
    }
}

int describe_text(struct brume_call *call, size_t size, char *ret_text)
{
    struct line line = {.text = ret_text, .size = size};
    const struct brume_tensor *first = brume_input(call, 0, 0);

    ret_text[0] = '\0';
    switch (tell(call)) {
    case SORT_BOXES:
        return say_boxes(call, &line);
    case SORT_READINGS:
        return say_readings(call, &line);
    case SORT_VALUES:
        return say_values(call, &line);
    case SORT_TEXT:
        append(&line, "%.*s", (int)first->shape[0], (const char *)first->data);
        line.used = strcspn(ret_text, "\r\n");
        ret_text[line.used] = '\0';
        return 0;
    case SORT_MESSAGES:
        append(&line, "%u message%s", brume_input(call, 0, 1)->shape[0],
               brume_input(call, 0, 1)->shape[0] == 1 ? "" : "s");
        return 0;
    case SORT_TENSORS:
        say_tensors(call, &line);
        return 0;
    }
    return 0;
}

/* JSON has no numbers that are not finite. */
static json_t *json_number(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

static int json_boxes(struct brume_call *call, json_t *object)
{
    cleanup(boxes_input_finishp) struct boxes_input boxes = {0};
    json_t *list = json_array();
    int ret = boxes_input(call, 0, &boxes);

    for (size_t i = 0; i < boxes.n; i++) {
        const float *row = boxes.rows + i * BOXES_ROW;

        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "label",
                            json_line(boxes_label(&boxes, i)), "score",
                            json_number((double)row[4]), "x", json_number((double)row[0]), "y",
                            json_number((double)row[1]), "width", json_number((double)row[2]),
                            "height", json_number((double)row[3])));
    }
    json_object_set_new(object, "boxes", list);
    return ret;
}

static int json_readings(struct brume_call *call, json_t *object)
{
    cleanup(readings_finishp) struct readings readings = {0};
    json_t *list = json_array();
    int ret = readings_input(call, 0, &readings);

    json_object_set_new(object, "readings", list);
    for (size_t i = 0; ret == 0 && i < readings.n; i++) {
        const struct reading *reading = &readings.list[i];
        json_t *type = json_string(reading->type);
        json_t *device = json_string(reading->device);

        if (type == NULL || device == NULL) {
            json_decref(type);
            json_decref(device);
            return brume_fail(call, "the type or device of reading %zu is not UTF-8", i);
        }
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o}", "time", json_number(reading->time), "type",
                            type, "device", device, "value", json_number(reading->value)));
    }
    return ret;
}

static int json_values(struct brume_call *call, json_t *object)
{
    cleanup(labels_finishp) struct labels names = {0};
    const double *values = brume_input(call, 0, 0)->data;
    json_t *list = json_object();
    int ret = values_input(call, &names);

    for (size_t i = 0; ret == 0 && i < names.n; i++) {
        json_object_set_new(list, names.names[i], json_number(values[i]));
    }
    json_object_set_new(object, "values", list);
    return ret;
}

static void json_tensors(struct brume_call *call, json_t *object)
{
    const struct brume_tensor *tensor;
    json_t *list = json_array();

    for (unsigned i = 0; (tensor = brume_input(call, 0, i)) != NULL; i++) {
        char text[160];

        shape_text(tensor, sizeof(text), text);
        json_array_append_new(list, json_string(text));
    }
    json_object_set_new(object, "tensors", list);
}

int describe_json(struct brume_call *call, json_t *object)
{
    const struct brume_tensor *first = brume_input(call, 0, 0);

    switch (tell(call)) {
    case SORT_BOXES:
        return json_boxes(call, object);
    case SORT_READINGS:
        return json_readings(call, object);
    case SORT_VALUES:
        return json_values(call, object);
    case SORT_TEXT:
        json_object_set_new(object, "text", json_stringn(first->data, first->shape[0]));
        return 0;
    case SORT_MESSAGES:
        return describe_messages(call, object);
    case SORT_TENSORS:
        json_tensors(call, object);
        return 0;
    }
    return 0;
}
