/* Callbacks that a fabric owes: they come from the loop, in the order asked, never from inside
 * the call that asked. */
#ifndef FABRIC_LATER_H
#define FABRIC_LATER_H

#include "fabric/fabric.h"

struct later;

struct later *later_create(struct uv_loop_s *loop);
/* Takes a copy of `err` (NULL: done). A NULL `done` is nothing to do. */
void later_call(struct later *later, fabric_done_fn done, void *owner, const struct error *err);

/* Those who wait for the same. */
struct later_waiters {
    size_t n;
    struct later_waiter *list;
};

void later_wait(struct later_waiters *waiters, fabric_done_fn done, void *owner);
/* Calls them all later, once, and forgets them. */
void later_call_all(struct later *later, struct later_waiters *waiters,
                    const struct error *err);
void later_forget_all(struct later_waiters *waiters);

/* Forgets what is not yet called; the memory goes when the loop runs next. */
void later_destroy(struct later *later);

#endif
