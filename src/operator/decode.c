/* Turns the bytes of a JPEG or PNG file into a picture. A plug-in: it needs libturbojpeg and
 * libpng.
 *
 * An operator of its own, so that the plan may send the small JPEG over a link and decode it on
 * the other side. With `shrink`, a JPEG is decoded at the smallest of the decoder's own scales
 * that still has the size asked for, which costs a fraction; the view says so.
 */
#include <brume/operator.h>
#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum { PIXELS_MAX = 64 << 20 };

static const struct brume_param params[] = {
    {"shrink", BRUME_SIZE, "", "decode a JPEG smaller, but not below this width x height", NULL,
     0, 0},
    {"damaged", BRUME_CHOICE, "refuse", "what to do with a JPEG that has errors in it",
     "refuse|accept", 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_BYTES, "a JPEG or PNG file"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_PICTURE, "RGB; grey and palette pictures become RGB too, transparency white"},
    {0},
};

static int infer(struct brume_call *call)
{
    brume_output(call, 0, BRUME_U8, 3, (uint32_t[]){0, 0, 3});
    return 0;
}

static int open_decoder(struct brume_call *call, void **ret_state)
{
    *ret_state = tjInitDecompress();
    return *ret_state != NULL ? 0 : brume_fail(call, "cannot start the JPEG decoder");
}

static void close_decoder(void *state)
{
    tjDestroy(state);
}

static struct brume_tensor *output(struct brume_call *call, uint32_t width, uint32_t height,
                                   uint32_t full_width, uint32_t full_height)
{
    struct brume_view view = {full_width, full_height, 1, 1, 0, 0};
    struct brume_tensor *picture = NULL;

    if (width > 0 && height > 0 && (uint64_t)full_width * full_height <= PIXELS_MAX) {
        picture = brume_output(call, 0, BRUME_U8, 3, (uint32_t[]){height, width, 3});
    }
    if (width == 0 || height == 0) {
        brume_fail(call, "a picture without pixels: the file ends too early, or is damaged");
        return NULL;
    }
    if (picture == NULL) {
        brume_fail(call, "a picture of %ux%u pixels is over the limit of %d million",
                   full_width, full_height, PIXELS_MAX >> 20);
        return NULL;
    }
    view.scale_x = (float)width / (float)full_width;
    view.scale_y = (float)height / (float)full_height;
    brume_set_view(call, 0, &view);
    return picture;
}

static void choose_scale(struct brume_call *call, int *width, int *height)
{
    int n = 0;
    const tjscalingfactor *factors = tjGetScalingFactors(&n);
    uint32_t least_width;
    uint32_t least_height;
    int full_width = *width;
    int full_height = *height;

    brume_param_size(call, "shrink", &least_width, &least_height);
    for (int i = 0; least_width > 0 && factors != NULL && i < n; i++) {
        int w = TJSCALED(full_width, factors[i]);
        int h = TJSCALED(full_height, factors[i]);

        if (w >= (int)least_width && h >= (int)least_height && w < *width) {
            *width = w;
            *height = h;
        }
    }
}

static int decode_jpeg(struct brume_call *call, tjhandle decoder,
                       const struct brume_tensor *bytes)
{
    int refuse = strcmp(brume_param(call, "damaged"), "refuse") == 0;
    int flags = TJFLAG_LIMITSCANS | (refuse ? TJFLAG_STOPONWARNING : 0);
    int full_width = 0;
    int full_height = 0;
    int ignored;

    if (tjDecompressHeader3(decoder, bytes->data, bytes->shape[0], &full_width, &full_height,
                            &ignored, &ignored) < 0) {
        return brume_fail(call, "not a JPEG that can be read: %s", tjGetErrorStr2(decoder));
    }
    int width = full_width;
    int height = full_height;
    choose_scale(call, &width, &height);
    struct brume_tensor *picture = output(call, (uint32_t)width, (uint32_t)height,
                                          (uint32_t)full_width, (uint32_t)full_height);
    if (picture == NULL) {
        return -EINVAL;
    }
    if (tjDecompress2(decoder, bytes->data, bytes->shape[0], picture->data, width, 0, height,
                      TJPF_RGB, flags) < 0 &&
        (refuse || tjGetErrorCode(decoder) != TJERR_WARNING)) {
        return brume_fail(call, "a damaged JPEG: %s", tjGetErrorStr2(decoder));
    }
    return 0;
}

static int decode_png(struct brume_call *call, const struct brume_tensor *bytes)
{
    static const png_color white = {255, 255, 255};
    png_image image = {.version = PNG_IMAGE_VERSION};
    int ret = 0;

    if (!png_image_begin_read_from_memory(&image, bytes->data, bytes->shape[0])) {
        return brume_fail(call, "not a PNG that can be read: %s", image.message);
    }
    image.format = PNG_FORMAT_RGB;
    struct brume_tensor *picture =
        output(call, image.width, image.height, image.width, image.height);
    if (picture == NULL) {
        ret = -EINVAL;
    } else if (!png_image_finish_read(&image, &white, picture->data, 0, NULL)) {
        ret = brume_fail(call, "a damaged PNG: %s", image.message);
    }
    png_image_free(&image);
    return ret;
}

static int process(struct brume_call *call, void *state)
{
    static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF};
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'};
    const struct brume_tensor *bytes = brume_input(call, 0, 0);

    if (bytes->type != BRUME_U8 || bytes->rank != 1) {
        return brume_fail(call, "wants the bytes of a file, u8[n]");
    }
    if (bytes->shape[0] > sizeof(jpeg) && memcmp(bytes->data, jpeg, sizeof(jpeg)) == 0) {
        return decode_jpeg(call, state, bytes);
    }
    if (bytes->shape[0] > sizeof(png) && memcmp(bytes->data, png, sizeof(png)) == 0) {
        return decode_png(call, bytes);
    }
    return brume_fail(call, "neither a JPEG nor a PNG (%u bytes)", bytes->shape[0]);
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "decode",
    .summary = "turns JPEG and PNG files into pictures",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .open = open_decoder,
    .process = process,
    .close = close_decoder,
};
