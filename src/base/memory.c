#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *memory_new(size_t n, size_t size)
{
    void *memory = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

void *memory_grow(void *array, size_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0) {
        return array;
    }
    array = reallocarray(array, n == 0 ? 1 : 2 * n, size);
    if (array == NULL) {
        abort();
    }
    return array;
}

char *memory_text(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);

    if (text != NULL && copy == NULL) {
        abort();
    }
    return copy;
}

char *memory_format_list(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0) {
        abort();
    }
    return text;
}

char *memory_format(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = memory_format_list(format, args);
    va_end(args);
    return text;
}

void memory_free(void *pointer_to_pointer)
{
    void **pointer = pointer_to_pointer;

    free(*pointer);
    *pointer = NULL;
}

void memory_wipe(void *pointer_to_text)
{
    char **text = pointer_to_text;

    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
    }
    memory_free(text);
}

uint64_t memory_resident(void)
{
    char text[128] = "";
    char *end = NULL;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL) {
        return 0;
    }
    if (fgets(text, sizeof(text), file) == NULL) {
        text[0] = '\0';
    }
    fclose(file);
    /* The second number: resident pages. */
    strtoull(text, &end, 10);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t memory_peak(void)
{
    static const char key[] = "VmHWM:";
    FILE *file = fopen("/proc/self/status", "re");
    uint64_t kilobytes = 0;
    char line[128];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, sizeof(key) - 1) == 0) {
            kilobytes = strtoull(line + sizeof(key) - 1, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kilobytes * 1024;
}

void memory_peak_reset(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");

    if (file != NULL) {
        fputs("5", file); /* the peak, says proc(5) */
        fclose(file);
    }
}
