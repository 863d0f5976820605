/* Writes pictures into a folder. A plug-in: it needs libturbojpeg and libpng.
 *
 * The name of a file is the frame's sequence number, and the file appears whole or not at all:
 * a frame that comes again, after a stage was lost, replaces the same file by the same bytes.
 */
#include <brume/operator.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/image_encode.h"

static const struct brume_param params[] = {
    {"path", BRUME_FOLDER, NULL, "a folder; it is made", NULL, 0, 0},
    ENCODE_PARAMS,
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_ANY, "a picture, or one that is encoded already and is written as it is"},
    {0},
};

static int infer(struct brume_call *call)
{
    const struct brume_tensor *in = brume_input(call, 0, 0);

    if (in != NULL && (in->type != BRUME_U8 || (in->rank != 1 && in->rank != 3))) {
        return brume_fail(call, "wants a picture, or the bytes of an encoded one");
    }
    return 0;
}

static int open_sink(struct brume_call *call, void **ret_state)
{
    struct error err;

    if (file_make_folder(brume_param(call, "path"), &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    *ret_state = encoder_create();
    return *ret_state != NULL ? 0 : brume_fail(call, "cannot start the JPEG encoder");
}

static void close_sink(void *state)
{
    encoder_destroy(state);
}

static const char *suffix_of(const void *bytes, size_t size)
{
    if (size >= 2 && memcmp(bytes, "\xff\xd8", 2) == 0) {
        return "jpg";
    }
    if (size >= 4 && memcmp(bytes, "\x89PNG", 4) == 0) {
        return "png";
    }
    return NULL;
}

static int process(struct brume_call *call, void *state)
{
    const struct brume_tensor *in = brume_input(call, 0, 0);
    const void *bytes = in->data;
    size_t size = in->shape[0];
    struct error err;

    if (in->type != BRUME_U8 || in->rank != 1) {
        int r = encoder_run(state, call, &bytes, &size);
        if (r < 0) {
            return r;
        }
    }
    const char *suffix = suffix_of(bytes, size);
    if (suffix == NULL) {
        return brume_fail(call, "%zu bytes that are neither a JPEG nor a PNG", size);
    }
    cleanup(memory_free) char *path =
        memory_format("%s/%06llu.%s", brume_param(call, "path"),
                      (unsigned long long)brume_sequence(call), suffix);
    return file_write(path, bytes, size, &err) < 0 ? brume_fail(call, "%s", err.text) : 0;
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "image-sink",
    .summary = "writes pictures into a folder, one file per frame",
    .params = params,
    .inputs = inputs,
    .infer = infer,
    .open = open_sink,
    .process = process,
    .close = close_sink,
};
