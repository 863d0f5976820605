#include "cli/command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

static void print_help(const struct command_table *table, const char *program, FILE *out)
{
    fprintf(out, "Usage: %s COMMAND [OPTION...]\n%s\n\n", program, table->summary);
    for (size_t i = 0; i < table->n; i++) {
        fprintf(out, "  %-10s %s\n", table->commands[i]->name, table->commands[i]->summary);
    }
    fprintf(out, "\n`%s COMMAND --help` tells more.\n", program);
}

static int no_such_command(const struct command_table *table, const char *program,
                           const char *name)
{
    cleanup(memory_free) const char **names = memory_new(table->n, sizeof(*names));

    for (size_t i = 0; i < table->n; i++) {
        names[i] = table->commands[i]->name;
    }
    const char *nearest = text_nearest(name, names, table->n);
    fprintf(stderr, "%s: there is no command '%s'", program, name);
    if (nearest != NULL) {
        fprintf(stderr, " (did you mean '%s'?)", nearest);
    }
    fprintf(stderr, "; `%s --help` lists them\n", program);
    return EX_USAGE;
}

int command_dispatch(const struct command_table *table, int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash != NULL ? slash + 1 : argv[0];

    if (argc < 2) {
        print_help(table, program, stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(table, program, stdout);
        return EX_OK;
    }
    for (size_t i = 0; i < table->n; i++) {
        if (strcmp(argv[1], table->commands[i]->name) == 0) {
            cleanup(memory_free) char *name = memory_format("%s %s", program, argv[1]);
            argv[1] = name;
            return table->commands[i]->run(argc - 1, argv + 1);
        }
    }
    return no_such_command(table, program, argv[1]);
}

int command_fail(const struct error *err)
{
    fprintf(stderr, "brume: %s\n", err->text);
    return error_exit_code(err, err->code == -EIO ? EX_IOERR : EX_DATAERR);
}

void command_check_output(int code, void *nothing)
{
    bool lost = ferror(stdout) != 0;

    (void)nothing;
    errno = 0;
    lost = fflush(stdout) != 0 || lost;
    if (code == EX_OK && lost) {
        fprintf(stderr, "brume: not all of the output could be written%s%s\n",
                errno != 0 ? ": " : "", errno != 0 ? strerrordesc_np(errno) : "");
        _exit(EX_IOERR);
    }
}

int command_find_file(const char *name, char **ret_path, struct error *err)
{
    char *path = file_search(".", name);

    if (path == NULL) {
        cleanup(memory_free) char *places = file_search_places(".");
        return name[0] == '/'
                   ? error_set(err, -ENOENT, "there is no file '%s' that can be read", name)
                   : error_set(err, -ENOENT, "there is no file '%s' in %s", name, places);
    }
    *ret_path = path;
    return 0;
}

const char *command_size_text(double bytes, char ret_text[COMMAND_SIZE_TEXT])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;

    while (bytes >= 999.5 && unit < 4) {
        bytes /= 1000;
        unit++;
    }
    snprintf(ret_text, COMMAND_SIZE_TEXT, "%.*f %s", unit > 0 && bytes < 99.95 ? 1 : 0, bytes,
             units[unit]);
    return ret_text;
}

int command_parse_cuts(const char *text, unsigned **ret_cuts, size_t *ret_n)
{
    cleanup(memory_free) unsigned *cuts = NULL;
    size_t n = 0;
    char *end = NULL;

    for (const char *at = text;; at = end + 1) {
        unsigned long k = strtoul(at, &end, 10);

        if (end == at || *at < '0' || *at > '9' || (*end != ',' && *end != '\0') ||
            k > UINT16_MAX || (n > 0 && k <= cuts[n - 1])) {
            return -EINVAL;
        }
        cuts = memory_grow(cuts, n, sizeof(*cuts));
        cuts[n++] = (unsigned)k;
        if (*end == '\0') {
            break;
        }
    }
    *ret_cuts = STEAL(cuts);
    *ret_n = n;
    return 0;
}
