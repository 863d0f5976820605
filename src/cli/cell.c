#include "cli/cell.h"

#include <stdio.h>
#include <string.h>

const char *cell_text(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));

    return value != NULL ? value : "";
}

const char *cell_number(const json_t *json, const char *key, double scale, int decimals,
                        char ret_text[static CELL_TEXT])
{
    const json_t *value = json_object_get(json, key);

    if (json_is_number(value)) {
        snprintf(ret_text, CELL_TEXT, "%.*f", decimals, scale * json_number_value(value));
    } else {
        snprintf(ret_text, CELL_TEXT, "-");
    }
    return ret_text;
}

const char *cell_age(const json_t *json, const char *key, char ret_text[static CELL_TEXT])
{
    static const struct {
        double size;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    const json_t *value = json_object_get(json, key);
    double seconds = json_number_value(value);
    size_t i = 0;

    if (!json_is_number(value)) {
        snprintf(ret_text, CELL_TEXT, "-");
        return ret_text;
    }
    while (i < 3 && seconds < 2 * units[i].size) {
        i++;
    }
    snprintf(ret_text, CELL_TEXT, "%.0f%c", seconds / units[i].size, units[i].unit);
    return ret_text;
}

const char *cell_list(const json_t *list, char *ret_text, size_t room)
{
    json_t *entry;
    size_t i;

    *ret_text = '\0';
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(entry);
        size_t used = strlen(ret_text);
        snprintf(ret_text + used, room - used, "%s%s", i > 0 ? ", " : "",
                 text != NULL ? text : "");
    }
    return ret_text;
}
