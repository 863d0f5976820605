#include "fabric/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/fabric.h"
#include "fabric/process.h"

enum step {
    STEP_SESSION,
    STEP_CPU,
    STEP_GROUP,
    STEP_NAMESPACE,
    STEP_DESCRIPTORS,
    STEP_PROGRAM
};

static const char *const steps[] = {"begin a session",         "keep to one CPU",
                                    "enter the control group", "enter the network namespace",
                                    "arrange descriptors",     "run the program"};

/* What the child could not do. */
struct trouble {
    int code; /* errno */
    enum step step;
};

static _Noreturn void give_up(int report, enum step step)
{
    const struct trouble trouble = {.code = errno, .step = step};
    ssize_t n = write(report, &trouble, sizeof(trouble));

    _exit(n == sizeof(trouble) ? 70 : 71);
}

static void enter_groups(const struct launch *launch, int report)
{
    for (unsigned i = 0; i < launch->n_doors; i++) {
        int door = open(launch->doors[i], O_WRONLY | O_CLOEXEC);
        if (door < 0 || write(door, "0", 1) != 1) {
            give_up(report, STEP_GROUP);
        }
        close(door);
    }
}

static int keep_to(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set);
}

static int hush(void)
{
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

    return nothing < 0 ? -1 : dup2(nothing, STDERR_FILENO);
}

/* Between fork and exec: only what is safe there. */
static _Noreturn void become(const struct launch *launch, int input, int report, pid_t parent)
{
    process_reset_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
        _exit(71);
    }
    if (setsid() < 0) {
        give_up(report, STEP_SESSION);
    }
    if (launch->cpu >= 0 && keep_to(launch->cpu) < 0) {
        give_up(report, STEP_CPU);
    }
    enter_groups(launch, report);
    if (launch->namespace >= 0 && setns(launch->namespace, CLONE_NEWNET) < 0) {
        give_up(report, STEP_NAMESPACE);
    }
    if (dup2(input, STDIN_FILENO) < 0 || fcntl(STDIN_FILENO, F_SETFD, 0) < 0 ||
        (launch->quiet && hush() < 0) || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
        close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
        give_up(report, STEP_DESCRIPTORS);
    }
    execv(launch->program, launch->argv);
    give_up(report, STEP_PROGRAM);
}

static int send_credentials(const char *credentials, int *ret_input, struct error *err)
{
    cleanup(memory_wipe) char *line = memory_format("%s\n", credentials);
    size_t n = strlen(line);
    int ends[2];

    if (n > FABRIC_CREDENTIALS_MAX) {
        return error_set(err, -EINVAL, "credentials of over %d bytes", FABRIC_CREDENTIALS_MAX);
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set(err, -errno, "cannot make a pipe: %s", strerrordesc_np(errno));
    }
    ssize_t written = write(ends[1], line, n);
    close(ends[1]);
    *ret_input = ends[0];
    return written == (ssize_t)n ? 0 : error_set(err, -EIO, "cannot hand over the credentials");
}

static int hear(int report, const struct launch *launch, struct error *err)
{
    struct trouble trouble;
    ssize_t n;

    do {
        n = read(report, &trouble, sizeof(trouble));
    } while (n < 0 && errno == EINTR);
    if (n != sizeof(trouble)) {
        return 0;
    }
    return error_set(err, -trouble.code, "%s: cannot %s: %s", launch->program,
                     steps[trouble.step], strerrordesc_np(trouble.code));
}

int launch_start(const struct launch *launch, pid_t *ret_pid, int *ret_pidfd, struct error *err)
{
    cleanup(file_closep) int input = -1;
    cleanup(file_closep) int reading = -1;
    int ends[2];
    char how[64];

    if (send_credentials(launch->credentials, &input, err) < 0) {
        return err->code;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set(err, -errno, "cannot make a pipe: %s", strerrordesc_np(errno));
    }
    reading = ends[0];
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(launch, input, ends[1], parent);
    }
    close(ends[1]);
    if (pid < 0) {
        return error_set(err, -EAGAIN, "cannot start another process");
    }
    if (hear(reading, launch, err) < 0) {
        (void)launch_reap(pid, how, sizeof(how));
        return err->code;
    }
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        error_set(err, -errno, "cannot watch a process: %s", strerrordesc_np(errno));
        kill(pid, SIGKILL);
        (void)launch_reap(pid, how, sizeof(how));
        return err->code;
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

int launch_reap(pid_t pid, char *ret_how, size_t size)
{
    siginfo_t info = {0};
    int status = 0;

    /* The id belongs to us until the second wait: nothing else can be hit. */
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        const char *name = sigdescr_np(WTERMSIG(status));
        snprintf(ret_how, size, "killed by signal %d (%s)", WTERMSIG(status),
                 name == NULL ? "unknown" : name);
        return WTERMSIG(status);
    }
    snprintf(ret_how, size, "exited with %d", WEXITSTATUS(status));
    return 0;
}
