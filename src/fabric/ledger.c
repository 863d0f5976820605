#include "fabric/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
#include "fabric/network.h"
#include "fabric/process.h"

#define LINE_MAX_SIZE 512

static const char *const kinds[] = {"controller", "keeper",    "process", "group",
                                    "link",       "namespace", "folder"};

struct entry {
    enum ledger_kind kind;
    char name[LINE_MAX_SIZE];
    pid_t pid;
    uint64_t started;
};

static void closep(FILE **file)
{
    if (*file != NULL) {
        fclose(*file);
    }
}

static void closedirp(DIR **dir)
{
    if (*dir != NULL) {
        closedir(*dir);
    }
}

/* A line that a crash cut short is nobody's: its thing was not made yet. */
static bool read_entry(const char *line, struct entry *ret_entry)
{
    char word[16];
    char end;

    if (strchr(line, '\n') == NULL || sscanf(line, "%15s %511s", word, ret_entry->name) != 2) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(word, kinds[i]) != 0) {
            continue;
        }
        ret_entry->kind = (enum ledger_kind)i;
        ret_entry->pid = 0;
        if (i > LEDGER_PROCESS) {
            return true;
        }
        unsigned long long started;
        int pid;
        /* NOLINTNEXTLINE(cert-err34-c): numbers this program wrote itself */
        if (sscanf(line, "%*s %d %llu%c", &pid, &started, &end) != 3 || pid <= 1) {
            return false;
        }
        ret_entry->pid = pid;
        ret_entry->started = started;
        return true;
    }
    return false;
}

char *ledger_folder(struct error *err)
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

int ledger_lock(int *ret_lock, struct error *err)
{
    cleanup(memory_free) char *folder = ledger_folder(err);

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
    cleanup(memory_free) char *folder = ledger_folder(err);
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
    int n = snprintf(line, sizeof(line), "%s %s\n", kinds[kind], name);

    if (n < 0 || (size_t)n >= sizeof(line)) {
        return error_set(err, -ENAMETOOLONG, "a name of %d bytes is too long for %s", n,
                         ledger->path);
    }
    if (write(ledger->file, line, (size_t)n) != n) {
        return error_set(err, -EIO, "cannot write %s: %s", ledger->path,
                         strerrordesc_np(errno));
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

static int undo_entry(const struct entry *entry, struct error *err)
{
    switch (entry->kind) {
    case LEDGER_PROCESS:
        return process_kill(entry->pid, entry->started, err);
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
        break;
    }
    return 0;
}

int ledger_undo(const char *path, struct error *err)
{
    cleanup(closep) FILE *file = fopen(path, "re");
    struct entry entry = {0};
    char line[LINE_MAX_SIZE];
    int result = 0;

    if (file == NULL) {
        return 0;
    }
    /* First processes, then groups, links, namespaces and folders: nothing is removed under
     * the feet of something that lives. */
    for (unsigned kind = LEDGER_PROCESS; kind <= LEDGER_FOLDER; kind++) {
        rewind(file);
        while (fgets(line, sizeof(line), file) != NULL) {
            if (read_entry(line, &entry) && entry.kind == kind) {
                int failed = undo_entry(&entry, err);
                result = result == 0 ? failed : result;
            }
        }
    }
    if (result == 0) {
        unlink(path);
    }
    return result;
}

static bool is_abandoned(const char *path)
{
    cleanup(closep) FILE *file = fopen(path, "re");
    struct entry entry = {0};
    char line[LINE_MAX_SIZE];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (read_entry(line, &entry) && entry.kind <= LEDGER_KEEPER &&
            process_lives(entry.pid, entry.started)) {
            return false;
        }
    }
    return file != NULL;
}

int ledger_clean(unsigned *ret_runs, struct error *err)
{
    cleanup(memory_free) char *folder = ledger_folder(err);
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
        if (strlen(found->d_name) != 6 || !is_abandoned(path)) {
            continue;
        }
        int failed = ledger_undo(path, err);
        n_runs += failed == 0;
        result = result == 0 ? failed : result;
    }
    *ret_runs = n_runs;
    return result;
}
