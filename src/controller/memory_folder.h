/* A folder of the user's in which an application remembers, beyond the end of a run, how far it
 * has got: marks of sinks, checkpoints of stateful operators, journals of sources. The next run
 * with the same folder goes on where the last one was, however that ended.
 */
#ifndef CONTROLLER_MEMORY_FOLDER_H
#define CONTROLLER_MEMORY_FOLDER_H

#include <stddef.h>

struct error;
struct memory_folder;

/* Makes the folder if need be and locks it against other runs. `name` (of `size` bytes) names
 * the run; the one that the folder has already replaces it, for operators keep what they wrote
 * under that name. -EBUSY: another run has it; -EINVAL: it belongs to another application. */
int memory_folder_open(const char *path, const char *application, char *name, size_t size,
                       struct memory_folder **ret_folder, struct error *err);
const char *memory_folder_path(const struct memory_folder *folder); /* absolute */
void memory_folder_close(struct memory_folder *folder);             /* accepts NULL */

#endif
