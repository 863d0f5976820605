/* Lines of text with separators, as spreadsheets and loggers write them (RFC 4180, but a row is
 * a line: a quoted field does not go on over the line's end). */
#ifndef OPERATOR_CSV_H
#define OPERATOR_CSV_H

#include <stdbool.h>
#include <stddef.h>

enum { CSV_FIELDS_MAX = 1024 };

/* Nothing but separators, commas, semicolons and white space. */
bool csv_is_blank(const char *text, size_t size, char separator);

/* Cuts a line, which ends with a zero, into fields in place: white space around a field goes,
 * and so do the quotes of a quoted one. Fills at most CSV_FIELDS_MAX and returns how many there
 * are; 0: more than that, or a quote that does not end. */
size_t csv_split(char *line, char separator, char **ret_fields);

/* The whole text is a number with this decimal mark: 0 or -EINVAL. */
int csv_read_number(const char *text, char decimal, double *ret_number);

#endif
