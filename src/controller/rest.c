/* libmicrohttpd, whose epoll descriptor sits in the loop. A connection is answered in the call
 * that brings the last of its body: nothing here takes long. */
#include "controller/rest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
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

#define APPLICATIONS "/v1alpha1/applications"

enum { CONNECTIONS_MAX = 64, TIMEOUT_SECONDS = 30, UNPROCESSABLE = 422 };

struct rest {
    uv_poll_t poll; /* of libmicrohttpd's epoll descriptor */
    uv_timer_t timer;
    struct MHD_Daemon *daemon;
    struct server *server;
    char *path;
    unsigned n_handles;
};

/* A request whose body is still coming. */
struct asking {
    char *body;
    size_t size;
    bool too_large;
};

/* One that is all there. */
struct question {
    struct server *server;
    struct MHD_Connection *connection;
    const char *name; /* of the application, or NULL */
    const struct asking *asking;
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
    const struct asking *asking = question->asking;
    cleanup(json_decrefp) json_t *request =
        asking->body == NULL
            ? NULL
            : json_loadb(asking->body, asking->size, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(request)) {
        return error_set(err, -EINVAL, "the request is not a JSON object");
    }
    return server_apply(question->server, request, ret_answer, err);
}

static int get_one(const struct question *question, json_t **ret_answer, struct error *err)
{
    return server_get(question->server, question->name, ret_answer, err);
}

static const char *argument(const struct question *question, const char *key)
{
    return MHD_lookup_connection_value(question->connection, MHD_GET_ARGUMENT_KIND, key);
}

static int get_log(const struct question *question, json_t **ret_answer, struct error *err)
{
    const char *since = argument(question, "since");

    return server_log(question->server, question->name,
                      since != NULL ? strtoull(since, NULL, 10) : 0, ret_answer, err);
}

static int delete_one(const struct question *question, json_t **ret_answer, struct error *err)
{
    const char *now = argument(question, "now");
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
        return MHD_HTTP_OK;
    case -ENOENT:
        return MHD_HTTP_NOT_FOUND;
    case -ENOSYS:
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    case -EBUSY:
        return MHD_HTTP_CONFLICT;
    case -E2BIG:
        return MHD_HTTP_CONTENT_TOO_LARGE;
    default:
        return UNPROCESSABLE;
    }
}

static int ask(struct question *question, const char *method, const char *path,
               json_t **ret_answer, struct error *err)
{
    bool there = false;

    if (question->asking->too_large) {
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

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status,
                             const json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);

    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static void take_body(struct asking *asking, const char *body, size_t size)
{
    asking->too_large = asking->too_large || size > REST_BODY_MAX - asking->size;
    if (asking->too_large) {
        return;
    }
    char *more = realloc(asking->body, asking->size + size + 1);
    if (more == NULL) {
        asking->too_large = true;
        return;
    }
    memcpy(more + asking->size, body, size);
    asking->body = more;
    asking->size += size;
}

/* Signature: libmicrohttpd's. */
/* NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result came(void *owner, struct MHD_Connection *connection, const char *path,
                            const char *method, const char *version, const char *body,
                            size_t *size, void **place)
{
    struct rest *rest = owner;
    struct asking *asking = *place;
    json_t *answer = NULL;
    struct error err;

    (void)version;
    if (asking == NULL) {
        *place = memory_new(1, sizeof(*asking));
        return MHD_YES;
    }
    if (*size > 0) {
        take_body(asking, body, *size);
        *size = 0;
        return MHD_YES;
    }
    struct question question = {
        .server = rest->server, .connection = connection, .asking = asking};
    int r = ask(&question, method, path, &answer, &err);
    if (r < 0) {
        answer = json_pack("{sosi}", "error", json_line(err.text), "code",
                           error_exit_code(&err, 65));
    }
    enum MHD_Result result = reply(connection, status_of(r), answer);
    json_decref(answer);
    return result;
}

static void forget(void *owner, struct MHD_Connection *connection, void **place,
                   enum MHD_RequestTerminationCode why)
{
    struct asking *asking = *place;

    (void)owner;
    (void)connection;
    (void)why;
    if (asking != NULL) {
        free(asking->body);
        free(asking);
    }
}

static void work(struct rest *rest);

static void timer_due(uv_timer_t *timer)
{
    work(timer->data);
}

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    work(poll->data);
}

static void work(struct rest *rest)
{
    MHD_UNSIGNED_LONG_LONG wait;

    MHD_run(rest->daemon);
    if (MHD_get_timeout(rest->daemon, &wait) == MHD_YES) {
        uv_timer_start(&rest->timer, timer_due, wait, 0);
    } else {
        uv_timer_stop(&rest->timer);
    }
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
    if (r < 0 || listen(door, CONNECTIONS_MAX) < 0) {
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
    rest->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, came, rest, MHD_OPTION_LISTEN_SOCKET, door,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)TIMEOUT_SECONDS, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL, MHD_OPTION_END);
    assert(rest->daemon != NULL);
    uv_poll_init(loop, &rest->poll,
                 MHD_get_daemon_info(rest->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    uv_timer_init(loop, &rest->timer);
    rest->poll.data = rest->timer.data = rest;
    rest->n_handles = 2;
    uv_poll_start(&rest->poll, UV_READABLE, readable);
    *ret_rest = rest;
    return 0;
}

static void handle_closed(uv_handle_t *handle)
{
    struct rest *rest = handle->data;

    if (--rest->n_handles == 0) {
        free(rest->path);
        free(rest);
    }
}

void rest_close(struct rest *rest)
{
    if (rest == NULL) {
        return;
    }
    uv_poll_stop(&rest->poll);
    MHD_stop_daemon(rest->daemon);
    unlink(rest->path);
    uv_close((uv_handle_t *)&rest->poll, handle_closed);
    uv_close((uv_handle_t *)&rest->timer, handle_closed);
}
