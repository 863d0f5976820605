#include "operator/patience.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { AGAIN_MS = 500, SENTENCE_MAX = 1024 };

bool patience_helps(int code)
{
    return code == ENOSPC || code == EDQUOT;
}

int patience_wait(struct brume_call *call, bool *told, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it takes the caller's for this one
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (!*told) {
        brume_say(call, "%s: %s; the stream waits, and it is tried again", brume_name(call),
                  sentence);
    }
    *told = true;
    brume_wait(call, AGAIN_MS);
    return BRUME_LATER;
}

void patience_over(struct brume_call *call, bool *told, const char *path)
{
    if (*told) {
        brume_say(call, "%s: '%s' can be written again; nothing was lost", brume_name(call),
                  path);
    }
    *told = false;
}
