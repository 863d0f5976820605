/* Numbers in fewer bits, for slow links: half precision, or one byte with an offset and a step;
 * and their bytes in another order. Arrays of any length; nothing is kept. */
#ifndef OPERATOR_PACKING_H
#define OPERATOR_PACKING_H

#include <stddef.h>
#include <stdint.h>

/* IEEE 754 binary16, rounded to nearest even; what is too large becomes infinite, NaN stays. */
void packing_to_half(const float *restrict from, size_t n, uint16_t *restrict to);
void packing_from_half(const uint16_t *restrict from, size_t n, float *restrict to);

/* value = offset + step * byte, with the range that the finite ones of `from` have: an error of
 * at most step / 2 each. Infinite ones become the ends, NaN the offset. */
struct packing_scale {
    float offset, step;
};
struct packing_scale packing_scale_of(const float *from, size_t n);
void packing_to_bytes(const float *restrict from, size_t n, struct packing_scale scale,
                      uint8_t *restrict to);
void packing_from_bytes(const uint8_t *restrict from, size_t n, struct packing_scale scale,
                        float *restrict to);

/* n elements of `width` bytes as planes: all first bytes, then all second ones, …; and back. */
void packing_split(const uint8_t *restrict from, size_t n, size_t width, uint8_t *restrict to);
void packing_join(const uint8_t *restrict from, size_t n, size_t width, uint8_t *restrict to);

#endif
