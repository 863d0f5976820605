#include "fabric/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/cgroup.h"
#include "fabric/docker_engine.h"
#include "fabric/kubernetes_remove.h"
#include "fabric/ledger_entry.h"
#include "fabric/network.h"
#include "fabric/process.h"

#define LINE_MAX_SIZE (PATH_MAX + 16)
#define LEDGER_MOST   ((size_t)16 << 20) /* bytes: half a million processes */

static void closedirp(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

int ledger_lock(int *ret_lock, struct error *err)
{
    cleanup(memory_free) char *folder = file_run_folder(err);

    if (folder == NULL) {
        return err->code;
    }
    cleanup(memory_free) char *path = memory_format("%s/lock", folder);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0) {
        error_set(err, -errno, "cannot lock %s: %s", path, strerrordesc_np(errno));
        file_closep(&lock);
        return err->code;
    }
    *ret_lock = lock;
    return 0;
}

int ledger_open(struct ledger *ledger, struct error *err)
{
    cleanup(memory_free) char *folder = file_run_folder(err);
    uint32_t number;

    if (folder == NULL) {
        return err->code;
    }
    for (;;) {
        if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
            return error_set(err, -EIO, "no random numbers from the kernel");
        }
        snprintf(ledger->run, sizeof(ledger->run), "%06x", number & 0xffffff);
        cleanup(memory_free) char *path = memory_format("%s/%s", folder, ledger->run);
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
        if (file >= 0) {
            ledger->file = file;
            ledger->path = STEAL(path);
            break;
        }
        if (errno != EEXIST) {
            return error_set(err, -errno, "cannot write %s: %s", path, strerrordesc_np(errno));
        }
    }
    return ledger_write_process(ledger, LEDGER_CONTROLLER, getpid(), err);
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->path != NULL) {
        close(ledger->file);
    }
    memory_free(&ledger->path);
}

int ledger_write(struct ledger *ledger, enum ledger_kind kind, const char *name,
                 struct error *err)
{
    char line[LINE_MAX_SIZE];
    off_t size = lseek(ledger->file, 0, SEEK_END);
    int n = snprintf(line, sizeof(line), "%s %s\n", ledger_word(kind), name);

    if (n < 0 || (size_t)n >= sizeof(line)) {
        return error_set(err, -ENAMETOOLONG, "a name of %d bytes is too long for %s", n,
                         ledger->path);
    }
    if (strchr(name, '\n') != NULL) {
        return error_set(err, -EINVAL, "a line break in the name of a %s: '%s'",
                         ledger_word(kind), name);
    }
    ssize_t written = write(ledger->file, line, (size_t)n);
    if (written != n) {
        int code = written < 0 ? errno : ENOSPC;
        /* Half a line would spoil the next. */
        int cut = written > 0 ? ftruncate(ledger->file, size) : 0;
        (void)cut;
        return error_set(err, -EIO, "cannot write %s: %s", ledger->path, strerrordesc_np(code));
    }
    return 0;
}

int ledger_write_process(struct ledger *ledger, enum ledger_kind kind, pid_t pid,
                         struct error *err)
{
    char name[64];

    snprintf(name, sizeof(name), "%d %llu", (int)pid,
             (unsigned long long)process_start_time(pid));
    return ledger_write(ledger, kind, name, err);
}

/* The entries of the ledger `path`, which are in `ret_text`; both are malloc'ed. */
static int load(const char *path, char **ret_text, struct ledger_entry **ret_entries,
                size_t *ret_n, struct error *err)
{
    cleanup(memory_free) char *text = NULL;
    const char *slash = strrchr(path, '/');
    size_t size;
    int r = file_read(path, LEDGER_MOST, (void **)&text, &size, err);

    if (r < 0) {
        return r;
    }
    r = ledger_parse(text, size, slash == NULL ? path : slash + 1, ret_entries, ret_n, err);
    if (r < 0) {
        return error_wrap(err, "%s is not believed, and nothing of it removed", path);
    }
    *ret_text = STEAL(text);
    return 0;
}

static int undo_entry(const struct ledger_entry *entry, struct error *err)
{
    switch (entry->kind) {
    case LEDGER_PROCESS:
        return process_kill(entry->pid, entry->started, err);
    case LEDGER_ENGINE:
        return docker_engine_undo(entry->name, err);
    case LEDGER_CLUSTER:
        return kubernetes_undo(entry->name, err);
    case LEDGER_GROUP:
        return cgroup_remove(entry->name, err);
    case LEDGER_LINK:
        return network_remove_link(entry->name, err);
    case LEDGER_NAMESPACE:
        return network_remove_namespace(entry->name, err);
    case LEDGER_FOLDER:
        return file_remove_folder(entry->name, err);
    case LEDGER_CONTROLLER:
    case LEDGER_KEEPER:
    case LEDGER_CLOSED:
        break;
    }
    return 0;
}

int ledger_undo(const char *path, struct error *err)
{
    cleanup(memory_free) struct ledger_entry *entries = NULL;
    cleanup(memory_free) char *text = NULL;
    struct error trouble;
    size_t n = 0;
    int result = load(path, &text, &entries, &n, err);

    if (result < 0) {
        return result == -ENOENT ? 0 : result;
    }
    /* First processes and containers, then groups, links, namespaces and folders: nothing is
     * removed under the feet of something that lives. Where an engine does not answer, the end
     * of their groups ends the containers of emulated devices; the engine's own word on them is
     * what keeps the ledger. */
    for (unsigned kind = LEDGER_PROCESS; kind <= LEDGER_FOLDER; kind++) {
        for (size_t i = 0; i < n; i++) {
            int failed = entries[i].kind == kind ? undo_entry(&entries[i], &trouble) : 0;
            if (failed < 0 && result == 0) {
                *err = trouble;
                result = failed;
            }
        }
    }
    if (result == 0) {
        unlink(path);
    }
    return result;
}

/* Whether the run was closed, or neither its controller nor a keeper lives. Negative: the
 * ledger does not tell. */
static int is_abandoned(const char *path, struct error *err)
{
    cleanup(memory_free) struct ledger_entry *entries = NULL;
    cleanup(memory_free) char *text = NULL;
    size_t n = 0;
    int r = load(path, &text, &entries, &n, err);

    if (r < 0) {
        return r == -ENOENT ? 0 : r;
    }
    bool lives = false, closed = false;
    for (size_t i = 0; i < n; i++) {
        closed = closed || entries[i].kind == LEDGER_CLOSED;
        lives = lives || (entries[i].kind <= LEDGER_KEEPER &&
                          process_lives(entries[i].pid, entries[i].started));
    }
    return closed || !lives;
}

int ledger_clean(unsigned *ret_runs, struct error *err)
{
    cleanup(memory_free) char *folder = file_run_folder(err);
    cleanup(file_closep) int lock = -1;
    cleanup(closedirp) DIR *dir = NULL;
    unsigned n_runs = 0;
    int result = 0;

    if (folder == NULL || ledger_lock(&lock, err) < 0) {
        return err->code;
    }
    dir = opendir(folder);
    if (dir == NULL) {
        return error_set(err, -errno, "cannot read %s: %s", folder, strerrordesc_np(errno));
    }
    const struct dirent *found;
    while ((found = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        cleanup(memory_free) char *path = memory_format("%s/%s", folder, found->d_name);
        int left = strlen(found->d_name) == 6 ? is_abandoned(path, err) : 0;
        int failed = left > 0 ? ledger_undo(path, err) : left;
        n_runs += left > 0 && failed == 0;
        result = result == 0 ? failed : result;
    }
    *ret_runs = n_runs;
    return result;
}
