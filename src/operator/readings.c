#include "operator/readings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"

enum { ROW = 2 };

/* Cuts one line "type<tab>device" off text and moves on behind it. */
static int cut(struct brume_call *call, size_t line, char **at, struct reading *ret_reading)
{
    char *type = *at;
    char *end = strchr(type, '\n'); /* readings_input() saw that there is one */
    char *tab = memchr(type, '\t', (size_t)(end - type));

    if (tab == NULL || memchr(tab + 1, '\t', (size_t)(end - tab - 1)) != NULL) {
        return brume_fail(call, "reading %zu: its line is not type, tab, device", line);
    }
    if (tab == type) {
        return brume_fail(call, "reading %zu has no type", line);
    }
    if (tab - type > READINGS_NAME_MAX || end - tab - 1 > READINGS_NAME_MAX) {
        return brume_fail(call, "reading %zu: its type or device is longer than %d bytes", line,
                          READINGS_NAME_MAX);
    }
    *tab = '\0';
    *end = '\0';
    ret_reading->type = type;
    ret_reading->device = tab + 1;
    *at = end + 1;
    return 0;
}

static bool is_control(unsigned char byte)
{
    return (byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7F;
}

/* Checks the names as a whole: how many lines, and no bytes that would end up in a terminal. */
static int check_text(struct brume_call *call, const struct brume_tensor *text, size_t n)
{
    const unsigned char *bytes = text->data;
    size_t size = text->shape[0], lines = 0;

    for (size_t i = 0; i < size; i++) {
        if (is_control(bytes[i])) {
            return brume_fail(call, "there is a byte 0x%02x in the names of the readings",
                              bytes[i]);
        }
        lines += bytes[i] == '\n';
    }
    if (size > 0 && bytes[size - 1] != '\n') {
        return brume_fail(call, "the last name of the readings has no end of line");
    }
    if (lines != n) {
        return brume_fail(call, "%zu readings have %zu lines of names", n, lines);
    }
    return 0;
}

static int check(struct brume_call *call, unsigned port)
{
    const struct brume_tensor *rows = brume_input(call, port, 0);
    const struct brume_tensor *text = brume_input(call, port, 1);

    if (rows == NULL || rows->type != BRUME_F64 || rows->rank != 2 || rows->shape[1] != ROW ||
        text == NULL || text->type != BRUME_U8 || text->rank != 1 ||
        brume_input_count(call, port) != 2) {
        return brume_fail(call, "wants readings on input %u: f64[n, 2] and u8[m]", port);
    }
    if (rows->shape[0] > READINGS_MAX || text->shape[0] > READINGS_TEXT_MAX) {
        return brume_fail(call, "%u readings with %u bytes of names are too many for a frame",
                          rows->shape[0], text->shape[0]);
    }
    return check_text(call, text, rows->shape[0]);
}

static int parse(struct brume_call *call, unsigned port, struct readings *readings)
{
    const struct brume_tensor *rows = brume_input(call, port, 0);
    const struct brume_tensor *text = brume_input(call, port, 1);
    size_t size = text->shape[0];

    readings->n = rows->shape[0];
    readings->list = memory_new(readings->n, sizeof(*readings->list));
    readings->text = memory_new(size + 1, 1);
    if (size > 0) {
        memcpy(readings->text, text->data, size);
    }
    char *at = readings->text;
    for (size_t i = 0; i < readings->n; i++) {
        readings->list[i].time = ((const double *)rows->data)[ROW * i];
        readings->list[i].value = ((const double *)rows->data)[ROW * i + 1];
        int ret = cut(call, i, &at, &readings->list[i]);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int readings_input(struct brume_call *call, unsigned port, struct readings *ret_readings)
{
    struct readings readings = {0};

    if (brume_input_count(call, port) == 0) {
        return 0;
    }
    int ret = check(call, port);
    ret = ret < 0 ? ret : parse(call, port, &readings);
    if (ret < 0) {
        readings_finish(&readings);
        return ret;
    }
    *ret_readings = readings;
    return 0;
}

void readings_finish(struct readings *readings)
{
    free(readings->list);
    free(readings->text);
    *readings = (struct readings){0};
}

void readings_finishp(struct readings *readings)
{
    readings_finish(readings);
}

bool reading_is_usable(const struct reading *reading)
{
    return fabs(reading->time) <= READINGS_TIME_MAX &&
           fabs(reading->value) <= READINGS_VALUE_MAX;
}

static void *grown(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* A name and what ends it; what would end it before becomes a space. Returns where to go on. */
static char *put_name(char *to, const char *name, char end)
{
    for (; *name != '\0'; name++) {
        bool control = (unsigned char)*name < ' ' || *name == 0x7f;

        *to = *name;
        if (control) {
            *to = ' ';
        }
        to++;
    }
    *to++ = end;
    return to;
}

void readings_add(struct readings_out *out, const struct reading *reading)
{
    size_t type = strlen(reading->type), device = strlen(reading->device);
    size_t size = out->size + type + device + 2;

    if (out->n == READINGS_MAX || size > READINGS_TEXT_MAX) {
        out->full = true;
        return;
    }
    if (out->n == out->room) {
        out->room = out->room == 0 ? 16 : 2 * out->room;
        out->rows = grown(out->rows, out->room * ROW * sizeof(*out->rows));
    }
    if (size > out->text_room) {
        out->text_room = 2 * size;
        out->text = grown(out->text, out->text_room);
    }
    out->rows[ROW * out->n] = reading->time;
    out->rows[ROW * out->n + 1] = reading->value;
    out->n++;
    char *to = put_name(out->text + out->size, reading->type, '\t');
    put_name(to, reading->device, '\n');
    out->size = size;
}

int readings_output(struct brume_call *call, unsigned port, const struct readings_out *out)
{
    uint32_t n = (uint32_t)out->n;
    uint32_t size = (uint32_t)out->size;

    if (out->full) {
        return brume_fail(call, "more than %d readings, or names too long, for one frame",
                          READINGS_MAX);
    }
    if (n == 0) {
        return 0;
    }
    const struct brume_tensor *rows =
        brume_output(call, port, BRUME_F64, 2, (uint32_t[]){n, ROW});
    const struct brume_tensor *text = brume_output(call, port, BRUME_U8, 1, &size);
    if (rows == NULL || text == NULL) {
        return brume_fail(call, "no memory for %u readings", n);
    }
    memcpy(rows->data, out->rows, out->n * ROW * sizeof(*out->rows));
    memcpy(text->data, out->text, out->size);
    return 0;
}

void readings_out_finish(struct readings_out *out)
{
    free(out->rows);
    free(out->text);
    *out = (struct readings_out){0};
}

void readings_out_finishp(struct readings_out *out)
{
    readings_out_finish(out);
}

int readings_infer(struct brume_call *call, unsigned n_ports)
{
    uint32_t unknown = 0;

    for (unsigned port = 0; port < n_ports; port++) {
        brume_output(call, port, BRUME_F64, 2, (uint32_t[]){0, ROW});
        brume_output(call, port, BRUME_U8, 1, &unknown);
    }
    return 0;
}
