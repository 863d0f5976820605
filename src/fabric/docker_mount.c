/* Files that stages see. Containers have a user of their own, who may not be allowed what brume
 * is: what cannot be read is refused with what to type; a folder to write into is made, and
 * given to that user when brume may do that, which is told. Folders of the system are never.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/docker.h"

static bool may(const struct docker *docker, const struct stat *is, unsigned what)
{
    unsigned mode = is->st_mode;

    if (is->st_uid == docker->user) {
        return (mode >> 6 & what) == what;
    }
    if (is->st_gid == docker->user_group) {
        return (mode >> 3 & what) == what;
    }
    return (mode & what) == what;
}

static bool is_system(const char *path)
{
    static const char *const folders[] = {"/bin",  "/boot", "/dev", "/etc", "/lib",
                                          "/proc", "/sbin", "/sys", "/usr"};

    if (strchr(path + 1, '/') == NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) == 0 && path[n] == '/') {
            return true;
        }
    }
    return false;
}

static int refuse(const char *path, struct error *err)
{
    return error_set(err, -EACCES,
                     "%s cannot be written by the user of the containers: chmod o+rwx %s, or "
                     "choose another folder",
                     path, path);
}

/* What earlier runs wrote there as somebody else is to be written again. Links are let be: they
 * may be to anything. */
static void give_files(const struct docker *docker, const char *path)
{
    DIR *listing = opendir(path);
    const struct dirent *entry;
    struct stat is;

    while (listing != NULL && (entry = readdir(listing)) != NULL) { // NOLINT(concurrency-*)
        if (fstatat(dirfd(listing), entry->d_name, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(is.st_mode) && is.st_nlink == 1 && is.st_uid == geteuid() &&
            !may(docker, &is, 6)) {
            (void)fchownat(dirfd(listing), entry->d_name, docker->user, docker->user_group,
                           AT_SYMLINK_NOFOLLOW);
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
}

static int give(struct docker *docker, const char *path, struct error *err)
{
    if (geteuid() != 0 || is_system(path)) {
        return refuse(path, err);
    }
    if (chown(path, docker->user, docker->user_group) < 0) {
        return error_set(err, -errno, "cannot give %s to the user of the containers: %s", path,
                         strerrordesc_np(errno));
    }
    give_files(docker, path);
    docker_note(
        docker,
        "%s and the files in it belong to user %u now, as whom stages run in containers", path,
        (unsigned)docker->user);
    return 0;
}

static int prepare_folder(struct docker *docker, const char *path, struct error *err)
{
    struct stat is;
    bool made = stat(path, &is) < 0;

    if (made && is_system(path)) {
        return refuse(path, err);
    }
    if (made && file_make_folder(path, err) < 0) {
        return err->code;
    }
    if (stat(path, &is) < 0) {
        return error_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
    }
    if (may(docker, &is, 3)) {
        if (geteuid() == 0 && is.st_uid == docker->user) {
            give_files(docker, path);
        }
        return 0;
    }
    if (made && geteuid() == 0 && chown(path, docker->user, docker->user_group) == 0) {
        return 0;
    }
    return give(docker, path, err);
}

static int prepare_file(const struct docker *docker, const char *path, struct error *err)
{
    struct stat is;

    if (stat(path, &is) < 0) {
        return error_set(err, -errno, "%s: %s", path, strerrordesc_np(errno));
    }
    bool folder = S_ISDIR(is.st_mode);
    if (!may(docker, &is, folder ? 5 : 4)) {
        return error_set(err, -EACCES,
                         "%s cannot be read by the user of the containers (%u): chmod o+r%s %s",
                         path, (unsigned)docker->user, folder ? "x" : "", path);
    }
    return 0;
}

int docker_prepare_mounts(struct docker *docker, size_t n_mounts,
                          const struct fabric_mount *mounts, struct error *err)
{
    for (size_t i = 0; i < n_mounts; i++) {
        int r = mounts[i].writable ? prepare_folder(docker, mounts[i].path, err)
                                   : prepare_file(docker, mounts[i].path, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
