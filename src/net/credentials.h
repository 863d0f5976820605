/* What a fabric hands to a stage so that it can prove itself: a token, and, where links are
 * encrypted, a certificate of its own with the key, and that of the authority which signed
 * everybody's. One line of JSON on the stage's standard input; never in its environment, on its
 * command line, or in a log. What held a key is overwritten before it is freed.
 */
#ifndef NET_CREDENTIALS_H
#define NET_CREDENTIALS_H

#include <stddef.h>

struct error;

enum { CREDENTIALS_LINE_MAX = 32 << 10 }; /* its end included */

struct credentials {
    char *token;
    char *authority, *certificate, *key; /* PEM; all NULL: links are not encrypted */
};

/* {"token": "…", "authority": "…", "certificate": "…", "key": "…"} without a line break; owned,
 * to be freed by memory_wipe(). */
char *credentials_to_line(const struct credentials *credentials);
/* Reads such a line of `size` bytes. -EINVAL when it is none. JSON's memory is of a kind that
 * is overwritten for as long as this takes: call it before there are other threads. */
int credentials_from_line(const char *line, size_t size, struct credentials *ret_credentials,
                          struct error *err);
/* Reads the line from a file, up to its end or the end of the file. */
int credentials_read(int file, struct credentials *ret_credentials, struct error *err);
void credentials_finish(struct credentials *credentials); /* accepts zeroed memory */

#endif
