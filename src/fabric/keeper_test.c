#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/test.h"
#include "fabric/keeper.h"
#include "fabric/ledger.h"
#include "fabric/process.h"

enum { HIGH = 20 };

/* The highest descriptor that the process has open; -1: it is gone. */
static int highest(pid_t pid)
{
    char path[64];
    int most = -1;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    while (folder != NULL) {
        const struct dirent *entry = readdir(folder); /* NOLINT(concurrency-mt-unsafe) */
        if (entry == NULL) {
            break;
        }
        int fd = (int)strtol(entry->d_name, NULL, 10);
        most = fd > most ? fd : most;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return most;
}

static bool is_open_on(pid_t pid, int fd, const char *what)
{
    char path[64], target[256] = "";

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
    return readlink(path, target, sizeof(target) - 1) > 0 &&
           strncmp(target, what, strlen(what)) == 0;
}

/* In a process of its own: a keeper is started with the descriptors 0 to `n_closed` - 1 and 3
 * free. Returns whether it holds its pipe, and nothing else of this process. */
static bool keeper_holds_its_pipe(int n_closed)
{
    struct ledger ledger;
    struct keeper keeper;
    struct error err;
    unsigned attempt = 0;

    if (ledger_open(&ledger, &err) < 0) {
        return false;
    }
    int high = fcntl(ledger.file, F_DUPFD_CLOEXEC, HIGH);
    close_range(3, HIGH - 1, 0);
    for (int fd = 0; fd < n_closed; fd++) {
        close(fd);
    }
    ledger.file = high;
    if (keeper_start(&ledger, &keeper, &err) < 0) {
        return false;
    }
    while (highest(keeper.pid) >= HIGH && process_pause(&attempt)) {
    }
    bool right = highest(keeper.pid) == 3 && is_open_on(keeper.pid, 3, "pipe:");
    for (int fd = 0; fd < 3; fd++) {
        right = right && is_open_on(keeper.pid, fd, "/dev/null");
    }
    keeper_stop(&keeper);
    ledger_close(&ledger);
    return right;
}

static void a_keeper_holds_its_pipe_whatever_is_open(void **state)
{
    (void)state;
    for (int n_closed = 0; n_closed <= 3; n_closed++) {
        int status = -1;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            _exit(keeper_holds_its_pipe(n_closed) ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status != 0) {
            fail_msg("not with %d of the standard descriptors closed", n_closed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keeper_holds_its_pipe_whatever_is_open),
    };
    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
