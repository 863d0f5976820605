/* Loops without branches, which the compiler turns into vector instructions on any processor.
 * The half-precision conversions are those of F. Giesen's "Float->half variants" (2012), public
 * domain: a float multiplication does the rounding of small numbers. */
#include "operator/packing.h"

#include <math.h>
#include <string.h>

#define BYTE_STEPS 255.0F

static inline uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

enum {
    SIGN = 0x80000000U >> 16,
    HALF_INFINITE = 0x7c00,
    HALF_NAN = 0x7e00,
    FLOAT_INFINITE = 255 << 23,
    TOO_LARGE = (127 + 16) << 23, /* of halves: 65536 */
    LEAST_NORMAL = 113 << 23,     /* 2^-14 */
    DENORMAL = ((127 - 15) + (23 - 10) + 1) << 23,
    HALF_EXPONENT = 0x7c00 << 13,
};

static inline uint16_t to_half(float value)
{
    uint32_t all = bits_of(value), sign = (all >> 16) & SIGN, bits = all & 0x7fffffffU;
    uint32_t small = bits_of(float_of(bits) + float_of(DENORMAL)) - DENORMAL;
    uint32_t odd = (bits >> 13) & 1;
    uint32_t normal = (bits + ((uint32_t)(15 - 127) << 23) + 0xfff + odd) >> 13;
    uint32_t half = bits < LEAST_NORMAL ? small : normal;

    half = bits >= TOO_LARGE ? HALF_INFINITE : half;
    half = bits > FLOAT_INFINITE ? HALF_NAN : half;
    return (uint16_t)(half | sign);
}

static inline float from_half(uint16_t half)
{
    uint32_t bits = ((uint32_t)half & 0x7fff) << 13, exponent = bits & HALF_EXPONENT;
    uint32_t normal = bits + ((uint32_t)(127 - 15) << 23);
    uint32_t infinite = normal + ((uint32_t)(128 - 16) << 23);
    uint32_t small = bits_of(float_of(normal + (1U << 23)) - float_of(LEAST_NORMAL));
    uint32_t value = exponent == HALF_EXPONENT ? infinite : normal;

    value = exponent == 0 ? small : value;
    return float_of(value | ((uint32_t)half & SIGN) << 16);
}

void packing_to_half(const float *restrict from, size_t n, uint16_t *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = to_half(from[i]);
    }
}

void packing_from_half(const uint16_t *restrict from, size_t n, float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = from_half(from[i]);
    }
}

struct packing_scale packing_scale_of(const float *from, size_t n)
{
    float least = INFINITY, most = -INFINITY;

    for (size_t i = 0; i < n; i++) {
        float value = from[i];
        int finite = (bits_of(value) & 0x7fffffffU) < FLOAT_INFINITE;

        least = finite && value < least ? value : least;
        most = finite && value > most ? value : most;
    }
    if (most < least) {
        return (struct packing_scale){0, 0};
    }
    /* Halves first: the whole range may be larger than a float. */
    return (struct packing_scale){least, 2 * ((most / 2 - least / 2) / BYTE_STEPS)};
}

void packing_to_bytes(const float *restrict from, size_t n, struct packing_scale scale,
                      uint8_t *restrict to)
{
    float factor = scale.step > 0 ? 1 / scale.step : 0;

    for (size_t i = 0; i < n; i++) {
        float byte = (from[i] - scale.offset) * factor + 0.5F;

        byte = byte > 0 ? byte : 0; /* NaN too */
        byte = byte < BYTE_STEPS ? byte : BYTE_STEPS;
        to[i] = (uint8_t)(int)byte;
    }
}

void packing_from_bytes(const uint8_t *restrict from, size_t n, struct packing_scale scale,
                        float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = scale.offset + scale.step * (float)from[i];
    }
}

/* The usual widths have loops of their own, which the compiler makes vectors of. */
void packing_split(const uint8_t *restrict from, size_t n, size_t width, uint8_t *restrict to)
{
    if (width == 4) {
        for (size_t i = 0; i < n; i++) {
            to[i] = from[4 * i];
            to[n + i] = from[4 * i + 1];
            to[2 * n + i] = from[4 * i + 2];
            to[3 * n + i] = from[4 * i + 3];
        }
        return;
    }
    if (width == 2) {
        for (size_t i = 0; i < n; i++) {
            to[i] = from[2 * i];
            to[n + i] = from[2 * i + 1];
        }
        return;
    }
    for (size_t byte = 0; byte < width; byte++) {
        for (size_t i = 0; i < n; i++) {
            to[byte * n + i] = from[width * i + byte];
        }
    }
}

void packing_join(const uint8_t *restrict from, size_t n, size_t width, uint8_t *restrict to)
{
    if (width == 4) {
        for (size_t i = 0; i < n; i++) {
            to[4 * i] = from[i];
            to[4 * i + 1] = from[n + i];
            to[4 * i + 2] = from[2 * n + i];
            to[4 * i + 3] = from[3 * n + i];
        }
        return;
    }
    if (width == 2) {
        for (size_t i = 0; i < n; i++) {
            to[2 * i] = from[i];
            to[2 * i + 1] = from[n + i];
        }
        return;
    }
    for (size_t byte = 0; byte < width; byte++) {
        for (size_t i = 0; i < n; i++) {
            to[width * i + byte] = from[byte * n + i];
        }
    }
}
