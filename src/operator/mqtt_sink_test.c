/* What subscribers of a private broker get from an MQTT sink. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "operator/mqtt_rig.h"
#include "operator/rig.h"

#define SINK(broker, ...) \
    RIG_OPEN("mqtt-sink", "broker", (broker)->address, "run", "r1", __VA_ARGS__)

static struct broker *start(void)
{
    struct broker *broker = broker_create(NULL);

    broker_restart(broker);
    return broker;
}

static struct frame *readings(void)
{
    static const double values[2][2] = {{1769860800.25, 21.3}, {1769860801, -4}};
    static const char lines[] = "temperature\troom/1\nCO\t\n";
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_F64, 2, (uint32_t[]){2, 2}, values),
        rig_tensor(TENSOR_U8, 1, (uint32_t[]){sizeof(lines) - 1}, lines),
    };

    return rig_frame(7, 2, tensors);
}

static struct frame *messages(const char *payloads, uint32_t n, const int64_t *ends,
                              const char *topics)
{
    uint32_t size = (uint32_t)strlen(payloads);
    uint32_t topics_size = (uint32_t)strlen(topics);
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_U8, 1, &size, payloads),
        rig_tensor(TENSOR_I64, 1, &n, ends),
        rig_tensor(TENSOR_U8, 1, &topics_size, topics),
    };

    return rig_frame(8, 3, tensors);
}

static void put(struct operator_instance *sink, struct frame *frame)
{
    assert_null(rig_pass(sink, frame));
}

static int try(struct operator_instance *sink, struct frame *frame, struct error *ret_err)
{
    int ret;

    do {
        ret = rig_try(sink, frame->sequence, &frame, ret_err);
    } while (ret == OPERATOR_LATER);
    frame_unref(frame);
    return ret;
}

static void readings_go_to_their_topics(void **state)
{
    struct broker *broker = start();
    struct listener *listener = listener_start(broker, 2);
    struct operator_instance *sink = SINK(broker, "topic", "air/{type}/{device}");
    (void)state;

    put(sink, readings());
    operator_close(sink);
    assert_string_equal(listener_line(listener, 0),
                        "air/temperature/room_1 {\"time\":1769860800.25,\"value\":21.3,"
                        "\"type\":\"temperature\",\"device\":\"room/1\"} brume-run=r1 "
                        "brume-sequence=7 brume-part=0");
    assert_string_equal(listener_line(listener, 1),
                        "air/CO/_ {\"time\":1769860801,\"value\":-4,\"type\":\"CO\","
                        "\"device\":\"\"} brume-run=r1 brume-sequence=7 brume-part=1");
    sink =
        SINK(broker, "topic", "v/{type}", "payload", "value", "version", "3.1.1", "qos", "2");
    put(sink, readings());
    operator_close(sink);
    assert_string_equal(listener_line(listener, 2), "v/temperature 21.3");
    assert_string_equal(listener_line(listener, 3), "v/CO -4");
    listener_stop(listener);
    broker_destroy(broker);
}

static void messages_and_bytes_go_as_they_are(void **state)
{
    static const char *const qos[] = {"0", "1", "2"};
    struct broker *broker = start();
    struct listener *listener = listener_start(broker, 2);
    size_t n = 0;
    (void)state;

    for (int i = 0; i < 3; i++) {
        struct operator_instance *sink =
            SINK(broker, "topic", "copy/{topic}", "qos", qos[i], "version", "3.1.1");

        put(sink, messages("onetwo", 3, (int64_t[]){3, 3, 6}, "a/b\nc\nd\n"));
        put(sink, rig_bytes("some bytes", 10));
        operator_close(sink);
        assert_string_equal(listener_line(listener, n++), "copy/a/b one");
        assert_string_equal(listener_line(listener, n++), "copy/c ");
        assert_string_equal(listener_line(listener, n++), "copy/d two");
        assert_string_equal(listener_line(listener, n++), "copy/_ some bytes");
    }
    listener_stop(listener);
    broker_destroy(broker);
}

static void many_messages_all_arrive(void **state)
{
    enum { MANY = 1500 };
    struct broker *broker = start();
    struct listener *listener = listener_start(broker, 0);
    struct operator_instance *sink = SINK(broker, "topic", "t", "qos", "2");
    cleanup(memory_free) char *lines = memory_new(MANY + 1, 1);
    cleanup(memory_free) int64_t *ends = memory_new(MANY, sizeof(*ends));
    (void)state;

    memset(lines, '\n', MANY);
    for (int i = 0; i < MANY; i++) {
        ends[i] = 1;
    }
    put(sink, messages("x", MANY, ends, lines));
    operator_close(sink);
    assert_non_null(strstr(listener_line(listener, MANY - 1), "brume-part=1499"));
    listener_stop(listener);
    broker_destroy(broker);
}

static void what_is_retained_is_there_later(void **state)
{
    struct broker *broker = start();
    struct operator_instance *sink = SINK(broker, "topic", "t", "retain", "true");
    (void)state;

    put(sink, rig_bytes("kept", 4));
    operator_close(sink);
    struct listener *listener = listener_start(broker, 1);
    assert_string_equal(listener_line(listener, 0),
                        "t kept retained brume-run=r1 brume-sequence=0 brume-part=0");
    listener_stop(listener);
    broker_destroy(broker);
}

static void only_a_sink_that_is_lost_has_a_last_will(void **state)
{
    struct broker *broker = start();
    struct listener *listener = listener_start(broker, 1);
    struct operator_instance *sink = SINK(broker, "topic", "t", "will-topic", "gone",
                                          "will-payload", "sink", "version", "3.1.1");
    (void)state;

    put(sink, rig_bytes("1", 1));
    operator_close(sink);
    pid_t child = fork();
    if (child == 0) {
        sink = SINK(broker, "topic", "t", "will-topic", "gone", "will-payload", "sink",
                    "version", "3.1.1");
        put(sink, rig_bytes("2", 1));
        (void)kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    assert_string_equal(listener_line(listener, 0), "t 1");
    assert_string_equal(listener_line(listener, 1), "t 2");
    assert_string_equal(listener_line(listener, 2), "gone sink");
    listener_stop(listener);
    broker_destroy(broker);
}

static void a_broker_that_comes_back_gets_the_rest(void **state)
{
    struct broker *broker = start();
    struct operator_instance *sink = SINK(broker, "topic", "t");
    (void)state;

    put(sink, rig_bytes("1", 1));
    broker_restart(broker);
    struct listener *listener = listener_start(broker, 1);
    put(sink, rig_bytes("2", 1));
    assert_non_null(strstr(listener_line(listener, 0), "t 2"));
    listener_stop(listener);
    operator_close(sink);
    broker_destroy(broker);
}

/* While nothing answers the sink says so and does not hold up who calls it. */
static void a_broker_that_is_away_is_told_at_once(void **state)
{
    struct broker *broker = start();
    struct operator_instance *sink = SINK(broker, "topic", "t", "qos", "2");
    struct frame *bytes = rig_bytes("1", 1);
    cleanup(memory_free) char *wanted = memory_format(
        "mqtt-sink: no connection to %s: Connection refused; trying again", broker->address);
    (void)state;

    put(sink, rig_bytes("0", 1));
    broker_kill(broker);
    for (bool told = false; !told;) {
        cleanup(memory_free) char *said = rig_hear(sink, 8, &bytes);

        told = said != NULL && strcmp(said, wanted) == 0;
    }
    broker_restart(broker);
    put(sink, bytes);
    operator_close(sink);
    broker_destroy(broker);
}

