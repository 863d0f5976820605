#include "operator/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/plugin.h"
#include "base/text.h"
#include "operator/builtin.h"

/* clang-format off */
static const struct brume_operator *const builtins[] = {
    &builtin_average,
    &builtin_classify,
    &builtin_console,
    &builtin_count,
    &builtin_csv_source,
    &builtin_draw,
    &builtin_filter,
    &builtin_image_source,
    &builtin_json_sink,
    &builtin_letterbox,
    &builtin_merge,
    &builtin_model,
    &builtin_noise_source,
    &builtin_null_sink,
    &builtin_pack,
    &builtin_parse,
    &builtin_resize,
    &builtin_sensor_source,
    &builtin_ssd,
    &builtin_threshold,
    &builtin_unpack,
    &builtin_window,
    &builtin_yolo,
};
/* clang-format on */
/* Those that need a library of the system: a build without it lacks them. */
static const char *const optional[] = {"alert", "decode", "encode", "image-sink",
                                       "sqlite-sink"};

enum { N_BUILTINS = sizeof(builtins) / sizeof(*builtins) };

static struct loaded {
    const struct brume_operator *type;
    bool foreign;
} * loaded;
static size_t n_loaded;
static char **names;
static size_t n_names;

static int check(const char *name, const char *path, const struct brume_operator *type,
                 struct error *err)
{
    if (type->abi != BRUME_ABI) {
        return error_set(err, -ELIBBAD,
                         "%s was built for version %u of the operator interface, this is "
                         "version %d: build it again",
                         path, type->abi, BRUME_ABI);
    }
    if (type->name == NULL || strcmp(type->name, name) != 0) {
        return error_set(err, -ELIBBAD, "%s calls its operator '%s', but the file says '%s'",
                         path, type->name != NULL ? type->name : "", name);
    }
    if (type->process == NULL || type->summary == NULL) {
        return error_set(err, -ELIBBAD, "%s: the operator has no process() or no summary",
                         path);
    }
    return 0;
}

static char **user_folders(size_t *ret_n)
{
    const char *list = secure_getenv("BRUME_OPERATORS");
    char **folders = NULL;
    size_t n = 0;

    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");

        if (length > 0) {
            folders = memory_grow(folders, n, sizeof(*folders));
            folders[n++] = memory_format("%.*s", (int)length, list);
        }
        list += length + (list[length] == ':');
    }
    *ret_n = n;
    return folders;
}

static int open_user(const char *name, const void **ret_exported, struct error *err)
{
    size_t n_folders = 0;
    char **folders = user_folders(&n_folders);
    int ret = -ENOENT;

    for (size_t i = 0; i < n_folders && ret == -ENOENT; i++) {
        cleanup(memory_free) char *path = memory_format("%s/%s.so", folders[i], name);

        if (access(path, F_OK) == 0) {
            ret = plugin_open_file(path, "brume_exported_operator", ret_exported, err);
            ret = ret < 0 ? ret : check(name, path, *ret_exported, err);
        }
    }
    plugin_folders_free(folders, n_folders);
    return ret;
}

static const struct brume_operator *find_known(const char *name)
{
    for (size_t i = 0; i < N_BUILTINS; i++) {
        if (strcmp(builtins[i]->name, name) == 0) {
            return builtins[i];
        }
    }
    for (size_t i = 0; i < n_loaded; i++) {
        if (strcmp(loaded[i].type->name, name) == 0) {
            return loaded[i].type;
        }
    }
    return NULL;
}

static int fail_unknown(const char *name, struct error *err)
{
    for (size_t i = 0; i < sizeof(optional) / sizeof(*optional); i++) {
        if (strcmp(optional[i], name) == 0) {
            return error_set(err, -ENOPKG,
                             "operator '%s' was not built, for want of a library: `brume "
                             "doctor` tells which",
                             name);
        }
    }
    return error_set(err, -ENOENT, "unknown operator '%s'", name);
}

int registry_find(const char *name, const struct brume_operator **ret_type, struct error *err)
{
    const struct brume_operator *type = find_known(name);
    const void *exported = NULL;
    bool foreign = false;

    if (type == NULL) {
        struct error why = {0};
        int ret = -ENOENT;

        if (text_is_label(name)) {
            ret = plugin_open("operator", name, "brume_exported_operator", &exported, &why);
            ret = ret < 0 ? ret : check(name, "the plug-in", exported, &why);
            foreign = ret == -ENOENT;
            ret = foreign ? open_user(name, &exported, &why) : ret;
        }
        if (ret == -ENOENT) {
            return fail_unknown(name, err);
        }
        if (ret < 0) {
            *err = why;
            return error_wrap(err, "operator '%s'", name);
        }
        type = exported;
        loaded = memory_grow(loaded, n_loaded, sizeof(*loaded));
        loaded[n_loaded++] = (struct loaded){type, foreign};
    }
    *ret_type = type;
    return 0;
}

static void add_name(const char *name)
{
    for (size_t i = 0; i < n_names; i++) {
        if (strcmp(names[i], name) == 0) {
            return;
        }
    }
    names = memory_grow(names, n_names, sizeof(*names));
    names[n_names++] = memory_text(name);
}

/* Adds NAME for each file PREFIX + NAME + ".so". */
static void scan(const char *folder, const char *prefix)
{
    DIR *listing = opendir(folder);
    size_t skip = strlen(prefix);
    const struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL) { // NOLINT(concurrency-*)
        const char *file = entry->d_name;
        size_t size = strlen(file);

        if (size > skip + 3 && strcmp(file + size - 3, ".so") == 0 &&
            strncmp(file, prefix, skip) == 0) {
            cleanup(memory_free) char *name =
                memory_format("%.*s", (int)(size - skip - 3), file + skip);

            if (text_is_label(name)) {
                add_name(name);
            }
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
}

static void scan_all(size_t n, char **folders, const char *prefix)
{
    for (size_t i = 0; i < n; i++) {
        scan(folders[i], prefix);
    }
    plugin_folders_free(folders, n);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *registry_name(size_t index)
{
    if (n_names == 0) {
        char **folders = NULL;
        size_t n = plugin_folders(&folders);

        for (size_t i = 0; i < N_BUILTINS; i++) {
            add_name(builtins[i]->name);
        }
        scan_all(n, folders, "operator-");
        folders = user_folders(&n);
        scan_all(n, folders, "");
        qsort(names, n_names, sizeof(*names), compare_names);
    }
    return index < n_names ? names[index] : NULL;
}

bool registry_is_foreign(const char *name)
{
    for (size_t i = 0; i < n_loaded; i++) {
        if (strcmp(loaded[i].type->name, name) == 0) {
            return loaded[i].foreign;
        }
    }
    return false;
}
