#include "fabric/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

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

/* A file in memory stands for both ends, so that neither side ever waits for the other. */
static int make_file(const char *text, size_t size, struct error *err)
{
    int file = memfd_create("brume", MFD_CLOEXEC);

    if (file < 0 || write(file, text, size) != (ssize_t)size || lseek(file, 0, SEEK_SET) < 0) {
        file_closep(&file);
        return error_set(err, -EIO, "cannot make a file in memory");
    }
    return file;
}

static int run(const char *tool, char *const *argv, int input, int complaints, int *ret_status)
{
    static char *const environment[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                        (char *)"LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
    int result = ENOENT;
    pid_t pid = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaints, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
    for (unsigned i = 0; i < sizeof(folders) / sizeof(*folders) && result == ENOENT; i++) {
        cleanup(memory_free) char *path = memory_format("%s/%s", folders[i], tool);
        result = posix_spawn(&pid, path, &actions, NULL, argv, environment);
    }
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0) {
        return -result;
    }
    while (waitpid(pid, ret_status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int tool_batch(const char *tool, const char *namespace, const struct script *script,
               struct error *err)
{
    cleanup(file_closep) int input = make_file(script->text, script->size, err);
    cleanup(file_closep) int complaints = make_file("", 0, err);
    const char *const inside[] = {tool, "-n", namespace, "-batch", "-", NULL};
    const char *const here[] = {tool, "-batch", "-", NULL};
    char text[COMPLAINT_SIZE] = "";
    int status = 0;

    if (input < 0 || complaints < 0) {
        return err->code;
    }
    int result = run(tool, (char *const *)(namespace == NULL ? here : inside), input,
                     complaints, &status);
    if (result < 0) {
        return error_set(err, result, "cannot run the program '%s': %s", tool,
                         strerrordesc_np(-result));
    }
    if (status != 0) {
        ssize_t n = pread(complaints, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return error_set(err, -EIO, "%s: %s", tool, text[0] != '\0' ? text : "failed");
    }
    return 0;
}
