/* Arbitrary bytes as a packed frame of one tensor: first its row, the rest is the tensor. What
 * `unpack` takes must be as large as the row says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "operator/builtin.h"
#include "operator/call.h"
#include "operator/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tensor *tensor_of(enum tensor_type type, uint32_t rank, const uint32_t *dims,
                                const void *bytes)
{
    struct tensor_shape shape = {.type = type, .rank = rank};
    struct tensor *tensor;
    struct error err;

    memcpy(shape.dims, dims, rank * sizeof(*dims));
    if (tensor_create(&shape, &tensor, &err) < 0) {
        abort();
    }
    memcpy(tensor->data, bytes, tensor->size);
    return tensor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct operator_setup setup = {.name = "unpack", .type = &builtin_unpack};
    const uint32_t row[] = {1, PACKED_ROW};
    struct packed_row said;
    struct operator_instance *unpack;
    struct operator_result result = {0};
    struct error err;

    if (size < sizeof(said) || operator_open(&setup, &unpack, &err) < 0) {
        return 0;
    }
    memcpy(&said, data, sizeof(said));
    const uint32_t rest[] = {(uint32_t)(size - sizeof(said))};
    struct tensor *tensors[] = {tensor_of(TENSOR_U8, 1, rest, data + sizeof(said)),
                                tensor_of(TENSOR_I32, 2, row, data)};
    struct frame *frame = frame_create(0, 0, NULL, 2, tensors);
    if (operator_process(unpack, 0, &frame, &result, &err) == 0) {
        const struct tensor_shape *shape = &result.outputs[0]->tensors[0]->shape;

        if (said.type != 0 &&
            memcmp(shape->dims, said.shape, shape->rank * sizeof(*said.shape)) != 0) {
            abort();
        }
    }
    operator_result_finish(&result);
    frame_unref(frame);
    operator_close(unpack);
    return 0;
}
