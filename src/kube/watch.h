/* What there is of one kind in a cluster, kept up to date: listed (in pages), then watched from
 * the list's resource version on. A watch that ends is resumed from the last version seen
 * (bookmarks are asked for); one whose version is too old (410 Gone, as a status or as an ERROR
 * event) lists again, and what is not there any more is told as removed. After failures it
 * waits, longer and longer, with jitter.
 *
 * The rules are a pure core (kube/mirror.h); this is the shell around it.
 */
#ifndef KUBE_WATCH_H
#define KUBE_WATCH_H

#include <stdbool.h>

#include "base/json.h"

struct kube_api;
struct kube_watch;

struct kube_watch_listener {
    /* New, or changed; `object` is borrowed, and has metadata.namespace and .name. */
    void (*object)(void *owner, const json_t *object);
    /* Gone; as it was last. */
    void (*removed)(void *owner, const json_t *object);
    /* All that there is was told, once at the beginning. May be NULL. */
    void (*complete)(void *owner);
    /* The server cannot be reached, or refuses: `why` is a sentence; NULL: it is back. May be
     * NULL. */
    void (*trouble)(void *owner, const char *why);
    void *owner;
};

/* What others need to write an object, as large as the rest of it, and nobody looks at here:
 * taken out of all that a watch keeps, and by this of objects that come otherwise. */
void kube_strip(json_t *object);

/* `path` of a collection, perhaps with a selector:
 * "/api/v1/pods?labelSelector=brume.dev%2Fapplication". Objects are kept whole but
 * for metadata.managedFields and what kubectl notes of the last apply. */
struct kube_watch *kube_watch_open(struct kube_api *api, const char *path,
                                   const struct kube_watch_listener *listener);
void kube_watch_close(struct kube_watch *watch); /* accepts NULL; not from its callbacks */

/* What is there now; NULL: there is none. `space` NULL: of what has no namespace. */
const json_t *kube_watch_find(const struct kube_watch *watch, const char *space,
                              const char *name);
/* All of it, in no order. */
void kube_watch_each(const struct kube_watch *watch,
                     void (*each)(void *owner, const json_t *object), void *owner);
bool kube_watch_is_complete(const struct kube_watch *watch);

#endif
