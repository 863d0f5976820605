#include "controller/memory_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { LABEL_MOST = 1024 };

struct memory_folder {
    char *path;
    int lock;
};

static int lock(struct memory_folder *folder, struct error *err)
{
    cleanup(memory_free) char *path = memory_format("%s/lock", folder->path);

    folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock < 0) {
        return error_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
    }
    if (flock(folder->lock, LOCK_EX | LOCK_NB) < 0) {
        return error_set(err, -EBUSY, "%s: another run is at work with this folder",
                         folder->path);
    }
    return 0;
}

/* "APPLICATION\nRUN\n" stands in the file; it is written the first time. */
static int read_label(const struct memory_folder *folder, const char *application, char *name,
                      size_t size, struct error *err)
{
    cleanup(memory_free) char *path = memory_format("%s/application", folder->path);
    cleanup(memory_free) void *bytes = NULL;
    size_t length;

    if (access(path, F_OK) < 0) {
        cleanup(memory_free) char *text = memory_format("%s\n%s\n", application, name);
        return file_write(path, text, strlen(text), err);
    }
    int r = file_read(path, LABEL_MOST, &bytes, &length, err);
    if (r < 0) {
        return r;
    }
    char *text = bytes, *owner = strsep(&text, "\n"), *run = strsep(&text, "\n");
    if (run == NULL || *run == '\0' || strlen(run) >= size) {
        return error_set(err, -EINVAL, "%s: this is not what a run leaves here", path);
    }
    if (strcmp(owner, application) != 0) {
        return error_set(err, -EINVAL, "%s: the folder belongs to application '%s', not '%s'",
                         folder->path, owner, application);
    }
    snprintf(name, size, "%s", run);
    return 0;
}

int memory_folder_open(const char *path, const char *application, char *name, size_t size,
                       struct memory_folder **ret_folder, struct error *err)
{
    struct memory_folder *folder = memory_new(1, sizeof(*folder));

    folder->lock = -1;
    folder->path = file_absolute(path);
    int r = file_make_folder(folder->path, err);
    r = r < 0 ? r : lock(folder, err);
    r = r < 0 ? r : read_label(folder, application, name, size, err);
    if (r < 0) {
        memory_folder_close(folder);
        return r;
    }
    *ret_folder = folder;
    return 0;
}

const char *memory_folder_path(const struct memory_folder *folder)
{
    return folder->path;
}

void memory_folder_close(struct memory_folder *folder)
{
    if (folder != NULL) {
        file_closep(&folder->lock);
        free(folder->path);
        free(folder);
    }
}
