#include "kube/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "kube/kubeconfig.h"
#include "kube/timestamp.h"

enum { ANSWER_MOST = 1 << 20, COMPLAINT_MOST = 512 };

#define QUESTION "KUBERNETES_EXEC_INFO"

static void put_cluster(json_t *spec, const struct kube_identity *identity)
{
    json_t *cluster =
        json_pack("{s:s, s:s*, s:s*}", "server", identity->server, "tls-server-name",
                  identity->server_name, "proxy-url", identity->proxy);

    if (identity->insecure) {
        json_object_set_new(cluster, "insecure-skip-tls-verify", json_true());
    }
    if (identity->authority_pem != NULL) {
        cleanup(memory_free) char *base64 =
            base64_encode(identity->authority_pem, strlen(identity->authority_pem));
        json_object_set_new(cluster, "certificate-authority-data", json_string(base64));
    }
    json_object_set_new(spec, "cluster", cluster);
}

char *kube_plugin_question(const struct kube_identity *identity)
{
    json_t *spec = json_pack("{s:b}", "interactive", 0);
    json_t *question = json_pack("{s:s, s:s, s:o}", "apiVersion", identity->plugin.version,
                                 "kind", "ExecCredential", "spec", spec);

    if (identity->plugin.knows_cluster) {
        put_cluster(spec, identity);
    }
    char *text = json_dumps(question, JSON_COMPACT);
    json_decref(question);
    return text;
}

static int refuse(const struct kube_identity *identity, const char *why, struct error *err)
{
    return error_set(err, -EINVAL, "the credential plug-in '%.64s' %s",
                     identity->plugin.command, why);
}

static bool is_one_line(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == '\x7f') {
            return false;
        }
    }
    return true;
}

static int read_status(const struct kube_identity *identity, const json_t *answer,
                       struct kube_credential *credential, struct error *err)
{
    const char *version = json_string_value(json_object_get(answer, "apiVersion"));
    const json_t *status = json_object_get(answer, "status");
    const char *token = json_string_value(json_object_get(status, "token"));
    const char *certificate =
        json_string_value(json_object_get(status, "clientCertificateData"));
    const char *key = json_string_value(json_object_get(status, "clientKeyData"));
    const char *expires = json_string_value(json_object_get(status, "expirationTimestamp"));

    if (version == NULL || strcmp(version, identity->plugin.version) != 0) {
        return refuse(identity, "answers in another apiVersion than it was asked in", err);
    }
    if ((certificate == NULL) != (key == NULL) || (token == NULL && key == NULL)) {
        return refuse(identity, "gave neither a token nor a certificate with its key", err);
    }
    if (token != NULL && (*token == '\0' || !is_one_line(token))) {
        return refuse(identity, "gave a token that is none", err);
    }
    if (expires != NULL && kube_timestamp_read(expires, &credential->expires_ms) < 0) {
        return refuse(identity, "gave an expirationTimestamp that is none", err);
    }
    credential->token = memory_text(token);
    credential->certificate_pem = memory_text(certificate);
    credential->key_pem = memory_text(key);
    return 0;
}

int kube_plugin_read(const struct kube_identity *identity, const char *answer,
                     struct kube_credential *ret_credential, struct error *err)
{
    struct kube_credential credential = {0};
    json_t *json = json_loads(answer, 0, NULL);

    int r = json != NULL ? read_status(identity, json, &credential, err)
                         : refuse(identity, "did not answer in JSON", err);
    json_decref(json);
    if (r == 0) {
        *ret_credential = credential;
    }
    return r;
}

/* This process's, with what the kubeconfig says, and the question. Texts from `ret_first_own`
 * on are to be freed. */
static char **make_environment(const struct kube_identity *identity, size_t *ret_first_own)
{
    const struct kube_plugin *plugin = &identity->plugin;
    cleanup(memory_free) char *question = kube_plugin_question(identity);
    char **list = NULL;
    size_t n = 0;

    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        size_t length = strcspn(*variable, "=");
        bool replaced = strncmp(*variable, QUESTION "=", sizeof(QUESTION)) == 0;
        for (size_t i = 0; i < plugin->n_env; i++) {
            replaced = replaced || (strlen(plugin->env[i].name) == length &&
                                    strncmp(plugin->env[i].name, *variable, length) == 0);
        }
        if (!replaced) {
            list = memory_grow(list, n, sizeof(*list));
            list[n++] = *variable;
        }
    }
    *ret_first_own = n;
    for (size_t i = 0; i < plugin->n_env; i++) {
        list = memory_grow(list, n, sizeof(*list));
        list[n++] = memory_format("%s=%s", plugin->env[i].name, plugin->env[i].value);
    }
    list = memory_grow(list, n, sizeof(*list));
    list[n++] = memory_format(QUESTION "=%s", question);
    list = memory_grow(list, n, sizeof(*list));
    list[n] = NULL;
    return list;
}

