/* How a container ended, in words that are those of processes. */
#ifndef FABRIC_ENDING_H
#define FABRIC_ENDING_H

#include <stddef.h>

/* `code` is what it exited with, or 128 and the number of the signal that killed it. Returns
 * that number, or 0. */
int ending_describe(long long code, char *ret_how, size_t size);

#endif
