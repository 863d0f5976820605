/* Readings that nobody took: a few devices with a few sensors each, for trying out an
 * application and for loads. Each value is a daily curve of its type and noise, made of the
 * seed, the device, the type and the frame's number alone, so that a source that was started
 * again gives the same.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/pace.h"
#include "operator/readings.h"

#define DAY   86400.0
#define PI    3.14159265358979323846
#define START 1483228800.0 /* 2017-01-01 */

enum { TYPES_MAX = 64 };

static const struct brume_param params[] = {
    {"devices", BRUME_INTEGER, "4", "how many there are", NULL, 1, 10000},
    {"types", BRUME_TEXT, "CO,NO2,temperature", "what each of them reads, comma-separated",
     NULL, 0, 0},
    {"every", BRUME_DURATION, "1h",
     "from one reading of a sensor to its next, by the readings' times", NULL, 0, 0},
    {"rate", BRUME_RATE, "0/s",
     "frames, of one reading of each sensor; 0: as fast as they are taken", NULL, 0, 0},
    {"seed", BRUME_INTEGER, "1", "another one, other values", NULL, 0, 0},
    {"frames", BRUME_INTEGER, "0", "how many there are; 0: no end", NULL, 0, 0},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS, "a reading of each sensor"},
    {0},
};

struct sensors {
    unsigned n_types;
    char *list; /* holds the types' names */
    const char *types[TYPES_MAX];
    uint64_t frames;
    struct pace pace;
};

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* 0 to 1, of three numbers. */
static double noise(uint64_t seed, uint64_t sensor, uint64_t sequence)
{
    return (double)(mix(mix(mix(seed) ^ sensor) ^ sequence) >> 11) / 9007199254740992.0;
}

static int infer(struct brume_call *call)
{
    return readings_infer(call, 1);
}

static void close_sensors(void *state)
{
    struct sensors *sensors = state;

    free(sensors->list);
    free(sensors);
}

static int open_sensors(struct brume_call *call, void **ret_state)
{
    struct sensors *sensors = memory_new(1, sizeof(*sensors));
    char *rest = sensors->list = memory_text(brume_param(call, "types"));

    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        name += strspn(name, " ");
        if (*name == '\0' || sensors->n_types == TYPES_MAX) {
            close_sensors(sensors);
            return brume_fail(call, "'types' lists 1 to %d names, none of them empty",
                              TYPES_MAX);
        }
        sensors->types[sensors->n_types++] = name;
    }
    sensors->frames = (uint64_t)brume_param_integer(call, "frames");
    sensors->pace.per_second = brume_rehearsal(call) ? 0 : brume_param_number(call, "rate");
    *ret_state = sensors;
    return 0;
}

static double value_at(uint64_t seed, uint64_t sensor, uint64_t sequence, double time)
{
    double mean = 10 + 40 * noise(seed, sensor, UINT64_MAX);
    double daily =
        mean * 0.3 * sin(2 * PI * (time / DAY + noise(seed, sensor, UINT64_MAX - 1)));

    return mean + daily + mean * 0.1 * (noise(seed, sensor, sequence) - 0.5);
}

static int process(struct brume_call *call, void *state)
{
    struct sensors *sensors = state;
    uint64_t sequence = brume_sequence(call),
             seed = (uint64_t)brume_param_integer(call, "seed");
    unsigned n_devices = (unsigned)brume_param_integer(call, "devices");
    double time = START + (double)sequence * brume_param_number(call, "every");
    cleanup(readings_out_finishp) struct readings_out out = {0};

    if (sensors->frames > 0 && sequence >= sensors->frames) {
        return BRUME_END;
    }
    uint64_t wait_ms = pace_wait_ms(&sensors->pace, sequence, clock_ns());
    if (wait_ms > 0) {
        brume_wait(call, wait_ms);
        return BRUME_LATER;
    }
    for (unsigned i = 0; i < n_devices; i++) {
        cleanup(memory_free) char *device = memory_format("sensor-%u", i + 1);

        for (unsigned j = 0; j < sensors->n_types; j++) {
            double value = value_at(seed, (uint64_t)i * TYPES_MAX + j, sequence, time);

            readings_add(&out, &(struct reading){time, value, sensors->types[j], device});
        }
    }
    return readings_output(call, 0, &out);
}

const struct brume_operator builtin_sensor_source = {
    .abi = BRUME_ABI,
    .name = "sensor-source",
    .summary = "makes up readings of sensors, the same for the same seed",
    .params = params,
    .outputs = outputs,
    .infer = infer,
    .open = open_sensors,
    .process = process,
    .close = close_sensors,
};
