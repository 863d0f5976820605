/* The rules by which a copy of a collection is kept up to date. Pure: the time is given, what
 * the server said comes in, and what to ask next is asked for.
 *
 *   happy path     mirror_next() says MIRROR_LIST until all pages are there (mirror_listed()),
 *                  then MIRROR_WATCH (mirror_opened(), mirror_line()), from the version of the
 *                  list on, and again from the last version seen when the server ends the watch
 *                  (mirror_watch_ended()), as it does every MIRROR_WATCH_S
 *   failure modes  a failed list or watch is tried again, later and later up to MIRROR_MOST_MS.
 *                  A version that is too old (-ESTALE, or an ERROR event) lists again; so does
 *                  any other ERROR event, and a second unreadable line in a row. A list whose
 *                  pages grow old before all are there is asked for again in one piece, and
 *                  in pages once more if that is too large or too slow
 *
 * Who listens is told of differences only: what a list brings again in the same version is not
 * told, what is missing in it is told as removed, and so is what was replaced by another of the
 * same name (before that). Trouble is told when something failed twice in a row, or before the
 * first list is complete.
 */
#ifndef KUBE_MIRROR_H
#define KUBE_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "kube/watch.h"

struct mirror;

enum {
    MIRROR_PAGE = 500,
    MIRROR_WATCH_S = 30, /* the server is asked to end a watch after, with a bookmark before */
    MIRROR_FIRST_MS = 500,
    MIRROR_MOST_MS = 10000,
    MIRROR_SHORT_MS = 1000, /* a watch that brings nothing and ends sooner has failed */
};

enum mirror_step {
    MIRROR_BUSY,  /* what was begun is not over */
    MIRROR_PAUSE, /* ask again after *ret_wait_ms */
    MIRROR_LIST,  /* begin it, at mirror_path() */
    MIRROR_WATCH,
};

/* `path` as kube_watch_open() takes it; of the listener a copy is kept; the seed is for jitter.
 */
struct mirror *mirror_create(const char *path, const struct kube_watch_listener *listener,
                             uint64_t seed);
void mirror_destroy(struct mirror *mirror); /* accepts NULL */

/* MIRROR_LIST and MIRROR_WATCH count as begun from here on. */
enum mirror_step mirror_next(struct mirror *mirror, uint64_t now_ms, uint64_t *ret_wait_ms);
char *mirror_path(const struct mirror *mirror); /* of what was begun; malloc'ed */

void mirror_listed(struct mirror *mirror, uint64_t now_ms, const json_t *list);
/* `code` as kube_ask() has it. */
void mirror_list_failed(struct mirror *mirror, uint64_t now_ms, int code, const char *why);

void mirror_opened(struct mirror *mirror, uint64_t now_ms);
/* False: this watch is over, and must be closed. */
bool mirror_line(struct mirror *mirror, uint64_t now_ms, const char *line);
/* `code` 0: the server ended it; `why` may be NULL then. */
void mirror_watch_ended(struct mirror *mirror, uint64_t now_ms, int code, const char *why);

/* As kube_watch_find() and so on. */
const json_t *mirror_find(const struct mirror *mirror, const char *space, const char *name);
void mirror_each(const struct mirror *mirror, void (*each)(void *owner, const json_t *object),
                 void *owner);
bool mirror_is_complete(const struct mirror *mirror);

#endif
