/* Quantities as people write them in manifests and on command lines: "5/s", "100ms", "416x416".
 *
 * Every function wants the whole text to be the quantity and returns 0 or -EINVAL; the caller,
 * who knows which key it was, makes the sentence.
 */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int quantity_integer(const char *text, int64_t *ret_value);
int quantity_number(const char *text, double *ret_value); /* finite */
int quantity_switch(const char *text, bool *ret_value);   /* "true" or "false" */
int quantity_size(const char *text, uint32_t *ret_width, uint32_t *ret_height); /* 1..65535 */
int quantity_rate(const char *text, double *ret_per_second);  /* N/s, N/min, N/h; >= 0 */
int quantity_duration(const char *text, double *ret_seconds); /* Nms, Ns, Nmin, Nh; >= 0 */

/* Comma-separated numbers: fills at most `most` of them, says how many there are. An empty text
 * has none. */
int quantity_numbers(const char *text, size_t most, double *ret_numbers, size_t *ret_n);

#endif
