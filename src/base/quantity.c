#include "base/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_LENGTH_MAX = 40 };

struct unit {
    const char *name;
    double factor;
};

static const struct unit rate_units[] = {
    {"/s", 1}, {"/min", 1.0 / 60}, {"/h", 1.0 / 3600}, {0}};
static const struct unit duration_units[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1},
                                             {"min", 60},  {"h", 3600},  {0}};
static const struct unit memory_units[] = {{"", 1},
                                           {"k", 1e3},
                                           {"M", 1e6},
                                           {"G", 1e9},
                                           {"T", 1e12},
                                           {"Ki", 1024},
                                           {"Mi", 1048576},
                                           {"Gi", 1073741824.0},
                                           {"Ti", 1099511627776.0},
                                           {0}};
static const struct unit link_units[] = {
    {"bit/s", 0.125}, {"kbit/s", 125}, {"Mbit/s", 125e3}, {"Gbit/s", 125e6}, {0}};
static const struct unit amount_units[] = {{"", 1},
                                           {"n", 1e-9},
                                           {"u", 1e-6},
                                           {"m", 1e-3},
                                           {"k", 1e3},
                                           {"M", 1e6},
                                           {"G", 1e9},
                                           {"T", 1e12},
                                           {"P", 1e15},
                                           {"E", 1e18},
                                           {"Ki", 1024},
                                           {"Mi", 1048576},
                                           {"Gi", 1073741824.0},
                                           {"Ti", 1099511627776.0},
                                           {"Pi", 1125899906842624.0},
                                           {"Ei", 1152921504606846976.0},
                                           {0}};
static const struct unit core_units[] = {{"", 1}, {"m", 1e-3}, {0}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many characters at the start of `text` form a decimal number; 0: none. */
static size_t number_length(const char *text)
{
    size_t n = text[0] == '-' || text[0] == '+' ? 1 : 0, digits = 0;

    for (; is_digit(text[n]); n++) {
        digits++;
    }
    if (text[n] == '.') {
        for (n++; is_digit(text[n]); n++) {
            digits++;
        }
    }
    if (digits == 0) {
        return 0;
    }
    if (text[n] == 'e' || text[n] == 'E') {
        size_t exponent = n + 1;
        exponent += text[exponent] == '-' || text[exponent] == '+' ? 1 : 0;
        if (is_digit(text[exponent])) {
            for (n = exponent; is_digit(text[n]); n++) {
            }
        }
    }
    return n;
}

static int parse_number(const char *text, double *ret_number, const char **ret_rest)
{
    size_t length = number_length(text);
    char copy[NUMBER_LENGTH_MAX + 1] = {0};

    if (length == 0 || length > NUMBER_LENGTH_MAX) {
        return -EINVAL;
    }
    memcpy(copy, text, length);
    double number = strtod(copy, NULL);
    if (!isfinite(number)) {
        return -EINVAL;
    }
    *ret_number = number;
    *ret_rest = text + length;
    return 0;
}

/* A number without a sign, and one of `units`. */
static int parse_quantity(const char *text, const struct unit *units, double *ret_quantity)
{
    const char *rest = NULL;
    double number = 0;

    if (text[0] == '-' || text[0] == '+' || parse_number(text, &number, &rest) < 0) {
        return -EINVAL;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(rest, units->name) == 0 && isfinite(number * units->factor)) {
            *ret_quantity = number * units->factor;
            return 0;
        }
    }
    return -EINVAL;
}

static int parse_positive(const char *text, const struct unit *units, double *ret_quantity)
{
    double quantity = 0;

    if (parse_quantity(text, units, &quantity) < 0 || quantity <= 0) {
        return -EINVAL;
    }
    *ret_quantity = quantity;
    return 0;
}

int quantity_integer(const char *text, int64_t *ret_integer)
{
    const char *digits = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    size_t n = 0;

    while (is_digit(digits[n])) {
        n++;
    }
    if (n == 0 || digits[n] != '\0') {
        return -EINVAL;
    }
    errno = 0;
    long long integer = strtoll(text, NULL, 10);
    if (errno != 0) {
        return -EINVAL;
    }
    *ret_integer = integer;
    return 0;
}

int quantity_number(const char *text, double *ret_number)
{
    const char *rest = NULL;
    double number = 0;

    if (parse_number(text, &number, &rest) < 0 || *rest != '\0') {
        return -EINVAL;
    }
    *ret_number = number;
    return 0;
}

int quantity_switch(const char *text, bool *ret_on)
{
    bool on = strcmp(text, "true") == 0;

    if (!on && strcmp(text, "false") != 0) {
        return -EINVAL;
    }
    *ret_on = on;
    return 0;
}

static int parse_side(const char **text, uint32_t *ret_side)
{
    uint32_t side = 0;

    if (!is_digit(**text)) {
        return -EINVAL;
    }
    for (; is_digit(**text); (*text)++) {
        side = 10 * side + (uint32_t)(**text - '0');
        if (side > UINT16_MAX) {
            return -EINVAL;
        }
    }
    *ret_side = side;
    return side == 0 ? -EINVAL : 0;
}

int quantity_size(const char *text, uint32_t *ret_width, uint32_t *ret_height)
{
    uint32_t width = 0, height = 0;

    if (parse_side(&text, &width) < 0 || *text++ != 'x' || parse_side(&text, &height) < 0 ||
        *text != '\0') {
        return -EINVAL;
    }
    *ret_width = width;
    *ret_height = height;
    return 0;
}

int quantity_rate(const char *text, double *ret_per_second)
{
    return parse_quantity(text, rate_units, ret_per_second);
}

int quantity_duration(const char *text, double *ret_seconds)
{
    return parse_quantity(text, duration_units, ret_seconds);
}

int quantity_memory(const char *text, uint64_t *ret_bytes)
{
    double bytes = 0;

    if (parse_quantity(text, memory_units, &bytes) < 0 || bytes >= 0x1p63) {
        return -EINVAL;
    }
    *ret_bytes = (uint64_t)bytes;
    return 0;
}

const char *quantity_memory_text(uint64_t bytes, char ret_text[QUANTITY_MEMORY_TEXT])
{
    const struct unit *best = memory_units;

    for (const struct unit *unit = memory_units; bytes > 0 && unit->name != NULL; unit++) {
        if (bytes % (uint64_t)unit->factor == 0 && unit->factor > best->factor) {
            best = unit;
        }
    }
    snprintf(ret_text, QUANTITY_MEMORY_TEXT, "%" PRIu64 "%s", bytes / (uint64_t)best->factor,
             best->name);
    return ret_text;
}

int quantity_link_rate(const char *text, double *ret_bytes_per_second)
{
    return parse_positive(text, link_units, ret_bytes_per_second);
}

int quantity_cores(const char *text, double *ret_cores)
{
    return parse_positive(text, core_units, ret_cores);
}

int quantity_amount(const char *text, double *ret_amount)
{
    return parse_quantity(text, amount_units, ret_amount);
}

int quantity_numbers(const char *text, size_t most, double *ret_numbers, size_t *ret_n)
{
    size_t n = 0;

    while (*text != '\0') {
        double number = 0;
        if (parse_number(text, &number, &text) < 0) {
            return -EINVAL;
        }
        if (n < most) {
            ret_numbers[n] = number;
        }
        n++;
        if (*text == ',' && text[1] != '\0') {
            text += text[1] == ' ' ? 2 : 1;
        } else if (*text != '\0') {
            return -EINVAL;
        }
    }
    *ret_n = n;
    return 0;
}
