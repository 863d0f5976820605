#include "operator/rig_stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/rig.h"

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t stream_random(uint64_t *state, uint64_t below)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return below > 0 ? (z ^ (z >> 31)) % below : 0;
}

void stream_add(struct stream *stream, const struct stream_reading *reading)
{
    stream->list = memory_grow(stream->list, stream->n, sizeof(*stream->list));
    stream->list[stream->n++] = *reading;
}

static void end_frame(struct stream *stream)
{
    stream->ends = memory_grow(stream->ends, stream->n_frames, sizeof(*stream->ends));
    stream->ends[stream->n_frames++] = stream->n;
}

static double some_value(uint64_t *seed)
{
    double value = ((double)stream_random(seed, 2000001) - 1e6) / 1e4;

    switch (stream_random(seed, 60)) {
    case 0:
        return NAN;
    case 1:
        return -INFINITY;
    case 2:
    case 3:
        return fabs(value) * 1e12;
    default:
        return value;
    }
}

void stream_init(struct stream *stream, uint64_t seed, size_t n)
{
    static const char *const types[] = {"CO", "NOx", "dust"};
    static const char *const devices[] = {"gate", "roof", ""};
    double now = 1769860800 + (double)stream_random(&seed, 1000);

    *stream = (struct stream){0};
    while (stream->n < n) {
        struct stream_reading reading = {.value = some_value(&seed)};
        double late = stream_random(&seed, 3) == 0 ? (double)stream_random(&seed, 40) / 4 : 0;

        late = stream_random(&seed, 50) == 0 ? 30 : late;
        now += (double)stream_random(&seed, 9) / 4;
        now += stream_random(&seed, 200) == 0 ? 90 : 0;
        reading.time = stream_random(&seed, 150) == 0 ? NAN : now - late;
        snprintf(reading.type, sizeof(reading.type), "%s", types[stream_random(&seed, 3)]);
        snprintf(reading.device, sizeof(reading.device), "%s",
                 devices[stream_random(&seed, 3)]);
        stream_add(stream, &reading);
        while (stream_random(&seed, 4) == 0) {
            end_frame(stream); /* perhaps more than once: empty ones */
        }
    }
    end_frame(stream);
}

void stream_finish(struct stream *stream)
{
    free(stream->list);
    free(stream->ends);
    *stream = (struct stream){0};
}

void stream_finishp(struct stream *stream)
{
    stream_finish(stream);
}

bool stream_is_usable(const struct stream_reading *reading)
{
    return isfinite(reading->time) && isfinite(reading->value);
}

/* The readings from `from` to before `to` as text for rig_flow(). */
static char *frame_text(const struct stream *stream, size_t from, size_t to)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    for (size_t i = from; i < to; i++) {
        const struct stream_reading *reading = &stream->list[i];

        fprintf(file, "%s%.17g %.17g %s %s", i > from ? ";" : "", reading->time, reading->value,
                reading->type, reading->device);
    }
    fclose(file);
    return text;
}

char *stream_run(const char *const *words, const struct stream *stream, enum stream_kills kills,
                 uint64_t seed)
{
    cleanup(operator_closep) struct operator_instance *instance = rig_open(words);
    size_t kill = stream_random(&seed, stream->n_frames);
    char *text = NULL;
    size_t size = 0, from = 0;
    FILE *file = open_memstream(&text, &size);

    for (size_t i = 0; i < stream->n_frames; i++) {
        cleanup(memory_free) char *input = frame_text(stream, from, stream->ends[i]);

        if (kills == STREAM_ALWAYS || (kills == STREAM_ONCE && i == kill)) {
            rig_revive(&instance, words);
        }
        cleanup(memory_free) char *output = rig_flow(instance, 0, i, input);
        fprintf(file, "%s\n", output);
        from = stream->ends[i];
    }
    fclose(file);
    return text;
}

