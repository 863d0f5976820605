/* `pack` makes tensors smaller before they cross a slow link, `unpack` (unpack.c) undoes it.
 * The planner puts them at the two ends of a link; they may stand in a manifest, too.
 *
 * First float32 becomes float16 or bytes, if the codec says so; then zstd makes any tensor
 * smaller, if the codec says so and it can. A packed frame has one tensor more, packed.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/packed.h"
#include "operator/packing.h"
#include "operator/planes.h"
#include "tensor/tensor.h"

static const struct brume_param pack_params[] = {
    {"codec", BRUME_CHOICE, "f16",
     "float32 in fewer bits: f16, half the bytes; u8, a quarter, a byte with a scale; zstd: "
     "any "
     "tensor, without loss, if that makes it smaller; or one and then the other",
     "f16|u8|zstd|f16+zstd|u8+zstd", 0, 0},
    {0},
};

static const struct brume_port pack_inputs[] = {
    {"in", BRUME_ANY, "tensors"},
    {0},
};

static const struct brume_port pack_outputs[] = {
    {"out", BRUME_ANY, "the same, packed; for unpack"},
    {0},
};

struct pack {
    enum packed_numbers numbers;
    struct planes *planes;         /* NULL: without zstd */
    struct packed_scratch scratch; /* numbers on their way to zstd */
};

static int pack_open(struct brume_call *call, void **ret_state)
{
    const char *codec = brume_param(call, "codec");
    struct pack *pack = memory_new(1, sizeof(*pack));

    pack->numbers = strncmp(codec, "f16", 3) == 0  ? PACKED_HALVES
                    : strncmp(codec, "u8", 2) == 0 ? PACKED_BYTES
                                                   : PACKED_AS_THEY_WERE;
    pack->planes = strstr(codec, "zstd") != NULL ? planes_create() : NULL;
    *ret_state = pack;
    return 0;
}

static void pack_close(void *state)
{
    struct pack *pack = state;

    planes_destroy(pack->planes);
    packed_scratch_free(&pack->scratch);
    free(pack);
}

static void convert(const struct pack *pack, const struct brume_tensor *from, void *to,
                    struct packed_row *row)
{
    row->numbers = (int32_t)pack->numbers;
    if (pack->numbers == PACKED_HALVES) {
        packing_to_half(from->data, packed_count(from), to);
        return;
    }
    struct packing_scale scale = packing_scale_of(from->data, packed_count(from));

    row->offset = scale.offset;
    row->step = scale.step;
    packing_to_bytes(from->data, packed_count(from), scale, to);
}

/* Adds the tensor as u8[m] if zstd makes it smaller: 1; 0: it does not. */
static int squeeze(struct brume_call *call, struct pack *pack, const struct brume_tensor *from,
                   struct packed_row *row)
{
    const void *bytes = NULL;
    struct planes_form form = {.n = packed_count(from),
                               .width = tensor_type_size((enum tensor_type)from->type)};
    long size = planes_pack(pack->planes, from->data, &form, &bytes);

    if (size <= 0) {
        return size < 0 ? brume_fail(call, "no memory to pack a tensor") : 0;
    }
    const uint32_t shape[] = {(uint32_t)size};
    struct brume_tensor *to = brume_output(call, 0, BRUME_U8, 1, shape);

    if (to == NULL) {
        return brume_fail(call, "no memory to pack a tensor");
    }
    memcpy(to->data, bytes, (size_t)size);
    row->type = (int32_t)from->type;
    row->split = form.split;
    row->rank = (int32_t)from->rank;
    memcpy(row->shape, from->shape, from->rank * sizeof(*row->shape));
    return 1;
}

/* Adds one tensor of float32 with its numbers in fewer bits. */
static int pack_numbers(struct brume_call *call, struct pack *pack,
                        const struct brume_tensor *from, struct packed_row *row)
{
    struct brume_tensor fewer = *from, *to;
    int r = 0;

    fewer.type = pack->numbers == PACKED_HALVES ? BRUME_F16 : BRUME_U8;
    size_t size = packed_count(from) * tensor_type_size((enum tensor_type)fewer.type);

    if (pack->planes != NULL && size > 0) {
        fewer.data = packed_scratch(&pack->scratch, size);
        if (fewer.data == NULL) {
            return brume_fail(call, "no memory to pack a tensor");
        }
        convert(pack, from, fewer.data, row);
        r = squeeze(call, pack, &fewer, row);
    }
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    to = brume_output(call, 0, fewer.type, from->rank, from->shape);
    if (to == NULL) {
        return brume_fail(call, "no memory to pack a tensor");
    }
    if (fewer.data != from->data) {
        memcpy(to->data, fewer.data, size);
    } else {
        convert(pack, from, to->data, row);
    }
    return 0;
}

/* Adds one tensor to the output, and says how in the row. */
static int pack_one(struct brume_call *call, struct pack *pack, unsigned index,
                    struct packed_row *row)
{
    const struct brume_tensor *from = brume_input(call, 0, index);
    int r = 0;

    if (from->type == BRUME_F32 && pack->numbers != PACKED_AS_THEY_WERE) {
        return pack_numbers(call, pack, from, row);
    }
    if (pack->planes != NULL) {
        r = squeeze(call, pack, from, row);
    }
    return r == 0 ? brume_forward(call, 0, 0, index) : r < 0 ? r : 0;
}

static int pack_process(struct brume_call *call, void *state)
{
    unsigned n = brume_input_count(call, 0);
    struct packed_row rows[PACKED_TENSORS_MAX] = {0};
    const uint32_t shape[] = {n, PACKED_ROW};
    int r = 0;

    if (n > PACKED_TENSORS_MAX) {
        return brume_fail(call, "a frame of %u tensors; at most %d can be packed", n,
                          PACKED_TENSORS_MAX);
    }
    for (unsigned i = 0; i < n && r == 0; i++) {
        r = pack_one(call, state, i, &rows[i]);
    }
    struct brume_tensor *how = r == 0 ? brume_output(call, 0, BRUME_I32, 2, shape) : NULL;
    if (how == NULL) {
        return r < 0 ? r : brume_fail(call, "no memory to pack a frame");
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
    .open = pack_open,
    .process = pack_process,
    .close = pack_close,
};
