#include "stage/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { FILE_MOST = 1 << 30 };

/* Read back only by the program that wrote it, on the same machine. */
struct header {
    char magic[8];
    uint64_t mark, size, hash;
};
static const char magic[8] = "brume-1";

struct checkpoint {
    char *path, *next; /* NULL: nothing is kept */
    uint64_t mark;
    size_t size;
    void *file; /* as read: header and data */
};

static int take_in(struct checkpoint *checkpoint, size_t size, struct error *err)
{
    const struct header *header = checkpoint->file;

    if (size < sizeof(*header) || memcmp(header->magic, magic, sizeof(magic)) != 0 ||
        header->size != size - sizeof(*header) ||
        XXH64(header + 1, header->size, header->mark) != header->hash) {
        return error_set(err, -EBADMSG, "%s: the saved memory is damaged", checkpoint->path);
    }
    checkpoint->mark = header->mark;
    checkpoint->size = header->size;
    return 0;
}

int checkpoint_open(const char *folder, const char *name, struct checkpoint **ret_checkpoint,
                    struct error *err)
{
    struct checkpoint *checkpoint = memory_new(1, sizeof(*checkpoint));
    size_t size = 0;
    int r = 0;

    if (folder != NULL) {
        checkpoint->path = memory_format("%s/%s.memory", folder, name);
        checkpoint->next = memory_format("%s.next", checkpoint->path);
        if (access(checkpoint->path, F_OK) == 0) {
            r = file_read(checkpoint->path, FILE_MOST, &checkpoint->file, &size, err);
            r = r < 0 ? r : take_in(checkpoint, size, err);
        }
    }
    if (r < 0) {
        checkpoint_close(checkpoint);
        return r;
    }
    *ret_checkpoint = checkpoint;
    return 0;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    if (checkpoint != NULL) {
        free(checkpoint->path);
        free(checkpoint->next);
        free(checkpoint->file);
        free(checkpoint);
    }
}

uint64_t checkpoint_mark(const struct checkpoint *checkpoint)
{
    return checkpoint->mark;
}

const void *checkpoint_data(const struct checkpoint *checkpoint, size_t *ret_size)
{
    *ret_size = checkpoint->size;
    return checkpoint->file == NULL ? NULL : (const struct header *)checkpoint->file + 1;
}

void checkpoint_raise(struct checkpoint *checkpoint, uint64_t mark, const void *data,
                      size_t size)
{
    if (mark <= checkpoint->mark) {
        return;
    }
    memory_free(&checkpoint->file);
    checkpoint->file = memory_new(sizeof(struct header) + size, 1);
    if (size > 0) {
        memcpy((struct header *)checkpoint->file + 1, data, size);
    }
    checkpoint->mark = mark;
    checkpoint->size = size;
}

int checkpoint_write(struct checkpoint *checkpoint, uint64_t mark, const void *data,
                     size_t size, struct error *err)
{
    struct header header = {.mark = mark, .size = size, .hash = XXH64(data, size, mark)};

    memory_free(&checkpoint->file);
    checkpoint->size = 0;
    checkpoint->mark = mark;
    if (checkpoint->path == NULL) {
        return 0;
    }
    memcpy(header.magic, magic, sizeof(magic));
    FILE *file = fopen(checkpoint->next, "we");
    if (file == NULL) {
        return error_set(err, -errno, "%s: %s", checkpoint->next, strerrordesc_np(errno));
    }
    bool written = fwrite(&header, sizeof(header), 1, file) == 1 &&
                   (size == 0 || fwrite(data, size, 1, file) == 1);
    if (fclose(file) != 0 || !written || rename(checkpoint->next, checkpoint->path) < 0) {
        return error_set(err, -EIO, "%s: cannot be written", checkpoint->path);
    }
    return 0;
}
