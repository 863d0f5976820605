/* Draws boxes and their labels onto a picture.
 *
 * The boxes are in pixels of the original; the picture's own view says where that is in it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "operator/boxes.h"
#include "operator/builtin.h"
#include "operator/canvas.h"
#include "operator/picture.h"

static const struct brume_param params[] = {
    {"thickness", BRUME_INTEGER, "0", "of the lines, in pixels; 0: to suit the picture", NULL,
     0, 100},
    {"text", BRUME_INTEGER, "0", "height of a letter's dot in pixels; 0: to suit the picture",
     NULL, 0, 100},
    {"score", BRUME_SWITCH, "true", "write the score behind the label", NULL, 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"picture", BRUME_PICTURE, "to be drawn onto (a copy of it)"},
    {"boxes", BRUME_BOXES, "what was found"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_PICTURE, "the picture with the boxes"},
    {0},
};

static int infer(struct brume_call *call)
{
    const struct brume_tensor *picture = brume_input(call, 0, 0);
    int ret = picture_check(call, 0);

    if (ret == 0 && picture != NULL) {
        brume_output(call, 0, BRUME_U8, 3, picture->shape);
    }
    return ret;
}

static long chosen(struct brume_call *call, const char *name, const struct picture *picture,
                   long share)
{
    long given = (long)brume_param_integer(call, name);
    long smaller = picture->width < picture->height ? picture->width : picture->height;

    if (given > 0) {
        return given;
    }
    return smaller / share > 1 ? smaller / share : 1;
}

/* Far outside is as good as a little outside; keeps numbers from overflowing. */
static long pixel(double at, uint32_t side)
{
    return lround(fmin(fmax(at, -100), side + 100.0));
}

static struct area place(const struct brume_view *view, const struct picture *picture,
                         const float *row)
{
    double x = (double)row[0] * view->scale_x + view->offset_x;
    double y = (double)row[1] * view->scale_y + view->offset_y;
    long left = pixel(x, picture->width);
    long top = pixel(y, picture->height);

    return (struct area){
        .x = left,
        .y = top,
        .width = pixel(x + (double)row[2] * view->scale_x, picture->width) - left,
        .height = pixel(y + (double)row[3] * view->scale_y, picture->height) - top,
    };
}

/* Above the box; inside it when there is no room above; never past the right edge. */
static void write_label(const struct picture *picture, const struct area *box, long scale,
                        const char *text, struct colour colour)
{
    struct area plate = canvas_plate(scale, text);
    long x = box->x;
    long y = box->y - plate.height;

    if (x + plate.width > (long)picture->width) {
        x = (long)picture->width - plate.width;
    }
    if (y < 0) {
        y = box->y < 0 ? 0 : box->y;
    }
    canvas_text(picture, x < 0 ? 0 : x, y, scale, text, colour);
}

static void draw_row(struct brume_call *call, const struct picture *picture,
                     const struct boxes_input *boxes, size_t i)
{
    const float *row = boxes->rows + i * BOXES_ROW;
    struct brume_view view = picture_view(call, 0);
    struct area box = place(&view, picture, row);
    struct colour colour = canvas_colour(row[5] >= 0 && row[5] < 1e6F ? (unsigned)row[5] : 0);
    char text[96];

    if (brume_param_switch(call, "score")) {
        snprintf(text, sizeof(text), "%.80s %.2f", boxes_label(boxes, i), (double)row[4]);
    } else {
        snprintf(text, sizeof(text), "%.80s", boxes_label(boxes, i));
    }
    canvas_frame(picture, box, chosen(call, "thickness", picture, 160), colour);
    write_label(picture, &box, chosen(call, "text", picture, 260), text, colour);
}

static int process(struct brume_call *call, void *state)
{
    cleanup(boxes_input_finishp) struct boxes_input boxes = {0};
    struct picture from;
    struct picture to;
    (void)state;

    int ret = picture_input(call, 0, &from);
    ret = ret < 0 ? ret : boxes_input(call, 1, &boxes);
    ret = ret < 0 ? ret : picture_output(call, from.width, from.height, &to);
    if (ret < 0) {
        return ret;
    }
    memcpy(to.pixels, from.pixels, from.stride * from.height);
    for (size_t i = boxes.n; i > 0; i--) {
        draw_row(call, &to, &boxes, i - 1);
    }
    return 0;
}

const struct brume_operator builtin_draw = {
    .abi = BRUME_ABI,
    .name = "draw",
    .summary = "draws boxes and their labels onto a picture",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .process = process,
};
