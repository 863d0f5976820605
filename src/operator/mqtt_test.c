/* The story of an MQTT source: a private broker, and lives that end without a word. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/mqtt_rig.h"
#include "operator/rig.h"

#define SOURCE(broker, folder, ...) \
    RIG_OPEN_IN(folder, "mqtt-source", "broker", (broker)->address, "run", "r1", __VA_ARGS__)

static struct broker *start(void)
{
    struct broker *broker = broker_create(NULL);

    broker_restart(broker);
    return broker;
}

static int number_of(const struct frame *frame, size_t index)
{
    const int64_t *ends = frame->tensors[1]->data;
    int64_t begin = index > 0 ? ends[index - 1] : 0;
    char text[16] = {0};

    assert_in_range(ends[index] - begin, 1, sizeof(text) - 1);
    memcpy(text, (char *)frame->tensors[0]->data + begin, (size_t)(ends[index] - begin));
    return (int)strtol(text, NULL, 10);
}

static int count_of(const struct frame *frame)
{
    return (int)frame->tensors[1]->shape.dims[0];
}

/* Takes frames from `sequence` on, each of them done, until there are n messages, which must be
 * "first", "first + 1", …; returns the next sequence number. */
static uint64_t expect(struct operator_instance *source, uint64_t sequence, int first, int n)
{
    for (int got = 0; got < n; sequence++) {
        cleanup(frame_unrefp) struct frame *frame = rig_await(source, sequence);

        for (int i = 0; i < count_of(frame); i++, got++) {
            assert_int_equal(number_of(frame, (size_t)i), first + got);
        }
        assert_true(got <= n);
        operator_set_done(source, sequence + 1);
    }
    return sequence;
}

/* Takes one frame and leaves it under way; returns how many messages it has. */
static int take(struct operator_instance *source, uint64_t sequence, int first)
{
    cleanup(frame_unrefp) struct frame *frame = rig_await(source, sequence);

    for (int i = 0; i < count_of(frame); i++) {
        assert_int_equal(number_of(frame, (size_t)i), first + i);
    }
    return count_of(frame);
}

/* Connects, subscribes and is gone: from then on the broker keeps messages. What it publishes
 * itself it does not keep. */
static void introduce(struct broker *broker, const char *version)
{
    struct operator_instance *source =
        SOURCE(broker, NULL, "topic", "t,a/#,+/c", "version", version);
    int ret = OPERATOR_LATER;

    while (ret == OPERATOR_LATER) {
        struct operator_result result;
        struct error err;

        broker_publish(broker, "t", 0, 1, 0);
        ret = operator_process(source, 0, NULL, &result, &err);
        operator_result_finish(&result);
    }
    assert_int_equal(ret, 0);
    operator_close(source);
}

static void messages_come_in_order(void **state)
{
    static const char *const versions[] = {"3.1.1", "5"};
    (void)state;

    for (int i = 0; i < 2; i++) {
        struct broker *broker = start();
        char *folder = rig_folder();

        introduce(broker, versions[i]);
        struct operator_instance *source =
            SOURCE(broker, folder, "topic", "t,a/#,+/c", "version", versions[i]);
        uint64_t next = 0;
        for (int qos = 0; qos <= 2; qos++) {
            if (qos == 0) { /* the first one shows that there is somebody to hear the others */
                broker_publish(broker, "t", 99, 1, 1);
                next = expect(source, next, 99, 1);
            }
            broker_publish(broker, "t", 100, 50, qos);
            next = expect(source, next, 100, 50);
        }
        operator_close(source);
        rig_remove(folder);
        broker_destroy(broker);
    }
}

