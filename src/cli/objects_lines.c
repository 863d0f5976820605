#include "cli/objects_lines.h"

#include <string.h>

#include "base/memory.h"
#include "kube/timestamp.h"

/* Days and hours stand before it, a fraction or a zone behind. */
enum { MOMENT_LEAST = 19 };

/* How many bytes of the text are a moment with a space, or the end, behind it; 0: none are. */
static size_t moment_length(const char *text)
{
    size_t length = strcspn(text, " ");
    cleanup(memory_free) char *moment = memory_format("%.*s", (int)length, text);
    uint64_t ms = 0;

    return length > MOMENT_LEAST && kube_timestamp_read(moment, &ms) == 0 ? length : 0;
}

static const char *skip(const char *text, size_t length)
{
    return text[length] == ' ' ? text + length + 1 : text + length;
}

json_t *objects_line(const char *stage, const char *line)
{
    size_t length = moment_length(line);

    if (length == 0) {
        return NULL;
    }
    const char *text = skip(line, length);
    size_t own = moment_length(text);
    cleanup(memory_free) char *when =
        memory_format("%.*s", (int)(own > 0 ? own : length), own > 0 ? text : line);
    return json_pack("{ssssssso}", "time", when, "kind", "log", "stage", stage, "text",
                     json_line(skip(text, own)));
}

json_t *objects_line_said(const char *prefix, const char *line)
{
    size_t length = moment_length(line), size = strlen(prefix);
    const char *text = skip(line, length);

    if (length == 0 || strncmp(text, prefix, size) != 0) {
        return NULL;
    }
    cleanup(memory_free) char *when = memory_format("%.*s", (int)length, line);
    return json_pack("{ssssso}", "time", when, "kind", "say", "text", json_line(text + size));
}

/* Without its zone, which is always the same, moments of one pod are in the order of their
 * texts, however many digits they have. */
static size_t digits(const char *moment)
{
    return strlen(moment) > MOMENT_LEAST
               ? MOMENT_LEAST + strspn(moment + MOMENT_LEAST, ".0123456789")
               : strlen(moment);
}

bool objects_line_is_later(const char *line, const char *last)
{
    cleanup(memory_free) char *one = memory_format("%.*s", (int)digits(line), line);
    cleanup(memory_free) char *two = memory_format("%.*s", (int)digits(last), last);

    return strcmp(one, two) > 0;
}

char *objects_line_moment(const char *line)
{
    return memory_format("%.*s", (int)moment_length(line), line);
}
