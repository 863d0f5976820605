#include "operator/mqtt_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/rig.h"

static const char *const programs[] = {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto",
                                       "/usr/bin/mosquitto"};

static const char *find_program(void)
{
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        if (access(programs[i], X_OK) == 0) {
            return programs[i];
        }
    }
    print_message("there is no mosquitto: skipped\n");
    skip();
    return NULL;
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

void broker_await(struct broker *broker, const char *text)
{
    char line[1024];
    size_t n = 0;

    for (;;) {
        if (read(broker->log, line + n, 1) != 1) {
            fail_msg("mosquitto ended before it said '%s'", text);
        }
        if (line[n] == '\n' || n == sizeof(line) - 2) {
            line[n] = '\0';
            if (strstr(line, text) != NULL) {
                return;
            }
            n = 0;
        } else {
            n++;
        }
    }
}

static void spawn(struct broker *broker)
{
    const char *program = find_program();
    cleanup(memory_free) char *config = broker_file(broker, "config", NULL);
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
    broker->pid = fork();
    assert_true(broker->pid >= 0);
    if (broker->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDERR_FILENO);
        execl(program, program, "-c", config, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    broker->log = ends[0];
    broker_await(broker, " running");
}

struct broker *broker_create(const char *guarded)
{
    find_program();
    struct broker *broker = memory_new(1, sizeof(*broker));
    int guarded_port = free_port();

    broker->folder = rig_folder();
    broker->port = free_port();
    snprintf(broker->address, sizeof(broker->address), "127.0.0.1:%d", broker->port);
    cleanup(memory_free) char *text = memory_format(
        "per_listener_settings true\nuser root\npersistence true\npersistence_location %s/\n"
        "log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n"
        "log_type information\nlog_type debug\nlistener %d 127.0.0.1\nallow_anonymous true\n",
        broker->folder, broker->port);
    if (guarded != NULL) {
        char *longer =
            memory_format("%slistener %d 127.0.0.1\n%s\n", text, guarded_port, guarded);

        free(text);
        text = longer;
    }
    snprintf(broker->guarded, sizeof(broker->guarded), "127.0.0.1:%d", guarded_port);
    for (char *at; (at = strstr(text, "FOLDER/")) != NULL;) {
        char *longer =
            memory_format("%.*s%s%s", (int)(at - text), text, broker->folder, at + 6);

        free(text);
        text = longer;
    }
    free(broker_file(broker, "config", text));
    return broker;
}

void broker_kill(struct broker *broker)
{
    if (broker->pid > 0) {
        kill(broker->pid, SIGKILL);
        waitpid(broker->pid, NULL, 0);
        close(broker->log);
        broker->pid = 0;
    }
}

void broker_restart(struct broker *broker)
{
    broker_kill(broker);
    spawn(broker);
}

void broker_destroy(struct broker *broker)
{
    broker_kill(broker);
    rig_remove(broker->folder);
    free(broker);
}

char *broker_file(struct broker *broker, const char *name, const char *text)
{
    char *path = memory_format("%s/%s", broker->folder, name);
    struct error err;

    if (text != NULL) {
        assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    }
    return path;
}

void broker_run(struct broker *broker, const char *command)
{
    cleanup(memory_free) char *line =
        memory_format("cd '%s' && (%s) >command.log 2>&1", broker->folder, command);

    if (system(line) != 0) { // NOLINT(cert-env33-c,concurrency-mt-unsafe): a test's own
        fail_msg("failed: %s", command);
    }
}

static void count(struct mosquitto *mosquitto, void *object, int id)
{
    (void)mosquitto;
    (void)id;
    ++*(int *)object;
}

void broker_publish(struct broker *broker, const char *topic, int first, int n, int qos)
{
    int published = 0;
    char text[16];

    mosquitto_lib_init();
    struct mosquitto *mosquitto = mosquitto_new(NULL, true, &published);
    mosquitto_publish_callback_set(mosquitto, count);
    assert_int_equal(mosquitto_connect(mosquitto, "127.0.0.1", broker->port, 60), 0);
    for (int i = first; i < first + n; i++) {
        int size = snprintf(text, sizeof(text), "%d", i);

        assert_int_equal(mosquitto_publish(mosquitto, NULL, topic, size, text, qos, false), 0);
    }
    /* The broker acknowledges the last one after it has dealt with the others. */
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "brume/test/end", 0, NULL, 1, false),
                     0);
    while (published < n + 1) {
        assert_int_equal(mosquitto_loop(mosquitto, 1000, 1), 0);
    }
    mosquitto_disconnect(mosquitto);
    mosquitto_destroy(mosquitto);
}

/* While it saves it does nothing else: who is served again came after. */
void broker_save(struct broker *broker)
{
    kill(broker->pid, SIGUSR1);
    broker_await(broker, "Saving in-memory database");
    broker_publish(broker, "brume/test/save", 0, 1, 1);
}

struct listener {
    struct mosquitto *mosquitto;
    bool subscribed;
    size_t n;
    char **lines;
};

static void subscribed(struct mosquitto *mosquitto, void *object, int id, int n,
                       const int *granted)
{
    struct listener *listener = object;
    (void)mosquitto;
    (void)id;
    (void)n;
    (void)granted;
    listener->subscribed = true;
}

static void heard(struct mosquitto *mosquitto, void *object,
                  const struct mosquitto_message *message, const mosquitto_property *properties)
{
    struct listener *listener = object;
    const mosquitto_property *at = properties;
    char *line = memory_format("%s %.*s%s", message->topic, message->payloadlen,
                               message->payload != NULL ? (char *)message->payload : "",
                               message->retain ? " retained" : "");
    char *name = NULL;
    char *value = NULL;
    bool first = true;
    (void)mosquitto;

    while ((at = mosquitto_property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, &name, &value,
                                                     !first)) != NULL) {
        char *longer = memory_format("%s %s=%s", line, name, value);

        free(line);
        free(name);
        free(value);
        line = longer;
        first = false;
    }
    listener->lines = memory_grow(listener->lines, listener->n, sizeof(*listener->lines));
    listener->lines[listener->n++] = line;
}

struct listener *listener_start(struct broker *broker, int qos)
{
    struct listener *listener = memory_new(1, sizeof(*listener));

    mosquitto_lib_init();
    listener->mosquitto = mosquitto_new(NULL, true, listener);
    mosquitto_int_option(listener->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_message_v5_callback_set(listener->mosquitto, heard);
    mosquitto_subscribe_callback_set(listener->mosquitto, subscribed);
    assert_int_equal(mosquitto_connect(listener->mosquitto, "127.0.0.1", broker->port, 60), 0);
    assert_int_equal(mosquitto_subscribe(listener->mosquitto, NULL, "#", qos), 0);
    while (!listener->subscribed) {
        assert_int_equal(mosquitto_loop(listener->mosquitto, 1000, 1), 0);
    }
    return listener;
}

const char *listener_line(struct listener *listener, size_t index)
{
    while (listener->n <= index) {
        assert_int_equal(mosquitto_loop(listener->mosquitto, 1000, 1), 0);
    }
    return listener->lines[index];
}

void listener_stop(struct listener *listener)
{
    mosquitto_destroy(listener->mosquitto);
    for (size_t i = 0; i < listener->n; i++) {
        free(listener->lines[i]);
    }
    free(listener->lines);
    free(listener);
}