static void wildcards_bring_their_topics(void **state)
{
    struct broker *broker = start();
    char *folder = rig_folder();
    (void)state;

    introduce(broker, "5");
    broker_publish(broker, "a/b/d", 1, 1, 1);
    broker_publish(broker, "x/c", 2, 1, 1);
    broker_publish(broker, "x/d", 3, 1, 1);
    broker_publish(broker, "t", 4, 1, 1);
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t,a/#,+/c");
    cleanup(memory_free) char *topics = memory_text("");
    for (uint64_t next = 0; strlen(topics) < strlen("a/b/d\nx/c\nt\n"); next++) {
        cleanup(frame_unrefp) struct frame *frame = rig_await(source, next);
        char *longer = memory_format("%s%.*s", topics, (int)frame->tensors[2]->size,
                                     (char *)frame->tensors[2]->data);

        free(topics);
        topics = longer;
        operator_set_done(source, next + 1);
    }
    assert_string_equal(topics, "a/b/d\nx/c\nt\n");
    operator_close(source);
    rig_remove(folder);
    broker_destroy(broker);
}

static void what_is_not_done_is_not_acknowledged(void **state)
{
    static const char *const versions[] = {"3.1.1", "5"};
    struct error err;
    (void)state;

    for (int i = 0; i < 2; i++) {
        struct broker *broker = start();
        int n = 0;

        introduce(broker, versions[i]);
        broker_publish(broker, "t", 0, 10, 1);
        for (int life = 0; life < 3; life++) { /* none remembers the one before */
            struct operator_instance *source =
                SOURCE(broker, NULL, "topic", "t", "version", versions[i]);

            n = take(source, 0, 0);
            assert_int_equal(rig_try(source, 1, NULL, &err), OPERATOR_LATER);
            if (life == 2) {
                operator_set_done(source, 1);
                assert_in_range(rig_try(source, 1, NULL, &err), 0, OPERATOR_LATER);
                broker_await(broker, "Received UNSUBSCRIBE from brume-mqtt-source");
            }
            operator_close(source);
        }
        broker_publish(broker, "t", 10, 1, 1);
        struct operator_instance *source =
            SOURCE(broker, NULL, "topic", "t", "version", versions[i]);
        uint64_t next = expect(source, 1, n, 11 - n);
        assert_int_equal(rig_try(source, next, NULL, &err), OPERATOR_LATER);
        operator_close(source);
        broker_destroy(broker);
    }
}

static void a_number_gives_the_same_messages_in_the_next_life(void **state)
{
    struct broker *broker = start();
    char *folder = rig_folder();
    (void)state;

    introduce(broker, "5");
    broker_publish(broker, "t", 0, 7, 1);
    int n = 0;
    for (int life = 0; life < 3; life++) {
        struct operator_instance *source = SOURCE(broker, folder, "topic", "t");

        n = life == 0 ? take(source, 0, 0) : n;
        assert_int_equal(take(source, 0, 0), n);
        assert_int_equal(take(source, 0, 0), n);
        operator_close(source);
    }
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t");
    broker_publish(broker, "t", 7, 5, 1);
    expect(source, 0, 0, 12);
    operator_close(source);
    rig_remove(folder);
    broker_destroy(broker);
}

/* The points at which a life ends, each in a round of its own. */
enum cut { BEFORE_THE_JOURNAL, AFTER_HANDING_ON, AFTER_DONE, AFTER_ACKNOWLEDGING, N_CUTS };

/* The next number, and how many messages are done. */
static uint64_t live(struct broker *broker, const char *folder, enum cut cut, int *ret_n)
{
    uint64_t next = 0;
    int n = 0;
    cleanup(memory_free) char *part = memory_format("%s/journal.part", folder);
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t", "batch", "3");
    struct error err;

    if (cut == BEFORE_THE_JOURNAL) { /* which cannot be written */
        assert_int_equal(mkdir(part, 0700), 0);
        rig_await_said(source, next, "cannot write");
        rmdir(part);
    } else {
        n = take(source, next, 0);
    }
    if (cut >= AFTER_DONE) {
        *ret_n = n;
        operator_set_done(source, ++next);
    }
    if (cut == AFTER_ACKNOWLEDGING) {
        assert_in_range(rig_try(source, next, NULL, &err), 0, OPERATOR_LATER);
    }
    operator_close(source);
    return next;
}

