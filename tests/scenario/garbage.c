/* What a broker brings is not believed: among good readings come messages that are none. The
 * good ones arrive once; the others are counted, some are told, and all go to the port for what
 * is malformed. Real clients publish all of it. */
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fixture/broker.h"
#include "fixture/rows.h"
#include "fixture/scenario.h"

enum { GOOD = 300, BIG = 3 << 20, HUGE = (16 << 20) + 1, GIANT = 20 << 20 };

static struct broker broker;

static int close_broker(void **state)
{
    (void)state;
    broker_end(&broker, SIGKILL);
    return 0;
}

static const char *const client = "/usr/bin/mosquitto_pub";

/* Publishes with QoS 1; returns when the broker has acknowledged. */
static void publish(const char *topic, const char *how, const char *what)
{
    char port[16];
    char *argv[] = {(char *)(uintptr_t)client,
                    (char *)(uintptr_t) "-q",
                    (char *)(uintptr_t) "1",
                    (char *)(uintptr_t) "-p",
                    port,
                    (char *)(uintptr_t) "-t",
                    (char *)(uintptr_t)topic,
                    (char *)(uintptr_t)how,
                    (char *)(uintptr_t)what,
                    NULL};
    int status = -1;
    pid_t pid;

    snprintf(port, sizeof(port), "%u", broker.port);
    assert_int_equal(posix_spawn(&pid, client, NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void publish_bytes(const char *topic, const void *bytes, size_t size)
{
    struct error err;

    assert_int_equal(file_write("payload", bytes, size, &err), 0);
    publish(topic, "-f", "payload");
}

/* Bytes of a generator, the same each time, with all values among them. */
static void publish_noise(const char *topic, size_t size)
{
    cleanup(memory_free) uint8_t *bytes = memory_new(size, 1);
    uint32_t seed = 2463534242;

    for (size_t i = 0; i < size; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        bytes[i] = (uint8_t)seed;
    }
    publish_bytes(topic, bytes, size);
}

/* Returns how many messages that are no readings, and can be read at all, were published. */
static unsigned publish_garbage(void)
{
    static const char *const bad[] = {
        "{\"value\": ",
        "{\"value\": \"high\", \"time\": []}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "1e999",
        "999999999999999999999999999999999999999999999999999999999999999999999999999999 x",
        "{\"time\": 1e308, \"value\": 1e999}",
        "null",
        "no number",
    };
    unsigned n = 0;

    for (; n < sizeof(bad) / sizeof(*bad); n++) {
        publish("scale/d1/CO", "-m", bad[n]);
    }
    publish_bytes("scale/d1/CO", "", 0);
    publish_noise("scale/d1/CO", 200);
    publish_noise("scale/d2/CO", BIG);
    publish_noise("scale/d2/CO", HUGE);
    publish_noise("scale/d2/CO", GIANT);
    publish("elsewhere/d1/CO", "-m", "1");
    publish("scale/d1/", "-m", "1");
    return n + 4;
}

static const char operators[] =
    "    - { name: kept, use: sqlite-sink, in: [readings], with: { path: kept.db } }\n"
    "    - { name: letters, use: json-sink, in: [readings.malformed],"
    " with: { path: letters.json } }\n";

static int ask(const char *sql)
{
    sqlite3 *db = NULL;
    int n = sqlite3_open_v2("kept.db", &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK
                ? rows_ask(db, sql)
                : -1;

    sqlite3_close(db);
    return n;
}

static bool has_begun(void)
{
    return ask("SELECT count(*) FROM readings") > 0;
}

static struct scenario *start_far(void)
{
    return broker_run_far(&broker, operators, has_begun);
}

static bool has_kept(struct scenario *scenario, const void *n)
{
    (void)scenario;
    return ask("SELECT count(*) FROM readings WHERE type = 'NO2'") >= *(const int *)n;
}

/* How many messages the file of dead letters has, and that each has a topic. */
static unsigned count_letters(void)
{
    cleanup(memory_free) char *text = scenario_read("letters.json");
    char *rest = text;
    unsigned n = 0;

    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        cleanup(json_decrefp) json_t *json = scenario_json(line);
        size_t i;
        json_t *message;

        json_array_foreach(json_object_get(json, "messages"), i, message)
        {
            const char *topic = json_string_value(json_object_get(message, "topic"));

            assert_non_null(topic);
            assert_int_equal(strncmp(topic, "scale/d", 7), 0);
            n++;
        }
    }
    return n;
}

static void garbage_is_set_aside_and_costs_no_reading(void **state)
{
    (void)state;
    broker_open(&broker);
    if (access(client, X_OK) < 0) {
        print_message("skipped: %s is not on this machine\n", client);
        skip();
    }
    struct scenario *far = start_far();
    struct scenario *sensors = SCENARIO("sense", "--broker", broker.address, "devices=1",
                                        "types=NO2", "frames=300", "rate=200/s");
    unsigned n_bad = publish_garbage();
    const int all = GOOD;
    const struct scenario_words giant = {"sensors: a message over 16 MB was left out\n", 1};
    scenario_expect(sensors, 0);
    scenario_close(sensors);
    scenario_until(far, has_kept, &all);
    scenario_until(far, scenario_has_said, &giant);
    scenario_interrupt(far);
    scenario_expect(far, 0);
    cleanup(memory_free) char *out = scenario_read(far->out);
    cleanup(memory_free) char *counted =
        memory_format("'readings' could not use %u of what came, and left them out\n", n_bad);
    assert_non_null(strstr(out, ": malformed from scale/d1/CO: "));
    assert_non_null(strstr(out, counted));
    assert_non_null(strstr(out, "'sensors' could not use 1 of what came, and left it out\n"));
    assert_non_null(strstr(out, "lost 0, duplicated 0\n"));
    assert_int_equal(count_letters(), n_bad);
    assert_int_equal(ask("SELECT count(*) FROM readings WHERE type = 'NO2'"), GOOD);
    assert_int_equal(ask("SELECT count(DISTINCT time) FROM readings WHERE type = 'NO2'"), GOOD);
    assert_int_equal(ask("SELECT count(*) FROM readings WHERE type = 'CO'"), 0);
    scenario_close(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(garbage_is_set_aside_and_costs_no_reading, close_broker),
    };

    return cmocka_run_group_tests_name("garbage", tests, scenario_make, scenario_remove);
}
