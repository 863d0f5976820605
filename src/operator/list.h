/* A parameter with a comma-separated list of names. */
#ifndef OPERATOR_LIST_H
#define OPERATOR_LIST_H

#include <brume/operator.h>
#include <stdbool.h>
#include <stddef.h>

enum { LIST_MAX = 256 };

struct list {
    size_t n;
    char *names[LIST_MAX]; /* point into text */
    char *text;
};

/* Reads the parameter `key`: names without the spaces around them, none empty, none twice, at
 * most `most` (up to LIST_MAX). An empty text has none. */
int list_read(struct brume_call *call, const char *key, size_t most, struct list *ret_list);
/* Is `name` in it? "CO*" in the list stands for all that begins with CO. */
bool list_matches(const struct list *list, const char *name);
void list_finish(struct list *list); /* accepts zeroed memory */
void list_finishp(struct list *list);

#endif
