/* Makes a JPEG or PNG of a picture: over a link it costs a tenth of the picture itself. A
 * plug-in: it needs libturbojpeg and libpng. */
#include <brume/operator.h>
#include <string.h>

#include "operator/image_encode.h"

static const struct brume_param params[] = {
    ENCODE_PARAMS,
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_PICTURE, "to be encoded"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_BYTES, "the encoded picture"},
    {0},
};

static int open_encode(struct brume_call *call, void **ret_state)
{
    *ret_state = encoder_create();
    return *ret_state != NULL ? 0 : brume_fail(call, "cannot start the JPEG encoder");
}

static void close_encode(void *state)
{
    encoder_destroy(state);
}

static int process(struct brume_call *call, void *state)
{
    const void *bytes;
    size_t size;
    int r = encoder_run(state, call, &bytes, &size);

    if (r < 0) {
        return r;
    }
    const uint32_t shape[] = {(uint32_t)size};
    struct brume_tensor *out = brume_output(call, 0, BRUME_U8, 1, shape);
    if (out == NULL) {
        return brume_fail(call, "no memory for %zu bytes", size);
    }
    memcpy(out->data, bytes, size);
    return 0;
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "encode",
    .summary = "encodes pictures as JPEG or PNG",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .open = open_encode,
    .process = process,
    .close = close_encode,
};
