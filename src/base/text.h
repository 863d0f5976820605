/* Words: what may be a name, which of a list was meant, what may be printed. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* As Kubernetes names things: 1 to 63 of a-z, 0-9 and -, with neither end a -. */
bool text_is_label(const char *text);

/* The element of `choices` with the fewest typing errors from `text` (letters missing, added,
 * changed or swapped: optimal string alignment), or NULL when none is near: more than a third
 * of the text would be wrong. The first of equals wins. */
const char *text_nearest(const char *text, const char *const *choices, size_t n_choices);

/* Whether all of it is UTF-8; the control characters of Latin-1 are not. */
bool text_is_utf8(const char *text);

/* Makes a line of it that any terminal and any JSON takes: control characters become spaces,
 * and bytes that are no UTF-8 question marks. */
void text_make_printable(char *text);

#endif
