/* Small TensorFlow Lite files for tests and for the fuzzer's corpus, from a few lines of text.
 * Numbers are lists as in "1 4 4 3"; NULL leaves a field out. */
#ifndef MODEL_TFLITE_SAMPLE_H
#define MODEL_TFLITE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sample_tensor {
    const char *shape, *signature;
    uint32_t type;        /* TensorType of the schema; 0: float32 */
    uint32_t n_constants; /* bytes of its data; 0: not a constant */
    bool variable;
};

struct sample_layer {
    uint32_t code; /* 32: custom, named "Custom" */
    const char *inputs, *outputs;
};

struct sample {
    size_t n_tensors, n_layers;
    const struct sample_tensor *tensors; /* named "t0", "t1", ... */
    const struct sample_layer *layers;
    const char *inputs, *outputs;
    bool second; /* a second graph, the same again */
};

/* Malloc'ed. */
void *tflite_sample(const struct sample *sample, size_t *ret_size);

#endif
