/* Scales a picture into a box of given size, keeps its proportions, and fills the rest.
 *
 * The view tells where the picture ended up, so that what a network finds in the box can be
 * said in pixels of the original.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/picture.h"

static const struct brume_param params[] = {
    {"size", BRUME_SIZE, NULL, "width x height of the box in pixels", NULL, 0, 0},
    {"fill", BRUME_INTEGER, "127", "grey value of the bars", NULL, 0, 255},
    {"align", BRUME_CHOICE, "centre", "where the picture lies in the box", "centre|top-left", 0,
     0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_PICTURE, "of any size"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_PICTURE, "of the size asked for"},
    {0},
};

static int infer(struct brume_call *call)
{
    uint32_t width;
    uint32_t height;
    int ret = picture_check(call, 0);

    brume_param_size(call, "size", &width, &height);
    return ret < 0 ? ret : picture_infer(call, width, height);
}

static void fill_rows(const struct picture *box, uint32_t from, uint32_t to, int value)
{
    memset(box->pixels + from * box->stride, value, (to - from) * box->stride);
}

/* Fills what lies around `inner`, whose upper left corner in the box is (left, top). */
static void fill_around(const struct picture *box, const struct picture *inner, uint32_t left,
                        uint32_t top, int value)
{
    uint32_t right = left + inner->width;

    fill_rows(box, 0, top, value);
    fill_rows(box, top + inner->height, box->height, value);
    for (uint32_t y = top; y < top + inner->height; y++) {
        uint8_t *row = box->pixels + y * box->stride;

        memset(row, value, (size_t)left * 3);
        memset(row + (size_t)right * 3, value, (size_t)(box->width - right) * 3);
    }
}

static uint32_t side(double scaled, uint32_t most)
{
    long rounded = lround(scaled);

    return rounded < 1 ? 1 : rounded > (long)most ? most : (uint32_t)rounded;
}

static int process(struct brume_call *call, void *state)
{
    struct picture from;
    struct picture box;
    uint32_t width;
    uint32_t height;
    (void)state;

    brume_param_size(call, "size", &width, &height);
    int ret = picture_input(call, 0, &from);
    ret = ret < 0 ? ret : picture_output(call, width, height, &box);
    if (ret < 0) {
        return ret;
    }
    double scale = fmin((double)width / from.width, (double)height / from.height);
    struct picture inner = box;
    inner.width = side(from.width * scale, width);
    inner.height = side(from.height * scale, height);
    bool centre = strcmp(brume_param(call, "align"), "centre") == 0;
    uint32_t left = centre ? (width - inner.width) / 2 : 0;
    uint32_t top = centre ? (height - inner.height) / 2 : 0;
    inner.pixels += top * box.stride + (size_t)left * 3;

    cleanup(memory_free) void *scratch = malloc(picture_scratch(&from, &inner));
    if (scratch == NULL) {
        return brume_fail(call, "no memory to scale a picture of %ux%u pixels", from.width,
                          from.height);
    }
    picture_scale(&from, &inner, scratch);
    fill_around(&box, &inner, left, top, (int)brume_param_integer(call, "fill"));
    struct brume_view view =
        picture_view_moved(picture_view(call, 0), (double)inner.width / from.width,
                           (double)inner.height / from.height, left, top);
    brume_set_view(call, 0, &view);
    return 0;
}

const struct brume_operator builtin_letterbox = {
    .abi = BRUME_ABI,
    .name = "letterbox",
    .summary = "scales a picture into a box, keeps its proportions, and fills the rest",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .process = process,
};
