/* Arbitrary bytes as a cfg file, up to the point where weights would be read: what parses is
 * told to a writer, which must not grow much beyond what the text asks for. */
#include <assert.h>

#include "base/error.h"
#include "model/darknet_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(darknet_network_destroyp) struct darknet_network *network = NULL;
    cleanup(onnx_writer_destroyp) struct onnx_writer *writer = onnx_writer_create("fuzz");
    struct error err;

    if (darknet_network_parse("fuzz.cfg", data, size, &network, &err) == 0) {
        assert(network->n_weights <= DARKNET_WEIGHTS_MAX);
        (void)darknet_graph_tell(network, writer, &err);
    }
    return 0;
}
