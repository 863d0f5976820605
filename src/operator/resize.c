/* Stretches or shrinks a picture to a given size, whatever its proportions. */
#include <stdlib.h>

#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/picture.h"

static const struct brume_param params[] = {
    {"size", BRUME_SIZE, NULL, "width x height in pixels", NULL, 0, 0},
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

static int process(struct brume_call *call, void *state)
{
    struct picture from;
    struct picture to;
    uint32_t width;
    uint32_t height;
    (void)state;

    brume_param_size(call, "size", &width, &height);
    int ret = picture_input(call, 0, &from);
    ret = ret < 0 ? ret : picture_output(call, width, height, &to);
    if (ret < 0) {
        return ret;
    }
    cleanup(memory_free) void *scratch = malloc(picture_scratch(&from, &to));
    if (scratch == NULL) {
        return brume_fail(call, "no memory to scale a picture of %ux%u pixels", from.width,
                          from.height);
    }
    picture_scale(&from, &to, scratch);
    struct brume_view view = picture_view_moved(
        picture_view(call, 0), (double)width / from.width, (double)height / from.height, 0, 0);
    brume_set_view(call, 0, &view);
    return 0;
}

const struct brume_operator builtin_resize = {
    .abi = BRUME_ABI,
    .name = "resize",
    .summary = "stretches or shrinks a picture to a given size",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .process = process,
};
