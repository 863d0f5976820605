#include "base/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static void folders_add(char ***folders, size_t *n, char *folder)
{
    *folders = memory_grow(*folders, *n, sizeof(**folders));
    (*folders)[(*n)++] = folder;
}

static void folders_add_listed(char ***folders, size_t *n, const char *list)
{
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");

        if (length > 0) {
            folders_add(folders, n, memory_format("%.*s", (int)length, list));
        }
        list += length + (list[length] == ':');
    }
}

size_t plugin_folders(char ***ret_folders)
{
    char **folders = NULL;
    size_t n = 0;

    folders_add_listed(&folders, &n, secure_getenv("BRUME_PLUGINS"));
    char *beside = file_beside_program("plugins");
    if (beside != NULL) {
        folders_add(&folders, &n, beside);
    }
    folders_add(&folders, &n, memory_text(BRUME_PLUGIN_FOLDER));
    *ret_folders = folders;
    return n;
}

void plugin_folders_free(char **folders, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(folders[i]);
    }
    free(folders);
}

int plugin_open_file(const char *path, const char *symbol, const void **ret_exported,
                     struct error *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        const char *why = dlerror(); /* NOLINT(concurrency-mt-unsafe): glibc's is per thread */

        return error_set(err, -ELIBACC, "cannot load %s: %s", path, why);
    }
    const void *exported = dlsym(library, symbol);
    if (exported == NULL) {
        dlclose(library);
        return error_set(err, -ELIBBAD, "%s is no plug-in of this kind: it has no '%s'", path,
                         symbol);
    }
    *ret_exported = exported;
    return 0;
}

int plugin_open(const char *kind, const char *name, const char *symbol,
                const void **ret_exported, struct error *err)
{
    char **folders;
    int r = -ENOENT;

    if (*name == '\0' || strchr(name, '/') != NULL) {
        return error_set(err, -ENOENT, "'%s' is no name of a plug-in", name);
    }
    size_t n = plugin_folders(&folders);
    for (size_t i = 0; i < n && r == -ENOENT; i++) {
        cleanup(memory_free) char *path = memory_format("%s/%s-%s.so", folders[i], kind, name);
        if (access(path, F_OK) == 0) {
            r = plugin_open_file(path, symbol, ret_exported, err);
        }
    }
    if (r == -ELIBACC) {
        cleanup(memory_free) char *why = memory_text(err->text);
        error_set(err, r, "%s (`brume doctor` tells what mends it)", why);
    }
    if (r == -ENOENT) {
        error_set(err, r, "there is no %s-%s.so in the plug-in folders (BRUME_PLUGINS, %s)",
                  kind, name, folders[n - 2]);
    }
    plugin_folders_free(folders, n);
    return r;
}
