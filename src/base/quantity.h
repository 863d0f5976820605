/* Quantities as people write them in manifests and on command lines: "5/s", "100ms", "416x416".
 *
 * Every function wants the whole text to be the quantity and returns 0 or -EINVAL, with the
 * output untouched; the caller, who knows which key it was, makes the sentence. Units stand
 * directly behind the number: "2s", never "2 s".
 */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int quantity_integer(const char *text, int64_t *ret_integer); /* decimal */
int quantity_number(const char *text, double *ret_number);    /* decimal or 1e-3; finite */
int quantity_switch(const char *text, bool *ret_on);          /* "true" or "false" */

/* "416x416": width x height, both from 1 to 65535. */
int quantity_size(const char *text, uint32_t *ret_width, uint32_t *ret_height);

int quantity_rate(const char *text, double *ret_per_second);  /* N/s, N/min, N/h; >= 0 */
int quantity_duration(const char *text, double *ret_seconds); /* Nus, Nms, Ns, Nmin, Nh; >= 0 */

/* "512M", "1.5Gi": as in Kubernetes k, M, G, T are powers of 1000 and Ki, Mi, Gi, Ti of 1024. A
 * bare number is bytes. */
int quantity_memory(const char *text, uint64_t *ret_bytes);

/* The other way round, exactly, and with the unit in which it is the least number: "512M",
 * "16Mi", "4097". Returns `ret_text`. */
enum { QUANTITY_MEMORY_TEXT = 24 };
const char *quantity_memory_text(uint64_t bytes, char ret_text[QUANTITY_MEMORY_TEXT]);

/* "100Mbit/s", also bit/s, kbit/s, Gbit/s; in bytes per second, > 0. */
int quantity_link_rate(const char *text, double *ret_bytes_per_second);

/* "0.3" or, as in Kubernetes, "300m"; > 0. */
int quantity_cores(const char *text, double *ret_cores);

/* As Kubernetes itself writes amounts: "2", "100m", "24632884Ki", "1e3", from n to E and Ki to
 * Ei;
 * >= 0. */
int quantity_amount(const char *text, double *ret_amount);

/* Numbers with commas between, "1,2.5,3": fills at most `most` of them, says how many there
 * are. An empty text has none. */
int quantity_numbers(const char *text, size_t most, double *ret_numbers, size_t *ret_n);

#endif
