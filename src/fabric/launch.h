/* Starts a stage's process where it belongs: in a network namespace and a control group, in a
 * session of its own (so that Ctrl-C reaches the controller alone), dying with the controller
 * (with the thread that started it, to be exact: the one that runs the loop).
 *
 * The credentials go over standard input, one line; standard output goes to standard error,
 * which is the controller's.
 */
#ifndef FABRIC_LAUNCH_H
#define FABRIC_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

struct launch {
    const char *program;
    char *const *argv;
    const char *credentials; /* at most FABRIC_CREDENTIALS_MAX */
    bool quiet;              /* what it says is nobody's business */
    int namespace;           /* descriptor of a network namespace; -1: this one */
    int cpu; /* the only one it may run on, as the kernel numbers them; -1: any */
    unsigned n_doors;
    char *const *doors; /* files of control groups: see cgroup_doors() */
};

/* Returns when the program runs, or with the step that failed. `ret_pidfd` is readable when the
 * process has ended. */
int launch_start(const struct launch *launch, pid_t *ret_pid, int *ret_pidfd,
                 struct error *err);

/* Waits for the process, kills what it left behind in its session, and says how it ended:
 * "killed by signal 9 (Killed)", "exited with 70". Returns the signal that killed it, or 0. */
int launch_reap(pid_t pid, char *ret_how, size_t size);

#endif
