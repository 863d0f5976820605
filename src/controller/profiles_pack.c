#include "controller/profiles_pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { NAME_MOST = 64 };
#define SUFFIX ".json"

bool profiles_is_name(const char *name)
{
    size_t size = strlen(name), tail = strlen(SUFFIX);

    return size > tail && size <= NAME_MOST && strcmp(name + size - tail, SUFFIX) == 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size - tail;
}

static int compare(const void *a, const void *b)
{
    const struct profiles_file *one = a, *two = b;

    if (one->when != two->when) {
        return one->when < two->when ? -1 : 1;
    }
    return strcmp(one->name, two->name);
}

/* The first of those that have room. */
static size_t skip_oldest(const struct profiles_file *files, size_t n_files, size_t most)
{
    size_t used = strlen(PROFILES_ORDER), first = n_files;

    while (first > 0) {
        const struct profiles_file *file = &files[first - 1];
        size_t size = 2 * strlen(file->name) + 1 + strlen(file->text);

        if (size > most - used) {
            break;
        }
        used += size;
        first--;
    }
    return first;
}

json_t *profiles_pack(struct profiles_file *files, size_t n_files, size_t most)
{
    json_t *data = json_object();
    char *order = memory_text("");

    if (n_files > 0) {
        qsort(files, n_files, sizeof(*files), compare);
    }
    for (size_t i = skip_oldest(files, n_files, most); i < n_files; i++) {
        char *longer = memory_format("%s%s\n", order, files[i].name);

        free(order);
        order = longer;
        json_object_set_new(data, files[i].name, json_string(files[i].text));
    }
    json_object_set_new(data, PROFILES_ORDER, json_string(order));
    free(order);
    return data;
}

json_t *profiles_patch(const json_t *before, const json_t *after)
{
    json_t *changes = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)after, key, value)
    {
        if (!json_equal(value, json_object_get(before, key))) {
            json_object_set(changes, key, value);
        }
    }
    json_object_foreach((json_t *)(uintptr_t)before, key, value)
    {
        if (json_object_get(after, key) == NULL) {
            json_object_set_new(changes, key, json_null());
        }
    }
    if (json_object_size(changes) == 0) {
        json_decref(changes);
        return NULL;
    }
    return json_pack("{so}", "data", changes);
}

void profiles_unpack(const json_t *data,
                     void (*tell)(void *owner, const char *name, const char *text), void *owner)
{
    const char *order = json_string_value(json_object_get(data, PROFILES_ORDER));
    cleanup(memory_free) char *list = memory_text(order != NULL ? order : "");
    char *rest = list, *name;

    while ((name = strsep(&rest, "\n")) != NULL) {
        const char *text = json_string_value(json_object_get(data, name));

        if (text != NULL && profiles_is_name(name)) {
            tell(owner, name, text);
        }
    }
}
