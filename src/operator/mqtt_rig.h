/* For tests: a private mosquitto on 127.0.0.1, and clients that publish to it and listen. */
#ifndef OPERATOR_MQTT_RIG_H
#define OPERATOR_MQTT_RIG_H

#include <stddef.h>
#include <sys/types.h>

struct broker {
    pid_t pid;
    int port;
    int log;          /* what it writes */
    char *folder;     /* configuration, what it keeps, and certificates */
    char address[32]; /* "127.0.0.1:PORT" */
    char guarded[32];
};

/* Not started yet, so that files can be put into its folder: broker_restart() does that.
 * `guarded` is how the second listener is configured, whose address is `guarded` too; FOLDER/
 * in it stands for its folder; NULL: there is none. Skips the test when there is no mosquitto.
 */
struct broker *broker_create(const char *guarded);
void broker_destroy(struct broker *broker); /* its folder too */
void broker_kill(struct broker *broker);    /* without a word */
void broker_restart(struct broker *broker);
/* Makes it write down what it has, and waits until it did. */
void broker_save(struct broker *broker);
/* Reads its log on to a line with `text` in it. */
void broker_await(struct broker *broker, const char *text);
/* A file in its folder; `text` NULL: the path alone. malloc'ed. */
char *broker_file(struct broker *broker, const char *name, const char *text);
/* Runs a command of the shell in its folder. */
void broker_run(struct broker *broker, const char *command);

/* Publishes "first" … "first + n - 1" and waits for the broker's acknowledgements. */
void broker_publish(struct broker *broker, const char *topic, int first, int n, int qos);

/* What a subscriber of everything got, one after the other: "topic payload", and with MQTT 5
 * its user properties, " name=value". Waits until there are n. */
struct listener;
struct listener *listener_start(struct broker *broker, int qos);
const char *listener_line(struct listener *listener, size_t index);
void listener_stop(struct listener *listener);

#endif
