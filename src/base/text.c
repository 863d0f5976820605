#include "base/text.h"

#include <string.h>

enum { LENGTH_MAX = 64 }; /* names are shorter; longer texts have nothing near */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance: Levenshtein with swaps of neighbours, a row at a time. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][LENGTH_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    size_t n = strlen(b);

    for (unsigned j = 0; j <= n; j++) {
        above[j] = before[j] = j;
    }
    for (unsigned i = 1; a[i - 1] != '\0'; i++) {
        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            bool equal = a[i - 1] == b[j - 1];
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (equal ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        unsigned *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[n];
}

const char *text_nearest(const char *text, const char *const *choices, size_t n_choices)
{
    size_t length = strlen(text);
    const char *nearest = NULL;
    unsigned fewest = (unsigned)(length < 3 ? 1 : (length + 2) / 3) + 1;

    if (length == 0 || length > LENGTH_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n_choices; i++) {
        if (strlen(choices[i]) > LENGTH_MAX) {
            continue;
        }
        unsigned errors = distance(text, choices[i]);
        if (errors < fewest && errors < strlen(choices[i])) {
            fewest = errors;
            nearest = choices[i];
        }
    }
    return nearest;
}

bool text_is_label(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return n >= 1 && n <= 63 && text[n] == '\0' && text[0] != '-' && text[n - 1] != '-';
}

/* How many bytes a character of two or more takes; 0: it is no UTF-8, or a control character of
 * Latin-1. The limits of the second byte are those of Unicode's table 3-7. */
static size_t utf8_length(const unsigned char *at)
{
    static const struct {
        unsigned char first, last, least, most;
        size_t size;
    } rows[] = {
        {0xC2, 0xC2, 0xA0, 0xBF, 2}, {0xC3, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    size_t i = 0;

    while (i < sizeof(rows) / sizeof(*rows) && *at > rows[i].last) {
        i++;
    }
    if (i == sizeof(rows) / sizeof(*rows) || *at < rows[i].first || at[1] < rows[i].least ||
        at[1] > rows[i].most) {
        return 0;
    }
    for (size_t k = 2; k < rows[i].size; k++) {
        if ((at[k] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return rows[i].size;
}

bool text_is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        size_t size = *at < 0x80 ? 1 : utf8_length(at);

        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

void text_make_printable(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0';) {
        size_t size = 1;

        if (*at < ' ' || *at == 0x7F) {
            *at = ' ';
        } else if (*at >= 0x80) {
            size = utf8_length(at);
            *at = size == 0 ? '?' : *at;
            size = size == 0 ? 1 : size;
        }
        at += size;
    }
}
