#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"error", "warn", "info", "debug"};
static _Atomic int level_shown = LOG_WARN;
static log_heard_fn listener;
static void *listener_owner;
static pthread_t listener_thread;

void log_set_level(enum log_level most)
{
    level_shown = (int)most;
}

int log_parse_level(const char *text, enum log_level *ret_level)
{
    for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void log_set_listener(log_heard_fn heard, void *owner)
{
    listener = heard;
    listener_owner = owner;
    listener_thread = pthread_self();
}

void log_event(enum log_level level, const char *id, const char *format, ...)
{
    char line[1024];
    struct timespec now;
    struct tm utc;
    va_list args;
    size_t used;

    if ((int)level > level_shown) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    used = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, sizeof(line) - used, ".%03dZ %s %s ",
                             (int)(now.tv_nsec / 1000000), names[level], id);
    va_start(args, format);
    int n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    va_end(args);
    used += n < 0 ? 0 : (size_t)n;
    if (used > sizeof(line) - 2) {
        used = sizeof(line) - 2;
    }
    if (listener != NULL && pthread_equal(listener_thread, pthread_self())) {
        line[used] = '\0';
        listener(listener_owner, line);
    }
    line[used++] = '\n';
    /* One write, so that lines of several processes do not mix. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

const char *log_quote(const char *text, char *buffer, unsigned size)
{
    size_t used = 0;

    buffer[used++] = '"';
    for (; *text != '\0' && used + 3 < size; text++) {
        if (*text == '"' || *text == '\\') {
            buffer[used++] = '\\';
        }
        buffer[used++] = (char)(*text == '\n' ? ' ' : *text);
    }
    buffer[used++] = '"';
    buffer[used] = '\0';
    return buffer;
}
