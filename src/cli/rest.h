/* The controller that holds applications, asked by REST over its socket (docs/rest.yaml). */
#ifndef CLI_REST_H
#define CLI_REST_H

#include <argp.h>

#include "base/json.h"

/* A child parser: `--server SOCKET`; its input is a const char *, NULL when it is not given. */
extern const struct argp rest_argp;

/* The same for a command about one application, which it wants named. */
struct rest_target {
    const char *socket, *name;
};
extern const struct argp rest_target_argp;

/* Asks, and returns 0 with the answer; or prints a sentence and returns an exit code. `socket`
 * NULL: BRUME_SERVER, or the usual one. `body` is borrowed, NULL: none. */
int rest_call(const char *socket, const char *method, const char *path, const json_t *body,
              json_t **ret_answer);
/* The same for what belongs to one application: `rest` follows its name, "" or "/logs?since=7".
 */
int rest_call_one(const char *socket, const char *method, const char *name, const char *rest,
                  json_t **ret_answer);

#endif
