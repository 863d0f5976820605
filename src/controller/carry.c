#include "controller/carry.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "controller/needs.h"
#include "fabric/fabric.h"

struct carry {
    json_t *offers; /* {stage: {path there: {"path": here, "size"}}} */
};

struct carry *carry_create(void)
{
    struct carry *carry = memory_new(1, sizeof(*carry));

    carry->offers = json_object();
    return carry;
}

void carry_destroy(struct carry *carry)
{
    if (carry != NULL) {
        json_decref(carry->offers);
        free(carry);
    }
}

static void add(json_t *files, const FTSENT *entry)
{
    cleanup(memory_free) char *there = needs_remote_path(entry->fts_path);

    json_object_set_new(files, there,
                        json_pack("{sssI}", "path", entry->fts_path, "size",
                                  (json_int_t)entry->fts_statp->st_size));
}

static int list_one(json_t *files, const FTSENT *entry, struct error *err)
{
    switch (entry->fts_info) {
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
    case FTS_SLNONE:
        return error_set(err, entry->fts_errno != 0 ? -entry->fts_errno : -ENOENT,
                         "cannot read %s: %s", entry->fts_path,
                         strerrordesc_np(entry->fts_errno != 0 ? entry->fts_errno : ENOENT));
    case FTS_F:
        add(files, entry);
        break;
    default:
        break;
    }
    if (json_object_size(files) > CARRY_FILES_MAX) {
        return error_set(err, -E2BIG, "a stage can be sent %d files, and %s makes more",
                         CARRY_FILES_MAX, entry->fts_path);
    }
    return 0;
}

/* A file, or a folder with all that is in it. */
static int list_all(json_t *files, const char *path, struct error *err)
{
    char *const paths[] = {(char *)(uintptr_t)path, NULL};
    FTS *tree = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    int r = 0;

    if (tree == NULL) {
        return error_set(err, -errno, "cannot read %s: %s", path, strerrordesc_np(errno));
    }
    while (r == 0 && (entry = fts_read(tree)) != NULL) {
        r = list_one(files, entry, err);
    }
    fts_close(tree);
    return r;
}

int carry_offer(struct carry *carry, const char *stage, size_t n_mounts,
                const struct fabric_mount *mounts, struct error *err)
{
    cleanup(json_decrefp) json_t *files = json_object();

    for (size_t i = 0; i < n_mounts; i++) {
        if (!mounts[i].writable && list_all(files, mounts[i].path, err) < 0) {
            return error_wrap(err, "what stage '%s' reads", stage);
        }
    }
    json_object_set(carry->offers, stage, files);
    return 0;
}

json_t *carry_list(const struct carry *carry, const char *stage)
{
    json_t *list = json_array(), *file;
    const char *path;

    json_object_foreach(json_object_get(carry->offers, stage), path, file)
    {
        json_array_append_new(
            list, json_pack("{sssO}", "path", path, "size", json_object_get(file, "size")));
    }
    return list;
}

int carry_answer(const struct carry *carry, const char *stage, const json_t *message,
                 struct carry_piece *ret_piece, struct error *err)
{
    const char *wanted = json_string_value(json_object_get(message, "path"));
    json_int_t offset = json_integer_value(json_object_get(message, "offset"));
    const char *path = json_string_value(json_object_get(
        json_object_get(json_object_get(carry->offers, stage), wanted != NULL ? wanted : ""),
        "path"));

    if (path == NULL || offset < 0) {
        return error_set(err, -ENOENT, "stage '%s' may not have '%.200s'", stage,
                         wanted != NULL ? wanted : "");
    }
    cleanup(file_closep) int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = file < 0 ? -1 : pread(file, ret_piece->bytes, sizeof(ret_piece->bytes), offset);
    if (n < 0) {
        return error_set(err, -errno, "cannot read %s: %s", path, strerrordesc_np(errno));
    }
    if (n == 0) {
        return error_set(err, -ENOENT, "%s has become shorter", path);
    }
    ret_piece->offset = (uint64_t)offset;
    ret_piece->size = (size_t)n;
    return 0;
}
