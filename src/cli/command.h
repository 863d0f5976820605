/* A command of `brume`: one file, one line of the table in main.c. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

struct command {
    const char *name;
    const char *summary; /* one line */
    /* Parses its arguments with argp; returns an exit code as in sysexits. */
    int (*run)(int argc, char **argv);
};

extern const struct command command_plan, command_run;

#endif
