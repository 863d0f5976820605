/* Files: read whole, mapped, written atomically, found. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct error;

/* Reads at most `limit` bytes; a longer file is -E2BIG. A zero byte is put behind the last. */
int file_read(const char *path, size_t limit, void **ret_bytes, size_t *ret_size,
              struct error *err);

/* Maps a file privately: writes to the memory never reach the file. */
int file_map(const char *path, void **ret_bytes, size_t *ret_size, struct error *err);
void file_unmap(void *bytes, size_t size);

/* Writes beside it and renames, so that a reader never sees half a file. */
int file_write(const char *path, const void *bytes, size_t size, struct error *err);
int file_make_folder(const char *path, struct error *err); /* and its parents */

/* The user's cache for brume: $BRUME_CACHE, or $XDG_CACHE_HOME/brume, or ~/.cache/brume. */
char *file_cache_folder(void);

/* Finds a model or data file: `name` itself when absolute, else in `folder` (may be NULL), in
 * the folders of BRUME_MODELS, in the cache's models. Folders of BRUME_MODELS are searched one
 * level deep as well. Returns an absolute path, malloc'ed, or NULL. */
char *file_search(const char *folder, const char *name);

void file_closep(int *fd);

#endif
