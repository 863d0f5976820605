#include "operator/alert_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { VALUE_SIZE = 32 };

/* What stands for "{type}…"; NULL: no such name. */
static const char *find(const char *at, const struct alert_reading *reading, const char *value,
                        size_t *ret_size)
{
    const struct {
        const char *name, *text;
    } names[] = {
        {"{type}", reading->type},
        {"{device}", reading->device},
        {"{time}", reading->time},
        {"{value}", value},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t size = strlen(names[i].name);

        if (strncmp(at, names[i].name, size) == 0) {
            *ret_size = size;
            return names[i].text;
        }
    }
    return NULL;
}

int alert_text_check(const char *text, struct error *err)
{
    static const struct alert_reading none = {.type = "", .device = "", .time = ""};
    size_t size = 0;

    for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + size, '{')) {
        if (find(at, &none, "", &size) == NULL) {
            return error_set(err, -EINVAL,
                             "'text' has '%.*s' in it; {type}, {value}, {time} and {device} "
                             "are known",
                             (int)(strcspn(at, "}") + (strchr(at, '}') != NULL)), at);
        }
    }
    return 0;
}

void alert_text_fill(const char *text, const struct alert_reading *reading, size_t size,
                     char *ret_text)
{
    char value[VALUE_SIZE];
    size_t done = 0;

    snprintf(value, sizeof(value), "%.10g", reading->value);
    *ret_text = '\0';
    while (*text != '\0' && done < size - 1) {
        size_t taken = strcspn(text, "{");
        const char *filled = NULL;
        size_t length = taken;

        if (taken == 0) {
            taken = 1;
            filled = find(text, reading, value, &taken);
            length = filled != NULL ? strlen(filled) : 1;
        }
        filled = filled != NULL ? filled : text;
        while (done == 0 && length > 0 && *filled == ' ') { /* before it: an empty device */
            filled++;
            length--;
        }
        length = length < size - 1 - done ? length : size - 1 - done;
        memcpy(ret_text + done, filled, length);
        done += length;
        ret_text[done] = '\0';
        text += taken;
    }
}
