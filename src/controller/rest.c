#include "controller/rest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "controller/server.h"
#include "controller/serving.h"

#define APPLICATIONS "/v1alpha1/applications"

enum { PATIENCE_S = 30 };

struct rest {
    struct serving *serving;
    struct server *server;
    char *path;
};

/* One that is all there. */
struct question {
    struct server *server;
    const struct serving_question *asked;
    const char *name; /* of the application, or NULL */
};

typedef int (*route_fn)(const struct question *question, json_t **ret_answer,
                        struct error *err);

static int get_health(const struct question *question, json_t **ret_answer, struct error *err)
{
    (void)question;
    (void)err;
    *ret_answer = json_pack("{ssss}", "status", "ok", "version", BRUME_VERSION);
    return 0;
}

static int get_all(const struct question *question, json_t **ret_answer, struct error *err)
{
    (void)err;
    *ret_answer = json_pack("{so}", "items", server_list(question->server));
    return 0;
}

static int apply(const struct question *question, json_t **ret_answer, struct error *err)
{
    const struct serving_question *asked = question->asked;
    cleanup(json_decrefp) json_t *request =
        asked->body == NULL
            ? NULL
            : json_loadb(asked->body, asked->size, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(request)) {
        return error_set(err, -EINVAL, "the request is not a JSON object");
    }
    return server_apply(question->server, request, ret_answer, err);
}

static int get_one(const struct question *question, json_t **ret_answer, struct error *err)
{
    return server_get(question->server, question->name, ret_answer, err);
}

static int get_log(const struct question *question, json_t **ret_answer, struct error *err)
{
    const char *since = serving_argument(question->asked, "since");

    return server_log(question->server, question->name,
                      since != NULL ? strtoull(since, NULL, 10) : 0, ret_answer, err);
}

static int delete_one(const struct question *question, json_t **ret_answer, struct error *err)
{
    const char *now = serving_argument(question->asked, "now");
    int r = server_delete(question->server, question->name,
                          now != NULL && strcmp(now, "true") == 0, err);

    if (r == 0) {
        *ret_answer = json_pack("{ss}", "name", question->name);
    }
    return r;
}

static const struct route {
    const char *method;
    const char *head, *tail; /* of the path; between them the name. `tail` NULL: no name */
    route_fn answer;
} routes[] = {
    {"GET", "/healthz", NULL, get_health},       {"GET", APPLICATIONS, NULL, get_all},
    {"POST", APPLICATIONS, NULL, apply},         {"GET", APPLICATIONS "/", "", get_one},
    {"GET", APPLICATIONS "/", "/logs", get_log}, {"DELETE", APPLICATIONS "/", "", delete_one},
};

/* The name in the path, malloc'ed ("" where there is none); NULL: not this route. */
static char *match(const struct route *route, const char *path)
{
    size_t head = strlen(route->head), size = strlen(path);
    size_t tail = route->tail != NULL ? strlen(route->tail) : 0;

    if (route->tail == NULL) {
        return strcmp(path, route->head) == 0 ? memory_text("") : NULL;
    }
    if (size <= head + tail || strncmp(path, route->head, head) != 0 ||
        strcmp(path + size - tail, route->tail) != 0) {
        return NULL;
    }
    char *name = memory_format("%.*s", (int)(size - head - tail), path + head);
    if (strchr(name, '/') != NULL) {
        memory_free(&name);
    }
    return name;
}

static unsigned status_of(int code)
{
    switch (code) {
    case 0:
        return SERVING_OK;
    case -ENOENT:
        return SERVING_NOT_FOUND;
    case -ENOSYS:
        return SERVING_METHOD;
    case -EBUSY:
        return SERVING_CONFLICT;
    case -E2BIG:
        return SERVING_TOO_LARGE;
    default:
        return SERVING_UNPROCESSABLE;
    }
}

static int ask(struct question *question, json_t **ret_answer, struct error *err)
{
    const char *method = question->asked->method, *path = question->asked->path;
    bool there = false;

    if (question->asked->too_large) {
        return error_set(err, -E2BIG, "a request has at most %d bytes", REST_BODY_MAX);
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        cleanup(memory_free) char *name = match(&routes[i], path);

        there = there || name != NULL;
        if (name != NULL && strcmp(method, routes[i].method) == 0) {
            question->name = name;
            return routes[i].answer(question, ret_answer, err);
        }
    }
    return there ? error_set(err, -ENOSYS, "%.64s does not take %.16s", path, method)
                 : error_set(err, -ENOENT, "there is no %.64s", path);
}

static void asked(void *owner, const struct serving_question *asked,
                  struct serving_answer *ret_answer)
{
    const struct rest *rest = owner;
    struct question question = {.server = rest->server, .asked = asked};
    json_t *answer = NULL;
    struct error err;
    int r = ask(&question, &answer, &err);

    if (r < 0) {
        answer = json_pack("{sosi}", "error", json_line(err.text), "code",
                           error_exit_code(&err, 65));
    }
    *ret_answer = (struct serving_answer){status_of(r), "application/json",
                                          json_dumps(answer, JSON_COMPACT)};
    json_decref(answer);
}

static int connect_to(const struct sockaddr_un *address)
{
    cleanup(file_closep) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return connect(probe, (const struct sockaddr *)address, sizeof(*address));
}

static int listen_on(const char *path, int *ret_socket, struct error *err)
{
    cleanup(file_closep) int door =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat there;

    if (strlen(path) >= sizeof(address.sun_path)) {
        return error_set(err, -ENAMETOOLONG, "%s: a socket's path has at most %zu bytes", path,
                         sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path));
    if (connect_to(&address) == 0) {
        return error_set(err, -EADDRINUSE, "%s: a controller answers there already", path);
    }
    if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode)) {
        return error_set(err, -EEXIST, "%s is there, and no socket", path);
    }
    unlink(path);
    mode_t mask = umask(0077);
    int r = bind(door, (const struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (r < 0 || listen(door, SERVING_CONNECTIONS_MAX) < 0) {
        return error_set(err, -errno, "cannot listen on %s: %s", path, strerrordesc_np(errno));
    }
    *ret_socket = fcntl(door, F_DUPFD_CLOEXEC, 0); /* the one here is closed */
    return *ret_socket < 0
               ? error_set(err, -errno, "cannot listen on %s: %s", path, strerrordesc_np(errno))
               : 0;
}

int rest_open(uv_loop_t *loop, const char *path, struct server *server, struct rest **ret_rest,
              struct error *err)
{
    int door = -1, r = listen_on(path, &door, err);

    if (r < 0) {
        return r;
    }
    struct rest *rest = memory_new(1, sizeof(*rest));
    rest->server = server;
    rest->path = memory_text(path);
    const struct serving_setup setup = {.loop = loop,
                                        .socket = door,
                                        .body_most = REST_BODY_MAX,
                                        .patience_s = PATIENCE_S,
                                        .ask = asked,
                                        .owner = rest};
    rest->serving = serving_open(&setup);
    *ret_rest = rest;
    return 0;
}

void rest_close(struct rest *rest)
{
    if (rest == NULL) {
        return;
    }
    serving_close(rest->serving);
    unlink(rest->path);
    free(rest->path);
    free(rest);
}
