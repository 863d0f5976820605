#include "operator/csv.h"

#include <errno.h>
#include <string.h>

#include "base/quantity.h"

enum { NUMBER_SIZE = 64 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool csv_is_blank(const char *text, size_t size, char separator)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_space(text[i]) && text[i] != ',' && text[i] != ';' && text[i] != separator) {
            return false;
        }
    }
    return true;
}

/* Takes the quotes away from a field that begins behind `at`; returns its end, or NULL. */
static char *unquote(char *at)
{
    char *to = at;

    for (;; at++) {
        if (*at == '\0') {
            return NULL;
        }
        if (*at == '"' && at[1] == '"') {
            at++;
        } else if (*at == '"') {
            *to = '\0';
            return at + 1;
        }
        *to++ = *at;
    }
}

/* Separators may be white space themselves: a tab. */
static char *skip_space(char *at, char separator)
{
    while (is_space(*at) && *at != separator) {
        at++;
    }
    return at;
}

/* Finds a field's start and the separator or zero behind it; NULL: a quote that does not end,
 * or has something behind it. */
static char *find_end(char **field, char separator)
{
    char *start = skip_space(*field, separator);

    if (*start == '"') {
        char *end = unquote(start + 1);

        *field = start + 1;
        end = end != NULL ? skip_space(end, separator) : NULL;
        return end != NULL && (*end == separator || *end == '\0') ? end : NULL;
    }
    char *end = start;
    while (*end != separator && *end != '\0') {
        end++;
    }
    *field = start;
    return end;
}

static void trim_end(const char *field, char *end)
{
    while (end > field && is_space(end[-1])) {
        end--;
    }
    *end = '\0';
}

size_t csv_split(char *line, char separator, char **ret_fields)
{
    size_t n = 0;

    for (char *at = line;;) {
        char *field = at;
        char *end = find_end(&field, separator);

        if (end == NULL || n == CSV_FIELDS_MAX) {
            return 0;
        }
        bool last = *end == '\0';
        if (field == at || field[-1] != '"') {
            trim_end(field, end);
        }
        ret_fields[n++] = field;
        if (last) {
            return n;
        }
        at = end + 1;
    }
}

int csv_read_number(const char *text, char decimal, double *ret_number)
{
    char plain[NUMBER_SIZE];
    size_t size = strlen(text);

    if (size >= sizeof(plain) || (decimal != '.' && strchr(text, '.') != NULL)) {
        return -EINVAL;
    }
    for (size_t i = 0; i <= size; i++) {
        plain[i] = text[i];
        if (plain[i] == decimal) {
            plain[i] = '.';
        }
    }
    return quantity_number(plain, ret_number);
}
