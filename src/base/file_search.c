/* Where models and data are looked for. The order is a promise of the user's guide: the
 * manifest's folder, then the folders of BRUME_MODELS and theirs, then the cache.
 */
#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/file.h"
#include "base/memory.h"

/* Says whether `folder` (NULL: `name` is absolute) has `name`; returns the path, or NULL. */
typedef char *(*probe_fn)(const char *folder, const char *name);

static char *join(const char *folder, const char *name)
{
    if (folder == NULL) {
        return memory_text(name);
    }
    cleanup(memory_free) char *absolute = file_absolute(folder);
    size_t length = strlen(absolute);

    return memory_format("%s%s%s", absolute, absolute[length - 1] == '/' ? "" : "/", name);
}

char *file_beside_program(const char *name)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    return slash != NULL ? memory_format("%.*s/%s", (int)(slash - self), self, name) : NULL;
}

static char *probe_file(const char *folder, const char *name)
{
    cleanup(memory_free) char *path = join(folder, name);

    return access(path, R_OK) == 0 ? STEAL(path) : NULL;
}

static bool is_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    unsigned n = 0;

    if (folder == NULL) {
        return false;
    }
    /* A stream of our own: no other thread reads it. */
    while (n <= 2 && readdir(folder) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        n++;
    }
    closedir(folder);
    return n <= 2;
}

static char *escape(const char *folder)
{
    char *text = memory_new(2 * strlen(folder) + 1, 1), *end = text;

    for (; *folder != '\0'; folder++) {
        if (strchr("*?[]\\", *folder) != NULL) {
            *end++ = '\\';
        }
        *end++ = *folder;
    }
    return text;
}

static char *probe_glob(const char *folder, const char *name)
{
    cleanup(memory_free) char *path = probe_file(folder, name);
    cleanup(memory_free) char *place = folder == NULL ? NULL : escape(folder);
    glob_t found = {0};

    if (path != NULL) {
        return is_empty_folder(path) ? NULL : STEAL(path);
    }
    if (strpbrk(name, "*?[") == NULL) {
        return NULL;
    }
    path = join(place, name);
    int code = glob(path, GLOB_NOSORT, NULL, &found); /* NOLINT(concurrency-mt-unsafe) */
    bool any = code == 0 && found.gl_pathc > 0;
    globfree(&found);
    return any ? STEAL(path) : NULL;
}

static int is_folder_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static char *search_below(const char *folder, const char *name, probe_fn probe)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, is_folder_name, alphasort);
    char *found = NULL;

    for (int i = 0; i < n; i++) {
        if (found == NULL) {
            cleanup(memory_free) char *below =
                memory_format("%s/%s", folder, entries[i]->d_name);
            struct stat status;
            if (stat(below, &status) == 0 && S_ISDIR(status.st_mode)) {
                found = probe(below, name);
            }
        }
        free(entries[i]);
    }
    free(entries);
    return found;
}

static char *search_models(const char *folders, const char *name, probe_fn probe)
{
    cleanup(memory_free) char *list = memory_text(folders);
    char *rest = NULL, *found = NULL;

    for (char *folder = strtok_r(list, ":", &rest); folder != NULL && found == NULL;
         folder = strtok_r(NULL, ":", &rest)) {
        found = probe(folder, name);
        if (found == NULL) {
            found = search_below(folder, name, probe);
        }
    }
    return found;
}

static char *search(const char *folder, const char *name, probe_fn probe)
{
    const char *models = secure_getenv("BRUME_MODELS");
    char *found = NULL;

    if (name[0] == '\0') {
        return NULL;
    }
    if (name[0] == '/') {
        return probe(NULL, name);
    }
    if (folder != NULL) {
        found = probe(folder, name);
    }
    if (found == NULL && models != NULL) {
        found = search_models(models, name, probe);
    }
    if (found == NULL) {
        cleanup(memory_free) char *cache = file_cache_folder();
        cleanup(memory_free) char *cached = memory_format("%s/models", cache);
        found = probe(cached, name);
    }
    return found;
}

char *file_search(const char *folder, const char *name)
{
    return search(folder, name, probe_file);
}

char *file_search_glob(const char *folder, const char *pattern)
{
    return search(folder, pattern, probe_glob);
}

char *file_search_places(const char *folder)
{
    const char *models = secure_getenv("BRUME_MODELS");
    cleanup(memory_free) char *cache = file_cache_folder();

    return memory_format("%s%sBRUME_MODELS%s, %s/models", folder == NULL ? "" : folder,
                         folder == NULL ? "" : ", ", models == NULL ? " (not set)" : "", cache);
}

char *file_cache_folder(void)
{
    const char *own = secure_getenv("BRUME_CACHE");
    const char *caches = secure_getenv("XDG_CACHE_HOME");
    const char *home = secure_getenv("HOME");

    if (own != NULL && *own != '\0') {
        return file_absolute(own);
    }
    if (caches != NULL && *caches == '/') {
        return memory_format("%s/brume", caches);
    }
    if (home != NULL && *home == '/') {
        return memory_format("%s/.cache/brume", home);
    }
    return memory_text("/var/cache/brume");
}
