#include "base/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit rates[] = {
    {"/s", 1}, {"/min", 1.0 / 60}, {"/h", 1.0 / 3600}, {NULL, 0}};
static const struct unit durations[] = {
    {"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3600}, {NULL, 0}};

/* strtod() would also take spaces, hexadecimal, "inf" and "nan". */
static int scan_number(const char *text, const char **ret_end, double *ret_value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end;

    if (!isdigit((unsigned char)*digits) && *digits != '.') {
        return -EINVAL;
    }
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
        return -EINVAL;
    }
    double value = strtod(text, &end);
    if (end == text || !isfinite(value)) {
        return -EINVAL;
    }
    *ret_end = end;
    *ret_value = value;
    return 0;
}

static int scan_unit(const char *text, const struct unit *units, double *ret_value)
{
    const char *end;
    double value;

    if (scan_number(text, &end, &value) < 0 || value < 0) {
        return -EINVAL;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) == 0) {
            *ret_value = value * units->factor;
            return 0;
        }
    }
    return -EINVAL;
}

int quantity_integer(const char *text, int64_t *ret_value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end;

    if (!isdigit((unsigned char)*digits)) {
        return -EINVAL;
    }
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0) {
        return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

int quantity_number(const char *text, double *ret_value)
{
    const char *end;
    double value;

    if (scan_number(text, &end, &value) < 0 || *end != '\0') {
        return -EINVAL;
    }
    *ret_value = value;
    return 0;
}

int quantity_switch(const char *text, bool *ret_value)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        return -EINVAL;
    }
    *ret_value = text[0] == 't';
    return 0;
}

static int scan_side(const char *text, char stop, const char **ret_end, uint32_t *ret_side)
{
    char *end;

    if (!isdigit((unsigned char)*text)) {
        return -EINVAL;
    }
    errno = 0;
    unsigned long side = strtoul(text, &end, 10);
    if (*end != stop || errno != 0 || side == 0 || side > 65535) {
        return -EINVAL;
    }
    *ret_end = end;
    *ret_side = (uint32_t)side;
    return 0;
}

int quantity_size(const char *text, uint32_t *ret_width, uint32_t *ret_height)
{
    const char *end;
    uint32_t width;
    uint32_t height;

    if (scan_side(text, 'x', &end, &width) < 0 || scan_side(end + 1, '\0', &end, &height) < 0) {
        return -EINVAL;
    }
    *ret_width = width;
    *ret_height = height;
    return 0;
}

int quantity_rate(const char *text, double *ret_per_second)
{
    return scan_unit(text, rates, ret_per_second);
}

int quantity_duration(const char *text, double *ret_seconds)
{
    return scan_unit(text, durations, ret_seconds);
}

int quantity_numbers(const char *text, size_t most, double *ret_numbers, size_t *ret_n)
{
    size_t n = 0;
    double value;

    while (*text != '\0') {
        if (scan_number(text, &text, &value) < 0) {
            return -EINVAL;
        }
        if (n < most) {
            ret_numbers[n] = value;
        }
        n++;
        if (*text == ',' && text[1] != '\0') {
            text += 1 + (text[1] == ' ');
        } else if (*text != '\0') {
            return -EINVAL;
        }
    }
    *ret_n = n;
    return 0;
}