void stream_expect_lives(const char *const *words)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cleanup(stream_finishp) struct stream stream;

        stream_init(&stream, seed, 400);
        cleanup(memory_free) char *whole = stream_run(words, &stream, STREAM_NEVER, 0);
        cleanup(memory_free) char *always = stream_run(words, &stream, STREAM_ALWAYS, 0);
        assert_string_equal(whole, always);
        for (uint64_t kill = 0; kill < 4; kill++) {
            cleanup(memory_free) char *once =
                stream_run(words, &stream, STREAM_ONCE, seed * 4 + kill);

            assert_string_equal(whole, once);
        }
    }
}

/* Reads one reading as rig_readings_text() writes it, and moves on to the next. */
static struct stream_reading next_reading(char **at)
{
    struct stream_reading reading = {.time = strtod(*at, at)};

    reading.value = strtod(*at, at);
    size_t size = strcspn(*at, ";\n");
    cleanup(memory_free) char *words = memory_format("%.*s", (int)size, *at);
    char *rest = NULL;
    const char *type = strtok_r(words, " ", &rest);
    const char *device = strtok_r(NULL, "", &rest);

    snprintf(reading.type, sizeof(reading.type), "%s", type);
    snprintf(reading.device, sizeof(reading.device), "%s", device != NULL ? device : "");
    *at += size;
    *at += strspn(*at, "; \n");
    return reading;
}

void stream_expect(const char *const *words, const struct stream *stream,
                   const struct stream *wanted)
{
    cleanup(memory_free) char *text = stream_run(words, stream, STREAM_NEVER, 0);
    char *at = text + strspn(text, "\n");

    for (size_t i = 0; i < wanted->n; i++) {
        const struct stream_reading *want = &wanted->list[i];

        if (*at == '\0') {
            fail_msg("%zu readings, not %zu", i, wanted->n);
        }
        struct stream_reading got = next_reading(&at);
        if (got.time != want->time || strcmp(got.type, want->type) != 0 ||
            strcmp(got.device, want->device) != 0 ||
            !(fabs(got.value - want->value) <= 1e-9 * (1 + fabs(want->value)))) {
            fail_msg("reading %zu: %.17g %.17g %s %s, not %.17g %.17g %s %s", i, got.time,
                     got.value, got.type, got.device, want->time, want->value, want->type,
                     want->device);
        }
    }
    assert_string_equal(at, "");
}

/* Restores what may be damaged; when that went well, the operator must go on. */
static void restore(const char *const *words, const char *data, size_t size)
{
    cleanup(operator_closep) struct operator_instance *instance = rig_open(words);
    cleanup(memory_free) char *copy = memory_new(size, 1); /* of its size, for the sanitizer */
    struct error err = {0};

    memcpy(copy, data, size);
    if (operator_restore(instance, copy, size, &err) < 0) {
        assert_non_null(strstr(err.text, "damaged"));
        return;
    }
    cleanup(stream_finishp) struct stream stream;
    stream_init(&stream, 9, 60);
    cleanup(memory_free) char *input = frame_text(&stream, 0, stream.n);
    free(rig_flow(instance, 0, 0, input));
}

void stream_expect_damage_is_found(const char *const *words)
{
    cleanup(operator_closep) struct operator_instance *instance = rig_open(words);
    cleanup(stream_finishp) struct stream stream;
    struct operator_saved saved;
    struct error err;
    uint64_t seed = 5;

    stream_init(&stream, 3, 40);
    cleanup(memory_free) char *input = frame_text(&stream, 0, stream.n);
    free(rig_flow(instance, 0, 0, input));
    assert_int_equal(operator_save(instance, &saved, &err), 0);
    for (size_t size = 0; size < saved.size; size++) {
        restore(words, saved.data, size);
    }
    for (int i = 0; i < 2000; i++) {
        char *byte = &saved.data[stream_random(&seed, saved.size)];
        char before = *byte;

        *byte = (char)stream_random(&seed, 256);
        restore(words, saved.data, saved.size);
        *byte = before;
    }
    free(saved.data);
}
