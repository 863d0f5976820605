/* One logfmt line per event on stderr:
 *
 *     2026-01-31T12:00:00.123Z info stage.link-up app=cam stage=infer-1 peer=draw
 *
 * Programs log, libraries return errors. error: a human must act; warn: we coped; info: life
 * cycle; debug: per frame. The id is stable and dotted; then come keys.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/base.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level most); /* default: LOG_WARN */
/* "error", "warn", "info", "debug"; -EINVAL for anything else. */
int log_parse_level(const char *text, enum log_level *ret_level);

/* `format` gives the keys: "stage=%s peer=%s". Values with spaces: "%s" of log_quote(). */
void log_event(enum log_level level, const char *id, const char *format, ...) PRINTF_LIKE(3, 4);

/* Hears each line, too, without its end, of the thread that calls this; NULL: nobody does. */
typedef void (*log_heard_fn)(void *owner, const char *line);
void log_set_listener(log_heard_fn heard, void *owner);

/* Quotes `text` as a logfmt value into `buffer` of `size` bytes and returns it. */
const char *log_quote(const char *text, char *buffer, unsigned size);

#endif
