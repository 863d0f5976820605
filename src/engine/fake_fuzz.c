/* Arbitrary text as a fake network, which is run if it opens; rounds of `busy` are left out. */
#include <string.h>

#include "base/error.h"
#include "engine/fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const float weights[4] = {10, 20, 30, 40};
static const struct engine_weight weight = {
    .name = "w",
    .shape = {.type = TENSOR_F32, .rank = 2, .dims = {1, 4}},
    .data = weights,
};

static void run_once(struct engine_session *session)
{
    const struct engine_port *ports;
    struct tensor *inputs[1], *outputs[1];
    struct error err;
    size_t small;

    if (engine_fake.outputs(session, &ports) != 1 || engine_fake.inputs(session, &ports) != 1 ||
        tensor_shape_size(&ports[0].shape, &small, &err) < 0 || small > 4096 ||
        tensor_create(&ports[0].shape, &inputs[0], &err) < 0) {
        return;
    }
    memset(inputs[0]->data, 0, inputs[0]->size);
    if (engine_fake.run(session, inputs, outputs, &err) == 0) {
        tensor_unref(outputs[0]);
    }
    tensor_unref(inputs[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct engine_model model = {data, size, 1, &weight};
    struct engine_session *session = NULL;
    struct error err;

    if (engine_fake.open(&model, &(struct engine_options){0}, &session, &err) == 0) {
        if (memmem(data, size, "busy", 4) == NULL) {
            run_once(session);
        }
        engine_fake.close(session);
    }
    return 0;
}
