#include "fabric/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "fabric/ledger.h"
#include "fabric/process.h"

enum { PIPE = 3 };

static void become_deaf(void)
{
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    const struct sigaction deaf = {.sa_handler = SIG_IGN};

    process_reset_signals();
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        (void)sigaction(signals[i], &deaf, NULL);
    }
}

static _Noreturn void keep(const char *path, int pipe)
{
    struct error ignored;
    char byte;

    setsid();
    become_deaf();
    prctl(PR_SET_NAME, "brume-keeper");
    /* The pipe first: it may be among the standard three, and what is opened after it is not in
     * its place. */
    int kept = dup2(pipe, PIPE), nothing = open("/dev/null", O_RDWR);
    if (kept < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 ||
        dup2(nothing, STDERR_FILENO) < 0 || chdir("/") < 0) {
        _exit(1);
    }
    close_range(PIPE + 1, ~0U, 0);
    ssize_t n;
    do {
        n = read(PIPE, &byte, 1);
    } while (n > 0 || (n < 0 && errno == EINTR));
    _exit(ledger_undo(path, &ignored) < 0 ? 1 : 0);
}

int keeper_start(struct ledger *ledger, struct keeper *ret_keeper, struct error *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set(err, -errno, "cannot make a pipe: %s", strerrordesc_np(errno));
    }
    cleanup(file_closep) int reading = ends[0];
    pid_t pid = fork();
    if (pid < 0) {
        close(ends[1]);
        return error_set(err, -EAGAIN, "cannot start another process");
    }
    if (pid == 0) {
        keep(ledger->path, reading);
    }
    struct keeper keeper = {.pid = pid, .pidfd = pidfd_open(pid, 0), .pipe = ends[1]};
    if (keeper.pidfd < 0) {
        keeper_stop(&keeper);
        return error_set(err, -ENOTSUP, "the kernel has no pidfd_open: Linux 5.3 is needed");
    }
    if (ledger_write_process(ledger, LEDGER_KEEPER, pid, err) < 0) {
        keeper_stop(&keeper);
        return err->code;
    }
    *ret_keeper = keeper;
    return 0;
}

void keeper_reap(struct keeper *keeper)
{
    if (keeper->pid > 0) {
        while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        keeper->pid = 0;
        file_closep(&keeper->pidfd);
        file_closep(&keeper->pipe);
    }
}

void keeper_stop(struct keeper *keeper)
{
    if (keeper->pid > 0) {
        file_closep(&keeper->pipe);
    }
    keeper_reap(keeper);
}
