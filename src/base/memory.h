/* Small control allocations abort when there is no memory: there is nothing sensible to do.
 * Anything sized by a peer, a file or a user is bounded first, or uses malloc() and is checked.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

void *memory_new(size_t n, size_t size); /* zeroed */
/* Makes room for one more: returns `array`, moved if need be, with room for n + 1 elements. */
void *memory_grow(void *array, size_t n, size_t size);
char *memory_text(const char *text); /* strdup; NULL stays NULL */
char *memory_format(const char *format, ...) PRINTF_LIKE(1, 2);
char *memory_format_list(const char *format, va_list args) PRINTF_LIKE(1, 0);
void memory_free(void *pointer_to_pointer); /* for cleanup(memory_free) */
/* The same for a text that is a secret: it is overwritten first. */
void memory_wipe(void *pointer_to_text);

uint64_t memory_resident(void); /* bytes of this process that are in memory now; 0: not known */
/* The most that there were since memory_peak_reset(), or since the process began where the
 * kernel does not let it be reset; 0: not known. */
uint64_t memory_peak(void);
void memory_peak_reset(void);

#endif
