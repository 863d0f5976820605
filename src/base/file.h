/* Files: read whole, mapped, written atomically, found.
 *
 * A file appears under its name complete or not at all to other processes; nothing is forced to
 * the disk, for what brume writes can be made again.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Reads at most `limit` bytes; a longer file is -E2BIG. A zero byte is put behind the last. */
int file_read(const char *path, size_t limit, void **ret_bytes, size_t *ret_size,
              struct error *err);

/* Maps a file privately: writes to the memory never reach the file. An empty file is -ENODATA.
 */
int file_map(const char *path, void **ret_bytes, size_t *ret_size, struct error *err);
void file_unmap(void *bytes, size_t size); /* accepts NULL */

/* Writes beside it and renames, so that a reader never sees half a file. */
int file_write(const char *path, const void *bytes, size_t size, struct error *err);
int file_make_folder(const char *path, struct error *err); /* and its parents */
/* With all that is in it; links are removed, not followed. One that is not there is removed. */
int file_remove_folder(const char *path, struct error *err);

/* The user's cache for brume: $BRUME_CACHE, or $XDG_CACHE_HOME/brume, or ~/.cache/brume;
 * without a home /var/cache/brume. */
char *file_cache_folder(void);

/* The path of `name` in the folder of the program that runs, malloc'ed; NULL: nobody knows. */
char *file_beside_program(const char *name);

/* `path` from the root on, malloc'ed; symbolic links stay. */
char *file_absolute(const char *path);

/* Finds a model or data file: `name` itself when absolute, else in `folder` (may be NULL), in
 * the folders of BRUME_MODELS, in the cache's models. Folders of BRUME_MODELS are searched one
 * level deep as well. Returns an absolute path, malloc'ed, or NULL. */
char *file_search(const char *folder, const char *name);

/* The same for a file, a folder that is not empty, or a glob that matches something. The folder
 * part of a glob is escaped, so that glob(3) takes it literally. */
char *file_search_glob(const char *folder, const char *pattern);

/* "FOLDER, BRUME_MODELS, CACHE/models": where the two look, for a sentence; malloc'ed. */
char *file_search_places(const char *folder);

void file_closep(int *fd);

/* The first thing a program does: standard input, output or error that is closed becomes
 * /dev/null, lest a socket or a file take its number. */
void file_ensure_standard(void);

/* /run/brume as root, else $XDG_RUNTIME_DIR/brume, else /tmp/brume-UID; made if need be and
 * refused if it is not ours alone. Malloc'ed; NULL with the error set. */
char *file_run_folder(struct error *err);

#endif
