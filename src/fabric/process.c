#include "fabric/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

struct stat_line {
    char state;
    uint64_t user, system; /* clock ticks */
    uint64_t started;
    uint64_t pages; /* resident */
};

/* Fields 3, 14, 15, 22 and 24 of proc(5)'s stat. The name, field 2, may hold anything, so that
 * counting begins behind its last parenthesis. */
static bool read_stat(pid_t pid, struct stat_line *ret_stat)
{
    char path[64];
    char line[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t n = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[n] = '\0';
    const char *behind = strrchr(line, ')');
    if (behind == NULL || behind[1] != ' ') {
        return false;
    }
    ret_stat->state = behind[2];
    char *at = (char *)behind + 3;
    for (unsigned field = 4; field <= 24 && *at != '\0'; field++) {
        uint64_t value = strtoull(at, &at, 10);
        if (field == 14) {
            ret_stat->user = value;
        } else if (field == 15) {
            ret_stat->system = value;
        } else if (field == 22) {
            ret_stat->started = value;
        } else if (field == 24) {
            ret_stat->pages = value;
        }
    }
    return true;
}

uint64_t process_start_time(pid_t pid)
{
    struct stat_line stat = {0};

    return read_stat(pid, &stat) ? stat.started : 0;
}

bool process_lives(pid_t pid, uint64_t started)
{
    struct stat_line stat = {0};

    return started > 0 && read_stat(pid, &stat) && stat.started == started &&
           stat.state != 'Z' && stat.state != 'X';
}

void process_reset_signals(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t all;

    for (int i = 1; i < NSIG; i++) {
        (void)sigaction(i, &usual, NULL);
    }
    sigfillset(&all);
    (void)pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

bool process_pause(unsigned *attempt)
{
    const struct timespec moment = {.tv_nsec = 2000000};

    nanosleep(&moment, NULL);
    return ++*attempt < 2500;
}

int process_kill(pid_t pid, uint64_t started, struct error *err)
{
    unsigned attempt = 0;

    while (process_lives(pid, started)) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        if (!process_pause(&attempt)) {
            return error_set(err, -EBUSY, "process %d does not end", (int)pid);
        }
    }
    return 0;
}

void process_usage(pid_t pid, uint64_t *ret_cpu_ns, uint64_t *ret_memory)
{
    struct stat_line stat = {0};
    uint64_t tick_ns = 1000000000U / (uint64_t)sysconf(_SC_CLK_TCK);

    if (!read_stat(pid, &stat)) {
        stat = (struct stat_line){0};
    }
    *ret_cpu_ns = (stat.user + stat.system) * tick_ns;
    *ret_memory = stat.pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
