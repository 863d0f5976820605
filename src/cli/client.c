#include "cli/client.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

enum { LINE_MOST = 64 << 20 };

static const int signals_heard[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_SIGNALS = sizeof(signals_heard) / sizeof(*signals_heard) };

struct client {
    uv_loop_t loop;
    uv_process_t process;
    uv_pipe_t input, output; /* of the controller */
    uv_signal_t signals[N_SIGNALS];
    unsigned n_interrupts;
    int interrupted_by; /* the last signal; 0: none */
    bool planned;       /* what runs now, if anything, is the application */
    bool failed;        /* it has said what is wrong */
    int64_t code;
    int killed_by;
    char *line;
    size_t used, room;
    client_answer_fn answer;
    void *owner;
};

static void written(uv_write_t *request, int status)
{
    (void)status;
    free(request->data);
    free(request);
}

static void ask(struct client *client, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    uv_write_t *request = memory_new(1, sizeof(*request));

    json_decref(message);
    request->data = memory_format("%s\n", text);
    free(text);
    uv_buf_t buffer = uv_buf_init(request->data, (unsigned)strlen(request->data));
    if (uv_write(request, (uv_stream_t *)&client->input, &buffer, 1, written) < 0) {
        written(request, 0);
    }
}

static void hear(struct client *client, const char *line, size_t size)
{
    cleanup(json_decrefp) json_t *answer = json_loadb(line, size, 0, NULL);
    const char *type = json_string_value(json_object_get(answer, "type"));

    if (type == NULL) {
        return;
    }
    client->answer(client->owner, type, answer);
    client->planned = client->planned || strcmp(type, "plan") == 0;
    if (strcmp(type, "error") == 0) {
        client->failed = true;
        fprintf(stderr, "brume: %s\n", json_string_value(json_object_get(answer, "text")));
    }
}

static void give_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct client *client = handle->data;

    while (client->room - client->used < suggested && client->room < LINE_MOST) {
        client->room = client->room == 0 ? suggested : 2 * client->room;
        client->line = reallocarray(client->line, client->room, 1);
        if (client->line == NULL) {
            abort();
        }
    }
    *buffer = uv_buf_init(client->line + client->used, (unsigned)(client->room - client->used));
}

static void output_came(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct client *client = stream->data;
    char *end;

    (void)buffer;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        return;
    }
    client->used += (size_t)n;
    while ((end = memchr(client->line, '\n', client->used)) != NULL) {
        size_t size = (size_t)(end - client->line);
        hear(client, client->line, size);
        memmove(client->line, end + 1, client->used - size - 1);
        client->used -= size + 1;
    }
}

static void ended(uv_process_t *process, int64_t code, int number)
{
    struct client *client = process->data;

    client->code = code;
    client->killed_by = number;
    uv_close((uv_handle_t *)process, NULL);
    uv_close((uv_handle_t *)&client->input, NULL);
    for (size_t i = 0; i < N_SIGNALS; i++) {
        uv_close((uv_handle_t *)&client->signals[i], NULL);
    }
}

static void interrupted(uv_signal_t *signal, int number)
{
    struct client *client = signal->data;
    bool first = client->n_interrupts++ == 0 && number == SIGINT;

    client->interrupted_by = number;
    if (first && client->planned && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\nletting the frames under way arrive; Ctrl-C again to abort\n");
    }
    ask(client, json_pack("{ss}", "type", first ? "drain" : "abort"));
}

/* Under nohup nobody hangs up. */
static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void hear_signals(struct client *client)
{
    for (size_t i = 0; i < N_SIGNALS; i++) {
        if (signals_heard[i] != SIGHUP || !is_ignored(SIGHUP)) {
            uv_signal_start(&client->signals[i], interrupted, signals_heard[i]);
        }
    }
}

/* brume-controller beside this program, or $BRUME_CONTROLLER. */
static char *find_controller(void)
{
    const char *given = getenv("BRUME_CONTROLLER"); /* NOLINT(concurrency-mt-unsafe) */

    return given != NULL ? memory_text(given) : file_beside_program("brume-controller");
}

static int start(struct client *client)
{
    cleanup(memory_free) char *program = find_controller();
    const char *level = getenv("BRUME_LOG"); /* NOLINT(concurrency-mt-unsafe) */
    char *arguments[] = {program, "--log", memory_text(level != NULL ? level : "warn"), NULL};
    uv_stdio_container_t streams[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE,
         .data.stream = (uv_stream_t *)&client->input},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&client->output},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    const uv_process_options_t options = {.exit_cb = ended,
                                          .file = program,
                                          .args = arguments,
                                          .stdio = streams,
                                          .stdio_count = 3};

    uv_pipe_init(&client->loop, &client->input, 0);
    uv_pipe_init(&client->loop, &client->output, 0);
    client->process.data = client->input.data = client->output.data = client;
    for (size_t i = 0; i < N_SIGNALS; i++) {
        uv_signal_init(&client->loop, &client->signals[i]);
        client->signals[i].data = client;
    }
    int r = uv_spawn(&client->loop, &client->process, &options);
    free(arguments[2]);
    if (r < 0) {
        fprintf(stderr, "brume: cannot start %s: %s\n", program, uv_strerror(r));
        uv_close((uv_handle_t *)&client->output, NULL);
        ended(&client->process, EX_UNAVAILABLE, 0);
        client->failed = true;
        return r;
    }
    hear_signals(client);
    return uv_read_start((uv_stream_t *)&client->output, give_memory, output_came);
}

int client_run(json_t *request, client_answer_fn answer, void *owner)
{
    struct client client = {.answer = answer, .owner = owner};

    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&client.loop);
    if (start(&client) == 0) {
        ask(&client, request);
    } else {
        json_decref(request);
    }
    uv_run(&client.loop, UV_RUN_DEFAULT);
    uv_loop_close(&client.loop);
    free(client.line);
    if (client.interrupted_by != 0 && !client.failed &&
        (client.killed_by != 0 || client.code != 0)) {
        signal(client.interrupted_by, SIG_DFL);
        raise(client.interrupted_by);
    }
    if (client.killed_by != 0) {
        fprintf(stderr, "brume: the controller was killed by signal %d\n", client.killed_by);
        return EX_SOFTWARE;
    }
    if (client.code != 0 && !client.failed) {
        fprintf(stderr, "brume: the controller ended with %lld\n", (long long)client.code);
    }
    return (int)client.code;
}
