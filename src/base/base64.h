/* Base64 as of RFC 4648, with padding; it is OpenSSL's. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#include "base/base.h"

/* Malloc'ed. At most 1 GiB. */
char *base64_encode(const void *bytes, size_t size);
/* White space in it is passed over. Malloc'ed, with a zero byte behind the last one; NULL: it
 * is no base64, or there is nothing in it. */
void *base64_decode(const char *base64, size_t *ret_size);

#endif
