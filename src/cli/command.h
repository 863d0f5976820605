/* Commands of `brume`: one file each, one line in the table of main.c (or, for `brume model`,
 * of model.c). */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stddef.h>

struct error;

struct command {
    const char *name;
    const char *summary; /* one line */
    /* Parses its arguments with argp; argv[0] is the whole name, "brume model cut". Returns an
     * exit code as in sysexits. */
    int (*run)(int argc, char **argv);
};

struct command_table {
    const char *summary; /* what they have in common: one sentence */
    size_t n;
    const struct command *const *commands;
};

/* Runs the command that argv[1] names, or says what there is. */
int command_dispatch(const struct command_table *table, int argc, char **argv);

/* Prints the sentence on standard error and returns the exit code that fits the errno. */
int command_fail(const struct error *err);

/* For on_exit(), which hears of argp's ends, too: a command that did its work, but whose
 * standard output did not take all of it, ends with EX_IOERR and a sentence. */
void command_check_output(int code, void *nothing);

/* A model file as people name it: as any program would find it, or in the folders of
 * BRUME_MODELS or the cache. Malloc'ed; -ENOENT with a sentence. */
int command_find_file(const char *name, char **ret_path, struct error *err);

/* "3.7 MB", "512 B": powers of 1000, as links and disks count. */
enum { COMMAND_SIZE_TEXT = 24 };
const char *command_size_text(double bytes, char ret_text[COMMAND_SIZE_TEXT]);

/* Rising layer numbers with commas between, "4,9"; malloc'ed. -EINVAL: something else. */
int command_parse_cuts(const char *text, unsigned **ret_cuts, size_t *ret_n);

extern const struct command command_apply, command_delete, command_describe, command_doctor,
    command_get, command_logs, command_model, command_operators, command_plan, command_profile,
    command_run, command_sense, command_study, command_top;
extern const struct command command_model_check, command_model_cut, command_model_import,
    command_model_inspect;

#endif
