/* Plug-ins: shared objects `KIND-NAME.so` that export one table, loaded when first asked for.
 *
 * They are searched in the folders of BRUME_PLUGINS (colon-separated), then in `plugins` beside
 * the running program (a build's own), then in the folder that was installed. What was opened
 * stays open until the program ends: inference libraries do not survive being unloaded.
 */
#ifndef BASE_PLUGIN_H
#define BASE_PLUGIN_H

#include <stddef.h>

struct error;

/* The folders in their order, whether they exist or not; strings and array are malloc'ed. */
size_t plugin_folders(char ***ret_folders);
void plugin_folders_free(char **folders, size_t n);

/* Opens `KIND-NAME.so` from the first folder that has it and returns the address of `symbol`.
 * -ENOENT: no folder has it, or the name could not be one (the text says where it was
 * searched); -ELIBACC: it cannot be loaded (a library it needs is missing, say); -ELIBBAD: it
 * exports no such symbol. */
int plugin_open(const char *kind, const char *name, const char *symbol,
                const void **ret_exported, struct error *err);

/* The same for one file. */
int plugin_open_file(const char *path, const char *symbol, const void **ret_exported,
                     struct error *err);

#endif
