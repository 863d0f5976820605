/* Pictures, u8[height, width, 3], and how they change size. */
#ifndef OPERATOR_PICTURE_H
#define OPERATOR_PICTURE_H

#include <brume/operator.h>
#include <stdint.h>

/* Part of a picture in memory; `stride` bytes from row to row. */
struct picture {
    uint8_t *pixels;
    uint32_t width, height;
    size_t stride;
};

/* Input `port` as a picture, or brume_fail(). */
int picture_input(struct brume_call *call, unsigned port, struct picture *ret_picture);
/* A picture on output port 0, to be filled, or brume_fail(). */
int picture_output(struct brume_call *call, uint32_t width, uint32_t height,
                   struct picture *ret_picture);
/* For infer(): says that output port 0 gives a picture of that size, or refuses one over the
 * limit. */
int picture_infer(struct brume_call *call, uint32_t width, uint32_t height);
/* For infer(): refuses what is known not to be a picture. */
int picture_check(struct brume_call *call, unsigned port);

/* The view of input `port`; that of a picture which was never looked at is itself. */
struct brume_view picture_view(struct brume_call *call, unsigned port);
/* The view after the picture was scaled and then moved by so many pixels. */
struct brume_view picture_view_moved(struct brume_view view, double scale_x, double scale_y,
                                     double move_x, double move_y);

/* Scales `from` into the whole of `to`: bilinear between pixel centres, weights of 1/256.
 * Neither is empty; columns are the caller's scratch memory of picture_scratch() bytes. */
void picture_scale(const struct picture *from, const struct picture *to, void *scratch);
size_t picture_scratch(const struct picture *from, const struct picture *to);

#endif
