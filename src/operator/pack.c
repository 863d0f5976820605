/* `pack` makes tensors of float32 smaller before they cross a slow link, `unpack` undoes it.
 * The planner puts them at the two ends of a link where a manifest allows it (`link:`); they
 * may stand in a manifest, too.
 *
 * A packed frame has one tensor more: float32 [n, 3], for each of the others how it was packed
 * (0: as it was, 1: float16, 2: bytes), offset and step.
 */
#include <string.h>

#include "base/base.h"
#include "operator/builtin.h"
#include "operator/packing.h"

enum { AS_IT_WAS, HALVES, BYTES, ROW = 3, TENSORS_MAX = 63 };

static const struct brume_param pack_params[] = {
    {"codec", BRUME_CHOICE, "f16", "f16: half the bytes; u8: a quarter, a byte with a scale",
     "f16|u8", 0, 0},
    {0},
};

static const struct brume_port pack_inputs[] = {
    {"in", BRUME_ANY, "tensors; those of float32 become smaller"},
    {0},
};

static const struct brume_port pack_outputs[] = {
    {"out", BRUME_ANY, "the same, packed; for unpack"},
    {0},
};

static size_t count(const struct brume_tensor *tensor)
{
    size_t n = 1;

    for (uint32_t i = 0; i < tensor->rank; i++) {
        n *= tensor->shape[i];
    }
    return n;
}

/* Adds one tensor to the output, and says how in the row. */
static int pack_one(struct brume_call *call, unsigned index, int code, float row[ROW])
{
    const struct brume_tensor *from = brume_input(call, 0, index);

    if (from->type != BRUME_F32) {
        row[0] = AS_IT_WAS;
        return brume_forward(call, 0, 0, index);
    }
    struct brume_tensor *to =
        brume_output(call, 0, code == HALVES ? BRUME_F16 : BRUME_U8, from->rank, from->shape);
    if (to == NULL) {
        return brume_fail(call, "no memory to pack a tensor");
    }
    row[0] = (float)code;
    if (code == HALVES) {
        packing_to_half(from->data, count(from), to->data);
        return 0;
    }
    struct packing_scale scale = packing_scale_of(from->data, count(from));
    row[1] = scale.offset;
    row[2] = scale.step;
    packing_to_bytes(from->data, count(from), scale, to->data);
    return 0;
}

static int pack_process(struct brume_call *call, void *state)
{
    int code = strcmp(brume_param(call, "codec"), "u8") == 0 ? BYTES : HALVES;
    unsigned n = brume_input_count(call, 0);
    float rows[TENSORS_MAX][ROW] = {{0}};
    const uint32_t shape[] = {n, ROW};
    int ret = 0;

    (void)state;
    if (n > TENSORS_MAX) {
        return brume_fail(call, "a frame of %u tensors; at most %d can be packed", n,
                          TENSORS_MAX);
    }
    for (unsigned i = 0; i < n && ret == 0; i++) {
        ret = pack_one(call, i, code, rows[i]);
    }
    struct brume_tensor *how = ret == 0 ? brume_output(call, 0, BRUME_F32, 2, shape) : NULL;
    if (how == NULL) {
        return ret < 0 ? ret : brume_fail(call, "no memory to pack a frame");
    }
    memcpy(how->data, rows, n * sizeof(*rows));
    struct brume_view view = brume_view(call, 0);
    brume_set_view(call, 0, &view);
    return 0;
}

const struct brume_operator builtin_pack = {
    .abi = BRUME_ABI,
    .name = "pack",
    .summary = "makes tensors smaller for a slow link",
    .params = pack_params,
    .inputs = pack_inputs,
    .outputs = pack_outputs,
    .process = pack_process,
};

static const struct brume_port unpack_inputs[] = {
    {"in", BRUME_ANY, "what pack has packed"},
    {0},
};

static const struct brume_port unpack_outputs[] = {
    {"out", BRUME_ANY, "tensors as they were, but for the precision that was lost"},
    {0},
};

static int unpack_one(struct brume_call *call, unsigned index, const float row[ROW])
{
    static const enum brume_type types[] = {[HALVES] = BRUME_F16, [BYTES] = BRUME_U8};
    const struct brume_tensor *from = brume_input(call, 0, index);

    if (row[0] == AS_IT_WAS) {
        return brume_forward(call, 0, 0, index);
    }
    if ((row[0] != HALVES && row[0] != BYTES) || from->type != types[(int)row[0]]) {
        return brume_fail(call, "tensor %u was not packed by `pack`", index);
    }
    struct brume_tensor *to = brume_output(call, 0, BRUME_F32, from->rank, from->shape);
    if (to == NULL) {
        return brume_fail(call, "no memory to unpack a tensor");
    }
    if (row[0] == HALVES) {
        packing_from_half(from->data, count(from), to->data);
    } else {
        packing_from_bytes(from->data, count(from), (struct packing_scale){row[1], row[2]},
                           to->data);
    }
    return 0;
}

static int unpack_process(struct brume_call *call, void *state)
{
    unsigned n = brume_input_count(call, 0);
    const struct brume_tensor *how = n > 0 ? brume_input(call, 0, n - 1) : NULL;
    int ret = 0;

    (void)state;
    if (how == NULL || how->type != BRUME_F32 || how->rank != 2 || how->shape[0] != n - 1 ||
        how->shape[1] != ROW) {
        return brume_fail(call, "the frame was not packed by `pack`");
    }
    for (unsigned i = 0; i + 1 < n && ret == 0; i++) {
        ret = unpack_one(call, i, (const float *)how->data + (size_t)i * ROW);
    }
    struct brume_view view = brume_view(call, 0);
    brume_set_view(call, 0, &view);
    return ret;
}

const struct brume_operator builtin_unpack = {
    .abi = BRUME_ABI,
    .name = "unpack",
    .summary = "undoes `pack` on the other side of the link",
    .inputs = unpack_inputs,
    .outputs = unpack_outputs,
    .process = unpack_process,
};