static void wherever_a_life_ends_each_message_comes_once(void **state)
{
    struct broker *broker = start();
    (void)state;

    for (int cut = 0; cut < N_CUTS; cut++) {
        char *folder = rig_folder();

        introduce(broker, "5");
        broker_publish(broker, "t", 0, 9, 1);
        int n = 0;
        uint64_t next = live(broker, folder, (enum cut)cut, &n);
        struct operator_instance *source = SOURCE(broker, folder, "topic", "t", "batch", "3");
        next = expect(source, next, n, 9 - n);
        broker_publish(broker, "t", 9, 2, 1);
        next = expect(source, next, 9, 2);
        assert_int_equal(rig_try(source, next, NULL, &(struct error){0}), OPERATOR_LATER);
        operator_close(source);
        rig_remove(folder);
    }
    broker_destroy(broker);
}

struct record {
    uint64_t sequence;
    int first, n;
};

/* A life of so many calls that is then killed: what it gets it writes down, and that is done.
 * The last frame may not have been written down. */
static void live_and_be_killed(struct broker *broker, const char *folder, uint64_t next,
                               int calls, int notes)
{
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t", "batch", "2");

    operator_set_done(source, next);
    for (;;) {
        struct operator_result result;
        struct error err;
        int ret = operator_process(source, next, NULL, &result, &err);

        if (--calls == 0) {
            (void)kill(getpid(), SIGKILL);
        }
        if (ret == OPERATOR_LATER) {
            struct pollfd one = {.fd = result.wait_for, .events = POLLIN};

            poll(&one, 1, (int)result.wait_ms);
            continue;
        }
        const struct frame *frame = result.outputs[0];
        struct record record = {next, number_of(frame, 0), count_of(frame)};
        if (ret != 0 || write(notes, &record, sizeof(record)) != sizeof(record)) {
            _exit(1);
        }
        operator_set_done(source, ++next);
        operator_result_finish(&result);
    }
}

static void killed_again_and_again_it_goes_on(void **state)
{
    enum { MANY = 60 };
    struct broker *broker = start();
    char *folder = rig_folder();
    uint64_t next = 0;
    int got = 0;
    (void)state;

    introduce(broker, "5");
    broker_publish(broker, "t", 0, MANY, 1);
    for (int calls = 1; got < MANY; calls++) {
        struct record record;
        int notes[2];
        int status;

        assert_int_equal(pipe(notes), 0);
        pid_t child = fork();
        if (child == 0) {
            live_and_be_killed(broker, folder, next, calls, notes[1]);
        }
        close(notes[1]);
        while (read(notes[0], &record, sizeof(record)) == sizeof(record)) {
            assert_int_equal(record.sequence, next++);
            assert_int_equal(record.first, got);
            got += record.n;
        }
        close(notes[0]);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
    }
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t");
    broker_publish(broker, "t", MANY, 2, 1);
    expect(source, next, MANY, 2);
    operator_close(source);
    rig_remove(folder);
    broker_destroy(broker);
}

static void what_is_too_large_is_dropped(void **state)
{
    struct broker *broker = start();
    (void)state;

    introduce(broker, "3.1.1");
    broker_run(broker, "head -c 17000000 /dev/zero >large");
    cleanup(memory_free) char *command = memory_format(
        "mosquitto_pub -p %d -q 1 -t t -f large && mosquitto_pub -p %d -q 1 -t t -m 7",
        broker->port, broker->port);
    broker_run(broker, command);
    struct operator_instance *source = SOURCE(broker, NULL, "topic", "t", "version", "3.1.1");
    expect(source, 0, 7, 1);
    operator_close(source);
    broker_destroy(broker);
}

static void without_a_folder_it_says_what_that_costs(void **state)
{
    struct broker *broker = start();
    (void)state;

    introduce(broker, "5");
    broker_publish(broker, "t", 0, 1, 1);
    struct operator_instance *source = SOURCE(broker, NULL, "topic", "t");
    struct operator_result result = {0};
    struct error err;
    while (operator_process(source, 0, NULL, &result, &err) == OPERATOR_LATER) {
        operator_result_finish(&result);
    }
    assert_int_equal(result.n_said, 1);
    assert_non_null(strstr(result.said[0], "messages may come twice"));
    operator_result_finish(&result);
    operator_close(source);
    broker_destroy(broker);
}

