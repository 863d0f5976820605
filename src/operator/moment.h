/* Moments as sensors write them, and back: seconds since 1970, always UTC. */
#ifndef OPERATOR_MOMENT_H
#define OPERATOR_MOMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Within the years 1 to 9999; what is not a number is not. */
bool moment_is_sane(double seconds);

/* `format` is strptime's, for the whole text; "": seconds since 1970, or ISO 8601 such as
 * 2004-03-10, 2004-03-10T18:00, 2004-03-10 18:00:00.25 and 2004-03-10T18:00:00+01:00. 0 or
 * -EINVAL. */
int moment_read(const char *text, const char *format, double *ret_seconds);

/* "2004-03-10T18:00:00Z", with a fraction where there is one. */
enum { MOMENT_TEXT_SIZE = 40 };
void moment_text(double seconds, size_t size, char *ret_text);

#endif
