/* Which control groups this machine has, from what the kernel says in /proc.
 *
 * A line of mountinfo is "31 23 0:28 ROOT MOUNT OPTIONS ... - TYPE SOURCE SUPER", one of cgroup
 * "4:memory:/PATH", or "0::/PATH" for version 2. ROOT is the part of the hierarchy that a
 * container was given, and PATH begins with it.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/cgroup.h"
#include "fabric/ledger.h"

#define PROC_MOST   ((size_t)1 << 20)
#define PATH_LENGTH 1024

static const char *const controllers[CGROUP_N] = {"cpu", "cpuacct", "memory"};

struct mount {
    char root[PATH_LENGTH], point[PATH_LENGTH];
    char type[32], super[256];
};

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end == NULL ? NULL : end + 1;
}

static bool parse_mount(const char *line, struct mount *ret_mount)
{
    const char *dash = strstr(line, " - ");
    const char *end = strchr(line, '\n');

    return dash != NULL && (end == NULL || dash < end) &&
           sscanf(line, "%*s %*s %*s %1023s %1023s", ret_mount->root, ret_mount->point) == 2 &&
           sscanf(dash, " - %31s %*s %255s", ret_mount->type, ret_mount->super) == 2;
}

/* Words are separated by commas, blanks or line ends. */
static bool has_word(const char *list, size_t size, const char *word)
{
    size_t n = strlen(word);

    for (size_t at = 0; at + n <= size; at++) {
        bool begins = at == 0 || strchr(", ", list[at - 1]) != NULL;
        bool ends = at + n == size || strchr(", \n", list[at + n]) != NULL;
        if (begins && ends && strncmp(list + at, word, n) == 0) {
            return true;
        }
    }
    return false;
}

/* This process's path in the version 1 hierarchy of a controller. */
static bool own_path(const char *self, const char *controller, char ret_path[PATH_LENGTH])
{
    for (const char *line = self; line != NULL && *line != '\0'; line = next_line(line)) {
        const char *list = strchr(line, ':');
        const char *path = list == NULL ? NULL : strchr(list + 1, ':');
        if (path != NULL && has_word(list + 1, (size_t)(path - list - 1), controller)) {
            return sscanf(path, ":%1023s", ret_path) == 1;
        }
    }
    return false;
}

static char *folder_of(const struct mount *mount, const char *path)
{
    size_t n = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);

    if (strncmp(path, mount->root, n) != 0) {
        n = strlen(path);
    }
    path += n;
    return memory_format("%s%s", mount->point, strcmp(path, "/") == 0 ? "" : path);
}

static void parse_v1(const char *mountinfo, const char *self, struct cgroup *ret_parent)
{
    struct mount mount;
    char path[PATH_LENGTH];

    for (const char *line = mountinfo; line != NULL && *line != '\0'; line = next_line(line)) {
        if (!parse_mount(line, &mount) || strcmp(mount.type, "cgroup") != 0) {
            continue;
        }
        for (unsigned i = 0; i < CGROUP_N; i++) {
            if (ret_parent->folders[i] == NULL &&
                has_word(mount.super, strlen(mount.super), controllers[i]) &&
                own_path(self, controllers[i], path)) {
                ret_parent->folders[i] = folder_of(&mount, path);
            }
        }
    }
    ret_parent->version = 1;
}

static bool parse_v2(const char *mountinfo, struct cgroup *ret_parent)
{
    struct mount mount;

    for (const char *line = mountinfo; line != NULL && *line != '\0'; line = next_line(line)) {
        if (parse_mount(line, &mount) && strcmp(mount.type, "cgroup2") == 0) {
            for (unsigned i = 0; i < CGROUP_N; i++) {
                ret_parent->folders[i] = memory_text(mount.point);
            }
            ret_parent->version = 2;
            return true;
        }
    }
    return false;
}

int cgroup_parse(const char *mountinfo, const char *self, struct cgroup *ret_parent,
                 struct error *err)
{
    cleanup(cgroup_finish) struct cgroup parent = {0};
    bool any = false;

    parse_v1(mountinfo, self, &parent);
    for (unsigned i = 0; i < CGROUP_N; i++) {
        any = any || parent.folders[i] != NULL;
    }
    for (unsigned i = 0; any && i < CGROUP_N; i++) {
        if (parent.folders[i] == NULL) {
            return error_set(err, -ENOTSUP, "the kernel's %s controller is not mounted",
                             controllers[i]);
        }
    }
    if (!any && !parse_v2(mountinfo, &parent)) {
        return error_set(err, -ENOTSUP, "no control groups are mounted");
    }
    *ret_parent = parent;
    parent = (struct cgroup){0};
    return 0;
}

/* What /proc/self/cgroup holds for a process at the root. */
static const char at_root[] = "1:cpu:/\n2:cpuacct:/\n3:memory:/\n0::/\n";

/* `self` is as /proc/self/cgroup. */
static int find(const char *self, struct cgroup *ret_parent, struct error *err)
{
    cleanup(memory_free) char *mountinfo = NULL;
    cleanup(cgroup_finish) struct cgroup parent = {0};
    size_t size;

    if (file_read("/proc/self/mountinfo", PROC_MOST, (void **)&mountinfo, &size, err) < 0 ||
        cgroup_parse(mountinfo, self, &parent, err) < 0) {
        return err->code;
    }
    if (parent.version == 2) {
        cleanup(memory_free) char *path =
            memory_format("%s/cgroup.controllers", parent.folders[0]);
        cleanup(memory_free) char *list = NULL;
        if (file_read(path, PROC_MOST, (void **)&list, &size, err) < 0) {
            return err->code;
        }
        if (!has_word(list, size, "cpu") || !has_word(list, size, "memory")) {
            return error_set(err, -ENOTSUP, "%s lacks cpu or memory", path);
        }
    }
    for (unsigned i = 0; i < CGROUP_N; i++) {
        assert(parent.folders[i] != NULL);
        if (access(parent.folders[i], W_OK) < 0) {
            return error_set(err, -ENOTSUP, "control groups cannot be made in %s: %s",
                             parent.folders[i], strerrordesc_np(errno));
        }
    }
    *ret_parent = parent;
    parent = (struct cgroup){0};
    return 0;
}

int cgroup_find(struct cgroup *ret_parent, struct error *err)
{
    cleanup(memory_free) char *self = NULL;
    size_t size;

    if (file_read("/proc/self/cgroup", PROC_MOST, (void **)&self, &size, err) < 0) {
        return err->code;
    }
    return find(self, ret_parent, err);
}

int cgroup_find_root(struct cgroup *ret_root, struct error *err)
{
    return find(at_root, ret_root, err);
}

int cgroup_enter_everywhere(struct ledger *ledger, struct error *err)
{
    cleanup(memory_free) char *mountinfo = NULL;
    struct mount mount;
    size_t size;

    if (file_read("/proc/self/mountinfo", PROC_MOST, (void **)&mountinfo, &size, err) < 0) {
        return err->code;
    }
    for (const char *line = mountinfo; line != NULL && *line != '\0'; line = next_line(line)) {
        if (!parse_mount(line, &mount) || strncmp(mount.type, "cgroup", 6) != 0) {
            continue;
        }
        cleanup(memory_free) char *folder =
            memory_format("%s/brume-%s", mount.point, ledger->run);
        if (ledger_write(ledger, LEDGER_GROUP, folder, err) < 0) {
            return err->code;
        }
    }
    return 0;
}
