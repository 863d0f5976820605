#include "operator/canvas.h"

#include <math.h>
#include <string.h>

#include "operator/font.h"

static long limit(long value, long least, long most)
{
    return value < least ? least : value > most ? most : value;
}

/* Hues a golden section apart (the most even spread of any number of them). */
struct colour canvas_colour(unsigned class)
{
    double hue = fmod(0.33 + class * 0.6180339887498949, 1) * 6;
    double part[3];

    for (int i = 0; i < 3; i++) {
        double at = fmod(hue + 4 * i, 6); /* red, green, blue lie 2 apart */

        part[i] = fmin(fmax(fabs(at - 3) - 1, 0), 1);
    }
    return (struct colour){(uint8_t)(40 + 215 * part[0]), (uint8_t)(40 + 215 * part[1]),
                           (uint8_t)(40 + 215 * part[2])};
}

void canvas_fill(const struct picture *picture, struct area area, struct colour colour)
{
    long left = limit(area.x, 0, picture->width);
    long right = limit(area.x + area.width, left, picture->width);
    long top = limit(area.y, 0, picture->height);
    long bottom = limit(area.y + area.height, top, picture->height);

    for (long y = top; y < bottom; y++) {
        uint8_t *at = picture->pixels + (size_t)y * picture->stride + (size_t)left * 3;

        for (long x = left; x < right; x++) {
            *at++ = colour.red;
            *at++ = colour.green;
            *at++ = colour.blue;
        }
    }
}

void canvas_frame(const struct picture *picture, struct area area, long thickness,
                  struct colour colour)
{
    struct area side = area;

    side.height = thickness;
    canvas_fill(picture, side, colour);
    side.y = area.y + area.height - thickness;
    canvas_fill(picture, side, colour);
    side = area;
    side.width = thickness;
    canvas_fill(picture, side, colour);
    side.x = area.x + area.width - thickness;
    canvas_fill(picture, side, colour);
}

static int dot(const uint8_t *glyph, long column, long row)
{
    if (column < 0 || column >= FONT_WIDTH || row < 0 || row >= FONT_HEIGHT) {
        return 0;
    }
    return glyph[row] >> (FONT_WIDTH - 1 - column) & 1;
}

/* How much of a pixel the letter covers: the dots, smoothed so that slopes lose their steps. */
static double cover(const uint8_t *glyph, double x, double y, long scale)
{
    long column = (long)floor(x - 0.5);
    long row = (long)floor(y - 0.5);
    double right = x - 0.5 - (double)column;
    double down = y - 0.5 - (double)row;
    double above = dot(glyph, column, row) * (1 - right) + dot(glyph, column + 1, row) * right;
    double below =
        dot(glyph, column, row + 1) * (1 - right) + dot(glyph, column + 1, row + 1) * right;
    double at = above * (1 - down) + below * down;

    return fmin(fmax((at - 0.42) * (double)scale + 0.5, 0), 1);
}

static uint8_t mix(uint8_t back, uint8_t front, double share)
{
    return (uint8_t)lround(back + (front - back) * share);
}

static void letter(const struct picture *picture, long x, long y, long scale, int character,
                   uint8_t ink)
{
    int index = character < FONT_FIRST || character > FONT_LAST ? '?' : character;
    const uint8_t *glyph = font_glyphs[index - FONT_FIRST];

    for (long row = limit(y, 0, picture->height);
         row < limit(y + FONT_HEIGHT * scale, 0, picture->height); row++) {
        for (long column = limit(x, 0, picture->width);
             column < limit(x + FONT_WIDTH * scale, 0, picture->width); column++) {
            double share = cover(glyph, ((double)(column - x) + 0.5) / (double)scale,
                                 ((double)(row - y) + 0.5) / (double)scale, scale);
            uint8_t *at = picture->pixels + (size_t)row * picture->stride + (size_t)column * 3;

            for (int c = 0; c < 3; c++) {
                at[c] = mix(at[c], ink, share);
            }
        }
    }
}

struct area canvas_plate(long scale, const char *text)
{
    return (struct area){
        .width = ((long)strlen(text) * FONT_ADVANCE + 2) * scale,
        .height = (FONT_HEIGHT + 2) * scale,
    };
}

void canvas_text(const struct picture *picture, long x, long y, long scale, const char *text,
                 struct colour plate)
{
    struct area area = canvas_plate(scale, text);
    /* Rec. 601 luma */
    int luma = (299 * plate.red + 587 * plate.green + 114 * plate.blue) / 1000;

    area.x = x;
    area.y = y;
    canvas_fill(picture, area, plate);
    for (size_t i = 0; text[i] != '\0'; i++) {
        letter(picture, x + ((long)i * FONT_ADVANCE + 1) * scale + scale / 2,
               y + scale + scale / 2, scale, (unsigned char)text[i], luma > 120 ? 0 : 255);
    }
}
