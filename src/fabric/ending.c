#include "fabric/ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SIGNAL_BASE 128

int ending_describe(long long code, char *ret_how, size_t size)
{
    if (code <= SIGNAL_BASE || code >= SIGNAL_BASE + NSIG) {
        snprintf(ret_how, size, "exited with %lld", code);
        return 0;
    }
    int number = (int)code - SIGNAL_BASE;
    const char *name = sigdescr_np(number);

    snprintf(ret_how, size, "killed by signal %d (%s)", number,
             name == NULL ? "unknown" : name);
    return number;
}
