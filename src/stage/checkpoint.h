/* The memory of a stateful operator on disk: what its save() wrote, and the number it is of.
 * One file for each operator, which changes in one step: it holds the last checkpoint or the
 * one before, whole, whenever the process dies. It survives the end of the process, not of the
 * machine's power.
 */
#ifndef STAGE_CHECKPOINT_H
#define STAGE_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

struct checkpoint;
struct error;

/* `folder` NULL: nothing is kept. Reads what an earlier life has written; -EBADMSG: that is
 * damaged, and the operator's memory lost. */
int checkpoint_open(const char *folder, const char *name, struct checkpoint **ret_checkpoint,
                    struct error *err);
void checkpoint_close(struct checkpoint *checkpoint); /* accepts NULL */

/* All below it is in the memory; 0: there is none yet. */
uint64_t checkpoint_mark(const struct checkpoint *checkpoint);
/* Borrowed, until the next write; NULL when there is none. */
const void *checkpoint_data(const struct checkpoint *checkpoint, size_t *ret_size);

/* What somebody else has kept, which counts when it is further on than the disk. */
void checkpoint_raise(struct checkpoint *checkpoint, uint64_t mark, const void *data,
                      size_t size);

int checkpoint_write(struct checkpoint *checkpoint, uint64_t mark, const void *data,
                     size_t size, struct error *err);

#endif
