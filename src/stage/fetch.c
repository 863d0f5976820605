#include "stage/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

struct fetch {
    struct fetch_events events;
    json_t *files;
    char *folder;
    size_t current;
    char *part; /* what is not complete, beside the file; NULL: no file is asked for */
    int file;
    uint64_t got, size; /* of the current file */
    uint64_t total;     /* of all */
};

static const char *path_of(const struct fetch *fetch)
{
    return json_string_value(
        json_object_get(json_array_get(fetch->files, fetch->current), "path"));
}

/* Below the folder, whatever the controller says. */
static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    if (strncmp(path, folder, n) != 0 || path[n] != '/' || path[n + 1] == '\0') {
        return false;
    }
    for (const char *step = path + n; step != NULL; step = strchr(step + 1, '/')) {
        if (strncmp(step, "/../", 4) == 0 || strcmp(step, "/..") == 0) {
            return false;
        }
    }
    return true;
}

static void ask(const struct fetch *fetch)
{
    fetch->events.say(fetch->events.owner,
                      json_pack("{sssssI}", "type", "fetch", "path", path_of(fetch), "offset",
                                (json_int_t)fetch->got));
}

static int make_parents(const char *path, struct error *err)
{
    cleanup(memory_free) char *parent =
        memory_format("%.*s", (int)(strrchr(path, '/') - path), path);

    return file_make_folder(parent, err);
}

/* Begins with the current file. */
static int open_part(struct fetch *fetch, struct error *err)
{
    const char *path = path_of(fetch);

    if (make_parents(path, err) < 0) {
        return err->code;
    }
    fetch->part = memory_format("%s.part", path);
    fetch->got = 0;
    fetch->file = open(fetch->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fetch->file < 0) {
        return error_set(err, -errno, "cannot write %s: %s", fetch->part,
                         strerrordesc_np(errno));
    }
    return 0;
}

static int close_part(struct fetch *fetch, struct error *err)
{
    const char *path = path_of(fetch);

    file_closep(&fetch->file);
    if (rename(fetch->part, path) < 0) {
        return error_set(err, -errno, "cannot write %s: %s", path, strerrordesc_np(errno));
    }
    memory_free(&fetch->part);
    fetch->current++;
    return 0;
}

static bool is_there(const char *path, uint64_t size)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           (uint64_t)status.st_size == size;
}

/* To the next file that is missing; an empty one need not be asked for. */
static int go_on(struct fetch *fetch, bool *ret_complete, struct error *err)
{
    while (fetch->current < json_array_size(fetch->files)) {
        const json_t *file = json_array_get(fetch->files, fetch->current);
        const char *path = path_of(fetch);
        json_int_t size = json_integer_value(json_object_get(file, "size"));

        if (path == NULL || size < 0 || !is_below(path, fetch->folder)) {
            return error_set(err, -EPERM, "the controller offers '%s', which is not below %s",
                             path != NULL ? path : "", fetch->folder);
        }
        fetch->size = (uint64_t)size;
        if (is_there(path, fetch->size)) {
            fetch->current++;
            continue;
        }
        if (open_part(fetch, err) < 0) {
            return err->code;
        }
        if (size > 0) {
            ask(fetch);
            return 0;
        }
        if (close_part(fetch, err) < 0) {
            return err->code;
        }
    }
    *ret_complete = true;
    return 0;
}

int fetch_begin(const json_t *files, const char *folder, const struct fetch_events *events,
                struct fetch **ret_fetch, struct error *err)
{
    struct fetch *fetch = memory_new(1, sizeof(*fetch));
    bool complete = false;

    fetch->events = *events;
    fetch->files = json_deep_copy(files);
    fetch->folder = memory_text(folder);
    fetch->file = -1;
    int r = go_on(fetch, &complete, err);
    if (r < 0 || complete) {
        fetch_end(fetch);
        *ret_fetch = NULL;
        if (complete) {
            events->complete(events->owner);
        }
        return r;
    }
    *ret_fetch = fetch;
    return 0;
}

void fetch_end(struct fetch *fetch)
{
    if (fetch == NULL) {
        return;
    }
    file_closep(&fetch->file);
    if (fetch->part != NULL) {
        unlink(fetch->part);
    }
    memory_free(&fetch->part);
    json_decref(fetch->files);
    free(fetch->folder);
    free(fetch);
}

uint64_t fetch_bytes(const struct fetch *fetch)
{
    return fetch->total;
}

void fetch_again(struct fetch *fetch)
{
    ask(fetch);
}

static int append(struct fetch *fetch, const char *bytes, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t n = write(fetch->file, bytes, size);

        if (n < 0 && errno != EINTR) {
            return error_set(err, -errno, "cannot write %s: %s", fetch->part,
                             strerrordesc_np(errno));
        }
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
        fetch->got += n > 0 ? (size_t)n : 0;
        fetch->total += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int fetch_take(struct fetch *fetch, uint64_t offset, const void *bytes, size_t size,
               struct error *err)
{
    bool complete = false;

    if (offset != fetch->got) {
        return 0; /* asked for twice, on two links */
    }
    if (size == 0 || size > fetch->size - fetch->got) {
        return error_set(err, -EPROTO, "%s has not the size that the controller said",
                         path_of(fetch));
    }
    if (append(fetch, bytes, size, err) < 0) {
        return err->code;
    }
    if (fetch->got < fetch->size) {
        ask(fetch);
        return 0;
    }
    if (close_part(fetch, err) < 0 || go_on(fetch, &complete, err) < 0) {
        return err->code;
    }
    if (complete) {
        fetch->events.complete(fetch->events.owner);
    }
    return 0;
}