static int spawn(const struct kube_identity *identity, const int ends[2], pid_t *ret_pid)
{
    const struct kube_plugin *plugin = &identity->plugin;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    size_t first_own = 0;
    char **environment = make_environment(identity, &first_own);
    char **argv = memory_new(plugin->n_args + 2, sizeof(*argv));

    argv[0] = plugin->command;
    for (size_t i = 0; i < plugin->n_args; i++) {
        argv[i + 1] = plugin->args[i];
    }
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    int result =
        posix_spawnp(ret_pid, plugin->command, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = first_own; environment[i] != NULL; i++) {
        memory_wipe(&environment[i]);
    }
    free(environment);
    free(argv);
    return -result;
}

/* What comes out of one end. */
struct output {
    int fd;
    size_t most, size;
    char *text; /* `most` + 1 bytes */
};

/* What is more than `most` is read all the same. */
static void take(struct output *output)
{
    char rest[4096];

    ssize_t n = read(output->fd, rest, sizeof(rest));
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        file_closep(&output->fd);
        return;
    }
    size_t room = output->most - output->size;
    size_t kept = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
    memcpy(output->text + output->size, rest, kept);
    explicit_bzero(rest, sizeof(rest));
    output->size += kept;
    output->text[output->size] = '\0';
}

static bool listen_to(struct output outputs[2], uint64_t end)
{
    while (outputs[0].fd >= 0 || outputs[1].fd >= 0) {
        struct pollfd polled[2] = {{.fd = outputs[0].fd, .events = POLLIN},
                                   {.fd = outputs[1].fd, .events = POLLIN}};
        uint64_t now = clock_ms();
        if (now >= end) {
            return false;
        }
        poll(polled, 2, (int)(end - now));
        for (unsigned i = 0; i < 2; i++) {
            if (polled[i].revents != 0) {
                take(&outputs[i]);
            }
        }
    }
    return true;
}

/* Whether it ended in time; then it is waited for. */
static bool has_ended(pid_t pid, uint64_t end, int *ret_status)
{
    for (;;) {
        pid_t which = waitpid(pid, ret_status, WNOHANG);
        if (which != 0 && !(which < 0 && errno == EINTR)) {
            return true;
        }
        if (clock_ms() >= end) {
            return false;
        }
        poll(NULL, 0, 5);
    }
}

static int explain(const struct kube_identity *identity, int status, char *complaint,
                   struct error *err)
{
    const struct kube_plugin *plugin = &identity->plugin;

    complaint[strcspn(complaint, "\n")] = '\0';
    text_make_printable(complaint);
    if (*complaint != '\0') {
        return error_set(err, -EACCES, "the credential plug-in '%.64s' failed: %.150s",
                         plugin->command, complaint);
    }
    return error_set(err, -EACCES, "the credential plug-in '%.64s' failed (%s %d)",
                     plugin->command, WIFEXITED(status) ? "exit code" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static int not_started(const struct kube_identity *identity, int code, struct error *err)
{
    const struct kube_plugin *plugin = &identity->plugin;

    return error_set(err, code, "cannot run the credential plug-in '%.64s': %s%s%.100s",
                     plugin->command, strerrordesc_np(-code), plugin->hint != NULL ? "; " : "",
                     plugin->hint != NULL ? plugin->hint : "");
}

static int open_outputs(struct output outputs[2], int ends[2])
{
    for (unsigned i = 0; i < 2; i++) {
        int both[2];
        if (pipe2(both, O_CLOEXEC) < 0) {
            return -errno;
        }
        outputs[i].fd = both[0];
        ends[i] = both[1];
    }
    return 0;
}

int kube_plugin_run(const struct kube_identity *identity, uint64_t timeout_ms,
                    struct kube_credential *ret_credential, struct error *err)
{
    cleanup(memory_wipe) char *answer = memory_new(ANSWER_MOST + 1, 1);
    char complaint[COMPLAINT_MOST + 1] = "";
    struct output outputs[2] = {{.fd = -1, .most = ANSWER_MOST, .text = answer},
                                {.fd = -1, .most = COMPLAINT_MOST, .text = complaint}};
    uint64_t deadline = clock_ms() + timeout_ms;
    int ends[2] = {-1, -1}, status = 0;
    pid_t pid = 0;

    int r = open_outputs(outputs, ends);
    r = r < 0 ? r : spawn(identity, ends, &pid);
    file_closep(&ends[0]);
    file_closep(&ends[1]);
    bool ended = r == 0 && listen_to(outputs, deadline) && has_ended(pid, deadline, &status);
    file_closep(&outputs[0].fd);
    file_closep(&outputs[1].fd);
    if (r < 0) {
        return not_started(identity, r, err);
    }
    if (!ended) {
        kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        return error_set(err, -ETIMEDOUT, "the credential plug-in '%.64s' does not answer",
                         identity->plugin.command);
    }
    return status != 0 ? explain(identity, status, complaint, err)
                       : kube_plugin_read(identity, answer, ret_credential, err);
}

void kube_credential_finish(struct kube_credential *credential)
{
    memory_wipe(&credential->token);
    memory_free(&credential->certificate_pem);
    memory_wipe(&credential->key_pem);
    credential->expires_ms = 0;
}
