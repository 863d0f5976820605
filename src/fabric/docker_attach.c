#include "fabric/docker_attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/docker_engine.h"

#define HEAD_MOST   8192
#define PATIENCE_MS 30000

struct docker_attach {
    uv_pipe_t pipe;
    uv_timer_t patience;
    uv_connect_t connecting;
    uv_write_t asking, writing;
    uv_shutdown_t ending;
    unsigned n_handles;
    struct docker_attach_events events;
    void *owner;
    char *name; /* of the engine */
    char *text; /* under way */
    bool opened;
    char head[HEAD_MOST];
    size_t size;
};

static void release(uv_handle_t *handle)
{
    struct docker_attach *attach = handle->data;

    if (--attach->n_handles == 0) {
        memory_wipe(&attach->text);
        memory_free(&attach->name);
        free(attach);
    }
}

void docker_attach_close(struct docker_attach *attach)
{
    if (attach != NULL && !uv_is_closing((uv_handle_t *)&attach->pipe)) {
        uv_close((uv_handle_t *)&attach->pipe, release);
        uv_close((uv_handle_t *)&attach->patience, release);
    }
}

static void fail(struct docker_attach *attach, int code, const char *why)
{
    struct docker_attach_events events = attach->events;
    bool tell = !attach->opened && !uv_is_closing((uv_handle_t *)&attach->pipe);
    void *owner = attach->owner;
    struct error err;

    error_set(&err, code, "%s does not hand over the credentials: %s", attach->name, why);
    docker_attach_close(attach);
    if (tell) {
        events.failed(owner, &err);
    }
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_room)
{
    struct docker_attach *attach = handle->data;

    (void)wanted;
    /* What comes behind the head is nobody's business. */
    attach->size = attach->opened ? 0 : attach->size;
    *ret_room = uv_buf_init(attach->head + attach->size,
                            (unsigned)(sizeof(attach->head) - 1 - attach->size));
}

static void hear_head(struct docker_attach *attach)
{
    int status = 0;

    attach->head[attach->size] = '\0';
    if (strstr(attach->head, "\r\n\r\n") == NULL) {
        if (attach->size == sizeof(attach->head) - 1) {
            fail(attach, -EPROTO, "its answer has no end");
        }
        return;
    }
    /* NOLINTNEXTLINE(cert-err34-c): anything but these two is refused */
    (void)sscanf(attach->head, "HTTP/1.%*d %d", &status);
    if (status != 101 && status != 200) {
        attach->head[strcspn(attach->head, "\r\n")] = '\0';
        fail(attach, -EIO, attach->head);
        return;
    }
    attach->opened = true;
    uv_timer_stop(&attach->patience);
    attach->events.opened(attach->owner);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct docker_attach *attach = stream->data;

    (void)room;
    if (n < 0) {
        fail(attach, (int)n, uv_strerror((int)n));
        return;
    }
    attach->size += (size_t)n;
    if (!attach->opened) {
        hear_head(attach);
    }
}

static void on_asked(uv_write_t *asking, int status)
{
    struct docker_attach *attach = asking->data;

    if (status < 0 && status != UV_ECANCELED) {
        fail(attach, status, uv_strerror(status));
    }
}

static void on_connected(uv_connect_t *connecting, int status)
{
    struct docker_attach *attach = connecting->data;

    if (status < 0) {
        if (status != UV_ECANCELED) {
            fail(attach, status, uv_strerror(status));
        }
        return;
    }
    uv_buf_t words = uv_buf_init(attach->text, (unsigned)strlen(attach->text));
    attach->asking.data = attach;
    if (uv_write(&attach->asking, (uv_stream_t *)&attach->pipe, &words, 1, on_asked) < 0) {
        fail(attach, -EPIPE, "it is gone");
        return;
    }
    uv_read_start((uv_stream_t *)&attach->pipe, give_room, on_read);
}

static void on_patience(uv_timer_t *timer)
{
    fail(timer->data, -ETIMEDOUT, "no answer");
}

struct docker_attach *docker_attach_open(struct uv_loop_s *loop,
                                         const struct docker_engine *engine, const char *id,
                                         const struct docker_attach_events *events, void *owner)
{
    struct docker_attach *attach = memory_new(1, sizeof(*attach));
    const char *path = strchr(engine->url + strlen("http://"), '/');

    attach->events = *events;
    attach->owner = owner;
    attach->name = memory_text(engine->name);
    attach->text = memory_format("POST %s/containers/%s/attach?stream=1&stdin=1 HTTP/1.1\r\n"
                                 "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                                 "Content-Length: 0\r\n\r\n",
                                 path != NULL ? path : "", id);
    attach->pipe.data = attach;
    attach->patience.data = attach;
    attach->connecting.data = attach;
    attach->n_handles = 2;
    uv_pipe_init(loop, &attach->pipe, 0);
    uv_timer_init(loop, &attach->patience);
    uv_timer_start(&attach->patience, on_patience, PATIENCE_MS, 0);
    uv_pipe_connect(&attach->connecting, &attach->pipe, engine->socket, on_connected);
    return attach;
}

static void on_end(uv_shutdown_t *ending, int status)
{
    (void)status;
    docker_attach_close(ending->data);
}

static void on_sent(uv_write_t *writing, int status)
{
    struct docker_attach *attach = writing->data;

    if (status < 0 || uv_shutdown(&attach->ending, (uv_stream_t *)&attach->pipe, on_end) < 0) {
        docker_attach_close(attach);
    }
}

void docker_attach_send(struct docker_attach *attach, const char *line)
{
    memory_free(&attach->text);
    attach->text = memory_format("%s\n", line);
    uv_buf_t words = uv_buf_init(attach->text, (unsigned)strlen(attach->text));
    attach->ending.data = attach;
    attach->writing.data = attach;
    if (uv_write(&attach->writing, (uv_stream_t *)&attach->pipe, &words, 1, on_sent) < 0) {
        docker_attach_close(attach);
    }
}
