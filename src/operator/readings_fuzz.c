/* Arbitrary bytes as what operators of readings are given: a frame of readings (the first byte
 * is even; the second says how many), or what one of them remembers. Whoever took up a memory
 * must be able to go on with it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "operator/call.h"
#include "operator/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    struct operator_param params[3];
} operators[] = {
    {"average", {{"over", "10s"}, {"late", "3s"}, {"per", "type"}}},
    {"average", {{"count", "3"}, {"late", "0s"}, {"per", "device"}}},
    {"window", {{"size", "10s"}, {"step", "4s"}, {"function", "sum"}}},
    {"window", {{"size", "10s"}, {"function", "percentile"}, {"percentile", "30"}}},
    {"threshold", {{"above", "2"}, {"for", "3s"}, {"hysteresis", "1"}}},
};
enum { N_OPERATORS = sizeof(operators) / sizeof(*operators) };

static struct operator_instance *open_one(size_t index)
{
    struct operator_setup setup = {
        .name = operators[index].name, .n_params = 3, .params = operators[index].params};
    struct operator_instance *instance = NULL;
    struct error err;
    int ret = registry_find(setup.name, &setup.type, &err);

    ret = ret < 0 ? ret : operator_open(&setup, &instance, &err);
    assert(ret == 0);
    return instance;
}

static struct tensor *tensor_of(const struct tensor_shape *shape, const void *data)
{
    struct tensor *tensor = NULL;
    struct error err;
    int ret = tensor_create(shape, &tensor, &err);

    assert(ret == 0);
    if (tensor->size > 0) {
        memcpy(tensor->data, data, tensor->size);
    }
    return tensor;
}

static void process(struct operator_instance *instance, const uint8_t *data, size_t size)
{
    uint32_t n = size > 0 ? data[0] : 0;
    uint32_t skip = 1 + 16 * n;
    struct operator_result result;
    struct error err;

    if (size < skip) {
        return;
    }
    struct tensor_shape rows = {.type = TENSOR_F64, .rank = 2, .dims = {n, 2}};
    struct tensor_shape text = {.type = TENSOR_U8, .rank = 1, .dims = {(uint32_t)size - skip}};
    struct tensor *tensors[] = {tensor_of(&rows, data + 1), tensor_of(&text, data + skip)};
    struct frame *frame = frame_create(0, 0, NULL, 2, tensors);
    (void)operator_process(instance, 0, &frame, &result, &err);
    operator_result_finish(&result);
    frame_unref(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t next[] =
        "\2\0\0\0\0\0\0\x24\x40\0\0\0\0\0\0\x10\x40\0\0\0\0\0\0\x54\x40\0\0\0\0\0\0\x10\x40"
        "CO\ta\nCO\tb\n";
    struct error err;

    for (size_t i = 0; i < N_OPERATORS && size > 0; i++) {
        struct operator_instance *instance = open_one(i);

        if (data[0] % 2 == 0) {
            process(instance, data + 1, size - 1);
        } else if (operator_restore(instance, data + 1, size - 1, &err) == 0) {
            process(instance, next, sizeof(next) - 1);
        }
        operator_close(instance);
    }
    return 0;
}
