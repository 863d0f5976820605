/* brume: finds the command and hands over. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/file.h"
#include "cli/command.h"

const char *argp_program_version = "brume " BRUME_VERSION;

static const struct command *const commands[] = {
    &command_run,      &command_plan,  &command_profile, &command_apply,  &command_get,
    &command_describe, &command_logs,  &command_top,     &command_delete, &command_operators,
    &command_model,    &command_sense, &command_study,   &command_doctor,
};

static const struct command_table table = {
    "Cuts neural networks over weak devices and runs them there.",
    sizeof(commands) / sizeof(*commands),
    commands,
};

int main(int argc, char **argv)
{
    file_ensure_standard();
    on_exit(command_check_output, NULL);
    argp_err_exit_status = EX_USAGE;
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        puts(argp_program_version);
        return EX_OK;
    }
    return command_dispatch(&table, argc, argv);
}
