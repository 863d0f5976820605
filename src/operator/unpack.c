/* `unpack` makes of a frame that `pack` packed what it was. What it gets came over a network:
 * shapes are checked before there is memory for them, and what zstd gives must fill them. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/packed.h"
#include "operator/packing.h"
#include "operator/planes.h"
#include "tensor/tensor.h"

static const struct brume_port unpack_inputs[] = {
    {"in", BRUME_ANY, "what pack has packed"},
    {0},
};

static const struct brume_port unpack_outputs[] = {
    {"out", BRUME_ANY, "tensors as they were, but for the precision that was lost"},
    {0},
};

struct unpack {
    struct planes *planes;
    struct packed_scratch scratch; /* what zstd gave, on its way back to numbers */
};

static int unpack_open(struct brume_call *call, void **ret_state)
{
    struct unpack *unpack = memory_new(1, sizeof(*unpack));

    (void)call;
    unpack->planes = planes_create();
    *ret_state = unpack;
    return 0;
}

static void unpack_close(void *state)
{
    struct unpack *unpack = state;

    planes_destroy(unpack->planes);
    packed_scratch_free(&unpack->scratch);
    free(unpack);
}

/* The tensor that zstd packed, yet without data; false: the row makes no sense, or the bytes
 * cannot be so much. */
static bool foretell(const struct packed_row *row, const struct brume_tensor *from,
                     struct brume_tensor *ret_tensor, struct planes_form *ret_form)
{
    struct tensor_shape shape = {.type = (enum tensor_type)row->type,
                                 .rank = (uint32_t)row->rank};
    struct error ignored;
    size_t size = 0, width = tensor_type_size(shape.type);

    memcpy(shape.dims, row->shape, sizeof(shape.dims));
    if (from->type != BRUME_U8 || from->rank != 1 ||
        tensor_shape_size(&shape, &size, &ignored) < 0) {
        return false;
    }
    *ret_form = (struct planes_form){.n = size / width, .width = width, .split = row->split};
    *ret_tensor =
        (struct brume_tensor){.type = (enum brume_type)row->type, .rank = (uint32_t)row->rank};
    memcpy(ret_tensor->shape, row->shape, sizeof(ret_tensor->shape));
    return planes_plausible(from->data, from->shape[0], ret_form);
}

static int inflate(struct brume_call *call, struct unpack *unpack,
                   const struct brume_tensor *from, const struct planes_form *form, void *to)
{
    int r = planes_unpack(unpack->planes, from->data, from->shape[0], form, to);

    return r == -EBADMSG ? brume_fail(call, "a packed tensor is damaged")
           : r < 0       ? brume_fail(call, "no memory to unpack a tensor")
                         : 0;
}

static void restore(const struct packed_row *row, const struct brume_tensor *from,
                    struct brume_tensor *to)
{
    if (row->numbers == PACKED_HALVES) {
        packing_from_half(from->data, packed_count(from), to->data);
    } else {
        packing_from_bytes(from->data, packed_count(from),
                           (struct packing_scale){row->offset, row->step}, to->data);
    }
}

static int unpack_one(struct brume_call *call, struct unpack *unpack, unsigned index,
                      const struct packed_row *row)
{
    static const enum brume_type types[] = {
        [PACKED_HALVES] = BRUME_F16, [PACKED_BYTES] = BRUME_U8};
    const struct brume_tensor *packed = brume_input(call, 0, index);
    struct brume_tensor fewer = *packed;
    struct planes_form form = {0};
    bool squeezed = row->type != 0, numbers = row->numbers != PACKED_AS_THEY_WERE;

    if (!squeezed && !numbers) {
        return brume_forward(call, 0, 0, index);
    }
    if (row->numbers < 0 || row->numbers >= PACKED_NUMBERS_END ||
        (squeezed && !foretell(row, packed, &fewer, &form)) ||
        (numbers && fewer.type != types[row->numbers])) {
        return brume_fail(call, "tensor %u was not packed by `pack`", index);
    }
    struct brume_tensor *to =
        brume_output(call, 0, numbers ? BRUME_F32 : fewer.type, fewer.rank, fewer.shape);
    if (to == NULL) {
        return brume_fail(call, "no memory to unpack a tensor");
    }
    if (!numbers) {
        return inflate(call, unpack, packed, &form, to->data);
    }
    if (squeezed) {
        fewer.data = packed_scratch(&unpack->scratch, form.n * form.width);
        int r = fewer.data == NULL ? brume_fail(call, "no memory to unpack a tensor")
                                   : inflate(call, unpack, packed, &form, fewer.data);
        if (r < 0) {
            return r;
        }
    }
    restore(row, &fewer, to);
    return 0;
}

static int unpack_process(struct brume_call *call, void *state)
{
    unsigned n = brume_input_count(call, 0);
    const struct brume_tensor *how = n > 0 ? brume_input(call, 0, n - 1) : NULL;
    int r = 0;

    if (how == NULL || how->type != BRUME_I32 || how->rank != 2 || how->shape[0] != n - 1 ||
        how->shape[1] != PACKED_ROW) {
        return brume_fail(call, "the frame was not packed by `pack`");
    }
    for (unsigned i = 0; i + 1 < n && r == 0; i++) {
        r = unpack_one(call, state, i, (const struct packed_row *)how->data + i);
    }
    struct brume_view view = brume_view(call, 0);
    brume_set_view(call, 0, &view);
    return r;
}

const struct brume_operator builtin_unpack = {
    .abi = BRUME_ABI,
    .name = "unpack",
    .summary = "undoes `pack` on the other side of the link",
    .inputs = unpack_inputs,
    .outputs = unpack_outputs,
    .open = unpack_open,
    .process = unpack_process,
    .close = unpack_close,
};
