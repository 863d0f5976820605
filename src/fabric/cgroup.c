#include "fabric/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/ledger.h"
#include "fabric/process.h"

#define PERIOD_US      10000
#define QUOTA_LEAST_US 1000 /* the kernel's */
#define PERIOD_MOST_US 1000000
#define MEMBERS_MOST   65536 /* bytes of cgroup.procs read at once */
#define DEPTH_MOST     3     /* the run, its devices, an engine's containers */

static int write_value(const char *folder, const char *name, const char *value,
                       struct error *err)
{
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, name);
    cleanup(file_closep) int file = open(path, O_WRONLY | O_CLOEXEC);

    if (file < 0 || write(file, value, strlen(value)) < 0) {
        return error_set(err, -errno, "cannot write %s to %s: %s", value, path,
                         strerrordesc_np(errno));
    }
    return 0;
}

/* The value of the line that begins with `key` ("" for a file of one number); 0: none. */
static uint64_t read_value(const char *folder, const char *name, const char *key)
{
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    char line[256];
    uint64_t value = 0;
    size_t n = strlen(key);

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, n) == 0 && (n == 0 || line[n] == ' ')) {
            value = strtoull(line + n, NULL, 10);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

static int make_folder(const char *path, struct error *err)
{
    if (mkdir(path, 0755) < 0) {
        return error_set(err, -errno, "cannot make the control group %s: %s", path,
                         strerrordesc_np(errno));
    }
    return 0;
}

/* In version 1 two controllers may share a hierarchy: then their folders are the same. */
static bool is_first(const struct cgroup *group, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(group->folders[k], group->folders[i]) == 0) {
            return false;
        }
    }
    return true;
}

int cgroup_make_run(const struct cgroup *parent, struct ledger *ledger, struct cgroup *ret_run,
                    struct error *err)
{
    cleanup(cgroup_finish) struct cgroup run = {.version = parent->version};

    for (unsigned i = 0; i < CGROUP_N; i++) {
        run.folders[i] = memory_format("%s/brume-%s", parent->folders[i], ledger->run);
    }
    for (unsigned i = 0; i < CGROUP_N; i++) {
        if (!is_first(&run, i)) {
            continue;
        }
        if (ledger_write(ledger, LEDGER_GROUP, run.folders[i], err) < 0 ||
            make_folder(run.folders[i], err) < 0) {
            return err->code;
        }
    }
    if (parent->version == 2) {
        const char *control = "cgroup.subtree_control";
        if (write_value(parent->folders[0], control, "+cpu +memory", err) < 0 ||
            write_value(run.folders[0], control, "+cpu +memory", err) < 0) {
            return error_wrap(err, "control groups cannot be handed to the devices");
        }
    }
    *ret_run = run;
    run = (struct cgroup){0};
    return 0;
}

int cgroup_limit(const struct cgroup *group, const struct cgroup_limits *limits,
                 struct error *err)
{
    const char *cpu = group->folders[CGROUP_CPU];
    const char *memory = group->folders[CGROUP_MEMORY];
    uint64_t period = PERIOD_US;
    char text[64];
    char quota[32];

    if (limits->cores * (double)period < QUOTA_LEAST_US) {
        period = (uint64_t)(QUOTA_LEAST_US / limits->cores);
        period = period > PERIOD_MOST_US ? PERIOD_MOST_US : period;
    }
    snprintf(quota, sizeof(quota), "%.0f", limits->cores * (double)period);
    if (group->version == 2) {
        snprintf(text, sizeof(text), "%s %" PRIu64, quota, period);
        if (write_value(cpu, "cpu.max", text, err) < 0) {
            return err->code;
        }
    } else {
        snprintf(text, sizeof(text), "%" PRIu64, period);
        if (write_value(cpu, "cpu.cfs_period_us", text, err) < 0 ||
            write_value(cpu, "cpu.cfs_quota_us", quota, err) < 0) {
            return err->code;
        }
    }
    if (limits->memory == 0) {
        return 0;
    }
    /* A device does not swap to this machine's disk; kernels without swap lack these files. */
    struct error ignored;
    (void)write_value(memory, group->version == 2 ? "memory.swap.max" : "memory.swappiness",
                      "0", &ignored);
    snprintf(text, sizeof(text), "%" PRIu64, limits->memory);
    return write_value(memory, group->version == 2 ? "memory.max" : "memory.limit_in_bytes",
                       text, err);
}

