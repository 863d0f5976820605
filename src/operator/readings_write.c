#include "operator/readings_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { READINGS_MAX = 1 << 20, TEXT_MAX = 64 << 20 };

static void make_room(struct readings_writer *writer, size_t more)
{
    size_t wanted = writer->size + more;

    if (wanted > writer->text_room) {
        size_t room = 2 * wanted;
        char *text = realloc(writer->text, room);

        if (text == NULL) {
            abort();
        }
        writer->text = text;
        writer->text_room = room;
    }
}

static void add_name(struct readings_writer *writer, const char *name, char end)
{
    for (; *name != '\0'; name++) {
        writer->text[writer->size] = *name;
        if (*name == '\t' || *name == '\n' || *name == '\r') {
            writer->text[writer->size] = ' ';
        }
        writer->size++;
    }
    writer->text[writer->size++] = end;
}

void readings_writer_add(struct readings_writer *writer, double time, double value,
                         const char *type, const char *device)
{
    size_t more = strlen(type) + strlen(device) + 2;

    if (writer->n == READINGS_MAX || more > TEXT_MAX - writer->size) {
        writer->full = true;
        return;
    }
    make_room(writer, more);
    add_name(writer, type, '\t');
    add_name(writer, device, '\n');
    writer->rows = memory_grow(writer->rows, writer->n, 2 * sizeof(double));
    writer->rows[2 * writer->n] = time;
    writer->rows[2 * writer->n + 1] = value;
    writer->n++;
}

int readings_writer_output(struct brume_call *call, unsigned port,
                           struct readings_writer *writer)
{
    uint32_t shape[] = {(uint32_t)writer->n, 2};
    uint32_t size = (uint32_t)writer->size;

    if (writer->full) {
        return brume_fail(call, "over %d readings, or %d MB of their names, in one frame",
                          READINGS_MAX, TEXT_MAX >> 20);
    }
    if (writer->n == 0) {
        return 0;
    }
    const struct brume_tensor *rows = brume_output(call, port, BRUME_F64, 2, shape);
    const struct brume_tensor *text = brume_output(call, port, BRUME_U8, 1, &size);
    if (rows == NULL || text == NULL) {
        return brume_fail(call, "no memory for %u readings", shape[0]);
    }
    memcpy(rows->data, writer->rows, writer->n * 2 * sizeof(double));
    memcpy(text->data, writer->text, writer->size);
    return 0;
}

void readings_writer_finish(struct readings_writer *writer)
{
    free(writer->rows);
    free(writer->text);
    *writer = (struct readings_writer){0};
}

int readings_writer_infer(struct brume_call *call, unsigned port)
{
    brume_output(call, port, BRUME_F64, 2, (uint32_t[]){0, 2});
    brume_output(call, port, BRUME_U8, 1, (uint32_t[]){0});
    return 0;
}
