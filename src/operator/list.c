#include "operator/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"

static char *trim(char *name)
{
    name += strspn(name, " ");
    size_t size = strlen(name);

    while (size > 0 && name[size - 1] == ' ') {
        size--;
    }
    name[size] = '\0';
    return name;
}

static int add(struct brume_call *call, const char *key, struct list *list, char *name)
{
    if (*name == '\0') {
        return brume_fail(call, "'%s' has an empty entry", key);
    }
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return brume_fail(call, "'%s' has '%.64s' twice", key, name);
        }
    }
    list->names[list->n++] = name;
    return 0;
}

int list_read(struct brume_call *call, const char *key, size_t most, struct list *ret_list)
{
    cleanup(list_finishp) struct list list = {.text = memory_text(brume_param(call, key))};
    char *rest = list.text != NULL && *list.text != '\0' ? list.text : NULL;

    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        if (list.n == most || list.n == LIST_MAX) {
            return brume_fail(call, "'%s' has more than %zu entries", key, list.n);
        }
        int ret = add(call, key, &list, trim(name));
        if (ret < 0) {
            return ret;
        }
    }
    *ret_list = list;
    list = (struct list){0};
    return 0;
}

bool list_matches(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *entry = list->names[i];
        size_t size = strlen(entry);

        if (strcmp(entry, name) == 0 ||
            (entry[size - 1] == '*' && strncmp(entry, name, size - 1) == 0)) {
            return true;
        }
    }
    return false;
}

void list_finish(struct list *list)
{
    free(list->text);
    *list = (struct list){0};
}

void list_finishp(struct list *list)
{
    list_finish(list);
}
