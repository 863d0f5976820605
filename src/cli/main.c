/* brume: finds the command and hands over. */
#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/text.h"
#include "cli/command.h"

const char *argp_program_version = "brume " BRUME_VERSION;

static const struct command *const commands[] = {
    &command_plan,
    &command_run,
};

enum { N_COMMANDS = sizeof(commands) / sizeof(*commands) };

static void print_help(FILE *out)
{
    fprintf(out, "Usage: brume COMMAND [OPTION...]\n"
                 "Cuts neural networks over weak devices and runs them there.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(out, "\n`brume COMMAND --help` tells more; `man brume` tells all.\n");
}

static int no_such_command(const char *name)
{
    const char *names[N_COMMANDS];

    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
    }
    const char *nearest = text_nearest(name, names, N_COMMANDS);
    fprintf(stderr, "brume: there is no command '%s'", name);
    if (nearest != NULL) {
        fprintf(stderr, " (did you mean '%s'?)", nearest);
    }
    fprintf(stderr, "; `brume --help` lists them\n");
    return EX_USAGE;
}

int main(int argc, char **argv)
{
    argp_err_exit_status = EX_USAGE;
    if (argc < 2) {
        print_help(stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EX_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts(argp_program_version);
        return EX_OK;
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            return commands[i]->run(argc - 1, argv + 1);
        }
    }
    return no_such_command(argv[1]);
}
