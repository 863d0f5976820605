/* Writes one line of JSON per frame, each exactly once.
 *
 *     {"sequence":7,"captured":"2026-01-31T12:00:00.123Z","run":"5f1c","boxes":[…]}
 *
 * A stage that was lost and started again gets the frames again that nobody acknowledged;
 * frames come in order, so the file itself tells which are there: when it is opened, a torn
 * last line is cut off, and the last whole one says where to go on. That holds within one run
 * of the application, which the runtime names by the parameter `run`; the file of another run
 * is begun anew, or added to with `append: true`. A file without a run's name is begun anew
 * each time the operator is opened.
 *
 * A frame for which the disk has no room waits until it has, and the stream with it.
 *
 * A line is one write(): it survives the end of the process, not of the machine's power.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/describe.h"
#include "operator/patience.h"

enum { LINE_MAX_SIZE = 256 << 20, TAIL_FIRST_SIZE = 64 << 10 };

static const struct brume_param params[] = {
    {"path", BRUME_PATH, NULL, "the file; its folder is made", NULL, 0, 0},
    {"append", BRUME_SWITCH, "false", "keep what earlier runs wrote", NULL, 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_ANY,
     "boxes, readings, messages, values or text; of other tensors the shapes are written"},
    {0},
};

struct sink {
    int fd;
    char *run; /* or NULL */
    bool any;  /* `last` is in the file */
    uint64_t last;
    bool told; /* that a frame waits for room */
};

static void close_sink(void *state)
{
    struct sink *sink = state;

    file_closep(&sink->fd);
    free(sink->run);
    free(sink);
}

static void close_sinkp(struct sink **sink)
{
    if (*sink != NULL) {
        close_sink(*sink);
    }
}

