/* Hands on the bytes of files, one file per frame, in the order of their names.
 *
 * Frame s is file s modulo n, so that a source that was started again, anywhere, goes on where
 * the lost one stopped. A file that has vanished or cannot be read costs its frame only.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/pace.h"

enum { FILE_SIZE_MAX = 64 << 20 };

static const struct brume_param params[] = {
    {"path", BRUME_FILES, NULL, "a file, a folder or a glob such as street/*.jpg", NULL, 0, 0},
    {"repeat", BRUME_SWITCH, "false", "begin again after the last file, for ever", NULL, 0, 0},
    {"loops", BRUME_INTEGER, "1", "how often to go through the files", NULL, 1, 1e12},
    {"rate", BRUME_RATE, "", "frames per time; as fast as they are taken when left out", NULL,
     1e-6, 1e6},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_BYTES, "the file's bytes"},
    {0},
};

struct source {
    glob_t found;
    size_t n_files;
    const char **files; /* those of `found` that are not folders */
    uint64_t end;       /* first sequence number that there is not */
    struct pace pace;
};

static int infer(struct brume_call *call)
{
    uint32_t unknown = 0;

    brume_output(call, 0, BRUME_U8, 1, &unknown);
    return 0;
}

static void close_source(void *state)
{
    struct source *source = state;

    free(source->files);
    globfree(&source->found);
    free(source);
}

static void close_sourcep(struct source **source)
{
    if (*source != NULL) {
        close_source(*source);
    }
}

/* A name that has no file of its own is a pattern; that of a folder stands for all in it. */
static int list(const char *path, glob_t *ret_files)
{
    cleanup(memory_free) char *pattern = NULL;
    struct stat status;

    if (stat(path, &status) < 0) {
        return glob(path, 0, NULL, ret_files); // NOLINT(concurrency-mt-unsafe): at opening
    }
    for (const char *at = path; *at != '\0'; at++) {
        char *longer = memory_format("%s%s%c", pattern != NULL ? pattern : "",
                                     strchr("*?[\\", *at) != NULL ? "\\" : "", *at);

        free(pattern);
        pattern = longer;
    }
    if (S_ISDIR(status.st_mode)) {
        char *longer = memory_format("%s/*", pattern);

        free(pattern);
        pattern = longer;
    }
    return glob(pattern, 0, NULL, ret_files); // NOLINT(concurrency-mt-unsafe): likewise
}

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Folders among files are no frames; a link that leads nowhere is one that cannot be read. */
static void pass_over_folders(struct source *source)
{
    source->files = memory_new(source->found.gl_pathc, sizeof(*source->files));
    for (size_t i = 0; i < source->found.gl_pathc; i++) {
        if (!is_folder(source->found.gl_pathv[i])) {
            source->files[source->n_files++] = source->found.gl_pathv[i];
        }
    }
}

static int open_source(struct brume_call *call, void **ret_state)
{
    cleanup(close_sourcep) struct source *source = memory_new(1, sizeof(*source));
    const char *path = brume_param(call, "path");

    if (list(path, &source->found) == 0) {
        pass_over_folders(source);
    }
    if (source->n_files == 0) {
        return brume_fail(call, "there is no file '%s'", path);
    }
    source->end = UINT64_MAX;
    if (!brume_param_switch(call, "repeat")) {
        uint64_t loops = (uint64_t)brume_param_integer(call, "loops");

        if (__builtin_mul_overflow(loops, source->n_files, &source->end)) {
            source->end = UINT64_MAX;
        }
    }
    source->pace.per_second = brume_rehearsal(call) ? 0 : brume_param_number(call, "rate");
    *ret_state = STEAL(source);
    return 0;
}

static int read_whole(struct brume_call *call, const char *path)
{
    cleanup(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0) {
        return brume_fail(call, "cannot read '%s': %s", path, strerrordesc_np(errno));
    }
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_SIZE_MAX) {
        return brume_fail(call, "'%s' is no file, or over %d MB", path, FILE_SIZE_MAX >> 20);
    }
    uint32_t size = (uint32_t)status.st_size;
    struct brume_tensor *bytes = brume_output(call, 0, BRUME_U8, 1, &size);
    if (bytes == NULL) {
        return brume_fail(call, "no memory for '%s' (%u bytes)", path, size);
    }
    for (uint32_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)bytes->data + done, size - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return brume_fail(call, "cannot read '%s': %s", path,
                              n == 0 ? "it became shorter" : strerrordesc_np(errno));
        }
        done += (uint32_t)n;
    }
    return 0;
}

static int process(struct brume_call *call, void *state)
{
    struct source *source = state;
    uint64_t sequence = brume_sequence(call);

    if (sequence >= source->end) {
        return BRUME_END;
    }
    uint64_t wait_ms = pace_wait_ms(&source->pace, sequence, clock_ns());
    if (wait_ms > 0) {
        brume_wait(call, wait_ms);
        return BRUME_LATER;
    }
    const char *path = source->files[sequence % source->n_files];
    brume_set_origin(call, path);
    return read_whole(call, path);
}

const struct brume_operator builtin_image_source = {
    .abi = BRUME_ABI,
    .name = "image-source",
    .summary = "hands on the bytes of picture files, one file per frame",
    .params = params,
    .outputs = outputs,
    .infer = infer,
    .open = open_source,
    .process = process,
    .close = close_source,
};
