/* The controller's REST interface (docs/rest.yaml), on a Unix socket that only its user
 * reaches.
 *
 *     GET    /healthz
 *     GET    /v1alpha1/applications                    {"items": [status, …]}
 *     POST   /v1alpha1/applications                    a request (request.h)
 *     GET    /v1alpha1/applications/NAME               status (record.h)
 *     GET    /v1alpha1/applications/NAME/logs?since=N
 *     DELETE /v1alpha1/applications/NAME?now=true
 *
 * What is refused is answered {"error": "a sentence", "code": as in sysexits}.
 */
#ifndef CONTROLLER_REST_H
#define CONTROLLER_REST_H

#include <uv.h>

struct error;
struct rest;
struct server;

enum { REST_BODY_MAX = 1 << 20 };

/* -EADDRINUSE: another controller answers there. A socket that nobody answers on is replaced.
 */
int rest_open(uv_loop_t *loop, const char *path, struct server *server, struct rest **ret_rest,
              struct error *err);
void rest_close(struct rest *rest); /* accepts NULL; removes the socket */

#endif
