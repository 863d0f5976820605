#include "fabric/ledger_entry.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const char *const words[] = {"controller", "keeper", "process",   "engine", "cluster",
                                    "group",      "link",   "namespace", "folder", "closed"};

const char *ledger_word(enum ledger_kind kind)
{
    return words[kind];
}

/* Digits and nothing else, up to `end`; NULL: something else stands there, or too many. */
static const char *read_number(const char *text, char end, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (most - digit) / 10) {
            return NULL;
        }
        number = number * 10 + digit;
    }
    if (at == text || *at != end) {
        return NULL;
    }
    *ret_number = number;
    return at + 1;
}

static bool read_process(struct ledger_entry *entry)
{
    uint64_t pid = 0;
    const char *rest = read_number(entry->name, ' ', INT_MAX, &pid);

    if (rest == NULL || pid <= 1 ||
        read_number(rest, '\0', UINT64_MAX, &entry->started) == NULL) {
        return false;
    }
    entry->pid = (pid_t)pid;
    return true;
}

/* "/…/brume-<run>" */
static bool is_path_of(const char *path, const char *run)
{
    const char *slash = strrchr(path, '/');

    return path[0] == '/' && strncmp(slash, "/brume-", 7) == 0 && strcmp(slash + 7, run) == 0;
}

/* "<run> /…" */
static bool is_engine_of(const char *name, const char *run)
{
    size_t n = strlen(run);

    return strncmp(name, run, n) == 0 && name[n] == ' ' && name[n + 1] == '/';
}

/* "<run> <namespace> https://… /…", or "-" for the last */
static bool is_cluster_of(const char *name, const char *run)
{
    size_t n = strlen(run), n_space = 0;

    if (strncmp(name, run, n) != 0 || name[n] != ' ') {
        return false;
    }
    const char *space = name + n + 1;
    n_space = strspn(space, "abcdefghijklmnopqrstuvwxyz0123456789-");
    const char *server = space + n_space + 1;
    if (n_space == 0 || space[n_space] != ' ' || strncmp(server, "http", 4) != 0) {
        return false;
    }
    const char *paths = strchr(server, ' ');
    return paths != NULL && (paths[1] == '/' || strcmp(paths, " -") == 0);
}

/* "brume-<run>-switch" or "brume-<run>-<number>" */
static bool is_namespace_of(const char *name, const char *run)
{
    size_t n = strlen(run);
    uint64_t number;

    if (strncmp(name, "brume-", 6) != 0 || strncmp(name + 6, run, n) != 0 ||
        name[6 + n] != '-') {
        return false;
    }
    const char *rest = name + 7 + n;
    return strcmp(rest, "switch") == 0 || read_number(rest, '\0', INT_MAX, &number) != NULL;
}

static bool is_ours(struct ledger_entry *entry, const char *run)
{
    switch (entry->kind) {
    case LEDGER_CONTROLLER:
    case LEDGER_KEEPER:
    case LEDGER_PROCESS:
        return read_process(entry);
    case LEDGER_ENGINE:
        return is_engine_of(entry->name, run);
    case LEDGER_CLUSTER:
        return is_cluster_of(entry->name, run);
    case LEDGER_GROUP:
    case LEDGER_FOLDER:
        return is_path_of(entry->name, run);
    case LEDGER_LINK:
        return strncmp(entry->name, "br", 2) == 0 && strcmp(entry->name + 2, run) == 0;
    case LEDGER_NAMESPACE:
        return is_namespace_of(entry->name, run);
    case LEDGER_CLOSED:
        return strcmp(entry->name, run) == 0;
    }
    return false;
}

static bool read_entry(char *line, const char *run, struct ledger_entry *ret_entry)
{
    char *blank = strchr(line, ' ');

    if (blank == NULL) {
        return false;
    }
    *blank = '\0';
    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(line, words[i]) == 0) {
            *ret_entry = (struct ledger_entry){.kind = (enum ledger_kind)i, .name = blank + 1};
            return is_ours(ret_entry, run);
        }
    }
    return false;
}

/* Six hexadecimal digits, as ledger_open() gives. */
static bool is_run(const char *run)
{
    return strlen(run) == 6 && strspn(run, "0123456789abcdef") == 6;
}

int ledger_parse(char *text, size_t size, const char *run, struct ledger_entry **ret_entries,
                 size_t *ret_n, struct error *err)
{
    cleanup(memory_free) struct ledger_entry *entries = NULL;
    char *end, *line = text;
    size_t n = 0;

    if (!is_run(run)) {
        return error_set(err, -EBADMSG, "'%s' is no run's name", run);
    }
    while ((end = memchr(line, '\n', size - (size_t)(line - text))) != NULL) {
        *end = '\0';
        entries = memory_grow(entries, n, sizeof(*entries));
        if (strlen(line) != (size_t)(end - line) || !read_entry(line, run, &entries[n])) {
            return error_set(err, -EBADMSG, "line %zu is not one that run %s wrote", n + 1,
                             run);
        }
        n++;
        line = end + 1;
    }
    *ret_entries = STEAL(entries);
    *ret_n = n;
    return 0;
}
