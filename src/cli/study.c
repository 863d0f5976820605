/* `brume study`: hands over to the study, which stands in lab/, or where it was installed. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "cli/command.h"

enum { OPTION_OUT = 256, OPTION_QUICK, OPTION_RUNS, OPTION_SEED, RUNS_MOST = 100 };

static const struct argp_option options[] = {
    {"out", OPTION_OUT, "DIR", 0, "Where everything is put; study by default", 0},
    {"quick", OPTION_QUICK, NULL, 0, "Few cases and short runs, to see that it works", 0},
    {"runs", OPTION_RUNS, "N", 0, "Runs of each case; 5 by default, 1 with --quick", 0},
    {"seed", OPTION_SEED, "N", 0, "Of the order of runs; 1 by default", 0},
    {0},
};

struct arguments {
    char **names; /* of experiments, to the end of argv */
    const char *out;
    bool quick;
    int64_t runs, seed;
};

static int64_t count(const char *option, const char *text, int64_t most,
                     struct argp_state *state)
{
    int64_t n = 0;

    if (quantity_integer(text, &n) < 0 || n < 1 || n > most) {
        argp_error(state, "--%s takes a whole number from 1 to %d, not '%s'", option, (int)most,
                   text);
    }
    return n;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case OPTION_OUT:
        arguments->out = argument;
        return 0;
    case OPTION_QUICK:
        arguments->quick = true;
        return 0;
    case OPTION_RUNS:
        arguments->runs = count("runs", argument, RUNS_MOST, state);
        return 0;
    case OPTION_SEED:
        arguments->seed = count("seed", argument, INT32_MAX, state);
        return 0;
    case ARGP_KEY_ARGS:
        arguments->names = state->argv + state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which experiment? Name some, or all");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "EXPERIMENT...|all",
    "Measures brume on emulated devices, and makes tables, plots and a report: figure7 (what "
    "several devices are worth), figure8 (where the network is cut), figure9 (containers), "
    "figure10 (what collaboration costs), unequal, recovery, latency, planner, memory. A study "
    "that was ended goes on where it was.",
    NULL,
    NULL,
    NULL};

/* Where it stands when brume runs in place, and where it is installed. */
static char *find_study(void)
{
    static const char *const places[] = {"../lab/study/study",
                                         "../share/brume/lab/study/study"};
    const char *given = getenv("BRUME_STUDY"); /* NOLINT(concurrency-mt-unsafe) */

    if (given != NULL) {
        return memory_text(given);
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        cleanup(memory_free) char *path = file_beside_program(places[i]);

        if (path != NULL && access(path, X_OK) == 0) {
            return STEAL(path);
        }
    }
    return NULL;
}

/* "" where nothing was said: the study knows its defaults. */
static void tell(const char *name, const char *value)
{
    setenv(name, value != NULL ? value : "", 1); /* NOLINT(concurrency-mt-unsafe) */
}

static char *number(int64_t n)
{
    return n > 0 ? memory_format("%d", (int)n) : NULL;
}

static int study(int argc, char **argv)
{
    struct arguments arguments = {0};

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    cleanup(memory_free) char *program = find_study();
    cleanup(memory_free) char *brume = file_beside_program("brume");
    cleanup(memory_free) char *runs = number(arguments.runs);
    cleanup(memory_free) char *seed = number(arguments.seed);
    struct error err;

    if (program == NULL) {
        error_set(&err, -ENOENT,
                  "the study is not there: lab/study of brume's sources, or BRUME_STUDY");
        return command_fail(&err);
    }
    tell("BRUME", brume);
    tell("OUT", arguments.out);
    tell("RUNS", runs);
    tell("SEED", seed);
    tell("QUICK", arguments.quick ? "true" : NULL);
    arguments.names[-1] = program; /* what stands there was read */
    execv(program, arguments.names - 1);
    error_set(&err, -errno, "%s: %s", program, strerror(errno));
    return command_fail(&err);
}

const struct command command_study = {"study", "Measure brume, and make a report of it", study};