/* Reads the last `n` bytes of the file; malloc'ed, with a zero byte behind. */
static char *read_end(int fd, off_t size, size_t n)
{
    cleanup(memory_free) char *end = memory_new(n + 1, 1);

    for (size_t done = 0; done < n;) {
        ssize_t got = pread(fd, end + done, n - done, size - (off_t)(n - done));

        if (got == 0 || (got < 0 && errno != EINTR)) {
            return NULL;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return STEAL(end);
}

static bool has_whole_line(const char *tail, size_t n)
{
    const char *end = memrchr(tail, '\n', n);

    return end != NULL && memrchr(tail, '\n', (size_t)(end - tail)) != NULL;
}

/* Reads as much of the end of the file as has the last whole line in it. */
static int read_tail(int fd, off_t size, char **ret_tail, size_t *ret_size)
{
    for (size_t most = TAIL_FIRST_SIZE;; most *= 2) {
        size_t n = size < (off_t)most ? (size_t)size : most;
        char *tail = read_end(fd, size, n);

        if (tail == NULL) {
            return -EIO;
        }
        if (has_whole_line(tail, n) || n == (size_t)size || most >= LINE_MAX_SIZE) {
            *ret_tail = tail;
            *ret_size = n;
            return 0;
        }
        free(tail);
    }
}

/* Understands the last whole line: does it come from this run, and which frame is it? */
static void recall(struct sink *sink, const char *line, size_t size)
{
    cleanup(json_decrefp) json_t *object = json_loadb(line, size, 0, NULL);
    const char *run = json_string_value(json_object_get(object, "run"));
    const json_t *sequence = json_object_get(object, "sequence");

    if (run != NULL && strcmp(run, sink->run) == 0 && json_is_integer(sequence)) {
        sink->any = true;
        sink->last = (uint64_t)json_integer_value(sequence);
    }
}

static int resume(struct brume_call *call, struct sink *sink, off_t size)
{
    cleanup(memory_free) char *tail = NULL;
    size_t n;

    if (read_tail(sink->fd, size, &tail, &n) < 0) {
        return brume_fail(call, "cannot read '%s'", brume_param(call, "path"));
    }
    const char *end = memrchr(tail, '\n', n);
    size_t torn = end == NULL ? n : n - (size_t)(end + 1 - tail);
    if (end != NULL && sink->run != NULL) {
        const char *before = memrchr(tail, '\n', (size_t)(end - tail));
        const char *line = before == NULL ? tail : before + 1;

        recall(sink, line, (size_t)(end - line));
    }
    bool keep = sink->any || brume_param_switch(call, "append");
    if (ftruncate(sink->fd, keep ? size - (off_t)torn : 0) < 0) {
        return brume_fail(call, "cannot cut '%s': %s", brume_param(call, "path"),
                          strerrordesc_np(errno));
    }
    return 0;
}

static int make_folder_of(struct brume_call *call, const char *path)
{
    cleanup(memory_free) char *folder = memory_text(path);
    char *slash = strrchr(folder, '/');
    struct error err;

    if (slash != NULL && slash != folder) {
        *slash = '\0';
        if (file_make_folder(folder, &err) < 0) {
            return brume_fail(call, "%s", err.text);
        }
    }
    return 0;
}

static int open_sink(struct brume_call *call, void **ret_state)
{
    cleanup(close_sinkp) struct sink *sink = memory_new(1, sizeof(*sink));
    const char *path = brume_param(call, "path");
    struct stat status;

    sink->fd = -1;
    sink->run = memory_text(brume_param(call, "run"));
    int ret = make_folder_of(call, path);
    if (ret < 0) {
        return ret;
    }
    sink->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (sink->fd < 0 || fstat(sink->fd, &status) < 0) {
        return brume_fail(call, "cannot write '%s': %s", path, strerrordesc_np(errno));
    }
    if (S_ISREG(status.st_mode) && status.st_size > 0) {
        ret = resume(call, sink, status.st_size);
        if (ret < 0) {
            return ret;
        }
    }
    *ret_state = STEAL(sink);
    return 0;
}

static json_t *time_text(uint64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    char text[64];
    char whole[64];
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(whole, sizeof(whole), "%.40s.%03uZ", text, (unsigned)(ns / 1000000 % 1000));
    return json_string(whole);
}

/* A line that could be written in part only is taken back. */
static int write_line(struct brume_call *call, struct sink *sink, const char *line, size_t size)
{
    const char *path = brume_param(call, "path");
    struct stat before;
    size_t done = 0;

    if (fstat(sink->fd, &before) < 0) {
        return brume_fail(call, "cannot write '%s': %s", path, strerrordesc_np(errno));
    }
    while (done < size) {
        ssize_t n = write(sink->fd, line + done, size - done);

        if (n < 0 && errno != EINTR) {
            int code = errno;

            if (S_ISREG(before.st_mode) && ftruncate(sink->fd, before.st_size) < 0) {
                return brume_fail(call, "cannot write '%s', and a torn line is left: %s", path,
                                  strerrordesc_np(code));
            }
            return S_ISREG(before.st_mode) && patience_helps(code)
                       ? patience_wait(call, &sink->told, "cannot write '%s': the disk is full",
                                       path)
                       : brume_fail(call, "cannot write '%s': %s", path, strerrordesc_np(code));
        }
        done += n > 0 ? (size_t)n : 0;
    }
    patience_over(call, &sink->told, path);
    return 0;
}

static int process(struct brume_call *call, void *state)
{
    struct sink *sink = state;
    uint64_t sequence = brume_sequence(call);

    if (sink->any && sequence <= sink->last) {
        return 0;
    }
    cleanup(json_decrefp) json_t *object = json_object();
    json_object_set_new(object, "sequence", json_integer((json_int_t)sequence));
    json_object_set_new(object, "captured", time_text(brume_captured_ns(call)));
    if (sink->run != NULL) {
        json_object_set_new(object, "run", json_string(sink->run));
    }
    int ret = describe_json(call, object);
    if (ret < 0) {
        return ret;
    }
    /* float32 needs no more digits than 7; readings must come back as they were. */
    int digits = json_object_get(object, "readings") != NULL ? 17 : 7;
    cleanup(memory_free) char *text =
        json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION((size_t)digits));
    if (text == NULL) {
        return brume_fail(call, "cannot say this frame in JSON");
    }
    cleanup(memory_free) char *line = memory_format("%s\n", text);
    if (strlen(line) > LINE_MAX_SIZE / 2) {
        return brume_fail(call, "a line of %zu bytes is over %d MB", strlen(line),
                          LINE_MAX_SIZE >> 21);
    }
    ret = write_line(call, sink, line, strlen(line));
    if (ret == 0) {
        sink->any = true;
        sink->last = sequence;
    }
    return ret;
}

const struct brume_operator builtin_json_sink = {
    .abi = BRUME_ABI,
    .name = "json-sink",
    .summary = "writes a line of JSON per frame, each exactly once",
    .params = params,
    .inputs = inputs,
    .open = open_sink,
    .process = process,
    .close = close_sink,
};
