#include "kube/timestamp.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool two_digits(const char *text, unsigned *ret_number)
{
    if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1])) {
        return false;
    }
    *ret_number = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    return true;
}

/* "Z" or "+01:30", to the end. */
static int read_zone(const char *text, int64_t *ret_east_s)
{
    unsigned hours = 0, minutes = 0;

    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *ret_east_s = 0;
        return 0;
    }
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' ||
        !two_digits(text + 1, &hours) || !two_digits(text + 4, &minutes) || hours > 23 ||
        minutes > 59) {
        return -EINVAL;
    }
    *ret_east_s = (int64_t)(hours * 3600 + minutes * 60) * (text[0] == '+' ? 1 : -1);
    return 0;
}

int kube_timestamp_read(const char *text, uint64_t *ret_ms)
{
    static const unsigned weights[] = {100, 10, 1};
    struct tm parts = {0};
    unsigned ms = 0;
    int64_t east = 0;

    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL || rest - text != 19) {
        return -EINVAL;
    }
    if (*rest == '.') {
        rest++;
        for (unsigned i = 0; isdigit((unsigned char)*rest); i++, rest++) {
            ms += i < 3 ? weights[i] * (unsigned)(*rest - '0') : 0;
        }
    }
    if (read_zone(rest, &east) < 0) {
        return -EINVAL;
    }
    int64_t seconds = (int64_t)timegm(&parts) - east;
    if (seconds < 0) {
        return -EINVAL;
    }
    *ret_ms = (uint64_t)seconds * 1000 + ms;
    return 0;
}

static struct tm parts_of(uint64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts = {0};

    gmtime_r(&seconds, &parts);
    return parts;
}

const char *kube_timestamp(uint64_t ms, char ret_text[KUBE_TIMESTAMP_TEXT])
{
    struct tm parts = parts_of(ms);

    strftime(ret_text, KUBE_TIMESTAMP_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return ret_text;
}

const char *kube_timestamp_micro(uint64_t ms, char ret_text[KUBE_TIMESTAMP_TEXT])
{
    struct tm parts = parts_of(ms);

    size_t n = strftime(ret_text, KUBE_TIMESTAMP_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_text + n, KUBE_TIMESTAMP_TEXT - n, ".%03u000Z", (unsigned)(ms % 1000));
    return ret_text;
}
