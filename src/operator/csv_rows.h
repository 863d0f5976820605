/* The rows of a text file by number: line 0 that is not blank is the header, the others are
 * rows 0, 1, 2, … A pass at opening counts them and notes where every 256th begins, so that any
 * row is near a known place; beside that one line is in memory. */
#ifndef OPERATOR_CSV_ROWS_H
#define OPERATOR_CSV_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { CSV_LINE_MAX = 64 << 10 }; /* of a longer line this much is given */

struct csv_rows {
    int fd;
    char separator;
    char *header; /* malloc'ed, ends with a zero */
    uint64_t n;
    uint64_t *index; /* where row 256 * i begins */
    uint64_t next;   /* the row that is read next */
    uint64_t offset; /* in the file, of buffer[start] */
    size_t start, end;
    char *buffer;
};

int csv_rows_open(const char *path, char separator, struct csv_rows *ret_rows,
                  struct error *err);
void csv_rows_close(struct csv_rows *rows); /* accepts zeroed memory */

/* A row's line without its end, borrowed until the next call; not zero-terminated. */
int csv_rows_read(struct csv_rows *rows, uint64_t row, const char **ret_line, size_t *ret_size,
                  struct error *err);

#endif
