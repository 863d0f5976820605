/* A small font: ASCII, five columns, seven rows above the base line and one below. */
#ifndef OPERATOR_FONT_H
#define OPERATOR_FONT_H

#include <stdint.h>

enum {
    FONT_FIRST = ' ',
    FONT_LAST = '~',
    FONT_WIDTH = 5,
    FONT_HEIGHT = 8,
    FONT_ADVANCE = 6, /* from letter to letter */
};

extern const uint8_t font_glyphs[FONT_LAST - FONT_FIRST + 1][FONT_HEIGHT];

#endif
