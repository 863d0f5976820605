#include "operator/image_encode.h"

#include <png.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

struct encoder {
    tjhandle jpeg;
    unsigned char *bytes; /* from tjAlloc() */
    unsigned long room;
};

struct encoder *encoder_create(void)
{
    struct encoder *encoder = calloc(1, sizeof(*encoder));

    if (encoder != NULL) {
        encoder->jpeg = tjInitCompress();
    }
    if (encoder != NULL && encoder->jpeg == NULL) {
        free(encoder);
        return NULL;
    }
    return encoder;
}

void encoder_destroy(struct encoder *encoder)
{
    if (encoder != NULL) {
        tjDestroy(encoder->jpeg);
        tjFree(encoder->bytes);
        free(encoder);
    }
}

static int encode_jpeg(struct encoder *encoder, struct brume_call *call,
                       const struct brume_tensor *picture, size_t *ret_size)
{
    unsigned long size = encoder->room;
    int r = tjCompress2(encoder->jpeg, picture->data, (int)picture->shape[1], 0,
                        (int)picture->shape[0], TJPF_RGB, &encoder->bytes, &size, TJSAMP_420,
                        (int)brume_param_integer(call, "quality"), 0);

    if (r < 0) {
        return brume_fail(call, "cannot encode a JPEG: %s", tjGetErrorStr2(encoder->jpeg));
    }
    encoder->room = size > encoder->room ? size : encoder->room;
    *ret_size = size;
    return 0;
}

static int encode_png(struct encoder *encoder, struct brume_call *call,
                      const struct brume_tensor *picture, size_t *ret_size)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .format = PNG_FORMAT_RGB,
        .width = picture->shape[1],
        .height = picture->shape[0],
    };
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);

    if (size > encoder->room) {
        tjFree(encoder->bytes);
        encoder->bytes = tjAlloc((int)size);
        encoder->room = encoder->bytes != NULL ? size : 0;
    }
    if (encoder->bytes == NULL) {
        return brume_fail(call, "no memory for a PNG of %zu bytes", (size_t)size);
    }
    if (!png_image_write_to_memory(&image, encoder->bytes, &size, 0, picture->data, 0, NULL)) {
        return brume_fail(call, "cannot encode a PNG: %s", image.message);
    }
    *ret_size = size;
    return 0;
}

int encoder_run(struct encoder *encoder, struct brume_call *call, const void **ret_bytes,
                size_t *ret_size)
{
    const struct brume_tensor *picture = brume_input(call, 0, 0);
    bool png = strcmp(brume_param(call, "format"), "png") == 0;

    if (picture->type != BRUME_U8 || picture->rank != 3 || picture->shape[2] != 3) {
        return brume_fail(call, "wants a picture, u8[height, width, 3]");
    }
    int r = png ? encode_png(encoder, call, picture, ret_size)
                : encode_jpeg(encoder, call, picture, ret_size);
    *ret_bytes = encoder->bytes;
    return r;
}
