/* Lines and letters on a picture. Everything is clipped to it. */
#ifndef OPERATOR_CANVAS_H
#define OPERATOR_CANVAS_H

#include "operator/picture.h"

struct colour {
    uint8_t red, green, blue;
};

struct area {
    long x, y, width, height; /* pixels */
};

/* A colour per class: neighbours in the list differ well. */
struct colour canvas_colour(unsigned class);

void canvas_fill(const struct picture *picture, struct area area, struct colour colour);

/* A frame whose outer edge is `area`. */
void canvas_frame(const struct picture *picture, struct area area, long thickness,
                  struct colour colour);

/* Text on a filled plate, `scale` pixels per dot of the font; black or white, whichever reads
 * better. The plate's upper left corner is x, y; canvas_plate() tells its size. */
void canvas_text(const struct picture *picture, long x, long y, long scale, const char *text,
                 struct colour plate);
struct area canvas_plate(long scale, const char *text);

#endif