static void another_run_begins_with_what_was_not_acknowledged(void **state)
{
    struct broker *broker = start();
    char *folder = rig_folder();
    (void)state;

    introduce(broker, "5");
    broker_publish(broker, "t", 0, 3, 1);
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t");
    take(source, 0, 0);
    operator_close(source);
    source = RIG_OPEN_IN(folder, "mqtt-source", "broker", broker->address, "topic", "t", "run",
                         "r2");
    expect(source, 0, 0, 3);
    operator_close(source);
    rig_remove(folder);
    broker_destroy(broker);
}

static void equal_messages_are_not_the_same(void **state)
{
    struct broker *broker = start();
    char *folder = rig_folder();
    (void)state;

    introduce(broker, "5");
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t");
    for (uint64_t i = 0; i < 20; i++) {
        broker_publish(broker, "t", 5, 1, 1);
        expect(source, i, 5, 1);
    }
    operator_close(source);
    rig_remove(folder);
    broker_destroy(broker);
}

static void the_same_id_and_payload_may_be_a_new_message(void **state)
{
    char *folder = rig_folder();
    (void)state;

    for (uint64_t next = 0; next < 2; next++) { /* brokers that both begin with id 1 */
        struct broker *broker = start();

        introduce(broker, "5");
        broker_publish(broker, "t", 5, 1, 1);
        struct operator_instance *source = SOURCE(broker, folder, "topic", "t");
        assert_int_equal(take(source, next, 5), 1);
        operator_close(source);
        broker_destroy(broker);
    }
    rig_remove(folder);
}

static void a_broker_that_dies_costs_nothing(void **state)
{
    struct broker *broker = start();
    char *folder = rig_folder();
    (void)state;

    introduce(broker, "5");
    struct operator_instance *source = SOURCE(broker, folder, "topic", "t");
    broker_publish(broker, "t", 0, 5, 1);
    uint64_t next = expect(source, 0, 0, 5);
    broker_publish(broker, "t", 5, 5, 1);
    int n = take(source, next, 5);
    broker_save(broker);
    broker_kill(broker); /* while a frame is under way */
    operator_set_done(source, ++next);
    rig_await_said(source, next, "trying again");
    broker_restart(broker);
    broker_publish(broker, "t", 10, 5, 1);
    next = expect(source, next, 5 + n, 10 - n);
    broker_save(broker);
    broker_kill(broker); /* while there is nothing */
    rig_await_said(source, next, "trying again");
    broker_restart(broker);
    rig_await_said(source, next, "connected to the broker again");
    broker_publish(broker, "t", 15, 5, 1);
    expect(source, next, 15, 5);
    operator_close(source);
    rig_remove(folder);
    broker_destroy(broker);
}

static void a_password_is_read_from_its_file(void **state)
{
    struct broker *broker = broker_create("password_file FOLDER/users");
    (void)state;

    broker_run(broker, "mosquitto_passwd -c -b users ann secret");
    cleanup(memory_free) char *right = broker_file(broker, "right", "secret\nnot this\n");
    cleanup(memory_free) char *wrong = broker_file(broker, "wrong", "Secret\n");
    broker_restart(broker);
    introduce(broker, "5");
    broker_publish(broker, "t", 1, 1, 1);
    for (int i = 0; i < 2; i++) {
        struct operator_instance *source =
            RIG_OPEN("mqtt-source", "broker", broker->guarded, "topic", "t", "user", "ann",
                     "password-file", wrong, "version", i == 0 ? "3.1.1" : "5");

        rig_await_said(source, 0, i == 0 ? "not authorised" : "Not authorized");
        operator_close(source);
    }
    struct operator_instance *source =
        RIG_OPEN("mqtt-source", "broker", broker->guarded, "topic", "t", "user", "ann",
                 "password-file", right);
    assert_int_equal(take(source, 0, 1), 1);
    operator_close(source);
    broker_destroy(broker);
}

