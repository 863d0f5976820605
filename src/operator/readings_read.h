/* READINGS that came in on a port, checked. */
#ifndef OPERATOR_READINGS_READ_H
#define OPERATOR_READINGS_READ_H

#include <brume/operator.h>
#include <stddef.h>

struct readings_input {
    size_t n;
    const double *rows;            /* n pairs of time and value, borrowed from the frame */
    char *text;                    /* malloc'ed */
    const char **types, **devices; /* n each; point into text */
};

/* 0, or the error of brume_fail(). */
int readings_input(struct brume_call *call, unsigned port, struct readings_input *ret_input);
void readings_input_finishp(struct readings_input *input); /* accepts zeroed memory */

#endif
