/* Writes pictures into a folder. A plug-in: it needs libturbojpeg and libpng.
 *
 * The name of a file is the frame's sequence number, and the file appears whole or not at all:
 * a frame that comes again, after a stage was lost, replaces the same file by the same bytes.
 */
#include <brume/operator.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static const struct brume_param params[] = {
    {"path", BRUME_PATH, NULL, "a folder; it is made", NULL, 0, 0},
    {"format", BRUME_CHOICE, "jpeg", "what to write", "jpeg|png", 0, 0},
    {"quality", BRUME_INTEGER, "90", "of a JPEG", NULL, 1, 100},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_PICTURE, "to be written as NUMBER.jpg or NUMBER.png"},
    {0},
};

static int open_sink(struct brume_call *call, void **ret_state)
{
    struct error err;

    if (file_make_folder(brume_param(call, "path"), &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    *ret_state = tjInitCompress();
    return *ret_state != NULL ? 0 : brume_fail(call, "cannot start the JPEG encoder");
}

static void close_sink(void *state)
{
    tjDestroy(state);
}

static int write_file(struct brume_call *call, const char *suffix, const void *bytes,
                      size_t size)
{
    cleanup(memory_free) char *path =
        memory_format("%s/%06llu.%s", brume_param(call, "path"),
                      (unsigned long long)brume_sequence(call), suffix);
    struct error err;

    return file_write(path, bytes, size, &err) < 0 ? brume_fail(call, "%s", err.text) : 0;
}

static int write_jpeg(struct brume_call *call, tjhandle encoder,
                      const struct brume_tensor *picture)
{
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    int ret;

    if (tjCompress2(encoder, picture->data, (int)picture->shape[1], 0, (int)picture->shape[0],
                    TJPF_RGB, &bytes, &size, TJSAMP_420,
                    (int)brume_param_integer(call, "quality"), 0) < 0) {
        ret = brume_fail(call, "cannot encode a JPEG: %s", tjGetErrorStr2(encoder));
    } else {
        ret = write_file(call, "jpg", bytes, size);
    }
    tjFree(bytes);
    return ret;
}

static int write_png(struct brume_call *call, const struct brume_tensor *picture)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .format = PNG_FORMAT_RGB,
        .width = picture->shape[1],
        .height = picture->shape[0],
    };
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    cleanup(memory_free) void *bytes = malloc(size);

    if (bytes == NULL) {
        return brume_fail(call, "no memory for a PNG of %zu bytes", (size_t)size);
    }
    if (!png_image_write_to_memory(&image, bytes, &size, 0, picture->data, 0, NULL)) {
        return brume_fail(call, "cannot encode a PNG: %s", image.message);
    }
    return write_file(call, "png", bytes, size);
}

static int process(struct brume_call *call, void *state)
{
    const struct brume_tensor *picture = brume_input(call, 0, 0);

    if (picture->type != BRUME_U8 || picture->rank != 3 || picture->shape[2] != 3) {
        return brume_fail(call, "wants a picture, u8[height, width, 3]");
    }
    if (strcmp(brume_param(call, "format"), "png") == 0) {
        return write_png(call, picture);
    }
    return write_jpeg(call, state, picture);
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "image-sink",
    .summary = "writes pictures into a folder, one file per frame",
    .params = params,
    .inputs = inputs,
    .open = open_sink,
    .process = process,
    .close = close_sink,
};
