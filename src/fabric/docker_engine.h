/* A container engine: where its socket is, what it speaks, and what one run has there.
 *
 * The socket is where DOCKER_HOST says (unix://PATH), else /var/run/docker.sock, else, if that
 * is not there, rootless Podman's. The API is the oldest that the engine still speaks from 1.41
 * (Docker 20.10) on: what it does is known best. All of this blocks, with timeouts.
 */
#ifndef FABRIC_DOCKER_ENGINE_H
#define FABRIC_DOCKER_ENGINE_H

#include <stdbool.h>

#include "base/json.h"
#include "http/http.h"

struct error;

#define DOCKER_LABEL_RUN "brume.run"

struct docker_engine {
    char *socket;
    char *name;    /* "the container engine at /var/run/docker.sock" */
    char *url;     /* with the version: "http://localhost/v1.41" */
    char *driver;  /* of control groups: "cgroupfs", "systemd"; NULL: not known */
    char *version; /* "20.10.24"; NULL: not known */
    bool rootless;
    struct http_place place;
};

/* Where the engine should be. -EINVAL for a DOCKER_HOST that is no Unix socket. */
int docker_engine_find(struct docker_engine *ret_engine, struct error *err);

/* The same for a socket that is known. */
void docker_engine_at(const char *socket, struct docker_engine *ret_engine);

/* Agrees on a version. -ENOENT: there is no engine, -ECONNREFUSED: it does not run, -EACCES:
 * not for this user, -ENOTSUP: it is too old; each with what to type. */
int docker_engine_greet(struct docker_engine *engine, struct error *err);

/* What mends an error of docker_engine_find() or docker_engine_greet(). */
const char *docker_engine_mend(int code);

/* Reads `driver` and `rootless`. */
int docker_engine_inquire(struct docker_engine *engine, struct error *err);

/* Asks now. `body` is taken; NULL: none. `ret_json` may be NULL; else it is an object or an
 * array, the caller's. */
int docker_engine_ask(const struct docker_engine *engine, const char *method, const char *path,
                      json_t *body, json_t **ret_json, struct error *err);

/* "filters=…" for what has the run's label; malloc'ed. `more`: another filter, or NULL. */
char *docker_engine_filter(const char *run, const char *more);

/* Removes the containers and the network of a run. What the engine was asked for a moment ago
 * and may not have made yet is waited for. */
int docker_engine_remove_run(const struct docker_engine *engine, const char *run,
                             struct error *err);

/* What the ledger knows: "RUN SOCKET"; see ledger.h. The error says what stays and what to do.
 */
int docker_engine_undo(const char *entry, struct error *err);

/* Says that the engine lacks an image, and what mends that; returns -ENOPKG. */
int docker_engine_lacks(const struct docker_engine *engine, const char *image,
                        struct error *err);

void docker_engine_finish(struct docker_engine *engine);

#endif
