/* The controller that holds applications, asked by REST over its socket (docs/rest.yaml). */
#ifndef CLI_REST_H
#define CLI_REST_H

#include <argp.h>

struct source;

/* A child parser: `--server SOCKET`; its input is a const char *, NULL when it is not given. */
extern const struct argp rest_argp;

/* `socket` NULL: BRUME_SERVER, or the usual one. */
int rest_open(const char *socket, struct source **ret_source);

#endif
