/* Bilinear scaling in two passes per row: first the two source rows are blended, which the
 * compiler turns into vector instructions, then columns are picked from the result. */
#include <assert.h>

#include "operator/picture.h"

struct column {
    uint32_t left, right; /* index of the first channel in the blended row */
    uint32_t weight;      /* of the right one, of 256 */
};

/* Where sample `i` of `n_to` lies among `n_from`: between `*ret_first` and the next one. */
static uint32_t locate(uint32_t i, uint32_t n_to, uint32_t n_from, uint32_t *ret_first)
{
    int64_t at = ((2 * (int64_t)i + 1) * n_from * 256 / n_to - 256) / 2; /* 1/256 of a pixel */

    if (at < 0) {
        at = 0;
    }
    if (at > ((int64_t)n_from - 1) * 256) {
        at = ((int64_t)n_from - 1) * 256;
    }
    *ret_first = (uint32_t)(at >> 8);
    return (uint32_t)(at & 255);
}

static size_t round_up(size_t size)
{
    return (size + 63) / 64 * 64;
}

static size_t columns_size(const struct picture *to)
{
    return round_up(to->width * sizeof(struct column));
}

size_t picture_scratch(const struct picture *from, const struct picture *to)
{
    return columns_size(to) + round_up((size_t)from->width * 3 * sizeof(uint16_t));
}

static void blend(const uint8_t *restrict above, const uint8_t *restrict below, uint32_t weight,
                  size_t n, uint16_t *restrict to)
{
    uint16_t down = (uint16_t)weight;
    uint16_t up = (uint16_t)(256 - weight);

    for (size_t i = 0; i < n; i++) {
        to[i] = (uint16_t)(above[i] * up + below[i] * down);
    }
}

static void pick(const uint16_t *restrict row, const struct column *restrict columns,
                 uint32_t n, uint8_t *restrict to)
{
    for (uint32_t x = 0; x < n; x++) {
        const uint16_t *left = row + columns[x].left;
        const uint16_t *right = row + columns[x].right;
        uint32_t weight = columns[x].weight;

        for (int c = 0; c < 3; c++) {
            to[3 * x + (uint32_t)c] =
                (uint8_t)((left[c] * (256 - weight) + right[c] * weight + 32768) >> 16);
        }
    }
}

void picture_scale(const struct picture *from, const struct picture *to, void *scratch)
{
    struct column *columns = scratch;
    uint16_t *row = (void *)((char *)scratch + columns_size(to));

    assert(from->width > 0 && from->height > 0);
    for (uint32_t x = 0; x < to->width; x++) {
        uint32_t first;

        columns[x].weight = locate(x, to->width, from->width, &first);
        columns[x].left = 3 * first;
        columns[x].right = 3 * (first + (first + 1 < from->width));
    }
    for (uint32_t y = 0; y < to->height; y++) {
        uint32_t first;
        uint32_t weight = locate(y, to->height, from->height, &first);
        const uint8_t *above = from->pixels + first * from->stride;
        const uint8_t *below = above + (first + 1 < from->height ? from->stride : 0);

        blend(above, below, weight, (size_t)from->width * 3, row);
        pick(row, columns, to->width, to->pixels + y * to->stride);
    }
}
