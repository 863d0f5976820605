/* What the columns of a table of readings mean, and a row of it as readings: pure. */
#ifndef OPERATOR_CSV_TABLE_H
#define OPERATOR_CSV_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "operator/readings.h"

struct error;

/* As the manifest has them; the texts are borrowed for as long as the table lives. */
struct csv_options {
    char separator, decimal;
    const char *time, *time_format; /* comma list of columns, "": the column "time" */
    const char *columns;            /* comma list, "": all that are not time or device */
    const char *device;             /* text, or @column */
    bool has_missing;
    double missing; /* this number means that nothing was read */
};

enum { CSV_TIME_COLUMNS_MAX = 8 };

struct csv_table {
    struct csv_options options;
    size_t n;
    char **names;   /* point into header */
    bool *readings; /* which columns are */
    char *header;
    size_t n_time;
    size_t time[CSV_TIME_COLUMNS_MAX];
    size_t device; /* n: no column */
};

/* Understands the header line; separators behind its last name do not count. */
int csv_table_init(const struct csv_options *options, const char *header,
                   struct csv_table *ret_table, struct error *err);
void csv_table_finish(struct csv_table *table); /* accepts zeroed memory */

/* Adds a row's readings to `writer`, each `shift` seconds later than the row says; an empty
 * field is none. 0; or -EINVAL and why it is no row of this table, and nothing was added. */
int csv_table_row(const struct csv_table *table, const char *line, size_t size, double shift,
                  struct readings_out *out, struct error *err);
/* The row's time only. */
int csv_table_time(const struct csv_table *table, const char *line, size_t size,
                   double *ret_time, struct error *err);

#endif
