#include "cli/image.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/call.h"
#include "operator/cast.h"
#include "operator/registry.h"
#include "tensor/frame.h"

enum { FILE_SIZE_MAX = 64 << 20 };

static void free_memory(void *memory)
{
    free(memory);
}

static int load_file(const char *path, struct frame **ret_frame, struct error *err)
{
    const struct frame_view view = {0};
    struct tensor *tensor = NULL;
    void *bytes = NULL;
    size_t size = 0;
    int r = file_read(path, FILE_SIZE_MAX, &bytes, &size, err);

    if (r < 0) {
        return r;
    }
    const struct tensor_shape shape = {TENSOR_U8, 1, {(uint32_t)size}};
    r = tensor_wrap(&shape, bytes, free_memory, bytes, &tensor, err);
    if (r < 0) {
        free(bytes);
        return error_wrap(err, "%s", path);
    }
    *ret_frame = frame_create(0, 0, &view, 1, &tensor);
    return 0;
}

/* One frame through one operator; replaces the frame. */
static int pass(const char *name, size_t n_params, const struct operator_param *params,
                struct frame **frame, struct error *err)
{
    cleanup(operator_closep) struct operator_instance *instance = NULL;
    cleanup(operator_result_finish) struct operator_result result = {0};
    struct operator_setup setup = {.name = name, .n_params = n_params, .params = params};
    int r = registry_find(name, &setup.type, err);

    r = r < 0 ? r : operator_open(&setup, &instance, err);
    r = r < 0 ? r : operator_process(instance, 0, frame, &result, err);
    if (r == 0) {
        frame_unref(*frame);
        *frame = frame_ref(result.outputs[0]);
    }
    return r;
}

static void fill_tables(struct cast *cast, struct image_range range)
{
    for (int c = 0; c < 3; c++) {
        for (int byte = 0; byte < 256; byte++) {
            cast->tables[c][byte] =
                (float)(range.black + byte / 255.0 * (range.white - range.black));
        }
    }
}

int image_load(const char *path, const struct tensor_shape *shape, struct image_range range,
               struct tensor **ret_tensor, struct error *err)
{
    cleanup(frame_unrefp) struct frame *frame = NULL;
    cleanup(tensor_unrefp) struct tensor *tensor = NULL;
    struct cast cast = {0};
    uint32_t width = 0;
    uint32_t height = 0;
    int r = cast_init(shape, &cast, err);

    if (r == 0) {
        cast_size(&cast, &width, &height);
        fill_tables(&cast, range);
    }
    if (r < 0 || width == 0 || height == 0) {
        return error_set(err, -ENOTSUP, "the model does not take pictures of one size");
    }
    cleanup(memory_free) char *size = memory_format("%ux%u", width, height);
    const struct operator_param params[] = {{"size", size}};
    r = load_file(path, &frame, err);
    if (r < 0) {
        return r;
    }
    r = pass("decode", 0, NULL, &frame, err);
    r = r < 0 ? r : pass("resize", 1, params, &frame, err);
    if (r == -EIO) {
        r = err->code = -EINVAL; /* what an operator says of a picture is the picture's fault */
    }
    r = r < 0 ? r : tensor_create(&cast.shape, &tensor, err);
    if (r < 0) {
        return error_wrap(err, "%s", path);
    }
    const struct picture picture = {frame->tensors[0]->data, width, height, (size_t)width * 3};
    cast_run(&cast, &picture, tensor->data);
    *ret_tensor = STEAL(tensor);
    return 0;
}