int cgroup_make(const struct cgroup *run, unsigned number, const struct cgroup_limits *limits,
                struct cgroup *ret_group, struct error *err)
{
    cleanup(cgroup_finish) struct cgroup group = {.version = run->version};

    for (unsigned i = 0; i < CGROUP_N; i++) {
        group.folders[i] = memory_format("%s/%u", run->folders[i], number);
    }
    for (unsigned i = 0; i < CGROUP_N; i++) {
        if (is_first(&group, i) && make_folder(group.folders[i], err) < 0) {
            return err->code;
        }
    }
    if (cgroup_limit(&group, limits, err) < 0) {
        return err->code;
    }
    *ret_group = group;
    group = (struct cgroup){0};
    return 0;
}

unsigned cgroup_doors(const struct cgroup *group, char *ret_paths[static CGROUP_N])
{
    unsigned n = 0;

    for (unsigned i = 0; group->version != 0 && i < CGROUP_N; i++) {
        if (is_first(group, i)) {
            ret_paths[n++] = memory_format("%s/cgroup.procs", group->folders[i]);
        }
    }
    return n;
}

void cgroup_read(const struct cgroup *group, struct cgroup_usage *ret_usage)
{
    const char *account = group->folders[CGROUP_ACCOUNT];
    const char *memory = group->folders[CGROUP_MEMORY];
    uint64_t held, droppable;

    if (group->version == 2) {
        ret_usage->cpu_ns = 1000 * read_value(account, "cpu.stat", "usage_usec");
        held = read_value(memory, "memory.current", "");
        droppable = read_value(memory, "memory.stat", "inactive_file");
        ret_usage->memory_kills = read_value(memory, "memory.events", "oom_kill");
        ret_usage->memory_hits = read_value(memory, "memory.events", "max");
    } else {
        ret_usage->cpu_ns = read_value(account, "cpuacct.usage", "");
        held = read_value(memory, "memory.usage_in_bytes", "");
        droppable = read_value(memory, "memory.stat", "total_inactive_file");
        ret_usage->memory_kills = read_value(memory, "memory.oom_control", "oom_kill");
        ret_usage->memory_hits = read_value(memory, "memory.failcnt", "");
    }
    ret_usage->memory = held > droppable ? held - droppable : 0;
}

static void kill_members(const char *folder)
{
    cleanup(memory_free) char *path = memory_format("%s/cgroup.procs", folder);
    cleanup(memory_free) char *text = NULL;
    struct error ignored;
    size_t size;

    if (file_read(path, MEMBERS_MOST, (void **)&text, &size, &ignored) < 0) {
        return;
    }
    char *at = text;
    for (;;) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at) {
            return;
        }
        if (pid > 1) {
            kill((pid_t)pid, SIGKILL);
        }
        at = end;
    }
}

static int remove_one(const char *folder, struct error *err)
{
    unsigned attempt = 0;

    while (rmdir(folder) < 0 && errno != ENOENT) {
        if (errno != EBUSY || !process_pause(&attempt)) {
            return error_set(err, -EBUSY, "cannot remove the control group %s: %s", folder,
                             strerrordesc_np(errno));
        }
        kill_members(folder);
    }
    return 0;
}

/* What is in it first: the devices' groups, and what an engine made below those. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static int remove_tree(const char *folder, unsigned depth, struct error *err)
{
    DIR *dir = depth > 0 ? opendir(folder) : NULL;
    const struct dirent *found;
    int result = 0;

    while (dir != NULL && (found = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (found->d_type == DT_DIR && found->d_name[0] != '.') {
            cleanup(memory_free) char *path = memory_format("%s/%s", folder, found->d_name);
            int failed = remove_tree(path, depth - 1, err);
            result = result == 0 ? failed : result;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return result == 0 ? remove_one(folder, err) : result;
}

int cgroup_remove(const char *folder, struct error *err)
{
    const char *name = strrchr(folder, '/');

    if (name == NULL || strncmp(name, "/brume-", 7) != 0) {
        return error_set(err, -EINVAL, "%s is no control group of brume's", folder);
    }
    return remove_tree(folder, DEPTH_MOST, err);
}

void cgroup_finish(struct cgroup *group)
{
    for (unsigned i = 0; i < CGROUP_N; i++) {
        memory_free(&group->folders[i]);
    }
    group->version = 0;
}
