/* Callbacks that a fabric owes: they come from the loop, in the order asked, never from inside
 * the call that asked. */
#ifndef FABRIC_LATER_H
#define FABRIC_LATER_H

#include "fabric/fabric.h"

struct later;

struct later *later_create(struct uv_loop_s *loop);
/* Takes a copy of `err` (NULL: done). A NULL `done` is nothing to do. */
void later_call(struct later *later, fabric_done_fn done, void *owner, const struct error *err);
/* Forgets what is not yet called; the memory goes when the loop runs next. */
void later_destroy(struct later *later);

#endif
