#include "operator/cast.h"

#include <errno.h>

#include "base/error.h"

int cast_init(const struct tensor_shape *shape, struct cast *ret_cast, struct error *err)
{
    bool last = shape->rank == 4 && shape->dims[3] == 3;
    bool second = shape->rank == 4 && shape->dims[1] == 3;
    char text[160];

    if ((shape->type != TENSOR_F32 && shape->type != TENSOR_U8) || (!last && !second) ||
        shape->dims[0] > 1) {
        tensor_shape_text(shape, sizeof(text), text);
        return error_set(
            err, -EINVAL,
            "the network wants %s, which a picture cannot become; float32 or uint8 "
            "[1, 3, height, width] and [1, height, width, 3] can be filled",
            text);
    }
    ret_cast->shape = *shape;
    ret_cast->shape.dims[0] = 1;
    ret_cast->planar = !last;
    return 0;
}

void cast_size(const struct cast *cast, uint32_t *ret_width, uint32_t *ret_height)
{
    *ret_height = cast->shape.dims[cast->planar ? 2 : 1];
    *ret_width = cast->shape.dims[cast->planar ? 3 : 2];
}

static void numbers_planar(const uint8_t *restrict from, size_t n, const float *restrict table,
                           float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i] = table[from[3 * i]];
    }
}

static void numbers_packed(const uint8_t *restrict from, const unsigned *channels, size_t n,
                           const float (*tables)[256], float *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[3 * i] = tables[0][from[3 * i + channels[0]]];
        to[3 * i + 1] = tables[1][from[3 * i + channels[1]]];
        to[3 * i + 2] = tables[2][from[3 * i + channels[2]]];
    }
}

static void bytes(const uint8_t *restrict from, size_t n, size_t step, uint8_t *restrict to)
{
    for (size_t i = 0; i < n; i++) {
        to[i * step] = from[3 * i];
    }
}

void cast_run(const struct cast *cast, const struct picture *picture, void *to)
{
    const unsigned channels[] = {cast->swap ? 2 : 0, 1, cast->swap ? 0 : 2};
    size_t n = (size_t)picture->width * picture->height;

    if (cast->shape.type == TENSOR_F32 && !cast->planar) {
        numbers_packed(picture->pixels, channels, n, cast->tables, to);
        return;
    }
    for (unsigned c = 0; c < 3; c++) {
        const uint8_t *from = picture->pixels + channels[c];

        if (cast->shape.type == TENSOR_F32) {
            numbers_planar(from, n, cast->tables[c], (float *)to + c * n);
        } else if (cast->planar) {
            bytes(from, n, 1, (uint8_t *)to + c * n);
        } else {
            bytes(from, n, 3, (uint8_t *)to + c);
        }
    }
}
