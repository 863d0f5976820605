/* The names of classes, a line each. */
#ifndef OPERATOR_LABELS_H
#define OPERATOR_LABELS_H

#include <stddef.h>

struct error;

enum { LABELS_MAX = 65536 };

struct labels {
    size_t n;
    char **names; /* point into text */
    char *text;
};

/* Reads a file; blank lines at its end and white space around a line do not count. Labels are
 * UTF-8, for they become JSON; the error says in which line they are not. */
int labels_load(const char *path, struct labels *ret_labels, struct error *err);
/* The same from `size` bytes of memory, which need not end with a zero. */
int labels_parse(const char *text, size_t size, struct labels *ret_labels, struct error *err);
void labels_finish(struct labels *labels); /* accepts zeroed memory */
void labels_finishp(struct labels *labels);

#endif
