#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

enum { READ_STEP = 64 << 10 };

void file_closep(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void file_ensure_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
            abort();
        }
    }
}

static int fail(struct error *err, const char *path, const char *verb)
{
    char reason[80];
    int code = errno;

    return error_set(err, -code, "cannot %s '%s': %s", verb, path,
                     strerror_r(code, reason, sizeof(reason)));
}

/* What was opened to be read must be a file; a pipe has not been waited for. */
static int check_file(int fd, const char *path, struct stat *ret_status, struct error *err)
{
    *ret_status = (struct stat){0};
    if (fd < 0) {
        return fail(err, path, "open");
    }
    if (fstat(fd, ret_status) < 0) {
        return fail(err, path, "look at");
    }
    if (!S_ISREG(ret_status->st_mode)) {
        bool folder = S_ISDIR(ret_status->st_mode);

        return error_set(err, folder ? -EISDIR : -EINVAL,
                         folder ? "'%s' is a folder, not a file" : "'%s' is not a file", path);
    }
    return 0;
}

int file_read(const char *path, size_t limit, void **ret_bytes, size_t *ret_size,
              struct error *err)
{
    cleanup(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    cleanup(memory_free) char *bytes = NULL;
    size_t size = 0, room = 0;
    struct stat status;

    int code = check_file(fd, path, &status, err);
    if (code < 0) {
        return code;
    }
    for (;;) {
        if (size == room) {
            room += room < READ_STEP ? READ_STEP : room;
            char *larger = realloc(bytes, room + 1);
            if (larger == NULL) {
                return error_set(err, -ENOMEM, "no memory for '%s'", path);
            }
            bytes = larger;
        }
        ssize_t n = read(fd, bytes + size, room - size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail(err, path, "read");
        }
        if (n == 0) {
            break;
        }
        size += (size_t)n;
        if (size > limit) {
            return error_set(err, -E2BIG, "'%s' is larger than %zu bytes", path, limit);
        }
    }
    bytes[size] = '\0';
    *ret_bytes = STEAL(bytes);
    *ret_size = size;
    return 0;
}

int file_map(const char *path, void **ret_bytes, size_t *ret_size, struct error *err)
{
    cleanup(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;

    int code = check_file(fd, path, &status, err);
    if (code < 0) {
        err->code = code == -EISDIR ? -EINVAL : code;
        return err->code;
    }
    if (status.st_size == 0) {
        return error_set(err, -ENODATA, "'%s' is empty", path);
    }
    void *bytes =
        mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return fail(err, path, "map");
    }
    *ret_bytes = bytes;
    *ret_size = (size_t)status.st_size;
    return 0;
}

void file_unmap(void *bytes, size_t size)
{
    if (bytes != NULL) {
        munmap(bytes, size);
    }
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

int file_write(const char *path, const void *bytes, size_t size, struct error *err)
{
    static atomic_uint counter;
    cleanup(memory_free) char *beside =
        memory_format("%s.%ld-%u.part", path, (long)getpid(), atomic_fetch_add(&counter, 1));
    cleanup(file_closep) int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0) {
        return fail(err, path, "write");
    }
    if (write_all(fd, bytes, size) < 0 || rename(beside, path) < 0) {
        int code = fail(err, path, "write");
        unlink(beside);
        return code;
    }
    return 0;
}

int file_make_folder(const char *path, struct error *err)
{
    cleanup(memory_free) char *part = memory_text(path);
    struct stat status;

    for (char *slash = part; slash != NULL && *part != '\0';) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (mkdir(part, 0777) < 0 && errno != EEXIST) {
            return fail(err, part, "make folder");
        }
        if (slash != NULL) {
            *slash = '/';
        }
    }
    if (stat(path, &status) < 0) {
        return fail(err, path, "make folder");
    }
    if (!S_ISDIR(status.st_mode)) {
        return error_set(err, -ENOTDIR, "cannot make folder '%s': a file is in its place",
                         path);
    }
    return 0;
}

char *file_absolute(const char *path)
{
    cleanup(memory_free) char *here = NULL;

    if (path[0] == '/') {
        return memory_text(path);
    }
    here = getcwd(NULL, 0);
    while (strncmp(path, "./", 2) == 0) {
        path += 2;
    }
    if (strcmp(path, ".") == 0 || *path == '\0') {
        return memory_text(here == NULL ? "/" : here);
    }
    return memory_format("%s/%s", here == NULL || here[1] == '\0' ? "" : here, path);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path) == 0 || errno == ENOENT ? 0 : errno;
}

int file_remove_folder(const char *path, struct error *err)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's keeps nothing between calls */
    int code = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);

    if (code < 0) {
        code = errno == ENOENT ? 0 : errno;
    }
    return code == 0
               ? 0
               : error_set(err, -code, "cannot remove %s: %s", path, strerrordesc_np(code));
}

char *file_run_folder(struct error *err)
{
    cleanup(memory_free) char *path = NULL;
    const char *runtime = getenv("XDG_RUNTIME_DIR"); /* NOLINT(concurrency-mt-unsafe) */
    struct stat is;

    if (geteuid() == 0) {
        path = memory_text("/run/brume");
    } else if (runtime != NULL && runtime[0] == '/') {
        path = memory_format("%s/brume", runtime);
    } else {
        path = memory_format("/tmp/brume-%u", (unsigned)geteuid());
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        error_set(err, -errno, "cannot make the folder %s: %s", path, strerrordesc_np(errno));
        return NULL;
    }
    if (lstat(path, &is) < 0 || !S_ISDIR(is.st_mode) || is.st_uid != geteuid() ||
        (is.st_mode & 022) != 0) {
        error_set(err, -EPERM, "%s is not a folder of this user alone: remove it", path);
        return NULL;
    }
    return STEAL(path);
}