static void certificates_are_checked(void **state)
{
    struct broker *broker =
        broker_create("cafile FOLDER/ca.pem\ncertfile FOLDER/ca.pem\nkeyfile FOLDER/key.pem\n"
                      "require_certificate true\nallow_anonymous true");
    (void)state;

    for (int i = 0; i < 2; i++) {
        const char *const commands[] = {
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 "
            "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out ca.pem",
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stranger "
            "-keyout other-key.pem -out other.pem",
        };

        broker_run(broker, commands[i]);
    }
    cleanup(memory_free) char *authority = broker_file(broker, "ca.pem", NULL);
    cleanup(memory_free) char *key = broker_file(broker, "key.pem", NULL);
    cleanup(memory_free) char *other = broker_file(broker, "other.pem", NULL);
    broker_restart(broker);
    introduce(broker, "5");
    broker_publish(broker, "t", 0, 2000, 1);
    struct operator_instance *source =
        RIG_OPEN("mqtt-source", "broker", broker->guarded, "topic", "t", "tls-ca", other,
                 "tls-cert", authority, "tls-key", key);
    rig_await_said(source, 0, "certificate verify failed");
    operator_close(source);
    char *folder = rig_folder();
    source =
        RIG_OPEN_IN(folder, "mqtt-source", "broker", broker->guarded, "topic", "t", "tls-ca",
                    authority, "tls-cert", authority, "tls-key", key, "batch", "7");
    expect(source, 0, 0, 1000); /* mosquitto keeps no more for who is not there */
    operator_close(source);
    rig_remove(folder);
    broker_destroy(broker);
}

static void a_broker_that_is_not_there_is_asked_again(void **state)
{
    struct broker *broker = broker_create(NULL);
    (void)state;

    struct operator_instance *source = SOURCE(broker, NULL, "topic", "t");
    rig_await_said(source, 0, "Connection refused");
    broker_restart(broker);
    rig_await_said(source, 0, "connected to the broker again");
    operator_close(source);
    source = RIG_OPEN("mqtt-source", "broker", "no-such-host.invalid:1883", "topic", "t");
    rig_await_said(source, 0, "there is no host of that name");
    operator_close(source);
    broker_destroy(broker);
}

static void what_cannot_work_is_refused(void **state)
{
    static const char *const wrong[][4] = {
        {"broker", "host:0", "topic", "t"},     {"broker", ":1883", "topic", "t"},
        {"broker", "host:18x", "topic", "t"},   {"broker", "[::1:1883", "topic", "t"},
        {"topic", "a/#/b", "qos", "1"},         {"topic", " , ", "qos", "1"},
        {"topic", "t", "password-file", "/no"}, {"topic", "t", "tls-cert", "/no"},
    };
    struct error err;
    (void)state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        RIG_REFUSE(&err, "mqtt-source", wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_order),
        cmocka_unit_test(wildcards_bring_their_topics),
        cmocka_unit_test(what_is_not_done_is_not_acknowledged),
        cmocka_unit_test(a_number_gives_the_same_messages_in_the_next_life),
        cmocka_unit_test(wherever_a_life_ends_each_message_comes_once),
        cmocka_unit_test(killed_again_and_again_it_goes_on),
        cmocka_unit_test(what_is_too_large_is_dropped),
        cmocka_unit_test(without_a_folder_it_says_what_that_costs),
        cmocka_unit_test(another_run_begins_with_what_was_not_acknowledged),
        cmocka_unit_test(equal_messages_are_not_the_same),
        cmocka_unit_test(the_same_id_and_payload_may_be_a_new_message),
        cmocka_unit_test(a_broker_that_dies_costs_nothing),
        cmocka_unit_test(a_password_is_read_from_its_file),
        cmocka_unit_test(certificates_are_checked),
        cmocka_unit_test(a_broker_that_is_not_there_is_asked_again),
        cmocka_unit_test(what_cannot_work_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
