/* Weights that lie in files beside the model, as exporters write them for big networks, and
 * some for all. The files belong to the model: they are mapped while it is open, and their
 * bytes are part of its hash. Only a model opened by its path has a folder to look in, and only
 * what lies in this folder or below is taken.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/onnx.h"

enum { FILES_MAX = 4096, HASH_STEP = 1 << 20 };

struct onnx_file {
    struct protobuf_span location;
    void *bytes;
    size_t size;
};

/* In steps, each given back when it was read: see model.c. */
static uint64_t hash_file(const struct onnx_file *file, uint64_t hash)
{
    for (size_t at = 0; at < file->size; at += HASH_STEP) {
        size_t n = file->size - at < HASH_STEP ? file->size - at : HASH_STEP;

        hash = XXH3_64bits_withSeed((uint8_t *)file->bytes + at, n, hash);
        madvise((uint8_t *)file->bytes + at, n, MADV_DONTNEED);
    }
    return hash;
}

/* A relative path that stays below where it starts. */
static bool is_beside(const char *location)
{
    for (const char *part = location; part != NULL; part = strchr(part, '/')) {
        part += *part == '/' && part != location;
        size_t length = strcspn(part, "/");

        if (length == 0 || (length == 2 && strncmp(part, "..", 2) == 0)) {
            return false;
        }
    }
    return true;
}

static int open_file(struct model *model, struct protobuf_span location, struct error *err)
{
    struct onnx_detail *detail = model->detail;
    cleanup(memory_free) char *name = onnx_span_text(location);
    const char *slash = strrchr(model->path, '/');
    struct onnx_file file = {.location = location};

    if (!protobuf_is_text(location) || !is_beside(name)) {
        return error_set(err, -EINVAL,
                         "its weights lie in '%.80s', which is not below its folder", name);
    }
    if (detail->n_files == FILES_MAX) {
        return error_set(err, -E2BIG, "its weights lie in more than %d files", FILES_MAX);
    }
    int folder = slash == NULL ? 0 : (int)(slash - model->path) + 1;
    cleanup(memory_free) char *path = memory_format("%.*s%s", folder, model->path, name);
    int r = file_map(path, &file.bytes, &file.size, err);
    if (r < 0) {
        return r;
    }
    model->hash = hash_file(&file, model->hash);
    detail->files = memory_grow(detail->files, detail->n_files, sizeof(*detail->files));
    detail->files[detail->n_files++] = file;
    return 0;
}

static const struct onnx_file *find_file(const struct onnx_detail *detail,
                                         struct protobuf_span location)
{
    for (size_t i = detail->n_files; i-- > 0;) {
        if (onnx_span_equal(detail->files[i].location, location)) {
            return &detail->files[i];
        }
    }
    return NULL;
}

int onnx_outside_refuse(const struct onnx_weight *weight, struct error *err)
{
    return error_set(err, -ENOTSUP,
                     "weight '%.*s' lies in a file of its own; put it inside with "
                     "onnx.save(onnx.load(OLD), NEW)",
                     ONNX_SHOWN(weight->name));
}

int onnx_outside_find(struct model *model, struct onnx_weight *weight, struct error *err)
{
    const struct onnx_detail *detail = model->detail;

    if (model->file < 0) {
        return onnx_outside_refuse(weight, err);
    }
    const struct onnx_file *file = find_file(detail, weight->location);
    if (file == NULL) {
        int r = open_file(model, weight->location, err);
        if (r < 0) {
            return r;
        }
        file = &detail->files[detail->n_files - 1];
    }
    if (weight->offset > file->size || weight->size > file->size - weight->offset) {
        return error_set(err, -EBADMSG, "weight '%.*s' lies behind the end of '%.*s'",
                         ONNX_SHOWN(weight->name), ONNX_SHOWN(weight->location));
    }
    weight->raw = (struct protobuf_span){(uint8_t *)file->bytes + weight->offset, weight->size};
    return 0;
}

void onnx_outside_close(struct onnx_detail *detail)
{
    for (size_t i = 0; i < detail->n_files; i++) {
        file_unmap(detail->files[i].bytes, detail->files[i].size);
    }
    free(detail->files);
}
