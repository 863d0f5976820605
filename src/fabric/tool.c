#include "fabric/tool.h"

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/ledger.h"

#define COMPLAINT_SIZE 160

void script_add(struct script *script, const char *format, ...)
{
    va_list args;
    char *more = NULL;

    va_start(args, format);
    int n = vasprintf(&more, format, args);
    va_end(args);
    if (n < 0) {
        abort();
    }
    char *text = realloc(script->text, script->size + (size_t)n + 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text + script->size, more, (size_t)n + 1);
    free(more);
    script->text = text;
    script->size += (size_t)n;
}

void script_finish(struct script *script)
{
    memory_free(&script->text);
    script->size = 0;
}

/* The tool reads from a socket, which raises no signal when the tool is gone, and complains
 * into a file in memory, so that neither ever waits for the other for good. */
struct wires {
    int script, input; /* our end and the tool's */
    int complaints;
};

static void wires_close(struct wires *wires)
{
    file_closep(&wires->script);
    file_closep(&wires->input);
    file_closep(&wires->complaints);
}

static int wires_open(struct wires *wires, struct error *err)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return error_set(err, -errno, "cannot make a socket: %s", strerrordesc_np(errno));
    }
    wires->script = ends[0];
    wires->input = ends[1];
    wires->complaints = memfd_create("brume", MFD_CLOEXEC);
    return wires->complaints >= 0 ? 0
                                  : error_set(err, -errno, "cannot make a file in memory: %s",
                                              strerrordesc_np(errno));
}

static int begin(const char *tool, const char *namespace, const struct wires *wires,
                 pid_t *ret_pid)
{
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
    const char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    const char *inside[] = {tool, "-n", namespace, "-batch", "-", NULL};
    const char *here[] = {tool, "-batch", "-", NULL};
    char *const *argv = (char *const *)(namespace == NULL ? here : inside);
    posix_spawn_file_actions_t actions;
    int result = ENOENT;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, wires->input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, wires->complaints, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, wires->complaints, STDERR_FILENO);
    for (unsigned i = 0; i < sizeof(folders) / sizeof(*folders) && result == ENOENT; i++) {
        cleanup(memory_free) char *path = memory_format("%s/%s", folders[i], tool);
        result = posix_spawn(ret_pid, path, &actions, NULL, argv, (char *const *)environment);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -result;
}

static void send_script(int to, const struct script *script)
{
    size_t sent = 0;

    while (sent < script->size) {
        ssize_t n = send(to, script->text + sent, script->size - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return; /* it ended early, and its complaint says why */
        }
        sent += n > 0 ? (size_t)n : 0;
    }
}

int tool_batch(const char *tool, const char *namespace, const struct script *script,
               struct ledger *ledger, struct error *err)
{
    cleanup(wires_close) struct wires wires = {-1, -1, -1};
    char text[COMPLAINT_SIZE] = "";
    struct error unwritten = {0};
    int status = 0;
    pid_t pid = 0;

    if (wires_open(&wires, err) < 0) {
        return err->code;
    }
    int result = begin(tool, namespace, &wires, &pid);
    if (result < 0) {
        return error_set(err, result, "cannot run the program '%s': %s", tool,
                         strerrordesc_np(-result));
    }
    file_closep(&wires.input);
    if (ledger == NULL || ledger_write_process(ledger, LEDGER_PROCESS, pid, &unwritten) == 0) {
        send_script(wires.script, script);
    }
    file_closep(&wires.script);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (unwritten.code != 0) {
        *err = unwritten;
        return err->code;
    }
    if (status != 0) {
        ssize_t n = pread(wires.complaints, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return error_set(err, -EIO, "%s: %s", tool, text[0] != '\0' ? text : "failed");
    }
    return 0;
}
