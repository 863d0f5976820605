#include "operator/moment.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/quantity.h"

static const double earliest = -62135596800; /* 0001-01-01 */
static const double latest = 253402300800;   /* 10000-01-01 */

bool moment_is_sane(double seconds)
{
    return seconds >= earliest && seconds < latest;
}

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t");
}

/* ".25" behind the seconds. */
static const char *read_fraction(const char *at, double *ret_fraction)
{
    double scale = 1;

    *ret_fraction = 0;
    if ((*at != '.' && *at != ',') || !isdigit((unsigned char)at[1])) {
        return at;
    }
    for (at++; isdigit((unsigned char)*at); at++) {
        scale /= 10;
        *ret_fraction += scale * (*at - '0');
    }
    return at;
}

/* "Z", "+01:00" and the like, or nothing. NULL: something else. */
static const char *read_zone(const char *at, long *ret_east)
{
    struct tm zone = {0};

    *ret_east = 0;
    if (*at == '\0') {
        return at;
    }
    const char *end = strptime(at, "%z", &zone);
    *ret_east = zone.tm_gmtoff;
    return end;
}

static int finish(struct tm *parts, double fraction, long east, double *ret_seconds)
{
    double seconds = (double)timegm(parts) - (double)east + fraction;

    if (!moment_is_sane(seconds)) {
        return -EINVAL;
    }
    *ret_seconds = seconds;
    return 0;
}

static int read_iso(const char *text, double *ret_seconds)
{
    struct tm parts = {.tm_mday = 1};
    double fraction = 0;
    long east = 0;
    const char *at = strptime(text, "%Y-%m-%d", &parts);

    if (at == NULL) {
        return -EINVAL;
    }
    if ((*at == 'T' || *at == 't' || *at == ' ') && *skip_space(at) != '\0') {
        at = strptime(at + 1, "%H:%M", &parts);
        if (at == NULL) {
            return -EINVAL;
        }
        if (*at == ':') {
            at = strptime(at, ":%S", &parts);
            at = at != NULL ? read_fraction(at, &fraction) : NULL;
        }
        at = at != NULL ? read_zone(skip_space(at), &east) : NULL;
    }
    if (at == NULL || *skip_space(at) != '\0') {
        return -EINVAL;
    }
    return finish(&parts, fraction, east, ret_seconds);
}

int moment_read(const char *text, const char *format, double *ret_seconds)
{
    struct tm parts = {.tm_mday = 1, .tm_year = 70};
    double seconds;

    text = skip_space(text);
    if (*format == '\0') {
        if (quantity_number(text, &seconds) < 0) {
            return read_iso(text, ret_seconds);
        }
        if (!moment_is_sane(seconds)) {
            return -EINVAL;
        }
        *ret_seconds = seconds;
        return 0;
    }
    const char *end = strptime(text, format, &parts);
    if (end == NULL || *skip_space(end) != '\0') {
        return -EINVAL;
    }
    return finish(&parts, 0, parts.tm_gmtoff, ret_seconds);
}

void moment_text(double seconds, size_t size, char *ret_text)
{
    double whole = floor(seconds);
    int ms = (int)lround((seconds - whole) * 1000);
    char date[MOMENT_TEXT_SIZE];
    struct tm parts;

    if (!moment_is_sane(seconds)) {
        snprintf(ret_text, size, "an unknown time");
        return;
    }
    time_t count = (time_t)whole + ms / 1000;
    gmtime_r(&count, &parts);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    if (ms % 1000 == 0) {
        snprintf(ret_text, size, "%sZ", date);
    } else {
        snprintf(ret_text, size, "%s.%03dZ", date, ms % 1000);
    }
}
