/* READINGS on their way out: gathered one by one, said as one frame. */
#ifndef OPERATOR_READINGS_WRITE_H
#define OPERATOR_READINGS_WRITE_H

#include <brume/operator.h>
#include <stdbool.h>
#include <stddef.h>

/* Zero it before; readings_writer_finish() frees what is in it and zeroes it. */
struct readings_writer {
    size_t n, size;   /* readings; bytes of text */
    double *rows;     /* n pairs of time and value */
    char *text;       /* n lines "type<tab>device" */
    size_t text_room; /* bytes */
    bool full;        /* more than a frame may hold: said when it is output */
};

/* Adds a reading: seconds since 1970, value. A tab or a line's end in a name becomes a space.
 */
void readings_writer_add(struct readings_writer *writer, double time, double value,
                         const char *type, const char *device);
/* Puts the two tensors on the port; without readings nothing, so that the frame is empty. The
 * readings stay. 0 or the error of brume_fail(). */
int readings_writer_output(struct brume_call *call, unsigned port,
                           struct readings_writer *writer);
void readings_writer_finish(struct readings_writer *writer);

/* For infer(). */
int readings_writer_infer(struct brume_call *call, unsigned port);

#endif
