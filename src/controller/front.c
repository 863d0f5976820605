#include "controller/front.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { LINE_MAX_SIZE = 1 << 20 };

struct front {
    struct front_listener listener; /* of a server; else `said` is NULL */
    uv_pipe_t input;
    const struct front_events *events; /* NULL: closed */
    void *owner;
    char *line; /* what came of a line so far */
    size_t used;
};

static void give_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle;
    buffer->base = malloc(suggested);
    buffer->len = buffer->base != NULL ? suggested : 0;
}

static void ask(struct front *front, const char *line, size_t size)
{
    cleanup(json_decrefp) json_t *json =
        line == NULL ? NULL : json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);

    if (front->events != NULL) {
        front->events->asked(front->owner, json);
    }
}

static void take_lines(struct front *front)
{
    char *end;

    while (front->events != NULL && (end = memchr(front->line, '\n', front->used)) != NULL) {
        size_t size = (size_t)(end - front->line);
        ask(front, front->line, size);
        memmove(front->line, end + 1, front->used - size - 1);
        front->used -= size + 1;
    }
}

static void input_came(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct front *front = stream->data;

    if (n > 0 && front->used + (size_t)n <= LINE_MAX_SIZE) {
        memcpy(front->line + front->used, buffer->base, (size_t)n);
        front->used += (size_t)n;
        take_lines(front);
    } else if (n != 0) {
        uv_read_stop(stream);
        ask(front, NULL, 0);
    }
    free(buffer->base);
}

struct front *front_create(uv_loop_t *loop, const struct front_events *events, void *owner)
{
    struct front *front = memory_new(1, sizeof(*front));

    front->events = events;
    front->owner = owner;
    front->line = memory_new(LINE_MAX_SIZE, 1);
    uv_pipe_init(loop, &front->input, 0);
    front->input.data = front;
    if (uv_pipe_open(&front->input, STDIN_FILENO) == 0) {
        uv_read_start((uv_stream_t *)&front->input, give_memory, input_came);
    }
    return front;
}

struct front *front_create_for(const struct front_listener *listener)
{
    struct front *front = memory_new(1, sizeof(*front));

    front->listener = *listener;
    return front;
}

static void write_line(const json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);

    if (text != NULL) {
        size_t size = strlen(text), done = 0;
        text[size++] = '\n';
        while (done < size) {
            ssize_t n = write(STDOUT_FILENO, text + done, size - done);
            if (n < 0) {
                break;
            }
            done += (size_t)n;
        }
    }
    free(text);
}

void front_say(struct front *front, json_t *message)
{
    if (front->listener.said != NULL) {
        front->listener.said(front->listener.owner, message);
    } else {
        write_line(message);
    }
    json_decref(message);
}

static void input_closed(uv_handle_t *handle)
{
    struct front *front = handle->data;

    free(front->line);
    free(front);
}

void front_close(struct front *front)
{
    if (front != NULL && front->listener.said != NULL) {
        front->listener.closed(front->listener.owner);
        free(front);
    } else if (front != NULL) {
        front->events = NULL;
        uv_close((uv_handle_t *)&front->input, input_closed);
    }
}
