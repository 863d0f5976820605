#include "operator/mqtt_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int replace(const char *folder, const char *path, const uint8_t *bytes, size_t size)
{
    cleanup(memory_free) char *part = memory_format("%s.part", path);
    cleanup(file_closep) int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cleanup(file_closep) int place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || place < 0) {
        return -errno;
    }
    int ret = write_all(fd, bytes, size);
    if (ret < 0) {
        return ret;
    }
    return rename(part, path) < 0 || fsync(place) < 0 ? -errno : 0;
}

int mqtt_store_write(const char *folder, const char *run, const struct mqtt_batch *batch,
                     const struct mqtt_seen *seen, struct error *err)
{
    cleanup(memory_free) char *path = memory_format("%s/journal", folder);
    size_t size;
    cleanup(memory_free) uint8_t *bytes = mqtt_journal_encode(batch, seen, run, &size);
    int ret = replace(folder, path, bytes, size);

    return ret < 0 ? error_set(err, ret, "cannot write '%s': %s", path, strerrordesc_np(-ret))
                   : 0;
}

int mqtt_store_read(const char *folder, const char *run, struct mqtt_batch *ret_batch,
                    struct mqtt_seen *seen, struct error *err)
{
    cleanup(memory_free) char *path = memory_format("%s/journal", folder);
    cleanup(memory_free) void *bytes = NULL;
    size_t size;

    if (access(path, F_OK) < 0 && errno == ENOENT) {
        return 0;
    }
    int ret = file_read(path, MQTT_JOURNAL_SIZE, &bytes, &size, err);
    if (ret < 0) {
        return ret;
    }
    ret = mqtt_journal_decode(bytes, size, run, ret_batch, seen, err);
    return ret < 0 ? error_wrap(
                         err, "'%s' (without this file the last messages may come twice)", path)
                   : 0;
}
