#include "operator/picture.h"

#include "tensor/tensor.h"

int picture_infer(struct brume_call *call, uint32_t width, uint32_t height)
{
    if (brume_output(call, 0, BRUME_U8, 3, (uint32_t[]){height, width, 3}) == NULL) {
        return brume_fail(call, "a picture of %ux%u pixels is over the limit of %zu million",
                          width, height, TENSOR_SIZE_MAX / 3 / 1000000);
    }
    return 0;
}

int picture_check(struct brume_call *call, unsigned port)
{
    const struct brume_tensor *tensor = brume_input(call, port, 0);

    if (tensor != NULL && (brume_input_count(call, port) != 1 || tensor->type != BRUME_U8 ||
                           tensor->rank != 3 || tensor->shape[2] != 3)) {
        return brume_fail(call, "wants one picture, u8[height, width, 3], on input %u", port);
    }
    return 0;
}

int picture_input(struct brume_call *call, unsigned port, struct picture *ret_picture)
{
    const struct brume_tensor *tensor = brume_input(call, port, 0);
    int ret = picture_check(call, port);

    if (ret < 0) {
        return ret;
    }
    if (tensor == NULL || tensor->shape[0] == 0 || tensor->shape[1] == 0) {
        return brume_fail(call, "the picture on input %u has no pixels", port);
    }
    *ret_picture = (struct picture){
        .pixels = tensor->data,
        .width = tensor->shape[1],
        .height = tensor->shape[0],
        .stride = (size_t)tensor->shape[1] * 3,
    };
    return 0;
}

int picture_output(struct brume_call *call, uint32_t width, uint32_t height,
                   struct picture *ret_picture)
{
    const struct brume_tensor *tensor =
        brume_output(call, 0, BRUME_U8, 3, (uint32_t[]){height, width, 3});

    if (tensor == NULL) {
        return brume_fail(call, "no memory for a picture of %ux%u pixels", width, height);
    }
    *ret_picture = (struct picture){tensor->data, width, height, (size_t)width * 3};
    return 0;
}

struct brume_view picture_view(struct brume_call *call, unsigned port)
{
    struct brume_view view = brume_view(call, port);
    const struct brume_tensor *tensor = brume_input(call, port, 0);

    if (view.width == 0 && tensor != NULL && tensor->rank == 3) {
        view = (struct brume_view){tensor->shape[1], tensor->shape[0], 1, 1, 0, 0};
    }
    return view;
}

struct brume_view picture_view_moved(struct brume_view view, double scale_x, double scale_y,
                                     double move_x, double move_y)
{
    view.scale_x = (float)(view.scale_x * scale_x);
    view.scale_y = (float)(view.scale_y * scale_y);
    view.offset_x = (float)(view.offset_x * scale_x + move_x);
    view.offset_y = (float)(view.offset_y * scale_y + move_y);
    return view;
}