static void what_is_given_up_never_comes(void **state)
{
    struct broker *broker = broker_create(NULL);
    struct operator_instance *sink = SINK(broker, "topic", "t", "timeout", "300ms");
    struct error err;
    (void)state;

    assert_true(try(sink, rig_bytes("1", 1), &err) < 0);
    assert_non_null(
        strstr(err.text, "has not acknowledged 1 of 1 messages: no connection to "));
    assert_non_null(strstr(err.text, ": Connection refused; trying again"));
    operator_close(sink);
    sink = SINK(broker, "topic", "t", "timeout", "20s");
    broker_restart(broker);
    struct listener *listener = listener_start(broker, 1);
    put(sink, rig_bytes("2", 1));
    assert_non_null(strstr(listener_line(listener, 0), "t 2"));
    operator_close(sink);
    listener_stop(listener);
    broker_destroy(broker);
}

static void a_broker_may_refuse(void **state)
{
    struct broker *broker = broker_create("allow_anonymous true\nacl_file FOLDER/rights");
    struct error err;
    (void)state;

    free(broker_file(broker, "rights", "topic read #\ntopic write good\n"));
    broker_restart(broker);
    struct operator_instance *sink =
        RIG_OPEN("mqtt-sink", "broker", broker->guarded, "topic", "{topic}");
    assert_true(try(sink, messages("x", 1, (int64_t[]){1}, "bad\n"), &err) < 0);
    assert_string_equal(err.text, "mqtt-sink: the broker refuses a message: Not authorized");
    put(sink, messages("x", 1, (int64_t[]){1}, "good\n"));
    operator_close(sink);
    broker_destroy(broker);
}

static void frames_that_are_none_of_ours_are_refused(void **state)
{
    struct broker *broker = start();
    struct operator_instance *sink = SINK(broker, "topic", "t");
    struct error err;
    (void)state;

    RIG_REFUSE(&err, "mqtt-sink", "topic", "a/#");
    RIG_REFUSE(&err, "mqtt-sink", "topic", "t", "will-topic", "a/#");
    assert_true(try(sink, rig_picture(2, 2), &err) < 0);
    assert_true(try(sink, messages("x", 2, (int64_t[]){1, 2}, "a\nb\n"), &err) < 0);
    assert_true(try(sink, messages("xy", 2, (int64_t[]){2, 1}, "a\nb\n"), &err) < 0);
    assert_true(try(sink, messages("xy", 2, (int64_t[]){1, 2}, "a\n"), &err) < 0);
    operator_close(sink);
    broker_destroy(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_go_to_their_topics),
        cmocka_unit_test(messages_and_bytes_go_as_they_are),
        cmocka_unit_test(many_messages_all_arrive),
        cmocka_unit_test(what_is_retained_is_there_later),
        cmocka_unit_test(only_a_sink_that_is_lost_has_a_last_will),
        cmocka_unit_test(a_broker_that_comes_back_gets_the_rest),
        cmocka_unit_test(a_broker_that_is_away_is_told_at_once),
        cmocka_unit_test(what_is_given_up_never_comes),
        cmocka_unit_test(a_broker_may_refuse),
        cmocka_unit_test(frames_that_are_none_of_ours_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
