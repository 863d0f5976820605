#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

json_t *json_line(const char *text)
{
    cleanup(memory_free) char *line = memory_text(text);

    text_make_printable(line);
    return json_string(line);
}

static int find(const json_t *object, const char *where, const char *key, json_t **ret_member,
                struct error *err)
{
    json_t *member = json_object_get(object, key);

    if (member == NULL) {
        return error_set(err, -EINVAL, "%s: '%s' is missing", where, key);
    }
    *ret_member = member;
    return 0;
}

int json_read_text(const json_t *object, const char *where, const char *key,
                   const char **ret_text, struct error *err)
{
    json_t *member = NULL;

    int code = find(object, where, key, &member, err);
    if (code < 0) {
        return code;
    }
    if (!json_is_string(member) ||
        strlen(json_string_value(member)) != json_string_length(member)) {
        return error_set(err, -EINVAL, "%s: '%s' must be a text", where, key);
    }
    *ret_text = json_string_value(member);
    return 0;
}

int json_read_count(const json_t *object, const char *where, const char *key, uint64_t most,
                    uint64_t *ret_count, struct error *err)
{
    json_t *member = NULL;

    int code = find(object, where, key, &member, err);
    if (code < 0) {
        return code;
    }
    json_int_t count = json_integer_value(member);
    if (!json_is_integer(member) || count < 0 || (uint64_t)count > most) {
        return error_set(err, -EINVAL, "%s: '%s' must be a whole number from 0 to %llu", where,
                         key, (unsigned long long)most);
    }
    *ret_count = (uint64_t)count;
    return 0;
}

int json_read_objects(const json_t *object, const char *where, const char *key, size_t most,
                      json_t **ret_array, struct error *err)
{
    json_t *array = NULL;

    int code = find(object, where, key, &array, err);
    if (code < 0) {
        return code;
    }
    if (!json_is_array(array) || json_array_size(array) > most) {
        return error_set(err, -EINVAL, "%s: '%s' must be a list of at most %zu", where, key,
                         most);
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (!json_is_object(json_array_get(array, i))) {
            return error_set(err, -EINVAL, "%s: %s[%zu] must be an object", where, key, i);
        }
    }
    *ret_array = array;
    return 0;
}
