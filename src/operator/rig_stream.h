/* For tests of operators that remember: streams of seeded readings, out of order, with equals
 * and with numbers that are none, cut into frames; and lives that are cut short. */
#ifndef OPERATOR_RIG_STREAM_H
#define OPERATOR_RIG_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_reading {
    double time, value;
    char type[24], device[24];
};

/* Readings in order of arrival; or, with wanted numbers, what should come out. */
struct stream {
    size_t n;
    struct stream_reading *list;
    size_t n_frames;
    size_t *ends; /* where each frame ends */
};

/* 3 types, 3 devices, about a reading per second, most of them less than 10 s late. Values are
 * small but for a few that are 1e12 times larger. */
void stream_init(struct stream *stream, uint64_t seed, size_t n);
void stream_add(struct stream *stream, const struct stream_reading *reading);
void stream_finish(struct stream *stream);
void stream_finishp(struct stream *stream);

/* The same numbers from the same seed. */
uint64_t stream_random(uint64_t *state, uint64_t below);

bool stream_is_usable(const struct stream_reading *reading);

/* Which frames the operator is killed before. */
enum stream_kills { STREAM_NEVER, STREAM_ONCE, STREAM_ALWAYS };

/* What `words`, an operator and its parameters as for rig_open(), makes of the stream: a line
 * per frame, as rig_readings_text() writes it. */
char *stream_run(const char *const *words, const struct stream *stream, enum stream_kills kills,
                 uint64_t seed);

/* Lives that are cut short must not show in what comes out. */
void stream_expect_lives(const char *const *words);

/* What comes out is what is wanted, values but for a billionth. */
void stream_expect(const char *const *words, const struct stream *stream,
                   const struct stream *wanted);

/* Bytes of damaged memory: none may be read past its end, and nothing worse than an error may
 * come of them. */
void stream_expect_damage_is_found(const char *const *words);

#endif
