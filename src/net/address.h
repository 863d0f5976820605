/* "10.99.0.2:7000" and "[::1]:7000" to and from what sockets want. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

struct error;

enum { ADDRESS_TEXT_MAX = 64 };

int address_parse(const char *text, struct sockaddr_storage *ret_address, struct error *err);
void address_format(const struct sockaddr *address, char *ret_text, size_t size);

#endif
