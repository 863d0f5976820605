/* Moments as Kubernetes writes them (RFC 3339): "2026-01-31T12:00:00Z". Milliseconds since
 * 1970.
 */
#ifndef KUBE_TIMESTAMP_H
#define KUBE_TIMESTAMP_H

#include <stdint.h>

enum { KUBE_TIMESTAMP_TEXT = 32 };

/* Any zone, any fraction of a second. 0 or -EINVAL. */
int kube_timestamp_read(const char *text, uint64_t *ret_ms);

/* "2026-01-31T12:00:00Z", of type Time; returns `ret_text`. */
const char *kube_timestamp(uint64_t ms, char ret_text[KUBE_TIMESTAMP_TEXT]);
/* "2026-01-31T12:00:00.123000Z", of type MicroTime. */
const char *kube_timestamp_micro(uint64_t ms, char ret_text[KUBE_TIMESTAMP_TEXT]);

#endif
