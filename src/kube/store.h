/* What there is of a collection, by namespace and name, and who is told of changes. Pure; a
 * part of the mirror (kube/mirror.h).
 */
#ifndef KUBE_STORE_H
#define KUBE_STORE_H

#include "base/json.h"
#include "kube/watch.h"

struct store {
    struct kube_watch_listener listener;
    json_t *objects; /* by "space/name" */
    json_t *pages;   /* what came of a list, in the same way */
};

void store_init(struct store *store, const struct kube_watch_listener *listener);
void store_finish(struct store *store);

/* Items of a list without a name are left out. Nobody is told until store_take_pages(): what
 * the pages have is all that there is. */
void store_take_page(struct store *store, const json_t *list);
void store_take_pages(struct store *store);
void store_forget_pages(struct store *store);

/* Objects must have a name. */
void store_take_object(struct store *store, json_t *object);
void store_take_removal(struct store *store, const json_t *object);

const json_t *store_find(const struct store *store, const char *space, const char *name);
void store_each(const struct store *store, void (*each)(void *owner, const json_t *object),
                void *owner);

/* Of an object's metadata; "" when it is not there. */
const char *store_text(const json_t *object, const char *key);

#endif
